"""Circuits of several processes: what one finds of a target the others hear, and no call ever waits for that."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.layers.breaker import BreakerConfig, Breakers, Refusal
from outlast.layers.breaker.fleet import LEASE, Fleet
from outlast.model.events import BreakerChanged, Fault
from outlast.ports import StoreFailed
from outlast.store import Memory
from outlast.testing import ScriptedIo, run

SOON = 0.01


class Shared(Memory):
    """A memory that all processes of a test share, which can be out of reach; it counts what it is asked."""

    shared = True

    def __init__(self, now):
        super().__init__(now)
        self.down = False
        self.asked = []

    def _ask(self, what):
        self.asked.append(what)
        if self.down:
            raise StoreFailed("it is down")

    async def get(self, key):
        self._ask(f"get {key}")
        return await super().get(key)

    async def put(self, key, value, seconds):
        self._ask(f"put {key}")
        await super().put(key, value, seconds)

    async def claim(self, key, value, seconds):
        self._ask(f"claim {key}")
        return await super().claim(key, value, seconds)

    async def swap(self, key, was, value, seconds):
        self._ask(f"swap {key}")
        return await super().swap(key, was, value, seconds)

    async def add(self, key, amounts, seconds):
        self._ask(f"add {key}")
        return await super().add(key, amounts, seconds)


class Process:
    """One of them, with its own circuits."""

    def __init__(self, name, io, store, config):
        self.io = io
        self.breakers = Breakers(config)
        self.fleet = Fleet(self.breakers, store, io, name, config.window)
        self.task = asyncio.ensure_future(self.fleet.run())

    def circuit(self, target="alpha/m"):
        return self.breakers.of(target, self.io.now())

    @property
    def state(self):
        return self.circuit().state

    def call(self, outcome, hint=0.0, target="alpha/m"):
        """One call that succeeds (S) or fails (F); the refusal if it may not go."""
        circuit, now = self.circuit(target), self.io.now()
        permit = circuit.admit(now, limit=10.0)
        if isinstance(permit, Refusal):
            return permit
        circuit.settle(permit, "success" if outcome == "S" else "failure", now, hint=hint)
        return None

    def calls(self, outcomes, **how):
        return [self.call(outcome, **how) for outcome in outcomes]

    def die(self):
        self.task.cancel()


class Fleets:
    """So many processes on one store."""

    def __init__(self, size, **config):
        self.io = ScriptedIo()
        self.store = Shared(self.io.now)
        self.config = BreakerConfig(jitter=0.0, **config)
        self.processes = [self.another(f"p{number}") for number in range(size)]

    def another(self, name):
        return Process(name, self.io, self.store, self.config)

    @property
    def states(self):
        return [process.state for process in self.processes]

    @property
    def told(self):
        return [event for event in self.io.events if isinstance(event, BreakerChanged)]

    def end(self):
        for process in self.processes:
            process.die()


def story(size=3, **config):
    """A test told inside of the loop, with a fleet of that size."""

    def wrap(told):
        def test():
            async def whole():
                fleet = Fleets(size, **config)
                for process in fleet.processes:
                    process.circuit()
                await asyncio.sleep(SOON)
                try:
                    await told(fleet)
                finally:
                    fleet.end()
                assert not [event for event in fleet.io.events if isinstance(event, Fault)]

            run(whole())

        test.__doc__, test.__name__ = told.__doc__, told.__name__
        return test

    return wrap


@story()
async def test_a_provider_that_asks_to_be_left_alone_is_left_alone_by_all(fleet):
    """For as long as it asked; nothing need have failed to the others."""
    first, *others = fleet.processes
    first.calls("FFFFF", hint=40.0)
    await asyncio.sleep(SOON)
    assert fleet.states == ["open"] * 3
    for other in others:
        assert other.circuit().until == pytest.approx(first.circuit().until, abs=0.1)
        assert other.call("S").why == "the circuit is open"


@story()
async def test_one_machine_that_fails_does_not_open_the_circuits_of_all(fleet):
    """Who has seen nothing fail goes on; its first failure is enough for it to believe the others."""
    first, second, third = fleet.processes
    second.call("F")
    first.calls("FFFFF")
    await asyncio.sleep(SOON)
    assert fleet.states == ["open", "open", "closed"]
    assert second.circuit().until == pytest.approx(first.circuit().until, abs=0.1)
    third.calls("SF")
    await asyncio.sleep(2.0)
    assert fleet.states == ["open"] * 3
    followed = [event for event in fleet.told if event.reason == "as another process has found"]
    assert [(event.after, event.call) for event in followed] == [("open", "")] * 2


@story()
async def test_what_was_heard_is_over_when_the_circuit_would_have_been(fleet):
    """A failure long after is just the first."""
    first, _, third = fleet.processes
    first.calls("FFFFF")
    await asyncio.sleep(15.0)
    third.call("F")
    await asyncio.sleep(2.0)
    assert third.state == "closed"


@story()
async def test_one_process_probes_and_the_others_wait_for_what_it_finds(fleet):
    """When its time is over, one may call; when that went well, all may."""
    for process in fleet.processes:
        process.calls("FFFFF")
    for process in fleet.processes:
        process.call("S")  # somebody wants to call
    await asyncio.sleep(10.0 + SOON)
    asked = [process.circuit().admit(fleet.io.now(), limit=10.0) for process in fleet.processes]
    refused = [answer for answer in asked if isinstance(answer, Refusal)]
    assert [refusal.why for refusal in refused] == ["another process probes it"] * 2
    assert all(refusal.retry_after <= LEASE for refusal in refused)
    [prober] = [process for process, answer in zip(fleet.processes, asked, strict=True) if answer not in refused]
    [permit] = [answer for answer in asked if answer not in refused]
    await asyncio.sleep(8.0)  # it takes its time: the lease is renewed
    assert all(process.call("S") for process in fleet.processes if process is not prober)
    prober.circuit().settle(permit, "success", fleet.io.now())
    prober.call("S")
    assert prober.state == "closed"
    await asyncio.sleep(SOON)
    assert fleet.states == ["closed"] * 3


@story()
async def test_a_probe_that_fails_keeps_all_away_for_longer(fleet):
    """The others do not find out at their own callers' cost."""
    for process in fleet.processes:
        process.calls("FFFFF")
        process.call("S")
    await asyncio.sleep(10.0 + SOON)
    [prober] = [process for process in fleet.processes if process.call("F") is None]
    await asyncio.sleep(SOON)
    assert fleet.states == ["open"] * 3
    for process in fleet.processes:
        assert process.circuit().until == pytest.approx(prober.circuit().until, abs=0.1)
        assert process.circuit().openings == 2


