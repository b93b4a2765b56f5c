"""What is told of decisions: one event for each fact, with the numbers behind it; nothing where nothing happened."""

import asyncio

import msgspec
import pytest
from msgspec import structs

from outlast.model.events import (
    AttemptEnded,
    BackIn,
    BreakerChanged,
    CameBack,
    Diverted,
    FailedOver,
    GaveUp,
    LimitAwaited,
    LimitHit,
    Overdrawn,
    PauseAwaited,
    ProbeSent,
    Refused,
    RequestEnded,
    RetryRefused,
    RetryScheduled,
    Shed,
    SlotAwaited,
    TakenOut,
    TargetSkipped,
)
from outlast.testing import cut, ok, pings, silent, stall, status, throttled, unreachable

from .world import caller, key_of

NO_RETRY = "[retry]\nenabled = false\n"
OPENED = 11.0
"""No first opening is longer than ten seconds and a tenth."""
QUOTA = "[providers.alpha.limits]\nrpm = 6\n"
"""One at once, then one in ten seconds."""
ONE = "[bulkhead]\nslots = 1\nqueue = 1\nwait = 2\n"
SAME = '[providers.alpha.models.m]\nfamily = "m"\n[providers.beta.models.m]\nfamily = "m"\n'
KEY = '[keys.app]\nkey = "k-0123456789012345678901234567890123456789"\n'
EVERYTHING = KEY + "[keys.app.limits]\nrpm = 6000\ntpm = 6000000\n[providers.alpha.limits]\nrpm = 600\ntpm = 600000\n"


def only(world, kind):
    """The one event of that kind."""
    (event,) = world.events(kind)
    return event


def told(world):
    """The kinds of all events, in order."""
    return world.io.sink.kinds()


# -- nothing happened --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("more", ["", EVERYTHING])
def test_a_good_answer_at_the_first_go_is_two_events(make, stream, more):
    """One for its attempt and one for the request, whatever limits, slots and circuits it went through."""
    world = make(more=more)
    for _ in range(3):
        world.forget()
        world.hear(stream=stream, caller=caller("app"))
        assert told(world) == ["AttemptEnded", "RequestEnded"]


# -- attempts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "how", "timer", "limit"),
    [
        (silent(), {"stream": True}, "first_content", 10.0),
        (silent(), {}, "whole", 120.0),
        (silent(), {"timeout": 4.0}, "deadline", 4.0),
        (silent(), {"timeout": 2.0, "stream": True}, "deadline", 2.0),
        (unreachable("blackhole"), {}, "connect", 3.0),
        (unreachable("blackhole"), {"timeout": 1.5}, "deadline", 1.5),
        (stall(2), {"stream": True}, "stall", 10.0),
        (pings(2, every=1.0), {"stream": True}, "stall", 10.0),
        (ok("a " * 800, between=1.0), {"stream": True}, "max_stream", 600.0),
    ],
)
def test_a_timer_that_fired_is_named_with_its_seconds(make, behaviour, how, timer, limit):
    """Whose timer it was, ours or the caller's deadline, and how long it ran."""
    world = make(["alpha/m"], NO_RETRY)
    world.script("alpha/m", behaviour)
    world.hear(**how)
    ended = only(world, AttemptEnded)
    assert (ended.timer, ended.limit) == (timer, pytest.approx(limit))


def test_what_no_timer_ended_names_none(make):
    """Neither an answer nor an error of the provider's, nor a stream that was cut."""
    world = make(["alpha/m"], NO_RETRY)
    world.script("alpha/m", ok(), 503, cut(2), 400)
    for stream in (False, False, True, False):
        world.hear(stream=stream)
    assert [(event.timer, event.limit) for event in world.events(AttemptEnded)] == [("", None)] * 4


@pytest.mark.parametrize("stream", [False, True])
def test_an_attempt_tells_what_it_cost(make, stream):
    """In US dollars; None where no price is known, or nothing was used."""
    world = make(more="[providers.alpha.models.m.price]\ninput = 1.0\noutput = 2.0\n")
    world.hear(stream=stream)
    ended = only(world, AttemptEnded)
    assert ended.cost == pytest.approx((ended.usage.input + 2 * ended.usage.output) / 1e6)
    assert ended.cost == only(world, RequestEnded).cost
    world.script("alpha/m", 503)
    world.forget()
    world.hear()
    assert [event.cost for event in world.events(AttemptEnded)] == [None] * 3


