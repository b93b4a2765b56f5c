"""One attempt on one target: encode, send, decode, under our own timers.

    whole      connect ─────── whole limit ───────────────────────────────▶ Reply
    streamed   connect ─────── first content limit ──────▶ Stream ── stall limit between contents ──▶ end

Before the first content a failure is raised and invisible to the caller; afterwards it is a `BrokenStream`. The stall
clock runs only while we wait for the provider, so a slow caller never looks like a stalled provider; and what brings no
content, pings and comments say, never resets it. A stream that ends without a finish reason is broken, never whole.
"""

from __future__ import annotations

from collections.abc import Mapping

from outlast.dialects import forward
from outlast.flow.call import Answer, Call, Handler
from outlast.flow.stream import Stream
from outlast.flow.whole import OneBatch
from outlast.layers.attempt import passing
from outlast.layers.attempt.config import AttemptConfig
from outlast.layers.attempt.mask import Masks
from outlast.layers.attempt.record import Record, cost_of
from outlast.layers.attempt.upstream import Upstream
from outlast.model.errors import BadResponse, Failure, TimedOut
from outlast.model.messages import Batch, Quota, Reply
from outlast.model.target import Target
from outlast.ports import Dialect, Exchange, Outgoing, Source

__all__ = ["AttemptConfig", "Attempts", "Record", "Upstream"]


class Attempts:
    """The innermost handler."""

    __slots__ = ("_config", "_dialects", "_masks")

    def __init__(self, config: AttemptConfig, dialects: Mapping[str, Dialect]) -> None:
        self._config = config
        self._dialects = dialects
        self._masks = Masks()

    def handler(self) -> Handler:
        """Make one attempt on the call's target."""
        return self._attempt

    async def _attempt(self, call: Call) -> Answer:
        io, request, target = call.io, call.request, call.target
        dialect = self._dialects[target.speaks(request.dialect)]
        outgoing = self._outgoing(dialect, call)
        sent = io.now()
        due = min(sent + target.timers.limit(request.stream), call.deadline)
        if due <= sent:
            raise _too_late(target)
        number = call.send()
        _tell_time(outgoing, target, number)
        _tell_key(outgoing, call)
        record = Record(sent, number)
        exchange: Exchange | None = None
        answer: Answer
        try:
            exchange = await io.send(target, outgoing, min(sent + target.timers.connect, due), due)
            record.status = exchange.status
            if request.forward is not None:
                answer = await self._passed(call, dialect, exchange, record, due)
            elif request.stream or exchange.status != 200:
                answer = await self._streamed(call, dialect, exchange, record, due)
            else:
                answer = self._whole(call, dialect, exchange, record, await exchange.whole(due))
                record.close(call, None, answer.usage, io.now(), answer.cost)
        except BaseException as error:
            if exchange is not None:
                exchange.abort()
            _explain(error, call, sent, due, hurried=due == call.deadline and due - sent < self._config.telling)
            record.close(call, error, None, io.now())
            raise
        answer.target = target.name
        answer.dropped = outgoing.dropped
        return answer

    def _outgoing(self, dialect: Dialect, call: Call) -> Outgoing:
        """What is sent to the call's target."""
        request = call.request
        if request.forward is not None:
            return forward.outgoing(request, request.forward, call.target)
        outgoing = dialect.encode(request, call.target)
        outgoing.whole = not request.stream
        return outgoing

    def _whole(self, call: Call, dialect: Dialect, exchange: Exchange, record: Record, body: bytes) -> Reply:
        """The answer in these bytes, which are the whole of it."""
        exchange.release()
        target = call.target
        reply = dialect.decode(self._masks.of(target.provider).raw(body), call.request, target)
        record.answered(call, call.io.now())
        reply.cost = cost_of(reply.usage, target)
        if call.metered:
            reply.quota = dialect.quota(exchange.header)
        return reply

    async def _streamed(self, call: Call, dialect: Dialect, exchange: Exchange, record: Record, due: float) -> Stream:
        """The stream in this answer, or the one that a whole answer is made to; raises what another status means."""
        target = call.target
        if exchange.status != 200:
            raise dialect.classify(exchange.status, exchange.header, await _said(exchange, due), target)
        begun = await exchange.read(due)  # labels lie: it shows what it is
        if dialect.streams.whole_is_stream:
            return await self._stream(call, dialect, exchange, record, due, begun)
        if not _is_json(begun) and (begun.strip() or not _says(exchange, b"application/json")):
            return await self._stream(call, dialect, exchange, record, due, begun)
        body = begun + await exchange.whole(due)
        if not _is_json(body):
            exchange.release()
            raise BadResponse("the answer is neither a stream nor a reply")
        return self._as_stream(call, self._whole(call, dialect, exchange, record, body), record)

    async def _stream(
        self, call: Call, dialect: Dialect, exchange: Exchange, record: Record, due: float, begun: bytes
    ) -> Stream:
        reader = dialect.reader(call.request, call.target)
        source = Upstream(call, exchange, reader, self._masks.of(call.target.provider), self._config)
        head = await source.first(due, begun)
        now = call.io.now()
        record.answered(call, now)
        quota = dialect.quota(exchange.header) if call.metered else None
        exchange.lighten()
        return self._open(call, source, head, record, quota, source.end_by)

    def _open(
        self, call: Call, source: Source, head: Batch, record: Record, quota: Quota | None, end_by: float
    ) -> Stream:
        """The stream that begins so."""
        stream = Stream(source, head, call.io, prompt=call.request.tokens)
        ends = end_by + call.target.timers.stall  # for who does not read; a read ends it before
        if call.outlived:
            stream.ends = ends
        else:
            stream.live_until(ends)
        stream.owe(call, (record,))
        stream.learned(quota=quota)
        return stream

    async def _passed(self, call: Call, dialect: Dialect, exchange: Exchange, record: Record, due: float) -> Answer:
        """The answer as it is, whole or as a stream of its bytes; raises what a refusal means."""
        target, io = call.target, call.io
        mask = self._masks.of(target.provider)
        if call.request.forward is not None and call.request.forward.feed is not None:
            due = max(due, io.now() + target.timers.whole)  # while it was sent nobody waited for the answer
        if not passing.is_answer(exchange.status):
            failure = dialect.classify(exchange.status, exchange.header, await _said(exchange, due), target)
            raise passing.told(failure, target.name)
        head = passing.head_of(exchange, mask)
        body, whole = await passing.begun(exchange, due)
        refusal = passing.refusal_in(body)
        if refusal is not None:
            raise passing.told(dialect.classify(200, exchange.header, refusal, target), target.name)
        quota = dialect.quota(exchange.header) if call.metered else None
        if whole:
            exchange.release()
            record.answered(call, io.now())
            reply = passing.passed(call, head, body, mask)
            reply.quota = quota
            record.close(call, None, None, io.now())
            return reply
        source = passing.Passing(call, exchange, head, mask)
        record.answered(call, io.now())
        exchange.lighten()
        return self._open(call, source, source.took(body), record, quota, source.end_by)

    def _as_stream(self, call: Call, reply: Reply, record: Record) -> Stream:
        source = OneBatch(reply, call.target.name)
        stream = Stream(source, source.take(), call.io, prompt=call.request.tokens)
        stream.owe(call, (record,))
        stream.learned(quota=reply.quota)
        return stream


