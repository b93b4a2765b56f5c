"""The source of an answer that outlives its streams: it reads one part after another, as if they were one stream.

    outer Stream ─▶ Resumed ─▶ inner Stream (a part) ─▶ provider
                       │ breaks: the part is settled
                       └─────▶ inner(call.going_on(…)) ─▶ the next part, without the words that the caller has

What an attempt owes is settled on its part, when that breaks; what the request owes on the outer stream, when all is
over. The caller waits for new words for no longer than the stall and then the first content limit of the route.
"""

from __future__ import annotations

from math import inf
from typing import Literal

import msgspec

from outlast.flow.call import ENDLESS, Call, Handler, Patience
from outlast.flow.stream import End, Stream
from outlast.layers.resume.config import ResumeConfig
from outlast.layers.resume.join import Join
from outlast.layers.resume.said import Said
from outlast.layers.resume.stops import Stops
from outlast.model.continuing import Beginning
from outlast.model.errors import BrokenStream, Cancelled, Failure
from outlast.model.events import StreamBroke, StreamResumed
from outlast.model.messages import Batch, Chat, Chunk, Opening, Request, Usage
from outlast.model.target import Target

NOTHING = Usage()
NO_STOPS = Stops("", ())


class Resumed:
    """Implements `Source`, and is a debt of the stream that it feeds.

    Args:
        inner: makes the next part.
        call: the request, not yet bound for a target.
        first: the stream that is there.
        config: how far a broken stream is gone on with.
        most: upstream calls in all for the request.
    """

    __slots__ = (
        "_anew",
        "_avoid",
        "_broke_after",
        "_broke_at",
        "_call",
        "_config",
        "_cost",
        "_counted",
        "_ends",
        "_inner",
        "_join",
        "_most",
        "_opening",
        "_over",
        "_part",
        "_patience",
        "_said",
        "_spent",
        "_stops",
        "_void",
        "dialect",
        "target",
    )

    def __init__(self, inner: Handler, call: Call, first: Stream, config: ResumeConfig, most: int) -> None:
        self._inner = inner
        self._call = call
        self._part = first
        self._config = config
        self._most = most
        self._said = Said(config.longest)
        self._ends = first.ends
        self._opening: Opening | None = None
        self._join: Join | None = None  # of the part; None for the first
        self._stops = NO_STOPS
        self._avoid: tuple[str, ...] = ()
        self._anew = call.route.on_break == "restart"
        self._void = False
        self._broke_at, self._broke_after = 0.0, 0
        self._patience = ENDLESS
        self._spent: Usage | None = None
        self._cost: float | None = None
        self._counted = self._over = False
        self.target = first.target
        self.dialect = first.dialect

    @property
    def opening(self) -> Opening:
        """What the first provider said of the answer at its start."""
        return self._opening or self._part.opening

    async def next(self) -> Batch | None:
        """The next batch; None after the last. Raises `BrokenStream` when nobody goes on."""
        while True:
            try:
                batch = await self._part.next()
                if batch is None:
                    return None
                given = batch if self._join is None else self._follow(self._join, batch)
            except BrokenStream as error:
                broken = error
            else:
                if given is not None:
                    self._said.note(given.chunks)
                    return given
                continue
            try:
                await self._go_on(broken)
            finally:
                del broken  # an error that names the frame that names the error is freed by no count

    def abort(self) -> None:
        """Let go of everything, at once."""
        self._over = True
        self._part.abort()

    def settle(self, call: Call, end: End, now: float) -> None:  # noqa: ARG002  (as all debts)
        """All is over: what the parts took together, and nobody needs the question any more."""
        self._count()
        end.usage, end.cost = self._spent, self._cost
        self._call.request.forget()

    def _count(self) -> None:
        """The part is over: add what it took."""
        part = self._part
        if self._counted:
            return
        self._counted = True
        if part.usage is not None:
            self._spent = part.usage if self._spent is None else self._spent + part.usage
        if part.cost is not None:
            self._cost = part.cost + (self._cost or 0.0)

    # -- a break -----------------------------------------------------------------------------------------------

    async def _go_on(self, broken: BrokenStream) -> None:
        """Let another target go on, or raise why nobody does."""
        call = self._call
        now = call.io.now()
        self._count()
        self._opening = self.opening
        self._avoid = (*self._avoid, broken.target)
        if self._patience.due == inf:
            self._broke_at, self._patience = now, Patience(now + call.route.limit(streamed=True))
        reason = self._hopeless(broken, now) or ("" if self._anew else self._beyond())
        self._broke_after = self._said.size
        call.io.emit(StreamBroke(call.id, broken.target, self._said.size, broken.stalled, reason))
        if reason:
            raise self._ended(broken, reason)
        try:
            part = await self._next_part()
        except Cancelled:
            raise
        except Failure as failure:
            reason = failure.kind
        if reason:
            raise self._ended(broken, reason)
        self._part, self._counted = part, False

    def _hopeless(self, broken: BrokenStream, now: float) -> str:
        """Why nobody can go on; empty if somebody may."""
        if broken.bounded:
            return "it was as long as any stream may be"
        if self._said.finish is not None:
            return "it had finished"
        if self._call.patience.due < inf:
            return "nobody has seen it, and it is asked for anew"
        if self._call.story.made >= self._most:
            return "no attempts left"
        return "no time left" if now >= min(self._patience.due, self._ends) else ""

    def _beyond(self) -> str:
        """Why nobody can go on from where it broke; or, where it is to begin anew, nothing."""
        if self._said.beyond:
            return f"it held {self._said.beyond}"
        return "several answers were asked for" if self._call.request.choices > 1 else ""

    def _ended(self, broken: BrokenStream, reason: str) -> BrokenStream:
        """The error that the caller is told."""
        told = BrokenStream(f"{broken.message}; nobody could go on with it: {reason}", code=broken.code)
        told.stalled, told.bounded, told.target = broken.stalled, broken.bounded, broken.target
        told.attempts = tuple(self._call.story.tried)
        return told

    async def _next_part(self) -> Stream:
        """A stream of another target, which was given what was said, or asked to go on. Raises why there is none."""
        if self._anew:
            return await self._begun_anew()
        text = self._said.text
        try:
            return await self._asked(text, prefill=True)
        except Failure as failure:
            takes_it = text.strip() and any(target.prefill for target in self._call.route.targets)
            if failure.kind != "caller" or self._call.request.json or not takes_it:
                raise
        return await self._asked(text, prefill=False)  # the target is not as the catalog has it

    async def _begun_anew(self) -> Stream:
        part = await self._asked("", prefill=False)
        self._said = Said(self._config.longest)
        self._void = True
        return part

    async def _asked(self, text: str, *, prefill: bool) -> Stream:
        call, said = self._call, text.rstrip()
        stops = Stops(text, _stops_of(call.request))
        begun = Beginning(said, prefill) if said else None
        request = call.request.going_on(begun, self._said.tokens if begun else 0)
        answer = await self._inner(call.going_on(request, self._avoid, self._patience, self._ends))
        if not isinstance(answer, Stream):
            raise BrokenStream("the rest of a stream came as something else")
        if self._over:
            answer.abort()
            raise Cancelled("the stream was given up while another target was found for it")
        target = _named(call.route.targets, answer.target)
        asked = not (prefill and target is not None and target.prefill)
        self._join, self._stops = Join(text, self._config, asked=asked), stops
        call.request.fold()
        return answer

    # -- a later part -------------------------------------------------------------------------------------------

    def _follow(self, join: Join, batch: Batch) -> Batch | None:
        """What of it is new to the caller, to be rendered anew. Raises `BrokenStream` if that does not fit."""
        chunks = [Chunk(restart=True)] if self._void else []
        self._void = False
        for chunk in batch.chunks:
            self._take(join, chunk, chunks)
            if self._stops.met:
                return self._stopped(chunks)
        if join.lost:
            raise self._unfit("begins anew in other words")
        if self._patience.due < inf and (batch.last or _any_new(chunks)):
            self._new_words(join)
        return Batch(b"", chunks, batch.last) if chunks or batch.last else None

    def _take(self, join: Join, chunk: Chunk, chunks: list[Chunk]) -> None:
        """Add what is new of this chunk."""
        stops = self._stops
        if (chunk.reasoning or chunk.signature) and self._said.size:
            return  # thoughts do not come behind words
        if chunk.text:
            chunk.text = stops.feed(join.feed(chunk.text))
        if chunk.finish is not None or (chunk.content and not chunk.text):
            held = stops.feed(join.close()) + stops.close()
            self._add(Chunk(held), chunks)
        if not stops.met:
            self._add(chunk, chunks)

    def _add(self, chunk: Chunk, chunks: list[Chunk]) -> None:
        if chunk.usage is not None:
            chunk.usage = (self._spent or NOTHING) + chunk.usage
        if chunk.telling:
            chunks.append(chunk)
        if chunk.finish == "stop" and self._call.request.json:
            self._check_json(chunks)

    def _check_json(self, chunks: list[Chunk]) -> None:
        """Half a JSON was gone on with freely: is the whole one?"""
        try:
            msgspec.json.decode(self._said.text + "".join(chunk.text for chunk in chunks))
        except (msgspec.MsgspecError, RecursionError, ValueError):
            raise self._unfit("makes no JSON of it") from None

    def _stopped(self, chunks: list[Chunk]) -> Batch:
        """The answer ends here, by a stop sequence that no target has seen whole."""
        self._part.abort("the answer has ended")
        self._count()
        return Batch(b"", [*chunks, Chunk(finish="stop", usage=self._spent)], last=True)

    def _new_words(self, join: Join) -> None:
        """The caller waits no longer: from now on the part has the time that every stream has."""
        call = self._call
        call.story.resumed += 1
        seconds = call.io.now() - self._broke_at
        self._patience.due = inf  # the part looks at it too
        call.io.emit(
            StreamResumed(call.id, self._avoid[-1], self._part.target, self._broke_after, self._way(join), seconds)
        )

    def _way(self, join: Join) -> Literal["prefill", "asking", "restart", "anew"]:
        if not self._said.size:
            return "anew"
        return "restart" if join.anew else "asking" if join.asked else "prefill"

    def _unfit(self, why: str) -> BrokenStream:
        """The part's words cannot be joined to what was said: it is given up."""
        self._part.abort("it does not fit")
        broken = BrokenStream(f"{self._part.target} {why}")
        broken.target = self._part.target
        return broken


def _any_new(chunks: list[Chunk]) -> bool:
    return any(chunk.content or chunk.finish is not None for chunk in chunks)


def _named(targets: tuple[Target, ...], name: str) -> Target | None:
    return next((target for target in targets if target.name == name), None)


def _stops_of(request: Request) -> tuple[str, ...]:
    """The words that end an answer."""
    try:
        chat = request.content()
    except Failure:
        return ()
    return chat.stop if isinstance(chat, Chat) else ()
