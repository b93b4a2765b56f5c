"""The circuit breaker in the engine: what opens it, who is routed around it, and how it closes again."""

import asyncio

import pytest

from outlast.model.events import FailedOver, TargetSkipped
from outlast.testing import cut, ok, silent, status, throttled

from .world import TEXT, read

NO_RETRY = "[retry]\nenabled = false\n"
OPENED = 11.0
"""No first opening is longer than ten seconds and a tenth."""


def opened(world, target="alpha/m"):
    """Five failures in a row on that target, and a new chapter."""
    world.script(target, 500)
    for _ in range(5):
        world.hear(model=target)
    assert world.changes(target)[-1] == "open"
    world.script(target, ok())
    world.forget()
    return world


@pytest.fixture
def single(make):
    """One target, asked once for each request, whose circuit is open."""
    return opened(make(["alpha/m"], NO_RETRY))


@pytest.fixture
def pair(make):
    """Two targets; the circuit of the first is open."""
    return opened(make(more=NO_RETRY))


def test_five_failures_in_a_row_open_it(make):
    """Four do not, the fifth does; every attempt counts."""
    world = make(["alpha/m"], NO_RETRY)
    world.script("alpha/m", 500)
    for _ in range(4):
        world.fail()
    assert world.changes() == []
    world.fail()
    assert world.changes() == ["open"]


def test_every_attempt_counts(make):
    """The three attempts of one call are three failures."""
    world = make(["alpha/m"])
    world.script("alpha/m", 500)
    world.fail()
    world.fail()
    assert world.changes() == ["open"]
    assert world.sent() == 5


@pytest.mark.parametrize("fault", [400, 401, 402, 403, 404, 405, 409, 422, 429, 451])
def test_what_is_no_failure_of_the_target_never_opens_it(make, fault):
    """A caller's mistakes, refusals and throttles do not count, however many they are."""
    world = make(["alpha/m"], "[pause]\nenabled = false\n" + NO_RETRY)
    world.script("alpha/m", fault)
    for _ in range(30):
        world.fail()
    assert world.changes() == []
    assert world.breaker()._window.total == 0


def test_an_open_circuit_is_routed_around(pair):
    """While it is open nothing is sent to it, and the reason is told."""
    assert {pair.ask().target for _ in range(10)} == {"beta/m"}
    assert pair.sent("alpha/m") == 0
    assert pair.events(TargetSkipped)[0].reason == "its circuit is open"
    assert pair.events(FailedOver)[0].kind == "its circuit is open"


def test_an_open_circuit_alone_refuses_at_once(single):
    """After the one early probe, a lone target's calls are refused with the seconds that are left."""
    single.script("alpha/m", 500)
    assert single.fail().kind == "transient"
    failure = single.fail()
    assert (failure.kind, failure.status, single.sent()) == ("rejected", 503, 1)
    assert 9.0 <= failure.retry_after <= OPENED


def test_two_good_probes_close_it(pair):
    """After its time, two calls test the target and close the circuit."""
    pair.wait(OPENED)
    assert [pair.ask().target for _ in range(3)] == ["alpha/m"] * 3
    assert pair.changes() == ["half_open", "closed"]


def test_a_failed_probe_opens_it_again_for_longer(pair):
    """One failure is enough, and the next opening lasts twice as long."""
    pair.script("alpha/m", 500)
    pair.wait(OPENED)
    assert pair.ask().target == "beta/m"
    assert pair.changes() == ["half_open", "open"]
    assert 18.0 <= pair.breaker().ready(pair.now) <= 22.0


@pytest.mark.parametrize("stream", [False, True])
def test_a_herd_at_the_end_of_the_cool_down(single, stream):
    """Of a thousand calls at once no more than two are on the target while it is tested; the others are told so."""
    single.script("alpha/m", ok(first=1.0))
    single.wait(OPENED)
    heard = single.crowd(1000, stream=stream)
    refused = [failure for failure in heard if isinstance(failure, Exception)]
    assert single.sent() == 2
    assert {(failure.kind, failure.status) for failure in refused} == {("rejected", 503)}
    assert len(refused) == 998
    assert all(failure.retry_after > 0 for failure in refused)
    assert len({id(failure) for failure in refused}) == 998


