"""What the policies promise, on the whole engine, over random outages, limits and crowds in virtual time.

- an open circuit lets nothing through before its time, save the one early probe
- over any time, retries cost no more than a fifth of the calls, and the floor
- no window holds more than its limit, for a provider and for a caller, with refunds, retries and callers who leave
- no caller keeps another waiting, and no class a lower one for ever
- in the end everything that was taken has been given back (`at_rest`)
"""

import asyncio
import contextlib
from math import ceil, inf

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from outlast.model.errors import Failure
from outlast.model.events import AttemptEnded, BreakerChanged, RequestEnded, RetryScheduled
from outlast.testing import Behaviour, RecordingSink, ScriptedIo, cut, ok, silent, status, throttled

from .world import TEXT, World, caller

SLACK = 1e-6
TARGETS = ("alpha/m", "beta/m")


class Chronicle(RecordingSink):
    """Events with their time, and with how many requests had been sent by then."""

    def __init__(self):
        super().__init__()
        self.io = None
        self.told = []

    def __call__(self, event):
        """Take note."""
        super().__call__(event)
        self.told.append((self.io.now(), len(self.io.sent), event))

    def of_target(self, kind, target):
        """(time, requests sent by then, event), of one kind and target."""
        return [entry for entry in self.told if isinstance(entry[2], kind) and entry[2].target == target]


def chronicled(targets, more, seed):
    """A world whose events have times."""
    sink = Chronicle()
    sink.io = ScriptedIo(seed, sink)
    return World(targets, more, io=sink.io, seed=seed), sink


async def come(world, arrivals, ask):
    """Calls come at their times; whoever leaves does so after a while."""

    async def one(number, at, leaves):
        await asyncio.sleep(at)
        call = asyncio.ensure_future(ask(number))
        if leaves is not None:
            await asyncio.sleep(leaves)
            call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await call

    await asyncio.gather(*(one(number, *arrival) for number, arrival in enumerate(arrivals)))


@contextlib.contextmanager
def at_rest(world):
    """The world is closed, and if all went well nothing is held."""
    try:
        yield
    except BaseException:
        world.close()
        raise
    assert world.close() == {}


# -- outages -----------------------------------------------------------------------------------------------------------

FAULTS = [status(503), status(529), status(500, {"retry-after": "3"}), silent(), cut(2), cut(0, "rst"), throttled(4.0)]


class Outage:
    """From when to when, and what."""

    def __init__(self, start, length, fault):
        self.start, self.end, self.fault = start, start + length, fault

    def __repr__(self):
        return f"Outage({self.start}, {self.end}, {self.fault.name})"


outages = st.lists(
    st.builds(Outage, st.integers(0, 90), st.sampled_from([5, 20, 60, 120]), st.sampled_from(FAULTS)), max_size=3
)
leaving = st.sampled_from([None, None, None, 0.0, 0.3, 4.0])
crowds = st.lists(
    st.tuples(st.integers(0, 100), st.integers(1, 40), st.sampled_from([0.05, 0.5, 2.0]), leaving),
    min_size=1,
    max_size=5,
)


ONCE = """
[routes.default]
targets = ["alpha/m", "beta/m"]
on_break = "error"
"""
"""A resumption would be a routed call of its own."""


def with_outages(world, target, faults):
    """A provider that answers, but for its outages."""

    def play(asked):
        now = world.io.now()
        fault = next((outage.fault for outage in faults if outage.start <= now < outage.end), ok(TEXT, first=0.2))
        return fault.play(asked)

    world.script(target, Behaviour("by the hour", play))


def arrivals_of(crowd):
    """When each call comes, and leaves."""
    return [(start + every * number, leaves) for start, count, every, leaves in crowd for number in range(count)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    faults=st.fixed_dictionaries(dict.fromkeys(TARGETS, outages)),
    crowd=crowds,
    breaking=st.booleans(),
    seed=st.integers(0, 3),
)
@example(
    faults={target: [Outage(0, 120, FAULTS[0])] for target in TARGETS},
    crowd=[(0, 60, 0.05, None)],
    breaking=False,
    seed=0,
)
def test_over_random_outages(faults, crowd, breaking, seed):
    """The first two promises; without circuits there is more to retry."""
    world, sink = chronicled(TARGETS, ONCE if breaking else ONCE + "[breaker]\nenabled = false\n", seed)
    for target in TARGETS:
        with_outages(world, target, faults[target])
    arrivals = arrivals_of(crowd)
    world.run(come(world, arrivals, lambda number: world.heard(stream=number % 2 == 0, timeout=30)))
    for target in TARGETS:
        open_means_open(world, sink, target)
        retries_are_paid(sink, target, [at for at, _ in arrivals])
    assert world.sent() <= sum(
        len(retries) for retries in map(sink.of_target, [RetryScheduled] * 2, TARGETS)
    ) + 2 * len(arrivals)
    assert world.close() == {}


def open_means_open(world, sink, target):
    """Between its opening and its time at most one request goes out; who leaves gives the early probe back."""
    changes = sink.of_target(BreakerChanged, target)
    left = [at - event.seconds for at, _, event in sink.of_target(AttemptEnded, target) if event.kind == "cancelled"]
    for number, (at, sent, event) in enumerate(changes):
        if event.after == "open":
            then, until_sent, change = changes[number + 1] if number + 1 < len(changes) else (inf, None, None)
            assert then >= at + event.seconds - SLACK or change.reason == "the early probe succeeded"
            later = [other.at for other in world.io.sent[sent:until_sent] if other.target == target]
            early = [when for when in later if when < at + event.seconds - SLACK]
            assert len(early) - sum(any(abs(when - gone) < SLACK for gone in left) for when in early) <= 1


