"""What a guard does around a function, the same for plain functions and for coroutine functions."""

import asyncio
import pickle

import pytest

import outlast
from outlast import Breaker, Deadline, Exhausted, Failure, Fallback, Limit, Rejected, Retry, Slots, Timeout
from outlast.guard import OutOfTime
from outlast.model.errors import Connect, Throttled, TimedOut, Transient
from outlast.model.events import AttemptEnded, BreakerChanged, FailedOver, LimitHit, RetryRefused, RetryScheduled
from outlast.model.events import Refused as Refused_

from .world import Takes


class Own(Exception):
    """An exception of the application."""


class Refused(Exception):
    """An HTTP library's error."""

    def __init__(self, status, headers=None):
        super().__init__(f"status {status}")
        self.response = type("Response", (), {"status_code": status, "headers": headers or {}})()


def test_a_guard_without_policies_is_the_function(world):
    """Arguments go in, the answer comes out, and so does an exception, as it is."""
    well = world.guarded(outcomes=["well"])
    assert world.call(well, "hi") == "well"
    assert world.script.calls == [("hi",)]
    wrong = Own("no")
    error = world.fails(world.guarded(outcomes=[wrong]))
    assert error is wrong
    assert not hasattr(error, "__notes__")


def test_what_fails_is_tried_again(world):
    """With a backoff of full jitter: never more than the base, doubled each time."""
    patient = world.guarded(Retry(attempts=4, base=1.0), outcomes=[OSError, Own, Own, "well"])
    assert world.call(patient) == "well"
    first, second, third, fourth = world.script.at
    assert 0 < second - first <= 1
    assert 0 < third - second <= 2
    assert 0 < fourth - third <= 4


def test_when_nothing_is_left_the_history_is_told(world):
    """`Exhausted`, raised from the last error, never waits after the last attempt."""
    last = Own("the last one")
    tired = world.guarded(
        Retry(attempts=3, base=1.0), Timeout(5), outcomes=[OSError, Takes(2, Own), Takes(1, last), "never"]
    )
    error = world.fails(tired)
    assert isinstance(error, Exhausted)
    assert isinstance(error, Failure)
    assert error.last is error.__cause__ is last
    assert error.why == "no attempts left"
    assert [(a.number, a.kind, a.error, a.seconds) for a in error.attempts] == [
        (1, "connect", "OSError", 0.0),
        (2, "transient", "Own", 2.0),
        (3, "transient", "Own", 1.0),
    ]
    waits = [attempt.waited for attempt in error.attempts]
    assert waits[0] == 0 < min(waits[1:])
    assert world.now() == pytest.approx(3.0 + sum(waits))
    assert str(error) == "dep: 3 attempts have failed, the last with Own; no attempts left"
    assert str(error.attempts[1]).startswith("attempt 2: Own (transient) in 2 s after ")


def test_the_text_of_an_error_is_nowhere_but_on_the_error(world):
    """A message may hold a prompt or a key."""
    error = world.fails(world.guarded(Retry(attempts=2), outcomes=[Own("sk-secret")]))
    assert "sk-secret" not in f"{error} {error!r} {error.attempts} {world.io.events}"
    assert "sk-secret" in str(error.last)


def test_reraise_gives_the_last_error_itself(world):
    """Its notes tell the history, once."""
    last = Own("no")
    again = world.guarded(Retry(attempts=2, base=0, reraise=True), outcomes=[last])
    for _ in range(2):
        assert world.fails(again) is last
    notes = last.__notes__
    assert [note for note in notes if "no attempts left" in note] == ["outlast: no attempts left"]
    assert "outlast: attempt 1: Own (transient) in 0 s" in notes
    assert len(notes) == len(set(notes))


def test_a_mistake_is_neither_repeated_nor_wrapped(world):
    """A ValueError says nothing of the dependency; not on the second attempt either."""
    wrong = ValueError("of the caller")
    search = world.guard(Retry(), Breaker(failures=2))
    careful = search(world.dependency(OSError, wrong))
    assert [world.fails(careful) for _ in range(4)] == [wrong] * 4
    assert len(world.script.calls) == 5
    assert world.state(search).breaker == "closed"


def test_on_says_what_is_repeated(world):
    """Types, or a function; what it names is a failure, and what it does not name goes through as it is."""
    for on in (ValueError, (ValueError, KeyError), lambda error: isinstance(error, ValueError)):
        choosy = world.guarded(Retry(on=on, attempts=3), outcomes=[ValueError, OSError("mine")])
        error = world.fails(choosy)
        assert (type(error), str(error)) == (OSError, "mine")
        assert len(world.script.calls) == 2


