"""An answer that is passed on unread: whole where it is small, else piece by piece as it comes.

    JSON, or a body that says that it is small ──▶ read to its end first: a cut or garbled one may be asked for again
    events, sound, pictures, files ──▶ the first piece commits; a later cut is a broken stream, never an end
    events that begin with an error ──▶ what the error means, as if it had come instead

Nothing of it is understood but what every answer has: its status, its media type, its end.
"""

from __future__ import annotations

import re

import msgspec

from outlast.flow.call import Call
from outlast.layers.attempt.mask import Mask
from outlast.model.errors import BadResponse, BrokenStream, Caller, Credential, Failure, Missing, Permission, TimedOut
from outlast.model.messages import Batch
from outlast.model.passed import Head, Passed
from outlast.ports import Exchange

SMALL = 1024 * 1024
"""Bytes of an answer that are kept until its end."""
CREDENTIAL_CODES = frozenset({"invalid_api_key", "authentication_error", "invalid_authentication", "expired_api_key"})
"""What a provider says of a key that is good for nothing, not just for this."""
UNTOLD = frozenset({205, 206})
KINDS = (b"text/", b"application/json", b"application/x-ndjson", b"application/xml")
"""What is text, in which a key could be read."""

_JSON = msgspec.json.Decoder(msgspec.Raw)
_EVENT = re.compile(rb"(?:event: ?[^\r\n]*\r?\n)?data: ?(\{[^\r\n]*\})\r?\n\r?\n")


class Passing:
    """The source of an answer that is passed on piece by piece. Implements `Source`."""

    __slots__ = ("_end_by", "_exchange", "_longest", "_mask", "_now", "_over", "_stall", "dialect", "opening", "target")

    def __init__(self, call: Call, exchange: Exchange, head: Head, mask: Mask) -> None:
        timers = call.target.timers
        self._now = call.io.now
        self._exchange = exchange
        self._mask = mask.through() if _is_text(exchange) else None
        self._stall = timers.stall
        self._longest = timers.max_stream
        self._end_by = call.io.now() + timers.max_stream
        self._over = False
        self.opening = head
        self.target = call.target.name
        self.dialect = call.target.provider.dialect

    @property
    def end_by(self) -> float:
        """Monotonic time by which the answer is over."""
        return self._end_by

    def took(self, data: bytes) -> Batch:
        """What can be handed on now that these bytes are here; no bytes are the end."""
        if not data:
            self._over = True
            self._exchange.release()
        mask = self._mask
        told = data if mask is None else mask.feed(data) if data else mask.rest()
        return Batch(told, [], last=self._over)

    async def next(self) -> Batch | None:
        """The next piece. Raises `BrokenStream`, whatever went wrong."""
        if self._over:
            return None
        now = self._now()
        try:
            while True:
                batch = self.took(await self._exchange.read(min(now + self._stall, self._end_by)))
                if batch.raw or batch.last:
                    return batch
        except Failure as failure:
            raise self._broken(failure) from failure

    def _broken(self, cause: Failure) -> BrokenStream:
        broken = BrokenStream("the answer broke before its end", code=cause.code)
        broken.target = self.target
        if isinstance(cause, TimedOut):
            long = self._now() >= self._end_by
            broken.stalled, broken.bounded = not long, long
            broken.timer, broken.limit = ("max_stream", self._longest) if long else ("stall", self._stall)
        return broken

    def abort(self) -> None:
        """Close the connection."""
        self._exchange.abort()


def is_answer(status: int) -> bool:
    """Is that the status of an answer, and not of a refusal or of half a thing?"""
    return 200 <= status < 300 and status not in UNTOLD


def head_of(exchange: Exchange, mask: Mask) -> Head:
    """What of an answer's head goes on to the caller."""
    names = (b"content-type", b"content-disposition")
    found = ((name, _plain(exchange.header(name) or b"", mask)) for name in names)
    return Head(status=exchange.status, headers=tuple((name, value) for name, value in found if value))


def _plain(value: bytes, mask: Mask) -> bytes:
    """A header's value that is safe to hand on: one line of printable ASCII, not too long, without a secret."""
    fits = len(value) <= 200 and all(0x20 <= sign < 0x7F for sign in value)
    return mask.raw(value).strip() if fits else b""


async def begun(exchange: Exchange, due: float) -> tuple[bytes, bool]:
    """The answer as far as it has come, and whether that is all of it. Raises `BadResponse` for JSON that is none."""
    said = (exchange.header(b"content-type") or b"").lstrip().lower()
    if said.startswith(b"text/html"):
        raise BadResponse("the answer is a web page")
    is_json = said.startswith(b"application/json")
    body = await exchange.read(due)
    if not body:
        return body, True
    if is_json or _is_small(exchange):
        pieces = [body]
        size = len(body)
        while size <= SMALL:
            piece = await exchange.read(due)
            if not piece:
                return _whole(b"".join(pieces), is_json=is_json), True
            pieces.append(piece)
            size += len(piece)
        body = b"".join(pieces)
    return body, False


def refusal_in(body: bytes) -> bytes | None:
    """The error envelope that the first event of a stream is; None when it is anything else."""
    event = _EVENT.match(body)
    if event is None:
        return None
    try:
        said = msgspec.json.decode(event[1])
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    return event[1] if isinstance(said, dict) and said.get("error") else None


def _whole(body: bytes, *, is_json: bool) -> bytes:
    if is_json:
        try:
            _JSON.decode(body)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            raise BadResponse("the answer says that it is JSON, and is not") from None
    return body


def _is_small(exchange: Exchange) -> bool:
    length = exchange.header(b"content-length") or b""
    return length.isdigit() and len(length) < 10 and int(length) <= SMALL


def _is_text(exchange: Exchange) -> bool:
    return (exchange.header(b"content-type") or b"text/").lstrip().lower().startswith(KINDS)


def passed(call: Call, head: Head, body: bytes, mask: Mask) -> Passed:
    """The whole answer in these bytes."""
    kind = next((value.lower() for name, value in head.headers if name == b"content-type"), b"text/")
    raw = mask.raw(body) if kind.startswith(KINDS) else body
    return Passed(head=head, raw=raw, dialect=call.target.provider.dialect)


def told(failure: Failure, target: str) -> Failure:
    """What a refusal of such a request says of its target: never that it is of no use for anything else.

    A provider that has no such path, model or right there may still answer all other requests; and what it does not
    have, the next one may.
    """
    if isinstance(failure, Missing) or (isinstance(failure, Caller) and failure.status == 404):
        gone = Caller(f"{target} does not have this (status 404)", code=failure.code, status=404)
        gone.onward = True
        return gone
    if isinstance(failure, Credential) and failure.code not in CREDENTIAL_CODES:
        return Permission(failure.message, code=failure.code)
    return failure
