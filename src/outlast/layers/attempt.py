"""One attempt on one target: encode, send, decode, under our own timers.

    whole      connect ─────── whole limit ───────────────────────────────▶ Reply
    streamed   connect ─────── first content limit ──────▶ Stream ── stall limit between contents ──▶ end

Before the first content a failure is raised and invisible to the caller; afterwards it is a `BrokenStream`. The stall
clock runs only while we wait for the provider, so a slow caller never looks like a stalled provider; and what brings no
content, pings and comments say, never resets it. A stream that ends without a finish reason is broken, never whole.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from outlast.flow.call import Answer, Call, Handler
from outlast.flow.stream import End, Stream
from outlast.model.errors import BadResponse, BrokenStream, Failure, TimedOut
from outlast.model.events import AttemptEnded
from outlast.model.messages import Batch, Chunk, Opening, Reply, Text, ToolCall, ToolDelta, Usage
from outlast.model.target import Target, Timers
from outlast.ports import Dialect, Exchange, Io, Reader


class AttemptConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of one attempt. Times in seconds, sizes in bytes."""

    grace: float = 1.0
    """After every choice has finished, how long the end marker is waited for."""
    max_stream_bytes: int = 64 * 1024 * 1024
    """A longer stream is cut, with an error."""
    max_preamble: int = 1024 * 1024
    """So much may come before the first content."""
    telling: float = 1.0
    """An attempt that the caller's deadline left less time than this says nothing about its target."""


class Record:
    """What will be told of one attempt. Settled with the answer, or closed with the failure that ended it before."""

    __slots__ = ("_call", "_number", "_sent", "first", "status")

    def __init__(self, call: Call, sent: float) -> None:
        self._call = call
        self._sent = sent
        self._number = call.story.made
        self.first: float | None = None
        self.status = 0

    def answered(self, now: float) -> None:
        """The first content, or the whole answer, is there."""
        self.first = self._call.first = max(0.0, now - self._sent)

    def cost(self, usage: Usage | None) -> float | None:
        """US dollars of so many tokens at this target; None when the price is unknown."""
        price = self._call.target.price
        return None if price is None or usage is None else price.of(usage.input, usage.output, usage.cached)

    def settle(self, end: End, now: float) -> None:
        """The stream is over: tell the attempt, and let the outer debtors know what it cost."""
        end.cost = self.cost(end.usage)
        self.close(end.error, end.usage, now)

    def close(self, error: BaseException | None, usage: Usage | None, now: float) -> None:
        """The attempt is over."""
        call = self._call
        failure = error if isinstance(error, Failure) else None
        kind = "ok" if error is None else failure.kind if failure else "cancelled"
        ended = AttemptEnded(
            call=call.id,
            target=call.target.name,
            provider=call.target.provider.name,
            model=call.target.model,
            number=self._number,
            kind=kind,
            seconds=max(0.0, now - self._sent),
            first=self.first,
            status=self.status,
            code=failure.code if failure else None,
            message=failure.message if failure else "",
            usage=usage,
            maybe_billed=kind in {"timeout", "broken_stream", "cancelled", "bad_response"},
        )
        call.story.tried.append(ended)
        call.io.emit(ended)


class Upstream:
    """The source of one stream: an exchange, the reader of its dialect, and the timers between contents."""

    __slots__ = (
        "_config",
        "_end_by",
        "_exchange",
        "_held",
        "_io",
        "_key",
        "_limit",
        "_over",
        "_read",
        "_reader",
        "dialect",
        "target",
    )

    def __init__(self, call: Call, exchange: Exchange, reader: Reader, config: AttemptConfig) -> None:
        timers = call.target.timers
        self._io: Io = call.io
        self._exchange = exchange
        self._reader = reader
        self._config = config
        self._limit = timers.stall
        self._end_by = call.io.now() + timers.max_stream
        self._key = call.target.provider.key.reveal().encode()
        self._held = Batch(b"", [])
        self._read = 0
        self._over = False
        self.target = call.target.name
        self.dialect = call.target.provider.dialect

    @property
    def opening(self) -> Opening:
        """What the provider said of the answer at its start."""
        return self._reader.opening

    async def first(self, due: float) -> Batch:
        """All up to and including the first content, or the whole of an answer that has none. Raises what failed."""
        return await self._until_content(due)

    async def next(self) -> Batch | None:
        """The next batch that has content or ends the answer. Raises `BrokenStream`, whatever went wrong."""
        if self._over:
            return None
        try:
            return await self._until_content(min(self._io.now() + self._limit, self._end_by))
        except TimedOut as failure:
            stalled = self._io.now() < self._end_by
            why = f"brought no content for {self._limit:g} s" if stalled else "ran longer than its limit"
            raise self._broken(why, failure) from failure
        except Failure as failure:
            raise self._broken("broke before its end", failure) from failure

    def _broken(self, why: str, cause: Failure) -> BrokenStream:
        broken = BrokenStream(f"the stream {why}", code=cause.code)
        broken.stalled = isinstance(cause, TimedOut)
        broken.target = self.target
        return broken

    async def _until_content(self, due: float) -> Batch:
        """Read until there is content, or the answer is complete; what came before it is kept and goes along."""
        reader, held = self._reader, self._held
        while True:
            try:
                data = await self._exchange.read(self._grace(due))
            except Failure:
                if not reader.finished:
                    raise
                data = b""  # all that was asked for is here; only the end marker lacks
            batch = reader.feed(data) if data else reader.close()
            self._count(len(data), batch)
            held.chunks += batch.chunks
            held.raw += self._clean(batch.raw)
            if batch.last:
                return self._complete(held)
            if not data:
                raise BadResponse("the stream ended before the answer was complete")
            if any(chunk.content for chunk in batch.chunks):
                self._held = Batch(b"", [])
                return held
            if reader.failure is not None:
                raise reader.failure
            if len(held.raw) > self._config.max_preamble:
                raise BadResponse("the stream brings no content")

    def _grace(self, due: float) -> float:
        return min(due, self._io.now() + self._config.grace) if self._reader.finished else due

    def _count(self, size: int, batch: Batch) -> None:
        self._read += size
        if self._read > self._config.max_stream_bytes and not batch.last:
            raise BadResponse("the stream is longer than is allowed")

    def _complete(self, held: Batch) -> Batch:
        self._over = True
        self._exchange.release()
        held.last = True
        return held

    def _clean(self, raw: bytes) -> bytes:
        """A provider that echoes our key does not get it past us."""
        return raw.replace(self._key, b"*" * len(self._key)) if self._key and self._key in raw else raw

    def abort(self) -> None:
        """Close the connection."""
        self._over = True
        self._exchange.abort()