def test_a_herd_fails_over(pair):
    """With another target, those who are no probes go there."""
    pair.script("alpha/m", ok(first=1.0))
    pair.wait(OPENED)
    pair.crowd(60)
    assert (pair.sent("alpha/m"), pair.sent("beta/m")) == (2, 58)


def test_a_cancelled_probe_gives_its_place_to_the_next(single):
    """A probe whose caller leaves says nothing, and the next call is a probe at once."""
    single.script("alpha/m", silent(), silent(), ok())
    single.wait(OPENED)

    async def story():
        probes = [asyncio.ensure_future(single.answer()) for _ in range(2)]
        await asyncio.sleep(1)
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)
        return await single.answer(), await single.answer()

    single.run(story())
    assert single.changes() == ["half_open", "closed"]


def test_a_throttled_probe_pauses_and_fails_nothing(pair):
    """A target that is throttled while it is tested is paused; its circuit neither opens nor closes."""
    pair.script("alpha/m", throttled(30), ok())
    pair.wait(OPENED)
    assert pair.ask().target == "beta/m"
    assert pair.changes() == ["half_open"]


def test_a_broken_probe_is_a_failure(pair):
    """A stream that breaks after its first content takes its success back."""
    pair.script("alpha/m", cut(3, between=1.0))
    pair.wait(OPENED)
    assert pair.hear(stream=True).error is None
    assert pair.path()[-2:] == ["alpha/m", "beta/m"]
    assert pair.changes() == ["half_open", "open"]


def test_breaking_streams_open_it(make):
    """Streams that break after their first content open the circuit like other failures."""
    world = make(["alpha/m"], "[resume]\nenabled = false")
    world.script("alpha/m", cut(3))
    for _ in range(5):
        world.hear(stream=True)
    assert world.changes() == ["open"]


def test_late_results_do_not_lengthen_an_outage(make):
    """What was under way when the circuit opened changes nothing any more."""
    world = make(["alpha/m"], NO_RETRY)

    async def story():
        world.script("alpha/m", silent(), *[500] * 5)
        late = asyncio.ensure_future(world.heard(timeout=5))
        await asyncio.sleep(0)
        for _ in range(5):
            await world.heard()
        until = world.breaker().until
        await late
        return until

    until = world.run(story())
    assert world.breaker().until == until
    assert world.changes() == ["open"]


def both_open(make):
    """Two targets, both circuits open; the second one opens later."""
    world = opened(make(more=NO_RETRY))
    world.wait(2)
    return opened(world, "beta/m")


def test_when_all_are_open_one_probe_goes_out_early(make):
    """It goes to the one that opens soonest; the others are refused with the shortest wait there is."""
    world = both_open(make)
    world.script_all(ok(first=0.5))
    heard = world.crowd(50)
    refused = [failure for failure in heard if isinstance(failure, Exception)]
    assert world.path() == ["alpha/m"]
    assert len(refused) == 49
    assert {failure.kind for failure in refused} == {"rejected"}
    soonest = max(failure.retry_after for failure in refused)
    assert soonest <= OPENED - 2


def test_a_good_early_probe_ends_the_outage(make):
    """Its success makes the circuit half-open before its time, and the next one closes it."""
    world = both_open(make)
    assert world.ask().target == "alpha/m"
    assert world.ask().target == "alpha/m"
    assert world.changes() == ["half_open", "closed"]


def test_a_failed_early_probe_changes_nothing(make):
    """The opening stays as it is, and there is no second early probe in it."""
    world = both_open(make)
    world.script_all(500)
    until = world.breaker().until
    for _ in range(10):
        world.fail()
    assert world.path() == ["alpha/m"]
    assert world.breaker().until == until


def test_an_operator_s_opening_is_never_probed(make):
    """What an operator holds open gets no early probe; the other target does."""
    world = both_open(make)
    world.breaker().operate("forced_open", world.now, until=world.now + 5)
    assert world.ask().target == "beta/m"


def test_a_hint_is_not_cut_short_by_an_early_probe(make):
    """A circuit that opened on failures with a hint stays alone until the hint is over."""
    world = make(["alpha/m"], NO_RETRY)
    world.script("alpha/m", status(503, {"retry-after": "40"}))
    for _ in range(5):
        world.fail()
    world.forget()
    failure = world.fail()
    assert (failure.kind, world.sent()) == ("rejected", 0)
    assert 40 <= failure.retry_after <= 41


