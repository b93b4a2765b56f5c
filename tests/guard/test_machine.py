"""A guard under any interleaving of calls, ends, cancellations and time: what it gave out comes back, once."""

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from outlast import Breaker, Limit, Rejected, Retry, Slots, Timeout, guard
from outlast.testing import ScriptedIo, VirtualLoop

SLOTS = 2
PROBES = 2
RPM = 600


class GuardMachine(RuleBasedStateMachine):
    """Calls that end when and as the machine says.

    Invariants: no more calls inside than slots; half-open, no more than the probes; what is in flight is what is
    inside; over any time no more calls than the limit and its burst allow; at rest, everything is back.
    """

    def __init__(self):
        super().__init__()
        self.io = ScriptedIo()
        self.loop = VirtualLoop()
        self.guard = guard(
            Retry(attempts=2, base=0.5),
            Limit(rpm=RPM, burst=0.5, max_wait=3),
            Slots(SLOTS, queue=3, wait=2),
            Breaker(failures=3, probes=PROBES, jitter=0),
            Timeout(4),
            io=self.io,
        )
        self.inside = []
        self.begun = []
        self.tasks = []
        self.ask = self.guard(self._ask)

    async def _ask(self):
        end = asyncio.get_running_loop().create_future()
        self.inside.append(end)
        self.begun.append(self.io.now())
        try:
            if error := await end:
                raise error
        finally:
            self.inside.remove(end)

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def turn(self, seconds=0.0):
        """Let everything happen that can happen now, and then time pass."""
        self.run(asyncio.sleep(seconds))
        self.run(asyncio.sleep(0))

    @rule(many=st.integers(1, 4))
    def call(self, many):
        self.tasks += [self.loop.create_task(self.ask()) for _ in range(many)]
        self.turn()

    @precondition(lambda self: self.inside)
    @rule(data=st.data(), error=st.sampled_from([None, OSError(), ValueError(), asyncio.CancelledError()]))
    def end(self, data, error):
        end = data.draw(st.sampled_from(self.inside))
        if not end.done():
            end.set_result(error)
        self.turn()

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def cancel(self, data):
        self.tasks.pop(data.draw(st.integers(0, len(self.tasks) - 1))).cancel()
        self.turn()

    @rule(seconds=st.sampled_from([0.05, 0.6, 2.5, 5.0, 25.0]))
    def wait(self, seconds):
        self.turn(seconds)

    @invariant()
    def slots_hold(self):
        assert len(self.inside) <= SLOTS

    @invariant()
    def the_circuit_knows_who_is_inside(self):
        async def look():
            state = self.guard.state()
            [(_, machines)] = self.guard._desk.known()
            return state, machines.breaker.flying, len(machines.breaker._probes)

        state, flying, probes = self.run(look())
        assert flying == len(self.inside)
        assert state.in_flight >= flying
        assert probes <= PROBES

    @invariant()
    def the_limit_holds(self):
        rate, burst = RPM / 60, max(1.0, RPM / 60 * 0.5)
        for first, since in enumerate(self.begun):
            for last in range(first, len(self.begun)):
                assert last - first + 1 <= burst + rate * (self.begun[last] - since) + 1e-6

    def teardown(self):
        for end in self.inside:
            if not end.done():
                end.set_result(None)
        for task in self.tasks:
            task.cancel()
        ended = self.run(self._all_ended())
        assert all(isinstance(end, (BaseException, type(None))) for end in ended)
        for end in ended:
            if isinstance(end, Rejected):
                assert end.gate in {"limits", "slots", "breaker"}
        self.turn(100)
        assert self.run(self._at_rest()) == (0, 0, 0, 0)
        assert not self.inside
        self.loop.close()

    async def _all_ended(self):
        return await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _at_rest(self):
        state = self.guard.state()
        [(_, machines)] = self.guard._desk.known()
        return state.in_flight, state.waiting, machines.breaker.flying, machines.budget._under_way


TestGuard = GuardMachine.TestCase
TestGuard.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