def test_a_hint_is_told_as_the_provider_gave_it(make):
    """Before any jitter; None where it gave none."""
    world = make(["alpha/m"], NO_RETRY)
    world.script("alpha/m", throttled(70), 500)
    world.fail()
    assert [event.hint for event in world.events(AttemptEnded)] == [70.0]
    out = only(world, TakenOut)
    assert (out.call, out.hint, out.times) == ("1", 70.0, 1)
    assert out.seconds >= 70.0


def test_a_request_tells_the_time_it_had_and_what_its_caller_was_told(make):
    """Deadline, code and Retry-After."""
    world = make(["alpha/m"], KEY + "[keys.app.limits]\nrpm = 6\n")
    world.ask(caller=caller("app"))
    assert only(world, RequestEnded).deadline == 180.0
    world.fail(caller=caller("app"), timeout=7.0)
    ended = world.last()
    assert (ended.deadline, ended.code, ended.retry_after) == (7.0, "rate_limit_exceeded", pytest.approx(10.0))


# -- retry -------------------------------------------------------------------------------------------------------------


def test_a_retry_tells_its_delay_s_bounds_and_its_budget(make):
    """Chance chooses from 0 to the backoff, which doubles; each retry draws 1 of what requests deposited."""
    world = make(["alpha/m"])
    for _ in range(10):
        world.ask()  # each deposits 0.2
    world.script("alpha/m", 500, 500, ok())
    world.ask()
    first, second = world.events(RetryScheduled)
    assert (first.least, first.most, first.number, first.hint) == (0.0, 0.25, 2, None)
    assert (second.least, second.most, second.number) == (0.0, 0.5, 3)
    assert all(event.least <= event.delay <= event.most for event in (first, second))
    assert (first.cost, first.before, first.after, first.floor) == (1.0, pytest.approx(2.2), pytest.approx(1.2), False)
    assert (second.before, second.after) == (pytest.approx(1.2), pytest.approx(0.2))


def test_a_retry_without_deposits_says_that_it_needed_none(make):
    """Where there are few requests, the floor lets a few retries through."""
    world = make(["alpha/m"])
    world.script("alpha/m", 500, ok())
    world.ask()
    event = only(world, RetryScheduled)
    assert (event.floor, event.before, event.after) == (True, pytest.approx(0.2), pytest.approx(0.2))


def test_a_hint_is_the_least_delay(make):
    """Jitter is only added to it."""
    world = make(["alpha/m"])
    world.script("alpha/m", status(503, headers={"retry-after": "4"}), ok())
    world.ask()
    event = only(world, RetryScheduled)
    assert (event.hint, event.least, event.most) == (4.0, 4.0, pytest.approx(4.4))


def test_a_retry_that_is_not_made_tells_against_what_it_was_weighed(make):
    """The wait, the patience that the next target deserves, the time that is left, and how many targets are ready."""
    world = make(more=SAME)
    world.script("alpha/m", throttled(3), ok())
    world.ask(timeout=30)
    event = only(world, RetryRefused)
    assert (event.reason, event.patience, event.healthy) == ("another target is ready sooner", 0.5, 1)
    assert 3.0 <= event.delay <= 3.3
    assert (event.left, event.number, event.cost, event.hint) == (30.0, 2, 0.36, 3.0)


def test_a_spent_budget_is_told_with_its_balance(make):
    """What it has, and what the retry would have drawn."""
    world = make(["alpha/m"], "[retry]\nfloor = 0\n")
    world.script("alpha/m", 500)
    world.fail()
    event = only(world, RetryRefused)
    assert (event.reason, event.cost, event.balance) == ("the retry budget is spent", 1.0, pytest.approx(0.2))
    assert event.patience is None


# -- routing -----------------------------------------------------------------------------------------------------------


def test_a_target_that_is_passed_by_says_when_it_may_be_ready(make):
    """Its circuit is open for so long, its provider wants to be left alone for so long."""
    world = make(more=NO_RETRY)
    world.script("alpha/m", throttled(30))
    world.ask()
    world.wait(5.0)
    world.forget()
    world.ask()
    event = only(world, TargetSkipped)
    assert (event.call, event.target, event.reason) == ("2", "alpha/m", "it is paused")
    assert 25.0 <= event.wait <= 26.0


def test_a_dear_target_is_told_with_both_sums(make):
    """What it would cost, and the most that the route allows."""
    world = make(
        more='[routes.default]\ntargets = ["alpha/m", "beta/m"]\nmax_cost = 0.001\n'
        "[providers.alpha.models.m.price]\ninput = 100\noutput = 100\n"
    )
    world.ask(max_tokens=100)
    event = only(world, TargetSkipped)
    assert event.limit == 0.001
    assert event.value > 0.01