def test_what_retry_names_counts_for_the_breaker_too(world):
    """One classification for all policies."""
    search = world.guard(Retry(on=KeyError, attempts=2, base=0), Breaker(failures=2))
    assert isinstance(world.fails(search(world.dependency(KeyError))), Exhausted)
    assert world.state(search).breaker == "open"


def test_without_retry_the_error_is_its_own(world):
    """A breaker, a limit and slots change nothing about it."""
    failed = Own("no")
    error = world.fails(world.guarded(Limit(rpm=60), Slots(1), Breaker(), Timeout(1), outcomes=[failed]))
    assert error is failed
    assert error.__cause__ is None


def test_classify_says_what_an_exception_means(world):
    """ "neutral" is not retried, "failure" is; None leaves it to the usual classification."""
    means = {Own: "neutral", KeyError: "failure"}
    search = world.guard(Retry(attempts=2, base=0), classify=lambda error: means.get(type(error)))
    assert type(world.fails(search(world.dependency(Own)))) is Own
    assert type(world.fails(search(world.dependency(KeyError)))) is Exhausted
    assert type(world.fails(search(world.dependency(LookupError)))) is LookupError
    odd = world.guard(Breaker(), classify=lambda error: "success?")
    assert "use failure, throttled, neutral or None" in str(world.fails(odd(world.dependency(Own))))
    assert world.state(odd).in_flight == 0


def test_a_result_may_be_a_failure(world):
    """Then it is tried again; without a retry, or with `reraise`, the result is given all the same."""
    empty = {"failed": lambda result: result == []}
    assert world.call(world.guarded(Retry(), outcomes=[[], [], ["found"]], **empty)) == ["found"]
    error = world.fails(world.guarded(Retry(on=OSError), outcomes=[[]], **empty))
    assert type(error) is Exhausted
    assert error.last.result == []
    assert world.call(world.guarded(Retry(reraise=True), outcomes=[[]], **empty)) == []
    search = world.guard(Breaker(failures=2), **empty)
    assert [world.call(search(world.dependency([]))) for _ in range(2)] == [[], []]
    assert world.state(search).breaker == "open"


@pytest.mark.parametrize(
    ("refusal", "least"),
    [
        (Throttled("slow down", retry_after=7.0), 7.0),
        (Refused(429, {"retry-after": "9"}), 9.0),
        (Refused(503, {"retry-after-ms": "4500"}), 4.5),
    ],
)
def test_a_hint_is_a_floor(world, refusal, least):
    """On an attribute, or in the headers of a response: jitter is only added, a tenth and at most a second."""
    obedient = world.guarded(Retry(), outcomes=[refusal, "well"])
    assert world.call(obedient) == "well"
    assert least <= world.now() <= least * 1.1


def test_a_hint_that_is_too_long_is_told_and_not_waited_for(world):
    """Longer than a minute, or than the deadline leaves."""
    for policies in ((Retry(),), (Deadline(5), Retry(hint_max=600))):
        error = world.fails(world.guarded(*policies, outcomes=[Refused(503, {"retry-after": "90"})]))
        assert type(error) is Exhausted
        assert error.retry_after == 90.0
        assert world.now() == 0
        assert len(error.attempts) == 1


def test_no_attempt_starts_without_time_for_it(world):
    """A backoff that would end after the deadline is not waited for."""
    hurried = world.guarded(Deadline(3), Retry(attempts=10, base=100, cap=100), outcomes=[Takes(1, OSError)])
    error = world.fails(hurried)
    assert error.why == "no time left before the deadline"
    assert world.now() < 3


def test_statuses_mean_what_they_mean_to_the_engine(world):
    """5xx and 429 are tried again, other 4xx are the caller's, 409 once."""
    tried = {}
    for status in (400, 401, 404, 408, 409, 422, 425, 429, 500, 501, 502, 503, 504, 529):
        world.fails(world.guarded(Retry(attempts=4, base=0.01, budget=False), outcomes=[Refused(status)]))
        tried[status] = len(world.script.calls)
    assert {status for status, many in tried.items() if many == 1} == {400, 401, 404, 422, 501}
    assert tried[409] == 2
    assert {many for status, many in tried.items() if status not in {400, 401, 404, 409, 422, 501}} == {4}


def test_an_outlast_failure_brings_its_own_meaning(world):
    """A connection that may never work again is not tried again; a lost one is, at once."""
    assert type(world.fails(world.guarded(Retry(), outcomes=[Connect("no", again="never")]))) is Connect
    assert len(world.script.calls) == 1
    assert world.call(world.guarded(Retry(), outcomes=[Connect("lost"), "well"])) == "well"
    assert world.now() == 0