@story()
async def test_a_process_that_dies_with_the_right_to_probe_frees_it(fleet):
    """After its lease another one asks, and gets it."""
    for process in fleet.processes:
        process.calls("FFFFF")
        process.call("S")
    await asyncio.sleep(10.0 + SOON)
    asked = {process: process.circuit().admit(fleet.io.now(), limit=10.0) for process in fleet.processes}
    [prober] = [process for process, answer in asked.items() if not isinstance(answer, Refusal)]
    prober.die()
    others = [process for process in fleet.processes if process is not prober]
    for _ in range(int(LEASE) + 3):
        await asyncio.sleep(1.0)
        went = [other for other in others if other.call("S") is None]
        if went:
            break
    assert len(went) == 1


@story()
async def test_who_has_no_callers_leaves_the_probe_to_who_has(fleet):
    """The right to probe is not taken by a process that will not use it."""
    for process in fleet.processes:
        process.calls("FFFFF")
    busy = fleet.processes[2]
    busy.call("S")
    await asyncio.sleep(10.0 + SOON)
    assert busy.calls("SS") == [None, None]
    await asyncio.sleep(SOON)
    assert fleet.states == ["closed"] * 3


@story()
async def test_without_the_store_each_goes_by_itself(fleet):
    """Nobody waits for another; and when it is back, they speak again."""
    fleet.store.down = True
    await asyncio.sleep(2.0)
    for process in fleet.processes:
        process.calls("FFFFF")
        process.call("S")
    await asyncio.sleep(10.0 + SOON)
    assert [process.call("S") for process in fleet.processes] == [None] * 3
    assert all(process.fleet.alone for process in fleet.processes)
    fleet.store.down = False
    for process in fleet.processes:
        process.call("S")
    await asyncio.sleep(2.0)
    assert not any(process.fleet.alone for process in fleet.processes)
    fleet.processes[0].calls("FFFFF", hint=30.0)
    await asyncio.sleep(SOON)
    assert fleet.states == ["open"] * 3