def retries_are_paid(sink, target, came):
    """Over any time: a fifth of the calls of it and of the minute before, and a floor of ten in ten seconds.

    Who leaves before the retry is made gets it back.
    """
    made = {(event.call, event.number) for _, _, event in sink.of_target(AttemptEnded, target)}
    scheduled = sink.of_target(RetryScheduled, target)
    paid = [(at, event.cost) for at, _, event in scheduled if (event.call, event.number) in made]
    for first, (start, _) in enumerate(paid):
        spent = 0.0
        for end, cost in paid[first:]:
            spent += cost
            deposits = 0.2 * sum(start - 60.1 <= at <= end + SLACK for at in came)
            assert spent <= deposits + 10 * (int((end - start + SLACK) / 10.0) + 1) + SLACK


# -- limits ------------------------------------------------------------------------------------------------------------

LIMITS = """
[providers.alpha.limits]
rpm = 60
tpm = 60_000
concurrent = 8
[keys.a]
key = "k-0123456789012345678901234567890123456789"
limits = { rpm = 60 }
"""
RPM, TPM, AT_ONCE, KEY_RPM = (10.0, 1.0), (10_000.0, 1_000.0), 8, (10.0, 1.0)
"""(burst, a second)"""


def within(spent, burst, rate):
    """No window holds more than its limit: `spent` is (time, cost)."""
    spent = sorted(spent)
    for first, (start, _) in enumerate(spent):
        total = 0.0
        for end, cost in spent[first:]:
            total += cost
            assert total <= burst + rate * (end - start) + SLACK, (start, end, total)


bursts = st.lists(
    st.tuples(st.integers(0, 20), st.integers(8, 30), st.sampled_from([0.0, 0.05, 0.2]), leaving),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    bursts, st.booleans(), st.lists(st.sampled_from([ok(first=0.3), ok(first=3.0), status(503), cut(2)]), min_size=1)
)
def test_over_random_crowds_on_a_limited_provider(crowd, alone, does):
    """The third promise: requests, tokens and calls at once of the provider, requests of a caller."""
    targets = TARGETS[:1] if alone else TARGETS
    world, sink = chronicled(targets, LIMITS, 0)
    world.script("alpha/m", *does)

    def ask(number):
        return world.heard(stream=number % 3 == 0, caller=caller("a" if number % 2 else "b"), max_tokens=400)

    with at_rest(world):
        world.run(come(world, arrivals_of(crowd), ask))
        sent = world.io.sent_to("alpha/m")
        within([(one.at, 1.0) for one in sent], *RPM)
        over = [(at - event.seconds, event) for at, _, event in sink.told if isinstance(event, RequestEnded)]
        within([(at, 1.0) for at, event in over if event.caller == "a" and event.attempts], *KEY_RPM)
        ended = [
            (at - event.seconds, event.usage) for at, _, event in sink.of_target(AttemptEnded, "alpha/m") if event.usage
        ]
        within([(at, usage.input + usage.output) for at, usage in ended], *TPM)
        edges = sorted([(one.at, 1) for one in sent] + [(one.over_at, -1) for one in sent])
        assert max((sum(step for _, step in edges[: count + 1]) for count in range(len(edges))), default=0) <= AT_ONCE


# -- crowds ------------------------------------------------------------------------------------------------------------

SECONDS = 0.5
"""What every answer takes."""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    slots=st.integers(1, 4),
    loud=st.lists(st.integers(5, 30), min_size=1, max_size=4),
    rank=st.integers(0, 3),
    queue=st.sampled_from([8, 1_000]),
)
def test_over_random_floods(slots, loud, rank, queue):
    """The fourth promise: a quiet caller of the same class has its turn, and one of the lowest class is served too."""
    more = f"[bulkhead]\nslots = {slots}\nqueue = {queue}\nwait = 60\ntarget = 60\nage = 1.0\n"
    world = World(TARGETS[:1], more)
    world.script("alpha/m", ok(first=SECONDS))
    quiet = []
    turn = SECONDS * (ceil((len(loud) + 1) * 4 / 3 / slots) + 1)

    async def flood(name, size):
        async def again():
            while world.io.now() < 10.0:
                if isinstance(await world.heard(name, caller=caller(name, rank)), Failure):
                    await asyncio.sleep(0.5)

        await asyncio.gather(*(again() for _ in range(size)))

    async def ask(number):
        began = world.io.now()
        heard = await world.heard("quiet", caller=caller("quiet", rank))
        quiet.append((heard, world.io.now() - began))

    async def story():
        floods = [flood(f"loud {number}", size) for number, size in enumerate(loud)]
        low = asyncio.ensure_future(lowest(world))
        await asyncio.gather(*floods, come(world, [(1.0 + (turn + 1.0) * number, None) for number in range(4)], ask))
        return await low

    with at_rest(world):
        waited = world.run(story())
        assert not [heard for heard, _ in quiet if isinstance(heard, Failure)]
        assert max(seconds for _, seconds in quiet) <= turn + SECONDS + SLACK
        if queue == 1_000:
            assert waited <= (4 - rank) * 1.0 + SECONDS * (ceil(4 / slots) + 2) + SLACK


async def lowest(world):
    """One call of the lowest class, in the midst of the flood; how long it waited."""
    await asyncio.sleep(2.0)
    began = world.io.now()
    await world.heard("low", caller=caller("low", 4))
    return world.io.now() - began