def test_retries_have_a_budget(world):
    """Ten beyond a fifth of the calls, then none; a call that succeeds pays into it."""
    search = world.guard(Retry(attempts=2, base=0))
    failing = search(world.dependency(OSError))
    whys = [world.fails(failing).why for _ in range(15)]
    assert whys[:10] == ["no attempts left"] * 10
    assert "the retry budget is spent" in whys[10:]
    unbounded = world.guard(Retry(attempts=2, base=0, budget=False))(world.dependency(OSError))
    assert {world.fails(unbounded).why for _ in range(30)} == {"no attempts left"}


def test_a_breaker_opens_and_says_for_how_long(world):
    """A refusal is `Rejected`: nothing was sent, and it is a new exception each time."""
    search = world.guard(Breaker(failures=3, jitter=0))
    failing = search(world.dependency(OSError))
    for _ in range(3):
        world.fails(failing)
    one, other = world.fails(failing), world.fails(failing)
    assert type(one) is Rejected
    assert one is not other
    assert (one.gate, one.code, one.retry_after) == ("breaker", "circuit_open", 10.0)
    assert len(world.script.calls) == 3
    state = world.state(search)
    assert (state.breaker, state.retry_after, state.in_flight) == ("open", 10.0, 0)


def test_two_good_probes_close_it(world):
    """Half-open after its time, one failure opens it again."""
    search = world.guard(Breaker(failures=1, jitter=0))
    moody = search(world.dependency(OSError, OSError, "well"))
    world.fails(moody)
    world.wait(10)
    world.fails(moody)
    assert world.state(search).breaker == "open"
    world.wait(20)
    assert world.call(moody) == "well"
    assert world.state(search).breaker == "half_open"
    assert world.call(moody) == "well"
    assert world.state(search).breaker == "closed"


def test_a_retry_does_not_run_into_a_breaker_that_it_has_opened(world):
    """The caller hears of the real failure, and when to come back."""
    error = world.fails(world.guarded(Retry(attempts=9, base=0), Breaker(failures=2, jitter=0), outcomes=[OSError]))
    assert type(error) is Exhausted
    assert len(error.attempts) == 2
    assert error.why == "dep: the circuit is open; try again in 10 s"
    assert error.retry_after == 10.0


def test_a_refusal_of_a_guard_inside_hides_no_failure(world):
    """What was sent and failed before is told: only who never sent anything is `Rejected`."""
    inner = world.guard(Breaker(failures=2, jitter=0), name="inner")
    again = world.guard(Retry(attempts=5, base=0.1))
    error = world.fails(again(inner(world.dependency(OSError))))
    assert type(error) is Exhausted
    assert type(error.last) is OSError
    assert [attempt.kind for attempt in error.attempts] == ["connect", "connect", "rejected"]
    assert "the circuit is open" in error.why
    assert 9 < error.retry_after <= 10
    assert type(world.fails(again(inner(world.dependency(OSError))))) is Rejected
    patient = world.guard(Retry(attempts=2, base=100, on=Rejected))
    assert world.call(patient(inner(world.dependency("well")))) == "well"


def test_an_operator_has_the_last_word(world):
    """Force it open, let all pass, look on, and let go; also for keys that nobody has used yet."""
    search = world.guard(Breaker(failures=1), key=lambda who: who)
    failing = search(world.dependency(OSError))

    def told(word, *args):
        if world.face == "plain":
            word(*args)
        else:

            async def tell():
                word(*args)

            world.run(tell())

    told(search.breaker.force_open, 30)
    assert world.fails(failing, "a").retry_after == 30
    told(search.breaker.disable)
    assert [type(world.fails(failing, who)) for who in "abab"] == [OSError] * 4
    told(search.breaker.release)
    assert world.state(search, "a").breaker == "closed"
    told(search.breaker.observe)
    assert [type(world.fails(failing, "a")) for _ in range(3)] == [OSError] * 3
    assert world.state(search, "a").breaker == "observe"


def test_a_limit_makes_calls_wait_for_their_place(world):
    """A burst of ten seconds' worth, then one a second, without polling."""
    polite = world.guarded(Limit(rpm=60))
    for _ in range(13):
        world.call(polite)
    assert world.script.at == pytest.approx([0] * 10 + [1, 2, 3])


def test_a_limit_that_may_not_wait_refuses(world):
    """With the time after which there is a place."""
    search = world.guard(Limit(rpm=60, burst=1, max_wait=0))
    strict = search(world.dependency("well"))
    world.call(strict)
    refusal = world.fails(strict)
    assert (type(refusal), refusal.gate, refusal.retry_after) == (Rejected, "limits", 1.0)
    assert refusal.status == 429
    world.wait(1)
    assert world.call(strict) == "well"