def test_coming_back_is_told_with_its_wait(make):
    """Both targets have failed; the one that is ready first is asked again, which is a retry and draws on a budget."""
    world = make()
    world.script("alpha/m", throttled(5), ok())
    world.script("beta/m", throttled(9))
    assert world.ask().target == "alpha/m"
    back = only(world, CameBack)
    assert (back.call, back.target, back.failed) == ("1", "alpha/m", True)
    assert 5.0 <= back.seconds <= 5.5
    retry = world.events(RetryScheduled)[-1]
    assert (retry.target, retry.kind, retry.delay, retry.number, retry.cost) == ("alpha/m", "throttled", 0.0, 3, 0.36)


def test_a_return_that_no_budget_is_left_for_is_told(make):
    """As any retry that is not made."""
    world = make(more="[retry]\nfloor = 0\n")
    world.script("alpha/m", throttled(5))
    world.script("beta/m", throttled(9))
    world.fail()
    refused = [event for event in world.events(RetryRefused) if event.reason == "the retry budget is spent"]
    assert [(event.target, event.kind, event.balance) for event in refused] == [
        ("alpha/m", "throttled", pytest.approx(0.2)),
        ("beta/m", "throttled", pytest.approx(0.2)),
    ]


@pytest.mark.parametrize(
    ("more", "how", "reason", "made"),
    [
        ("", {}, "no target is left", 5),
        ("[retry]\ntotal = 2\n", {}, "no attempts are left", 2),
    ],
)
def test_giving_up_is_told_with_what_was_left(make, more, how, reason, made):
    """Why there is no further target, how many of how many attempts were made, and the time that remains."""
    world = make(more=more)
    world.script_all(500)
    world.fail(**how)
    event = only(world, GaveUp)
    assert (event.reason, event.made) == (reason, made)
    assert event.most == (2 if "total" in more else 6)
    assert 0 < event.left <= 180.0


def test_giving_up_for_want_of_time_says_so(make):
    """The deadline came before an answer."""
    world = make()
    world.script_all(silent())
    world.fail(timeout=5)
    event = only(world, GaveUp)
    assert (event.reason, event.made) == ("no time is left", 1)
    assert event.left == pytest.approx(0.0)


# -- circuits ----------------------------------------------------------------------------------------------------------


def opened(world):
    """Five failures in a row on alpha/m."""
    world.script("alpha/m", 500)
    for _ in range(5):
        world.hear(model="alpha/m")
    world.script("alpha/m", ok())
    return world


def test_an_opening_tells_the_counts_that_led_to_it(make):
    """Five in a row, where five are enough; who made the fifth, and how long it stays open."""
    world = opened(make(["alpha/m"], NO_RETRY))
    event = only(world, BreakerChanged)
    assert (event.after, event.call, event.run, event.threshold) == ("open", "5", 5, 5)
    assert (event.calls, event.failed, event.slow, event.openings, event.hint) == (5, 5, 0, 1, 0.0)
    assert 9.0 <= event.seconds <= OPENED


def test_an_operator_s_word_is_no_call_s_doing(make):
    """It is told when the next call comes by, and names none."""
    world = make(["alpha/m"], NO_RETRY)
    world.ask()
    world.breaker().operate("observe", world.now)
    world.ask()
    assert [(event.after, event.call) for event in world.events(BreakerChanged)] == [("observe", "")]


def test_an_opening_by_rate_tells_the_rate(make):
    """Half of ten calls, and the hint that the last of them came with."""
    world = make(["alpha/m"], NO_RETRY)
    last = status(503, headers={"retry-after": "40"})
    world.script("alpha/m", *[ok(), 500] * 4, ok(), last)
    for _ in range(10):
        world.hear()
    event = only(world, BreakerChanged)
    assert (event.run, event.calls, event.failed, event.threshold) == (1, 10, 5, 0.5)
    assert (event.hint, event.seconds) == (40.0, 40.0)


def test_probes_are_told_and_what_came_of_them(make):
    """Each call that tests the target, and the closing with the number of good ones that it takes."""
    world = opened(make(["alpha/m"], NO_RETRY))
    world.wait(OPENED)
    world.forget()
    for _ in range(2):
        world.ask()
    assert [(event.call, event.early, event.left) for event in world.events(ProbeSent)] == [
        ("6", False, 0.0),
        ("7", False, 0.0),
    ]
    half, closed = world.events(BreakerChanged)
    assert (half.after, half.call) == ("half_open", "6")
    assert (closed.after, closed.call, closed.threshold) == ("closed", "7", 2)