class OneBatch:
    """The source of a stream whose provider answered with a whole reply instead."""

    __slots__ = ("_batch", "dialect", "opening", "target")

    def __init__(self, reply: Reply, target: str) -> None:
        self._batch: Batch | None = Batch(b"", chunks_of(reply), last=True)
        self.opening = Opening(reply.id, reply.model, reply.created)
        self.target = target
        self.dialect = ""

    def take(self) -> Batch:
        """The one batch."""
        batch, self._batch = self._batch, None
        return batch or Batch(b"", [], last=True)

    async def next(self) -> Batch | None:
        """Nothing follows."""
        return None

    def abort(self) -> None:
        """There is nothing to let go of."""


def chunks_of(reply: Reply) -> list[Chunk]:
    """A whole answer as the chunks of a stream."""
    chunks = []
    calls = 0
    for part in reply.parts:
        if isinstance(part, Text):
            chunks.append(Chunk(text=part.text))
        elif isinstance(part, ToolCall):
            chunks.append(Chunk(tool=ToolDelta(calls, part.id, part.name, part.arguments)))
            calls += 1
    return [*chunks, Chunk(finish=reply.finish, usage=reply.usage)]


class Attempts:
    """The innermost handler."""

    __slots__ = ("_config", "_dialects")

    def __init__(self, config: AttemptConfig, dialects: Mapping[str, Dialect]) -> None:
        self._config = config
        self._dialects = dialects

    def handler(self) -> Handler:
        """Make one attempt on the call's target."""
        return self._attempt

    async def _attempt(self, call: Call) -> Answer:
        io, target = call.io, call.target
        dialect = self._dialects[target.provider.dialect]
        outgoing = dialect.encode(call.request, target)
        sent = io.now()
        due, limited = _due(call, target.timers, sent)
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
            _explain(error, target, limited, due - sent, self._config.telling)
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
        if request.stream and not _is_json(exchange):
            return await self._stream(call, dialect, exchange, record, due)
        body = await exchange.whole(due)
        exchange.release()
        key = target.provider.key.reveal().encode()
        if key and key in body:
            body = body.replace(key, b"*" * len(key))
        if request.stream and not body.lstrip().startswith((b"{", b"[")):
            raise BadResponse("the answer is neither a stream nor a reply")
        reply = dialect.decode(body, request, target)
        record.answered(call.io.now())
        reply.quota = dialect.quota(exchange.header)
        if request.stream:
            return self._as_stream(call, reply, record)
        reply.cost = record.cost(reply.usage)
        record.close(None, reply.usage, call.io.now())
        return reply

    async def _stream(self, call: Call, dialect: Dialect, exchange: Exchange, record: Record, due: float) -> Stream:
        source = Upstream(call, exchange, dialect.reader(call.request, call.target), self._config)
        head = await source.first(due)
        now = call.io.now()
        record.answered(now)
        stream = Stream(source, head, call.io, prompt=call.request.tokens)
        stream.owe(record)
        stream.live_until(now + call.target.timers.max_stream)
        stream.learned(quota=dialect.quota(exchange.header))
        return stream

    def _as_stream(self, call: Call, reply: Reply, record: Record) -> Stream:
        source = OneBatch(reply, call.target.name)
        stream = Stream(source, source.take(), call.io, prompt=call.request.tokens)
        stream.owe(record)
        return stream


def _due(call: Call, timers: Timers, sent: float) -> tuple[float, float]:
    """When the attempt must have answered, and its own limit in seconds."""
    limit = timers.first_content if call.request.stream else timers.whole
    return min(sent + limit, call.deadline), limit


def _too_late(target: Target) -> TimedOut:
    """Nothing was sent, so nothing was learned about the target."""
    late = TimedOut("the deadline has passed before the request could be sent")
    late.outcome = "neutral"
    late.target = target.name
    return late


def _is_json(exchange: Exchange) -> bool:
    kind = exchange.header(b"content-type")
    return kind is not None and kind.lstrip().lower().startswith(b"application/json")


def _explain(error: BaseException, target: Target, limit: float, given: float, telling: float) -> None:
    """Name the target, and tell whose fault a timeout was."""
    if not isinstance(error, Failure):
        return
    error.target = target.name
    if isinstance(error, TimedOut) and given < limit and given < telling:
        error.outcome = "neutral"  # the caller's deadline left too little time to say anything about the target