def test_a_wait_beyond_the_deadline_is_not_begun(world):
    """Refused at once, with the honest time."""
    hurried = world.guarded(Deadline(0.5), Limit(rpm=60, burst=1))
    world.call(hurried)
    refusal = world.fails(hurried)
    assert (type(refusal), refusal.retry_after) == (Rejected, 1.0)
    assert world.now() == 0


def test_each_key_has_its_own_limit(world):
    """A function of the arguments says whose it is."""
    fair = world.guarded(Limit(rpm=60, burst=1, max_wait=0, key=lambda user, *_: user))
    assert world.call(fair, "ann") == world.call(fair, "bob") == "well"
    refusal = world.fails(fair, "ann")
    assert (type(refusal), refusal.gate, refusal.status) == (Rejected, "caller_limits", 429)
    assert [(hit.user_type, hit.retry_after) for hit in world.io.events if isinstance(hit, LimitHit)] == [("user", 1.0)]


def test_nothing_is_given_instead_to_a_caller_over_his_own_limit(world):
    """Or a limit would be a way to cheaper answers; one of the guard's own is degraded as any refusal."""
    one = {"rpm": 60, "burst": 1, "max_wait": 0}
    fair = world.guarded(Fallback("stale"), Limit(key=lambda user: user, **one))
    assert world.call(fair, "ann") == "well"
    assert world.fails(fair, "ann").gate == "caller_limits"
    shared = world.guarded(Fallback("stale"), Limit(**one))
    assert [world.call(shared, "ann") for _ in range(2)] == ["well", "stale"]


def test_limits_are_one_decision(world):
    """What the second refuses is not charged to the first."""
    search = world.guard(Limit(rpm=60, burst=2, max_wait=0), Limit(rpm=60, burst=1, max_wait=0, key=lambda who: who))
    both = search(world.dependency("well"))
    world.call(both, "ann")
    for _ in range(5):
        assert world.fails(both, "ann").retry_after == 1.0
    assert world.state(search).left["rpm"] == 1.0
    assert world.call(both, "bob") == "well"


def test_a_limit_outside_of_a_retry_charges_a_call_once(world):
    """Inside it charges each attempt."""
    for policies, left in (((Limit(rpm=60), Retry(base=0)), 9.0), ((Retry(base=0), Limit(rpm=60)), 7.0)):
        search = world.guard(*policies)
        world.call(search(world.dependency(OSError, OSError, "well")))
        assert world.state(search).left["rpm"] == pytest.approx(left)


def test_what_was_never_sent_is_not_charged(world):
    """A refusal by the breaker gives back what the limits have taken, outer and inner."""
    search = world.guard(Limit(rpm=60), Retry(attempts=1), Limit(rpm=60), Breaker(failures=1))
    failing = search(world.dependency(OSError))
    world.fails(failing)
    for _ in range(5):
        assert type(world.fails(failing)) is Rejected
    assert world.state(search).left["rpm"] == 9.0


def test_tokens_are_counted_by_the_callers_function(world):
    """A cost above what is left waits for it."""
    wordy = world.guarded(Limit(tpm=600, tokens=len))
    world.call(wordy, "x" * 100)
    world.call(wordy, "x" * 50)
    assert world.script.at == pytest.approx([0, 5])
    assert world.fails(wordy, "x" * 601).retry_after is None


def test_a_function_can_ask_how_much_time_is_left(world):
    """The least of all limits around it, and none without any."""
    told = []
    inner = world.guard(Timeout(3))
    outer = world.guard(Deadline(10), Timeout(5))

    if world.face == "plain":

        @inner
        def asks():
            told.append(outlast.time_left())

        @outer
        def calls():
            told.append(outlast.time_left())
            asks()
            world.io.pass_time(4)
            told.append(outlast.time_left())
            asks()

        calls()
    else:

        @inner
        async def asks():
            told.append(outlast.time_left())

        @outer
        async def calls():
            told.append(outlast.time_left())
            await asks()
            await world.io.sleep(4)
            told.append(outlast.time_left())
            await asks()

        world.run(calls())
    assert told == [5, 3, 1, 1]
    assert outlast.time_left() is None


def test_a_guard_inside_of_another_waits_no_longer_than_it_may(world):
    """The outer deadline bounds the inner backoff."""
    inner = world.guard(Retry(attempts=5, base=100, cap=100), name="inner")(world.dependency(OSError))
    error = world.fails(world.guard(Deadline(2), name="outer")(inner))
    assert type(error) is Exhausted
    assert error.why == "no time left before the deadline"
    assert world.now() < 2