def test_the_one_early_probe_says_how_early_it_is(make):
    """Everything is open: one call goes out before its time, the next is told that its circuit is open."""
    world = opened(make(["alpha/m"], NO_RETRY))
    world.script("alpha/m", 500)
    world.forget()
    world.fail()
    probe = only(world, ProbeSent)
    assert probe.early
    assert 9.0 <= probe.left <= OPENED
    world.forget()
    world.fail()
    skipped, gave_up = only(world, TargetSkipped), only(world, GaveUp)
    assert skipped.reason == "its circuit is open"
    assert (gave_up.reason, gave_up.made, gave_up.retry_after) == ("no target is left", 0, pytest.approx(skipped.wait))


def test_a_slow_start_that_diverts_tells_its_numbers(make):
    """How many calls are under way, and how many may be by now."""
    world = make(more=NO_RETRY)
    world.script("alpha/m", ok(first=1.0))
    world.crowd(20)  # its level before it opens
    opened(world)
    world.wait(OPENED)
    world.script("alpha/m", ok(first=1.0))
    world.crowd(2)
    world.forget()
    world.crowd(5)
    diverted = world.events(Diverted)
    assert [(event.target, event.flying, event.allowed) for event in diverted] == [("alpha/m", 2, 2.0)] * 3
    assert all(0 < event.seconds <= 5.0 for event in diverted)


def test_a_gate_that_shut_on_the_way_is_told(make):
    """Two calls wait for the slot of a target whose circuit opens meanwhile: the second one is refused at the gate."""
    world = make(["alpha/m"], NO_RETRY + "[breaker]\nfailures = 1\n[bulkhead]\nslots = 1\n")
    world.script("alpha/m", status(500))
    world.crowd(2)
    refused = only(world, Refused)
    assert (refused.target, refused.gate, refused.reason) == ("alpha/m", "breaker", "the circuit is open")
    assert 9.0 <= refused.seconds <= OPENED


# -- pauses ------------------------------------------------------------------------------------------------------------


def test_a_pause_is_told_from_its_beginning_to_its_end(make):
    """Who heard of it, who waits for it and how patiently, and who found the target well again."""
    world = make()
    world.script("alpha/m", throttled(2), ok())
    world.fail(model="alpha/m", timeout=1)
    world.forget()
    world.ask()
    waited = only(world, PauseAwaited)
    assert (waited.call, waited.target, waited.patience) == ("2", "alpha/m", 2.5)
    assert 2.0 <= waited.seconds <= 2.2
    assert only(world, BackIn) == BackIn("target", "alpha/m", "2")


def test_a_pause_that_grows_while_it_is_waited_for_is_told_again(make):
    """Each wait with its own seconds; what they add up to is what the call has waited."""
    world = make(more=NO_RETRY)
    world.script("alpha/m", throttled(1), throttled(1.5), ok())
    world.fail(model="alpha/m")

    async def story():
        waiting = asyncio.ensure_future(world.heard())
        await asyncio.sleep(0.5)
        world.stack.pauses._targets["alpha/m"].until += 0.75  # as another call's end would
        return await waiting

    world.forget()
    began = world.now
    world.run(story())
    waits = world.events(PauseAwaited)
    assert [event.seconds for event in waits] == [pytest.approx(1.05, abs=0.05), pytest.approx(0.75)]
    assert sum(event.seconds for event in waits) == pytest.approx(world.now - began)


def test_a_credential_is_told_from_its_beginning_to_its_end(make):
    """Out, tested when its time is over, and back."""
    world = make()
    world.script("alpha/m", 401, ok())
    world.ask()
    out = only(world, TakenOut)
    assert (out.scope, out.name, out.seconds, out.call, out.times) == ("credential", "alpha", 30.0, "1", 1)
    world.wait(30.0)
    world.forget()
    world.ask()
    assert only(world, ProbeSent) == ProbeSent("2", "alpha/m", "pause")
    assert only(world, BackIn) == BackIn("credential", "alpha", "2")


# -- limits ------------------------------------------------------------------------------------------------------------


def test_a_limit_that_refuses_tells_what_is_left(make):
    """Whose it is, what the request costs, what is left of how much, and how long it would have waited."""
    world = make(["alpha/m"], QUOTA)
    world.ask()
    world.fail(timeout=5)
    hit = only(world, LimitHit)
    assert (hit.call, hit.scope, hit.limit, hit.user_type) == ("2", "alpha", "rpm", "operator")
    assert (hit.cost, hit.remaining, hit.amount, hit.wait) == (1.0, pytest.approx(0.0), 6.0, 5.0)
    assert hit.retry_after == pytest.approx(10.0)


