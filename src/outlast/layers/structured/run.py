"""One request on its way to a valid answer: the calls that are routed for it, and what becomes of their answers."""

from __future__ import annotations

from math import inf

from msgspec.structs import replace

from outlast.flow.call import Answer, Call, Handler, Patience
from outlast.flow.stream import Stream
from outlast.layers.structured.asking import asked_again
from outlast.layers.structured.config import StructuredConfig
from outlast.layers.structured.holding import Heard, Whole, late
from outlast.layers.structured.judging import Verdict, Wanted
from outlast.layers.structured.passing import Bare, Passed
from outlast.layers.structured.spending import Spent
from outlast.model.errors import BrokenStream, InvalidOutput
from outlast.model.events import ReplyRejected, Then
from outlast.model.messages import Reasoning, Refusal, Reply, Request, Text

LENGTH = frozenset({"length", "max_tokens"})
"""Finish reasons that say that the answer was to be longer."""
UNJUDGED = frozenset({"content_filter", "refusal", "tool_calls", "pause_turn", "queued", "in_progress"})
"""Finish reasons of what is no answer, or none yet."""
GIVEN_UP = 2
"""A target that is named so often among those to avoid is not asked."""


class Run:
    """Asks until an answer is valid, or nobody may be asked any more.

    Args:
        inner: makes one routed call.
        call: the request, not yet bound for a target.
        wanted: what its answer must be.
        config: how often it is asked for again.
        most: upstream calls in all for the request.
    """

    __slots__ = (
        "_again",
        "_avoid",
        "_call",
        "_config",
        "_inner",
        "_most",
        "_patience",
        "_request",
        "_spent",
        "_wanted",
    )

    def __init__(self, inner: Handler, call: Call, wanted: Wanted, config: StructuredConfig, most: int) -> None:
        self._inner = inner
        self._call = call
        self._wanted = wanted
        self._config = config
        self._most = most
        self._request = call.request
        self._spent = Spent()
        self._avoid: tuple[str, ...] = ()
        self._again = 0
        request = call.request
        request.needs, request.held_to = replace(request.needs, schema=False), wanted.schema

    async def answer(self) -> Answer:
        """A valid answer, or one that is not to be judged.

        Raises:
            InvalidOutput: none was valid, and nobody may be asked any more.
        """
        while True:
            answer = await self._asked()
            done = await self._held_back(answer) if isinstance(answer, Stream) else self._looked_at(answer)
            if done is not None:
                return done

    async def _asked(self) -> Answer:
        """One routed call, whose stream may take as long as any while nobody holds it back."""
        self._patience = Patience()
        request = replace(self._request)  # of its own: whoever answers it lets go of it
        return await self._inner(replace(self._call, request=request, avoid=self._avoid, patience=self._patience))

    # -- whole answers -----------------------------------------------------------------------------------------

    def _looked_at(self, reply: Reply) -> Reply | None:
        """The answer, if it is valid or not to be judged; None when another one is to be asked for."""
        earlier = self._spent.usage is not None
        self._spent.add(reply.usage, reply.cost)
        open_ = bool(reply.tool_calls) or any(isinstance(part, Refusal) for part in reply.parts)
        if open_ or reply.finish in UNJUDGED:
            return self._told(reply) if earlier else reply
        verdict = self._wanted.judge(reply.text)
        if verdict.document is None:
            self._rejected(verdict, reply.text, reply.finish, reply.target)
            return None
        if not earlier and reply.text == verdict.document.text:
            return reply
        return self._told(reply, verdict.document.text)

    def _told(self, reply: Reply, text: str | None = None) -> Reply:
        """The answer with this text as its words, and with what all answers took; to be rendered anew."""
        parts = reply.parts
        if text is not None:
            parts = (*(part for part in parts if isinstance(part, Reasoning)), Text(text))
        usage = self._spent.usage or reply.usage
        return replace(reply, raw=b"", _parts=parts, usage=usage, cost=self._spent.cost)

    # -- streams -----------------------------------------------------------------------------------------------

    async def _held_back(self, stream: Stream) -> Stream | None:
        """The stream, if it is handed over; None when another one is to be asked for."""
        if self._enforced(stream.target):
            return await self._passed(stream)
        if self._call.route.stream_partial or self._request.partial:
            return await self._passed(stream, Bare())
        self._patience.due = self._call.deadline
        heard = Heard()
        try:
            await heard.read(stream, self._call)
        except BrokenStream as broken:
            self._broke(broken, stream)
            return None
        except BaseException:
            stream.abort()
            raise
        if heard.open:
            self._patience.due = inf
            return await self._handed_over(stream, Passed(stream, heard.batches, self._spent, None))
        return self._judged(stream, heard)

    def _enforced(self, name: str) -> bool:
        """Does the provider of this target hold it to the schema?"""
        return self._wanted.schema.strict is not False and name not in self._call.story.worded

    async def _passed(self, stream: Stream, bare: Bare | None = None) -> Stream:
        """The stream as it comes, judged at its end."""
        name = stream.target

        def judge(text: str, finish: str) -> InvalidOutput | None:
            if finish in UNJUDGED:
                return None
            verdict = self._wanted.judge(text)
            if verdict.document is not None and verdict.document.text == text.strip():
                return None
            return self._given_up(verdict, finish, name)

        return await self._handed_over(stream, Passed(stream, [], self._spent, judge, bare))

    async def _handed_over(self, stream: Stream, source: Passed) -> Stream:
        try:
            head = await source.next()
            return stream if head is None else stream.outlived_by(source, head, self._call)
        except BaseException:
            stream.abort()
            raise

    def _judged(self, stream: Stream, heard: Heard) -> Stream | None:
        self._spent.add(stream.usage, stream.cost)
        verdict = self._wanted.judge(heard.text)
        if heard.finish not in UNJUDGED and verdict.document is None:
            self._rejected(verdict, heard.text, heard.finish, stream.target)
            return None
        text = heard.text if verdict.document is None else verdict.document.text
        source = Whole(stream.opening, stream.target, self._spent)
        outer = stream.outlived_by(source, heard.told(text, self._spent), self._call)
        outer.keeps_request = False
        return outer

    def _broke(self, broken: BrokenStream, stream: Stream) -> None:
        """Nobody has seen anything of it: ask for another one, if that may be. Raises why not."""
        call = self._call
        self._spent.add(stream.usage, stream.cost)
        if call.io.now() >= call.deadline:
            raise late(stream.target)
        if call.story.made >= self._most or not self._left(broken.target):
            raise broken
        self._avoid = (*self._avoid, broken.target)

    # -- what comes after an answer that is wrong --------------------------------------------------------------

    def _rejected(self, verdict: Verdict, said: str, finish: str, name: str) -> None:
        """Ask for another answer. Raises `InvalidOutput` where that may not be."""
        call = self._call
        may = call.story.made < self._most
        if may and finish not in LENGTH and self._again < self._config.reprompts:
            self._again += 1
            self._request = asked_again(self._call.request, said, verdict.faults, self._config)
            self._tell(verdict, name, "asked again")
        elif may and call.route.on_invalid == "next" and self._left(name, GIVEN_UP):
            self._again = 0
            self._request = call.request
            self._avoid = (*self._avoid, *[name] * GIVEN_UP)
            self._tell(verdict, name, "next target")
        else:
            raise self._given_up(verdict, finish, name)

    def _left(self, name: str, times: int = 1) -> bool:
        """Is anybody left to be asked, when this one is to be avoided so much more?"""
        avoid = (*self._avoid, *[name] * times)
        return any(avoid.count(target.name) < GIVEN_UP for target in self._call.route.targets)

    def _given_up(self, verdict: Verdict, finish: str, name: str) -> InvalidOutput:
        """What the caller is told."""
        self._tell(verdict, name, "given up")
        wrong = InvalidOutput(_words(verdict, finish, self._request), code=_code(verdict, finish))
        wrong.faults = tuple(fault.words for fault in verdict.faults)
        wrong.target = name
        wrong.usage, wrong.cost = self._spent.usage, self._spent.cost
        return wrong

    def _tell(self, verdict: Verdict, name: str, then: Then) -> None:
        call, safe = self._call, tuple(fault.safe for fault in verdict.faults)
        call.io.emit(ReplyRejected(call.id, name, verdict.reason, safe, then))


def _code(verdict: Verdict, finish: str) -> str:
    return "max_tokens" if finish in LENGTH and verdict.reason != "mismatch" else verdict.reason.replace(" ", "_")


def _words(verdict: Verdict, finish: str, request: Request) -> str:
    """Why there is no valid answer, and the mend; never what the answer says."""
    if finish in LENGTH and verdict.reason != "mismatch":
        limit = "" if request.max_tokens is None else f" of {request.max_tokens}"
        return f"the answer ended at its limit{limit} before its JSON was whole; raise max_tokens"
    faults = ", ".join(fault.safe for fault in verdict.faults)
    return f"the answer does not match the JSON schema: {faults}; simplify the schema or route it to another model"