@story()
async def test_the_store_is_lost_while_another_probes(fleet):
    """Within a beat or two everybody may probe."""
    for process in fleet.processes:
        process.calls("FFFFF")
        process.call("S")
    await asyncio.sleep(10.0 + SOON)
    assert sum(process.call("S") is None for process in fleet.processes) == 1
    fleet.store.down = True
    await asyncio.sleep(3.0)
    assert [process.call("S") for process in fleet.processes] == [None] * 3


@story(size=4)
async def test_a_rate_tells_sooner_when_all_count_together(fleet):
    """No process alone has seen the ten calls that a rate takes; who has seen nothing fail stays as it is."""
    *three, healthy = fleet.processes
    for process in three:
        process.calls("SFFF")
    healthy.calls("SS")
    await asyncio.sleep(4.0)
    assert fleet.states == ["open"] * 3 + ["closed"]
    assert fleet.told[0].reason.endswith("calls of all processes failed")


@story(size=2)
async def test_what_led_to_an_opening_does_not_lead_to_the_next(fleet):
    """After it has closed, the failures of before are answered for; the same many new ones open it again."""
    first, second = fleet.processes
    for process in fleet.processes:
        process.calls("FFFFF")
        process.call("S")
    await asyncio.sleep(10.0 + SOON)
    for process in fleet.processes:
        process.calls("SS")
    await asyncio.sleep(SOON)
    assert fleet.states == ["closed"] * 2
    await asyncio.sleep(12.0)
    first.calls("SF")
    second.calls("SS")
    await asyncio.sleep(5.0)
    assert fleet.states == ["closed"] * 2


@story()
async def test_what_an_operator_says_holds_in_his_process(fleet):
    """It is not told, and what is told does not change it."""
    first, second, third = fleet.processes
    first.breakers.operate("alpha/m", "forced_open", fleet.io.now())
    second.breakers.operate("alpha/m", "disabled", fleet.io.now())
    await asyncio.sleep(SOON)
    third.calls("FFFFF", hint=30.0)
    await asyncio.sleep(SOON)
    assert [process.circuit().override for process in fleet.processes] == ["forced_open", "disabled", None]
    assert second.call("S") is None


@story()
async def test_a_new_process_begins_with_what_the_others_know(fleet):
    """As soon as it has heard it."""
    fleet.processes[0].calls("FFFFF", hint=30.0)
    await asyncio.sleep(SOON)
    fleet.processes.append(fleet.another("late"))
    fleet.processes[-1].circuit()
    await asyncio.sleep(SOON)
    assert fleet.states == ["open"] * 4


@story()
async def test_a_quiet_fleet_asks_nothing_and_a_busy_one_once_a_second(fleet):
    """And one command more for each tenth of a minute, by each process."""
    await asyncio.sleep(5.0)
    fleet.store.asked.clear()
    await asyncio.sleep(60.0)
    assert fleet.store.asked == []
    for _ in range(60):
        for process in fleet.processes:
            process.calls("SSS")
        await asyncio.sleep(1.0)
    assert len(fleet.store.asked) <= 3 * (60 + 3 * 7) * 1.2


@story()
async def test_names_that_are_no_keys_have_circuits_too(fleet):
    """Long ones, and those in other scripts."""
    for target in ("alpha/" + "m" * 500, "alpha/模型", "alpha/a b", "alpha/half a sign \ud800"):
        for process in fleet.processes:
            process.circuit(target)
        await asyncio.sleep(SOON)
        fleet.processes[0].calls("FFFFF", hint=30.0, target=target)
        await asyncio.sleep(SOON)
        assert {process.circuit(target).state for process in fleet.processes} == {"open"}
    assert all(len(asked.partition(" ")[2]) <= 200 and asked.isascii() for asked in fleet.store.asked)


