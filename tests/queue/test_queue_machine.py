"""A queue under any sequence of what may happen to it, in virtual time."""

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from outlast import AsyncQueue
from outlast.model.caller import PRIORITIES
from outlast.model.errors import Rejected
from outlast.testing import ScriptedIo, VirtualLoop

SLOTS, SIZE, RPM, BURST = 2, 5, 60, 3
SECONDS = st.sampled_from([0.0, 0.3, 1.0, 5.0])
KINDS = st.sampled_from(["well", "raises", "stubborn"])
CALLBACKS = st.sampled_from(["none", "plain", "raises", "slow"])


class QueueMachine(RuleBasedStateMachine):
    """What holds at every step:

    - submitted = waiting + running + done + failed + cancelled + rejected + given back
    - never more than so many run at once, callbacks included; never more than so many wait
    - nothing begins twice, and nothing begins that was cancelled, rejected or given back before
    - no more begins in any time than the burst and the rate allow
    - a callback is called once for each ticket that is over and had one, and never before that
    - in the end, nothing waits and nothing runs; a stopped queue gives back exactly what had not begun
    """

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.io = ScriptedIo()
        self.queue = AsyncQueue(concurrency=SLOTS, size=SIZE, rpm=RPM, burst=BURST, age=1.0, io=self.io)
        self.tickets = []
        self.refused = 0
        self.began = {}
        self.starts = []
        self.at_once = 0
        self.told = {}
        self.owed = set()
        self.given_back = None

    def now(self, coroutine):
        return self.runner.run(coroutine)

    async def _work(self, key, seconds, kind):
        self.began[key] = self.began.get(key, 0) + 1
        self.starts.append(self.io.now())
        self.at_once += 1
        try:
            await asyncio.sleep(seconds)
            if kind == "raises":
                raise LookupError
        except asyncio.CancelledError:
            if kind != "stubborn":
                raise
        finally:
            self.at_once -= 1

    def _callback(self, key, kind):
        def plain(ticket):
            assert ticket.over
            self.told[key] = self.told.get(key, 0) + 1
            if kind == "raises":
                raise LookupError

        async def slow(ticket):
            plain(ticket)
            self.at_once += ticket.number in self.began
            await asyncio.sleep(0.5)
            self.at_once -= ticket.number in self.began

        return {"none": None, "slow": slow}.get(kind, plain)

    @rule(
        priority=st.sampled_from(PRIORITIES),
        caller=st.sampled_from("ab"),
        seconds=SECONDS,
        kind=KINDS,
        callback=CALLBACKS,
        timeout=st.sampled_from([None, 0.5, 3.0]),
    )
    def submit(self, priority, caller, seconds, kind, callback, timeout):
        """Somebody hands in work."""
        key = len(self.tickets) + 1

        async def hand_in():
            told = self._callback(key, callback)
            options = {"callback": told, "caller": caller, "timeout": timeout}
            return self.queue.submit(priority, self._work, key, seconds, kind, **options)

        try:
            ticket = self.now(hand_in())
        except Rejected:
            self.refused += 1
            return
        assert ticket.number == key
        self.tickets.append(ticket)
        if callback != "none":
            self.owed.add(key)

    @rule()
    def start(self):
        """Somebody starts it."""

        async def begin():
            if self.given_back is None:
                self.queue.start()

        self.now(begin())

    @rule(seconds=SECONDS)
    def wait(self, seconds):
        """Time passes."""
        self.now(asyncio.sleep(seconds))

    @precondition(lambda self: self.tickets)
    @rule(data=st.data())
    def cancel(self, data):
        """The owner of a ticket takes it back."""
        ticket = data.draw(st.sampled_from(self.tickets))

        async def take_back():
            return ticket.state, ticket.cancel()

        before, taken = self.now(take_back())
        assert taken == (before == "waiting") or before == "running"

    @precondition(lambda self: self.tickets)
    @rule(timeout=st.sampled_from([0.0, 0.4, 2.0]))
    def stop(self, timeout):
        """Somebody stops it, or does so again."""
        before = [ticket for ticket in self.tickets if ticket.state == "waiting"]
        left = self.now(self.queue.stop(timeout))
        if self.given_back is None:
            self.given_back = list(left.given_back)
            assert self.given_back == before
        assert list(left.given_back) == self.given_back

    @invariant()
    def everything_is_somewhere(self):
        state = self.queue.state
        waiting = sum(state.waiting.values())
        over = state.done + state.failed + state.cancelled + state.rejected + state.given_back
        assert state.submitted == len(self.tickets) + self.refused == waiting + state.running + over
        assert waiting <= SIZE
        assert self.queue._counter.running <= SLOTS
        assert self.at_once <= SLOTS

    @invariant()
    def what_began_began_once_and_rightly(self):
        assert all(times == 1 for times in self.began.values())
        never = {"waiting", "rejected", "given back"}
        assert not [ticket for ticket in self.tickets if ticket.state in never and ticket.number in self.began]

    @invariant()
    def the_rate_holds(self):
        for first, start in enumerate(self.starts):
            assert all(at - start >= place + 1 - BURST - 1e-6 for place, at in enumerate(self.starts[first:]))

    @invariant()
    def callbacks_are_called_once_and_not_early(self):
        assert all(times == 1 for times in self.told.values())
        assert set(self.told) <= {ticket.number for ticket in self.tickets if ticket.over} & self.owed

    def teardown(self):
        async def end():
            if self.given_back is None:
                self.queue.start()
                assert await self.queue.drain()
            else:
                await self.queue.stop(60.0)
            await asyncio.sleep(1.0)

        self.now(end())
        assert all(ticket.over for ticket in self.tickets)
        assert set(self.told) == self.owed
        assert not self.queue._crew.works
        assert (self.queue._counter.running, self.queue._counter.waiting) == (0, 0)
        self.everything_is_somewhere()
        assert not asyncio.all_tasks(self.runner.get_loop())
        assert not self.runner.get_loop().faults
        self.runner.close()


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