def test_an_early_probe_goes_past_who_wants_to_be_left_alone(make):
    """The first opens sooner, but its provider has asked for that time: the probe goes to the second."""
    world = make(more=NO_RETRY)
    world.script("alpha/m", *[500] * 4, status(503, {"retry-after": "9"}))
    for _ in range(5):
        world.fail(model="alpha/m")
    world.wait(3)
    opened(world, "beta/m")
    assert world.breaker("alpha/m").ready(world.now) < world.breaker("beta/m").ready(world.now)
    assert world.ask().target == "beta/m"
    assert world.path() == ["beta/m"]


def test_an_early_probe_may_come_when_the_hint_is_over(make):
    """The provider asked for two seconds, the circuit is open for ten: after two one may look."""
    world = make(["alpha/m"], NO_RETRY)
    world.script("alpha/m", *[500] * 4, status(503, {"retry-after": "2"}), ok())
    for _ in range(5):
        world.fail()
    assert world.fail().kind == "rejected"
    world.wait(2.1)
    assert world.ask().target == "alpha/m"


def test_a_long_outage_and_the_way_back(make):
    """Over a ten-minute outage of one provider every request is answered, and it is back soon after it heals."""
    world = make()
    world.script("alpha/m", 503)

    async def story():
        while (now := world.io.now()) < 700:
            world.script("alpha/m", 503 if now < 600 else ok())
            assert (await world.answer()).target == "beta/m" or now >= 600
            await asyncio.sleep(1)

    world.run(story())
    during = [at for at in world.times("alpha/m") if at < 600]
    back = next(sent.at for sent in world.io.sent_to("alpha/m") if sent.status == 200)
    assert len(during) < 50
    assert back - 600 < 25
    assert world.last().target == "alpha/m"


def test_amplification_stays_small_in_an_outage(make):
    """Over a thousand requests with every target down, retries stay within the budget of a fifth and its floor."""
    world = make(more="[breaker]\nenabled = false")
    world.script_all(503)

    async def story():
        await asyncio.gather(*(one(number) for number in range(1000)))

    async def one(number):
        await asyncio.sleep(number * 0.05)
        await world.heard()

    world.run(story())
    retries = world.sent() - 2 * 1000
    floor = 2 * 10 * (world.now / 10 + 1)
    assert 0 < retries <= 2 * 0.2 * 1000 + floor


def test_streams_and_whole_answers_share_a_circuit(make):
    """Failures of both kinds add up."""
    world = make(["alpha/m"], NO_RETRY)
    world.script("alpha/m", 500)
    for number in range(5):
        world.fail(stream=number % 2 == 0)
    assert world.changes() == ["open"]


def test_a_lone_request_is_never_diverted_by_a_slow_start(pair):
    """Just after closing, one call at a time still goes to the preferred target."""
    pair.wait(OPENED)
    pair.ask()
    pair.ask()
    assert [pair.ask().target for _ in range(5)] == ["alpha/m"] * 5


def test_who_is_diverted_comes_back_if_nobody_else_takes_the_call(make):
    """The second target has a quota for one call: the others wait neither for it nor for a slow start, and go."""
    world = make(more=NO_RETRY + "[providers.beta.limits]\nrpm = 6")
    world.script("alpha/m", ok(TEXT, first=1.0))
    assert {answer.target for answer in world.crowd(8)} == {"alpha/m"}
    opened(world)
    world.script("alpha/m", ok(TEXT, first=1.0))
    world.wait(OPENED)
    world.ask(model="alpha/m")
    world.ask(model="alpha/m")
    assert world.changes("alpha/m")[-1] == "closed"
    before = world.now
    answers = world.crowd(8)
    assert sorted(answer.target for answer in answers) == ["alpha/m"] * 7 + ["beta/m"]
    assert world.now - before == pytest.approx(1.0)


def test_a_stream_is_read_while_its_circuit_opens(make):
    """A stream that is under way goes on to its end when others' failures open the circuit."""
    world = make(["alpha/m"], NO_RETRY)
    world.script("alpha/m", ok(TEXT, between=1.0), 500)

    async def story():
        stream = await world.answer(stream=True)
        for _ in range(5):
            await world.heard()
        return await read(stream)

    assert world.run(story()).text == TEXT
    assert world.changes() == ["open"]