def test_a_fallback_is_given_instead_of_a_failure(world):
    """A value, or what a function of the same arguments gives; not instead of a caller's mistake."""
    assert world.call(world.guarded(Fallback(["none"]), Retry(attempts=1), outcomes=[OSError])) == ["none"]
    assert world.call(world.guarded(Fallback(None), outcomes=[Own])) is None
    assert (
        world.call(world.guarded(Fallback(call=lambda who: f"sorry {who}"), outcomes=[OSError]), "ann") == "sorry ann"
    )
    assert type(world.fails(world.guarded(Fallback(None), outcomes=[ValueError]))) is ValueError
    assert world.call(world.guarded(Fallback(1, on=KeyError), outcomes=[KeyError])) == 1
    assert type(world.fails(world.guarded(Fallback(1, on=KeyError), outcomes=[OSError]))) is OSError


def test_a_fallback_stands_in_for_a_refusal(world):
    """An open circuit is one."""
    search = world.guard(Fallback("stale"), Breaker(failures=1))
    failing = search(world.dependency(OSError))
    assert [world.call(failing) for _ in range(3)] == ["stale"] * 3
    assert len(world.script.calls) == 1


def test_a_fallback_that_fails_fails_with_its_own_error(world):
    """The first error is its context."""

    def broken():
        raise Own("also")

    error = world.fails(world.guarded(Fallback(call=broken), outcomes=[OSError]))
    assert type(error) is Own


def test_each_key_of_a_guard_has_machines_of_its_own(world):
    """One host that is down says nothing of the others."""
    search = world.guard(Breaker(failures=1), key=lambda host: host)
    world.fails(search(world.dependency(OSError)), "down")
    assert world.call(search(world.dependency("well")), "up") == "well"
    assert (world.state(search, "down").breaker, world.state(search, "up").breaker) == ("open", "closed")


def test_what_it_is_applied_to_shares_its_state(world):
    """One guard is one dependency."""
    search = world.guard(Breaker(failures=2))
    world.fails(search(world.dependency(OSError)))
    world.fails(search(world.dependency(OSError)))
    assert type(world.fails(search(world.dependency("well")))) is Rejected


def test_sinks_hear_what_happens(world):
    """The same events as the engine's, without arguments or texts."""
    heard = []
    search = world.guard(Fallback(0), Retry(attempts=2, base=0), Breaker(failures=2), sinks=[heard.append])
    world.call(search(world.dependency(OSError)), "secret")
    assert [type(event) for event in heard] == [
        AttemptEnded,
        RetryScheduled,
        BreakerChanged,
        AttemptEnded,
        RetryRefused,
        FailedOver,
    ]
    assert [event.kind for event in heard if isinstance(event, AttemptEnded)] == ["connect", "connect"]
    assert {event.call for event in heard} == {"dep-1"}
    assert "secret" not in str(heard)
    refusing = world.guarded(Limit(rpm=1, burst=1, max_wait=0), sinks=[heard.append])
    world.call(refusing)
    world.fails(refusing)
    assert isinstance(heard[-1], LimitHit)


def test_a_sink_that_raises_spoils_nothing(world):
    """The answer comes all the same."""

    def broken(event):
        raise RuntimeError("no")

    assert world.call(world.guarded(Retry(), sinks=[broken])) == "well"


def test_it_explains_itself(world):
    """Its policies with their numbers, how it stands, and what it is around."""
    search = world.guard(Deadline(10), Retry(on=OSError), Limit(rpm=60), Slots(8), Breaker(failures=1), Timeout(2))
    failing = search(world.dependency(OSError))
    world.fails(failing)

    async def words():
        return search.explain()

    text = search.explain() if world.face == "plain" else world.run(words())
    for said in (
        "10 s for the whole call",
        "3 attempts, on OSError",
        "60 calls a minute",
        "8 at once",
        "opens after 1 failures in a row",
        "2 s for an attempt",
        "breaker open for ",
        "9 left of rpm",
        f", a {'function' if world.face == 'plain' else 'coroutine function'}",
    ):
        assert said in text


def test_a_late_plain_answer_is_given_and_slow(blocking):
    """It cannot be interrupted; four of five late answers open the circuit."""
    search = blocking.guard(Breaker(min_calls=5), Timeout(1))
    late = search(blocking.dependency(Takes(3, "late")))
    assert [blocking.call(late) for _ in range(5)] == ["late"] * 5
    assert blocking.state(search).breaker == "open"


def test_a_late_coroutine_is_cut(loop):
    """`OutOfTime` is a TimeoutError; with a retry it is tried again."""
    error = loop.fails(loop.guarded(Timeout(2), outcomes=[Takes(5)]))
    assert isinstance(error, TimeoutError)
    assert isinstance(error, OutOfTime)
    assert (error.phase, str(error), loop.now()) == ("attempt", "dep: no answer within 2 s", 2.0)
    assert loop.call(loop.guarded(Retry(on=TimeoutError, base=0), Timeout(2), outcomes=[Takes(5), "well"])) == "well"