@story()
async def test_what_is_no_news_is_let_be(fleet):
    """Another version's words, or garbage."""
    for words in (b"", b"\xff", b"{}", b'{"by":1}', b"[" * 100_000):
        await fleet.store.put("circuit:alpha/m", words, 60.0)
        await asyncio.sleep(SOON)
        assert fleet.states == ["closed"] * 3


@story(size=2)
async def test_a_circuit_that_is_forgotten_is_no_longer_listened_for(fleet):
    """Its name may come again, and is a new member then."""
    first = fleet.processes[0]
    old = first.circuit()
    first.circuit("beta/m")
    first.breakers._circuits.clear()
    new = first.circuit()
    await asyncio.sleep(3.0)
    assert list(first.fleet._members) == ["alpha/m"]
    fleet.processes[1].calls("FFFFF", hint=30.0)
    await asyncio.sleep(SOON)
    assert (old.state, new.state) == ("closed", "open")


@story()
async def test_a_store_that_fails_in_the_middle_is_asked_again(fleet):
    """What was to be told is told when it is back, and what was to be heard is heard."""
    first = fleet.processes[0]
    fleet.store.down = True
    first.calls("FFFFF", hint=50.0)
    await asyncio.sleep(3.0)
    assert fleet.states == ["open", "closed", "closed"]
    fleet.store.down = False
    await asyncio.sleep(3.0)
    assert fleet.states == ["open"] * 3
    fleet.store.down = True
    await Memory.put(fleet.store, "circuit:alpha/m", b'{"by":"p9","seconds":0.0}', 60.0)  # closed elsewhere
    await asyncio.sleep(3.0)
    assert fleet.states == ["open"] * 3
    fleet.store.down = False
    await asyncio.sleep(60.0)
    assert [process.call("S") for process in fleet.processes].count(None) >= 1


@story(size=1)
async def test_circuits_that_were_there_before_take_part(fleet):
    """A fleet may be joined at any time."""
    [first] = fleet.processes
    late = Breakers(fleet.config)
    circuit = late.of("alpha/m")
    task = asyncio.ensure_future(Fleet(late, fleet.store, fleet.io, "late", 60.0).run())
    first.calls("FFFFF", hint=30.0)
    await asyncio.sleep(SOON)
    task.cancel()
    assert circuit.state == "open"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.integers(0, 2), st.sampled_from("SSFFF"), st.sampled_from([0.0, 0.0, 0.0, 20.0])),
        st.tuples(st.just("wait"), st.sampled_from([0.01, 0.5, 1.0, 3.0, 11.0])),
        st.tuples(st.just("down"), st.booleans()),
        st.tuples(st.just("die"), st.integers(0, 2)),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(STEPS)
def test_whatever_happens_all_are_well_again_in_the_end(steps):
    """Stores that come and go, processes that die: nobody is kept from a target that answers, and nothing is raised.

    While the store is there, no two processes probe at once: one that was given the right has it alone.
    """

    async def whole():
        fleet = Fleets(3)
        for process in fleet.processes:
            process.circuit()
        for step, *rest in steps:
            if step == "call":
                number, outcome, hint = rest
                fleet.processes[number].call(outcome, hint=hint)
            elif step == "wait":
                await asyncio.sleep(rest[0])
            elif step == "down":
                [fleet.store.down] = rest
            else:
                fleet.processes[rest[0]].die()
                fleet.processes[rest[0]] = fleet.another(f"q{len(fleet.store.asked)}")
                fleet.processes[rest[0]].circuit()
            if not fleet.store.down:
                assert sum(member.probing for process in fleet.processes for member in members(process)) <= 1
        fleet.store.down = False
        for _ in range(80):
            await asyncio.sleep(1.0)
            for process in fleet.processes:
                process.call("S")
        assert fleet.states == ["closed"] * 3
        fleet.end()
        assert not [event for event in fleet.io.events if isinstance(event, Fault)]

    run(whole())


def members(process):
    """What a process knows of each circuit, as one of the fleet; nothing of one that is alone."""
    return () if process.fleet.alone else process.fleet._members.values()