def _tell_time(outgoing: Outgoing, target: Target, number: int) -> None:
    """Let the provider know how long the answer is waited for and how often it was asked, where it wants to."""
    quirks = target.provider.quirks
    outgoing.deadline_header = quirks.deadline_header.encode()
    if quirks.attempt_header:
        outgoing.headers = (*outgoing.headers, f"{quirks.attempt_header}: {number}".encode())


def _tell_key(outgoing: Outgoing, call: Call) -> None:
    """Let the provider know a second try of the same for one, where it takes keys for that."""
    header = call.target.provider.quirks.idempotency_header
    if header and call.once and call.request.forward is None:
        outgoing.headers = (*outgoing.headers, f"{header}: {call.key_for(outgoing.body)}".encode())


def _too_late(target: Target) -> TimedOut:
    """Nothing was sent, so nothing was learned about the target."""
    late = TimedOut("the deadline has passed before the request could be sent")
    late.outcome = "neutral"
    late.target = target.name
    return late


async def _said(exchange: Exchange, due: float) -> bytes:
    """The body of an error; nothing where it is cut, endless or too large: its status and headers have said enough."""
    try:
        body = await exchange.whole(due)
    except (BadResponse, TimedOut):
        return b""
    exchange.release()
    return body


def _says(exchange: Exchange, kind: bytes) -> bool:
    said = exchange.header(b"content-type")
    return said is not None and said.lstrip().lower().startswith(kind)


def _is_json(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))


def _explain(error: BaseException, call: Call, sent: float, due: float, *, hurried: bool) -> None:
    """Name the target, and tell whose fault a timeout was: `hurried` says that the caller left very little time."""
    if not isinstance(error, Failure):
        return
    error.target = call.target.name
    if isinstance(error, TimedOut):
        error.timer, error.limit = _timer(error, call, due - sent)
        if hurried:
            error.outcome = "neutral"  # too little to say anything about the target


def _timer(error: TimedOut, call: Call, left: float) -> tuple[str, float]:
    """Which timer ended an attempt that had so many seconds left, and its seconds."""
    timers, stream = call.target.timers, call.request.stream
    if error.phase == "connect" and timers.connect <= left:
        return "connect", timers.connect
    if left < timers.limit(stream):
        return "deadline", left
    return ("first_content" if stream else "whole"), left