def test_a_deadline_cuts_everything(loop):
    """An attempt is cut by what is left, and nothing follows."""
    error = loop.fails(loop.guarded(Deadline(5), Retry(base=0), Timeout(3), outcomes=[Takes(9)]))
    assert type(error) is Exhausted
    assert loop.now() == 5.0
    assert [attempt.kind for attempt in error.attempts] == ["timeout", "timeout"]
    assert error.last.phase == "deadline"


def test_a_transient_failure_keeps_its_class(world):
    """The last error is the real one."""
    error = world.fails(world.guarded(Retry(attempts=2, base=0), outcomes=[Transient("no")]))
    assert type(error.last) is Transient


def test_a_throttle_with_a_hint_holds_the_limit_for_everybody(world):
    """The others do not run into it one by one; after its end they do not go all at once."""
    search = world.guard(Limit(rpm=60))
    throttled = search(world.dependency(Refused(429, {"retry-after": "30"})))
    world.fails(throttled)
    others = search(world.dependency("well"))
    for _ in range(3):
        world.call(others)
    assert world.script.at == pytest.approx([30, 31, 32])


def test_errors_go_from_process_to_process(world):
    """Pickled and back they are what they were: workers and queues send them."""
    exhausted = world.fails(world.guarded(Retry(attempts=1), outcomes=[Throttled("slow", retry_after=3.0)]))
    refusal = world.fails(world.guarded(Limit(rpm=1, tpm=1, tokens=len, max_wait=0)), "xx")
    late = OutOfTime("late", phase="stall")
    for error in (exhausted, refusal, late):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy), copy.retry_after) == (type(error), str(error), error.retry_after)
    copy = pickle.loads(pickle.dumps(exhausted))
    assert (copy.attempts, copy.why, type(copy.last)) == (exhausted.attempts, exhausted.why, Throttled)
    assert pickle.loads(pickle.dumps(refusal)).gate == "limits"


def test_refusals_give_back_their_own_charges(world):
    """However many come, nothing is spent and nothing is given back twice."""
    search = world.guard(Limit(rpm=60), Breaker(failures=1, jitter=0))
    failing = search(world.dependency(OSError))
    world.fails(failing)
    for _ in range(20):
        assert world.fails(failing).gate == "breaker"
    assert world.state(search).left["rpm"] == pytest.approx(9)


def test_what_on_does_not_name_is_judged_as_ever(world):
    """A mistake stays neutral, a failure is one for the breaker, though it is not tried again."""
    for error, state in ((ValueError, "closed"), (OSError, "open")):
        search = world.guard(Retry(on=KeyError), Breaker(failures=1))
        assert type(world.fails(search(world.dependency(error)))) is error
        assert world.state(search).breaker == state


def test_what_on_names_keeps_its_class_where_it_may_be_repeated(world):
    """A throttle is still one: the breaker does not count it. What is named and was neutral is a failure."""
    search = world.guard(Retry(on=Exception, attempts=2, base=0), Breaker(failures=1))
    assert world.fails(search(world.dependency(Refused(429)))).attempts[0].kind == "throttled"
    assert world.state(search).breaker == "closed"
    named = world.fails(search(world.dependency(Refused(400))))
    assert named.attempts[0].kind == "transient"
    assert world.state(search).breaker == "open"
    hinting = world.guarded(Retry(on=Exception, attempts=1), outcomes=[Refused(400, {"retry-after": "3"})])
    assert world.fails(hinting).retry_after == 3.0


def test_a_conflict_is_tried_once_more(world):
    """Whatever the number of attempts; a timeout of the engine likewise."""
    for error in (Refused(409), TimedOut("slow")):
        gave_up = world.fails(world.guarded(Retry(attempts=9, base=0), outcomes=[error]))
        assert (len(gave_up.attempts), gave_up.why) == (2, "once more was enough")


def test_a_timeout_of_the_engine_is_tried_again_only_with_a_whole_limit_left(world):
    """What took so long will take so long again."""
    for deadline, attempts in ((11.0, 2), (9.0, 1)):
        policies = (Deadline(deadline), Retry(attempts=9, base=0), Timeout(5))
        gave_up = world.fails(world.guarded(*policies, outcomes=[Takes(4.5, TimedOut("slow"))]))
        assert len(gave_up.attempts) == attempts