def test_calls_at_once_are_a_limit_too(make):
    """One is under way where one may be."""
    world = make(["alpha/m"], KEY + "[keys.app.limits]\nconcurrent = 1\n")
    world.script("alpha/m", ok(first=1.0))
    world.crowd(2, caller=caller("app"))
    hit = only(world, LimitHit)
    assert (hit.limit, hit.scope, hit.cost, hit.remaining, hit.amount) == ("concurrent", "key app", 1.0, 0.0, 1)


def test_a_wait_for_a_limit_is_told_with_its_seconds(make):
    """It is one sleep, known in advance."""
    world = make(["alpha/m"], QUOTA)
    world.crowd(2)
    waited = only(world, LimitAwaited)
    assert (waited.call, waited.scope, waited.limit, waited.amount) == ("2", "alpha", "rpm", 6.0)
    assert (waited.seconds, waited.cost, waited.remaining) == (pytest.approx(10.0), 1.0, pytest.approx(0.0))


def test_a_debt_is_told_and_a_refund_is_not(make):
    """An answer that used more tokens than it was charged for; most use less."""
    world = make(["alpha/m"], "[providers.alpha.limits]\ntpm = 600000\n[limits]\nexpected_output = 1\n")
    world.script("alpha/m", ok("word " * 50), ok("few words"))
    world.ask()
    debt = only(world, Overdrawn)
    used = only(world, AttemptEnded).usage
    assert (debt.call, debt.target, debt.used_tokens) == ("1", "alpha/m", used.input + used.output)
    assert debt.charged_tokens < debt.used_tokens
    world.forget()
    world.ask()
    assert not world.events(Overdrawn)


# -- slots -------------------------------------------------------------------------------------------------------------


def test_a_slot_that_was_waited_for_is_told(make):
    """How long it took, who stood before it, and in which class it waited."""
    world = make(["alpha/m"], "[bulkhead]\nslots = 1\n")
    world.script("alpha/m", ok(first=0.5))
    world.crowd(3)
    waits = world.events(SlotAwaited)
    assert [(event.call, event.seconds, event.ahead) for event in waits] == [("2", 0.5, 0), ("3", 1.0, 1)]
    assert {(event.queue, event.granted, event.priority) for event in waits} == {("alpha/m", True, 0)}


def test_who_leaves_the_queue_is_told_too(make):
    """It has waited, and got nothing."""
    world = make(["alpha/m"], ONE)
    world.script("alpha/m", ok(first=1.0))

    async def story():
        first, second = (asyncio.ensure_future(world.heard()) for _ in range(2))
        await asyncio.sleep(0.25)
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)

    world.run(story())
    assert only(world, SlotAwaited) == SlotAwaited("2", "alpha/m", 0.25, granted=False)


def test_who_is_shed_is_told_how_full_it_was(make):
    """At once where the queue is full, or after having waited in vain."""
    world = make(["alpha/m"], ONE)
    world.script("alpha/m", ok(first=30.0))
    world.crowd(3)
    full, late = world.events(Shed)
    assert (full.call, full.reason, full.waited) == ("3", "the queue is full", 0.0)
    assert (full.waiting, full.ahead, full.slots) == (1, 1, 1)
    assert (late.call, late.reason, late.waited) == ("2", "no slot became free in time", 2.0)


# -- all of them -------------------------------------------------------------------------------------------------------


def test_no_event_holds_what_was_asked_answered_or_a_key(make):
    """Whatever goes wrong: prompts, answers, keys and the provider's words stay out of every event."""
    world = make(more=ONE + QUOTA)
    said = "the provider says so"
    world.script(
        "alpha/m", status(500, body=said.encode()), 401, throttled(1), cut(2), stall(1), status(400, body=said.encode())
    )
    world.script("beta/m", 503, ok("a secret answer"), garbled := status(200, body=said.encode()), garbled, ok())
    for stream in (False, True) * 6:
        world.crowd(3, "a secret prompt", stream=stream)
        world.wait(31.0)
    text = msgspec.json.encode([structs.asdict(event) for event in world.io.sink.events]).decode()
    assert len(set(told(world))) > 8
    for secret in ("secret", said, key_of("alpha"), key_of("beta")):
        assert secret not in text


def test_every_event_about_a_call_names_it(make):
    """So that a story can be told of one call; a circuit and a pause name whose end has changed them."""
    world = make(more=ONE + QUOTA + "[breaker]\nfailures = 2\n")
    world.script("alpha/m", 500, 500, throttled(1), 401, ok())
    for _ in range(8):
        world.crowd(3)
        world.wait(12.0)
    calls = {str(number) for number in range(1, 25)}
    assert {event.call for event in world.io.sink.events} <= calls
    assert {BreakerChanged, TakenOut, FailedOver} <= {type(event) for event in world.io.sink.events}
