"""One call under a key in this process: who waits for what comes of it, and which of them is told what it cost.

first ──┐                                      ┌─▶ a whole answer, to each a copy
retry ──┼─▶ one piece of work, nobody's own ───┼─▶ a stream, read by each from its start
retry ──┘                                      └─▶ a failure, to each one of its own
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from outlast.flow.call import Answer, Call, Keyed
from outlast.flow.sharing import GRACE, failure_for
from outlast.layers.idempotency.recording import Reading, Recording, stream_of
from outlast.layers.idempotency.refusals import too_large
from outlast.model.errors import Failure, TimedOut
from outlast.model.events import RanOn
from outlast.model.messages import Reply
from outlast.ports import Waiter, Work


class Shared:
    """What several requests wait for.

    Args:
        call: the call, in nobody's name.
        name: under which its record is kept.
        body: what its request is known by.
        forget: sees to it that nobody joins any more.

    Attributes:
        work: what can be cancelled of it.
        begun: there is something for those who wait.
        answer: a whole answer; or `recording`, a stream; or `failure`, why there is none.
        keyed: what is told of the key.
        refused: the key was no good for this request, so there is nothing to be told of it.
        follows: the call is another process's: it is of use only while somebody waits here.
        owes: there is a cost that nobody has been told; `cost` in US dollars once it is known.
        callers: who waits or reads.
    """

    __slots__ = (
        "_forget", "_kind", "_waiting", "answer", "begun", "body", "call", "callers", "cost", "failure", "follows",
        "keyed", "name", "owes", "recording", "refused", "started", "work",
    )  # fmt: skip

    def __init__(self, call: Call, name: str, body: str, forget: Callable[[Shared], None]) -> None:
        self.call = call
        self._forget = forget
        self._kind = "ok"
        self.name = name
        self.body = body
        self.work: Work | None = None
        self.begun = self.follows = self.owes = self.refused = False
        self.answer: Reply | None = None
        self.recording: Recording | None = None
        self.failure: Failure | None = None
        self.keyed = Keyed()
        self.cost: float | None = None
        self.started = call.io.now()
        self.callers = 0
        self._waiting: list[Waiter] = []

    # -- who makes it ------------------------------------------------------------------------------------------

    def give(self, answer: Reply | Recording) -> None:
        """There is an answer, or the beginning of a stream."""
        if isinstance(answer, Reply):
            self.answer = answer
        else:
            self.recording = answer
            answer.expected = len(self._waiting)
        self._begin()

    def fail(self, failure: Failure) -> None:
        """There will be none, or no more of it."""
        if self.recording is not None:
            self.recording.end(failure)
            return
        self.failure = failure
        self._begin()

    def give_up(self, why: Failure) -> None:
        """Whoever made it is gone; those who have nothing yet, or not all, are told so."""
        recording = self.recording
        if not self.begun or (recording is not None and not recording.over):
            self.fail(why)

    def _begin(self) -> None:
        self.begun = True
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.wake()

    def ended(self, cost: float | None, kind: str = "ok") -> None:
        """Our own call is over, and has cost that; if nobody is there to be told, it is told now."""
        self.cost, self.owes, self._kind = cost, True, kind
        self._settle_up()

    # -- who waits ---------------------------------------------------------------------------------------------

    async def awaited(self, call: Call, *, first: bool) -> Answer | None:
        """What comes of it, for this caller; None where it should ask anew. Raises why there is nothing."""
        self.callers += 1
        reads = False
        try:
            if not self.begun and not await self._wait(call):
                raise TimedOut("the deadline has passed while the call under this idempotency key was waited for")
            recording = self.recording
            if recording is not None:
                if recording.gone:
                    raise too_large()
                reads = True
                stream = stream_of(Reading(recording, call.io, self.pay, self.leave), recording, call)
                stream.replayed = self._tell(call, first=first)
                return stream
            return self._whole(call, first=first)
        finally:
            if not reads:
                self.leave()

    async def _wait(self, call: Call) -> bool:
        waiter = call.io.waiter()
        self._waiting.append(waiter)
        try:
            return await waiter.wait(call.deadline + GRACE)
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif self.recording is not None:
                self.recording.expected -= 1

    def _whole(self, call: Call, *, first: bool) -> Reply | None:
        again = self._tell(call, first=first)
        if self.answer is not None:
            return replace(self.answer, cost=self.pay(), replayed=again)
        cost, failure = self.pay(), failure_for(call, self.failure)
        if failure is None:
            return None
        failure.cost = None if failure.cost is None else cost
        try:
            raise failure
        finally:
            del failure  # an error that names the frame that names the error is freed by no count

    def _tell(self, call: Call, *, first: bool) -> bool:
        """Tell this caller what became of its key. Was the answer not made for it?"""
        if self.refused:
            return False
        keyed = call.story.keyed = replace(self.keyed)
        if not first and not keyed.replayed and self.failure is None:
            keyed.replayed = keyed.attached = True
        call.story.instead_of = self.call.story.instead_of
        return keyed.replayed

    def pay(self) -> float | None:
        """The cost, to the first who asks once it is known; nothing to all others."""
        if not self.owes:
            return 0.0
        self.owes = False
        return self.cost

    def leave(self) -> None:
        """One of them needs nothing more."""
        self.callers -= 1
        self._settle_up()

    def _settle_up(self) -> None:
        """Nobody is left: tell what it cost, or stop listening to another process."""
        if self.callers:
            return
        if self.follows and self.work is not None:
            self.close()
            self.work.cancel()
        if self.owes:
            self.owes = False
            self._tell_cost()

    def _tell_cost(self) -> None:
        call, tried = self.call, self.call.story.tried
        target = tried[-1].target if tried else ""
        call.io.emit(RanOn(call.id, call.route.name, self._kind, target, call.io.now() - self.started, self.cost))

    def close(self) -> None:
        """Nobody joins any more."""
        self._forget(self)