def test_slow_answers_open_a_circuit(world):
    """Those beyond `slow_after`, and whatever ran into a timer."""
    search = world.guard(Breaker(failures=99, min_calls=5, failure_rate=2, slow_after=1))
    slow = search(world.dependency(Takes(1.1)))
    quick = search(world.dependency(Takes(1.0)))
    for _ in range(5):
        world.call(quick)
    assert world.state(search).breaker == "closed"
    world.wait(100)
    for _ in range(5):
        world.call(slow)
    assert world.state(search).breaker == "open"
    search = world.guard(Breaker(failures=99, min_calls=5, failure_rate=2))
    timing_out = search(world.dependency(TimeoutError))
    for _ in range(5):
        world.fails(timing_out)
    assert world.state(search).breaker == "open"


def test_who_has_no_time_left_is_never_sent(world):
    """An outer deadline that has passed refuses what is inside of it."""
    inner = world.guarded(Retry(), Breaker(), name="inner")
    io = world.io

    def late():
        io.pass_time(2)
        return inner()

    async def alate():
        try:
            await io.sleep(2)
        except asyncio.CancelledError:
            return await inner()

    refusal = world.fails(world.guard(Deadline(1), name="outer")(late if world.face == "plain" else alate))
    assert (type(refusal), refusal.gate, refusal.code) == (Rejected, "deadline", "deadline")
    assert str(refusal) == "inner: no time is left before the deadline"
    assert world.script.calls == []


def test_refusals_are_events(world):
    """Each gate's with its own name and time."""
    heard = []
    search = world.guard(Breaker(failures=1, jitter=0), sinks=[heard.append])
    failing = search(world.dependency(OSError))
    world.fails(failing)
    refusal = world.fails(failing)
    assert heard[-1] == Refused_("dep-2", "dep", "breaker", refusal.message, 10.0)
    strict = world.guard(Limit(rpm=60, burst=1, max_wait=0), sinks=[heard.append])(world.dependency())
    world.call(strict)
    world.fails(strict)
    assert (heard[-1].scope, heard[-1].retry_after) == ("dep", 1.0)


def test_the_history_says_what_the_class_says(world):
    """In our words, never the exception's."""
    error = world.fails(world.guarded(Retry(attempts=1), outcomes=[Refused(503)]))
    [attempt] = error.attempts
    assert (attempt.message, attempt.error, attempt.target, attempt.call) == ("status 503", "Refused", "dep", "dep-1")


def test_waiting_for_a_limit_counts_as_waiting(world):
    """The history tells how long was waited before each attempt, whatever for."""
    outer = world.guard(Limit(rpm=60, burst=1), Retry(attempts=1))
    failing = outer(world.dependency(OSError))
    world.fails(failing)
    assert world.fails(failing).attempts[0].waited == pytest.approx(1)
    inner = world.guard(Retry(attempts=2, base=0), Limit(rpm=60, burst=1))
    waits = [attempt.waited for attempt in world.fails(inner(world.dependency(OSError))).attempts]
    assert waits == pytest.approx([0, 1])


def retried(world, error, calls=60):
    """How many of so many failing calls the budget has let try again."""
    failing = world.guarded(Retry(attempts=2, base=0, cap=0), outcomes=[error])
    return sum(len(world.fails(failing).attempts) - 1 for _ in range(calls))


def test_a_throttle_draws_less_on_the_budget(world):
    """A third of what a failure draws: who says when to come back is not overloaded by it."""
    assert retried(world, Refused(503)) == 10 + 60 * 0.2 // 1
    assert retried(world, Throttled("slow")) > 10 + 60 * 0.2 // 1


def test_a_retry_is_told_with_its_number_and_its_hint(world):
    """And so is one that is not made."""
    heard = []
    world.fails(world.guarded(Retry(attempts=2), outcomes=[Refused(503, {"retry-after": "2"})], sinks=[heard.append]))
    [scheduled] = [event for event in heard if isinstance(event, RetryScheduled)]
    [refused] = [event for event in heard if isinstance(event, RetryRefused)]
    assert (scheduled.number, scheduled.hint, scheduled.kind) == (2, 2.0, "transient")
    assert (refused.number, refused.hint, refused.reason) == (3, 2.0, "no attempts left")


def test_reraise_puts_the_history_on_our_own_failures(world):
    """As the engine does."""
    failure = world.fails(world.guarded(Retry(attempts=2, base=0, reraise=True), outcomes=[Transient("no")]))
    assert [attempt.number for attempt in failure.attempts] == [1, 2]
    error = world.fails(world.guarded(Retry(attempts=2, base=0, reraise=True), outcomes=[OSError("no")]))
    assert not hasattr(error, "attempts")


