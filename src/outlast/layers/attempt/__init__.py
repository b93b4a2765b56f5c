"""One attempt on one target: encode, send, decode, under our own timers.

    whole      connect ─────── whole limit ───────────────────────────────▶ Reply
    streamed   connect ─────── first content limit ──────▶ Stream ── stall limit between contents ──▶ end

Before the first content a failure is raised and invisible to the caller; afterwards it is a `BrokenStream`. The stall
clock runs only while we wait for the provider, so a slow caller never looks like a stalled provider; and what brings no
content, pings and comments say, never resets it. A stream that ends without a finish reason is broken, never whole.
"""

from __future__ import annotations

from collections.abc import Mapping

from outlast.flow.call import Answer, Call, Handler
from outlast.flow.stream import Stream
from outlast.layers.attempt.config import AttemptConfig
from outlast.layers.attempt.mask import Masks
from outlast.layers.attempt.record import Record
from outlast.layers.attempt.upstream import Upstream
from outlast.layers.attempt.whole import OneBatch, chunks_of
from outlast.model.errors import BadResponse, Failure, TimedOut
from outlast.model.messages import Reply
from outlast.model.target import Target, Timers
from outlast.ports import Dialect, Exchange

__all__ = ["AttemptConfig", "Attempts", "OneBatch", "Record", "Upstream", "chunks_of"]


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
        io, target = call.io, call.target
        dialect = self._dialects[target.provider.dialect]
        outgoing = dialect.encode(call.request, target)
        outgoing.whole = not call.request.stream
        sent = io.now()
        due = _due(call, target.timers, sent)
        if due <= sent:
            raise _too_late(target)
        call.story.made += 1
        record = Record(call, sent)
        exchange: Exchange | None = None
        try:
            exchange = await io.send(target, outgoing, min(sent + target.timers.connect, due), due)
            record.status = exchange.status
            answer = await self._answer(call, dialect, exchange, record, due)
        except BaseException as error:
            if exchange is not None:
                exchange.abort()
            _explain(error, target, hurried=due == call.deadline and due - sent < self._config.telling)
            record.close(error, None, io.now())
            raise
        answer.target = target.name
        answer.dropped = outgoing.dropped
        return answer

    async def _answer(self, call: Call, dialect: Dialect, exchange: Exchange, record: Record, due: float) -> Answer:
        request, target = call.request, call.target
        if exchange.status != 200:
            body = await exchange.whole(due)
            exchange.release()
            raise dialect.classify(exchange.status, exchange.header, body, target)
        begun = b""
        if request.stream and not _says(exchange, b"application/json"):
            if not _says(exchange, b"text/event-stream"):
                begun = await exchange.read(due)  # what it does not say, it shows
            if not _is_json(begun):
                return await self._stream(call, dialect, exchange, record, due, begun)
        body = begun + await exchange.whole(due)
        exchange.release()
        if request.stream and not _is_json(body):
            raise BadResponse("the answer is neither a stream nor a reply")
        reply = dialect.decode(self._masks.of(target.provider).raw(body), request, target)
        now = call.io.now()
        record.answered(now)
        reply.quota = dialect.quota(exchange.header)
        if request.stream:
            return self._as_stream(call, reply, record)
        reply.cost = record.cost(reply.usage)
        record.close(None, reply.usage, now)
        return reply

    async def _stream(
        self, call: Call, dialect: Dialect, exchange: Exchange, record: Record, due: float, begun: bytes
    ) -> Stream:
        reader = dialect.reader(call.request, call.target)
        source = Upstream(call, exchange, reader, self._masks.of(call.target.provider), self._config)
        head = await source.first(due, begun)
        now = call.io.now()
        record.answered(now)
        stream = Stream(source, head, call.io, prompt=call.request.tokens)
        stream.owe(record)
        stream.live_until(source.end_by + call.target.timers.stall)  # for who does not read; a read ends it before
        stream.learned(quota=dialect.quota(exchange.header))
        return stream

    def _as_stream(self, call: Call, reply: Reply, record: Record) -> Stream:
        source = OneBatch(reply, call.target.name)
        stream = Stream(source, source.take(), call.io, prompt=call.request.tokens)
        stream.owe(record)
        stream.learned(quota=reply.quota)
        return stream


def _due(call: Call, timers: Timers, sent: float) -> float:
    """When the attempt must have answered: at the end of its own limit, or of the call's time."""
    return min(sent + timers.limit(call.request.stream), call.deadline)


def _too_late(target: Target) -> TimedOut:
    """Nothing was sent, so nothing was learned about the target."""
    late = TimedOut("the deadline has passed before the request could be sent")
    late.outcome = "neutral"
    late.target = target.name
    return late


def _says(exchange: Exchange, kind: bytes) -> bool:
    said = exchange.header(b"content-type")
    return said is not None and said.lstrip().lower().startswith(kind)


def _is_json(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))


def _explain(error: BaseException, target: Target, *, hurried: bool) -> None:
    """Name the target, and tell whose fault a timeout was: `hurried` says that the caller left very little time."""
    if not isinstance(error, Failure):
        return
    error.target = target.name
    if isinstance(error, TimedOut) and hurried:
        error.outcome = "neutral"  # too little to say anything about the target