@pytest.mark.parametrize("first", [0, 1])
def test_of_several_limits_that_refuse_the_longest_is_told(world, first):
    """Whoever comes back sooner would be refused again; and for ever is longest."""
    quick, slow = Limit(rpm=60, burst=1, max_wait=0), Limit(rpm=6, burst=1, max_wait=0)
    strict = world.guarded(*((quick, slow) if first else (slow, quick)))
    world.call(strict)
    refusal = world.fails(strict)
    assert (refusal.retry_after, refusal.code) == (10.0, "rate_limit_exceeded")
    assert "try again in 10 s" in refusal.message
    never = Limit(tpm=60, tokens=lambda: 61)
    strict = world.guarded(*((quick, never) if first else (never, quick)))
    world.fails(strict)
    refusal = world.fails(strict)
    assert (refusal.retry_after, refusal.code) == (None, "insufficient_quota")
    assert "a repetition cannot change it" in refusal.message


def test_a_limit_of_a_call_is_bounded_by_what_is_left_now(world):
    """Not by the deadline as a moment."""
    world.wait(1000)
    hurried = world.guarded(Deadline(0.5), Limit(rpm=60, burst=1))
    world.call(hurried)
    assert world.fails(hurried).retry_after == 1.0


def test_a_limit_of_calls_refuses_before_anything_else(world):
    """It is told, and costs nothing."""
    heard = []
    search = world.guard(Limit(rpm=60, burst=1, max_wait=0), Retry(), sinks=[heard.append])
    asked = search(world.dependency())
    world.call(asked)
    for _ in range(3):
        assert world.fails(asked).retry_after == 1.0
    assert [type(event) for event in heard] == [AttemptEnded, LimitHit, LimitHit, LimitHit]
    world.wait(1)
    assert world.call(asked) == "well"


def test_classify_may_call_it_throttled(world):
    """Then it pauses, and the breaker does not count it."""
    search = world.guard(Retry(attempts=2), Breaker(failures=1), classify=lambda _: "throttled")
    error = world.fails(search(world.dependency(Own)))
    assert {attempt.kind for attempt in error.attempts} == {"throttled"}
    assert world.state(search).breaker == "closed"


def test_every_policy_explains_itself(world):
    """Those that are rarely used too."""
    search = world.guard(
        Fallback(call=max, on=OSError),
        Deadline(9),
        Limit(tpm=600, tokens=len, key=str, max_wait=0),
        Retry(budget=False, on=(OSError, KeyError)),
        Slots(1),
        Breaker(),
        Timeout(1, in_thread=True),
        key=str,
    )

    async def words():
        return search.explain()

    text = search.explain() if world.face == "plain" else world.run(words())
    for said in (
        "what max gives instead, on OSError",
        "600 tokens a minute for each key",
        "refuses at once",
        "on OSError, KeyError",
        "without a budget",
        "in a thread that is left behind",
    ):
        assert said in text
    assert "now " not in text
    value = world.guard(Fallback([]))
    assert "a list instead, on refusals and failures" in (
        value.explain() if world.face == "plain" else world.run(_explained(value))
    )
    assert "Fallback, Deadline, Limit, Retry, Slots, Breaker, Timeout" in repr(search)


async def _explained(of):
    return of.explain()


def test_a_hint_is_a_floor_for_how_long_a_circuit_stays_open(world):
    """It was asked to be left alone, and it is."""
    search = world.guard(Breaker(failures=1, jitter=0))
    world.fails(search(world.dependency(Refused(503, {"retry-after": "25"}))))
    assert world.state(search).retry_after == 25.0


def test_only_a_throttle_holds_the_limit(world):
    """One server of many may be out: that is for the circuit to say."""
    search = world.guard(Limit(rpm=60))
    world.fails(search(world.dependency(Refused(503, {"retry-after": "30"}))))
    world.call(search(world.dependency("well")))
    assert world.now() == 0


def test_every_change_of_a_circuit_is_told(world):
    """With the call whose probe or end has brought it."""
    heard = []
    search = world.guard(Breaker(failures=1, successes=1, jitter=0), sinks=[heard.append])
    moody = search(world.dependency(OSError, "well"))
    world.fails(moody)
    world.wait(10)
    world.call(moody)
    changes = [(event.before, event.after, event.call) for event in heard if isinstance(event, BreakerChanged)]
    assert changes == [
        ("closed", "open", "dep-1"),
        ("open", "half_open", "dep-2"),
        ("half_open", "closed", "dep-2"),
    ]


def test_a_circuit_that_is_held_open_does_not_say_for_how_long(world):
    """Nobody knows."""
    search = world.guard(Breaker())
    asked = search(world.dependency())

    async def hold():
        search.breaker.force_open()

    search.breaker.force_open() if world.face == "plain" else world.run(hold())
    refusal = world.fails(asked)
    assert (refusal.retry_after, str(refusal)) == (None, "dep: an operator holds the circuit open")
    assert "breaker forced_open," in (search.explain() if world.face == "plain" else world.run(_explained(search)))
