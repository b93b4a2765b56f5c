"""Exponential backoff with jitter as a decorator, and the mistakes that such decorators make."""

import asyncio
import inspect

import pytest
from tests.guard.world import Takes, World

import outlast
from outlast import CircuitBreaker, Exhausted, Rejected, backoff
from outlast.model.events import RetryScheduled


class Refused(Exception):
    """An HTTP library's error."""

    def __init__(self, status, headers=None):
        super().__init__(f"status {status}")
        self.response = type("Response", (), {"status_code": status, "headers": headers or {}})()


class VendorTimeout(Exception):
    """A vendor's timeout, which is no TimeoutError."""


def waits(seed, **how):
    """The waits between four attempts that fail."""
    world = World("plain", seed)
    world.fails(backoff(attempts=4, io=world.io, **how)(world.dependency(OSError)))
    slept = world.io.slept
    world.close()
    return slept


def test_waits_are_spread_over_their_whole_range():
    """From nothing to the base, doubled each time, for the first wait as for the last."""
    tries = [waits(seed, base=1.0, cap=20) for seed in range(200)]
    for number, most in enumerate((1.0, 2.0, 4.0)):
        of = sorted(each[number] for each in tries)
        assert 0 <= of[0] < 0.1 * most
        assert 0.9 * most < of[-1] <= most
        assert 0.4 * most < sum(of) / len(of) < 0.6 * most


def test_the_cap_comes_before_the_jitter():
    """Or all late retries of all clients would fall on the same instant."""
    last = [waits(seed, base=1.0, cap=2.0)[2] for seed in range(200)]
    assert max(last) <= 2.0
    assert len(set(last)) == 200
    assert sum(wait > 1.99 for wait in last) < 10


def test_there_is_no_wait_after_the_last_attempt(world):
    """When nothing is left it is over, with the history and the last error as its cause."""
    tired = backoff(attempts=3, base=1.0, io=world.io)(world.dependency(OSError("the last")))
    error = world.fails(tired)
    assert type(error) is Exhausted
    assert error.last is error.__cause__
    assert [attempt.number for attempt in error.attempts] == [1, 2, 3]
    assert world.now() == world.script.at[-1]


def test_the_last_error_itself_keeps_its_history(world):
    """As notes, where it is wanted instead of `Exhausted`."""
    error = world.fails(backoff(attempts=2, base=0, reraise=True, io=world.io)(world.dependency(OSError)))
    assert type(error) is OSError
    assert error.__notes__[:2] == [
        "outlast: attempt 1: OSError (connect) in 0 s",
        "outlast: attempt 2: OSError (connect) in 0 s",
    ]


@pytest.mark.parametrize("wrong", [ValueError, TypeError, Refused(400), Refused(401), Refused(422)])
def test_a_wrong_request_is_not_repeated(world, wrong):
    """It would be wrong again."""
    error = world.fails(backoff(io=world.io)(world.dependency(wrong)))
    assert not isinstance(error, Exhausted)
    assert len(world.script.calls) == 1


@pytest.mark.parametrize(
    "passing", [Refused(500), Refused(502), Refused(503), Refused(504), Refused(529), Refused(429)]
)
def test_what_passes_is_repeated(world, passing):
    """Overloads too, by whatever status they are told."""
    assert world.call(backoff(io=world.io)(world.dependency(passing, "well"))) == "well"


@pytest.mark.parametrize("passing", [TimeoutError, asyncio.TimeoutError, VendorTimeout, ConnectionResetError])
def test_a_timeout_is_one_whatever_its_type(world, passing):
    """Not only the builtin one."""
    assert world.call(backoff(io=world.io)(world.dependency(passing, "well"))) == "well"


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"retry-after": "7"}, 7.0, 7.7),
        ({"retry-after": "1.5"}, 1.5, 1.65),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5, 1.65),
        (
            {"retry-after": "Wed, 21 Oct 2015 07:28:05 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"},
            5.0,
            5.5,
        ),
        ({"retry-after": "soon"}, 0.0, 1.0),
        ({"retry-after": "nan"}, 0.0, 1.0),
        ({"retry-after": "-3"}, 0.0, 1.0),
    ],
)
def test_a_hint_is_a_floor_in_whatever_form_it_comes(world, headers, least, most):
    """Seconds, milliseconds, a date by the server's own clock; garbage is none."""
    assert world.call(backoff(base=1.0, io=world.io)(world.dependency(Refused(503, headers), "well"))) == "well"
    assert least <= world.now() <= most


def test_an_hour_is_not_slept_out(world):
    """A hint that is too long ends it at once, and is told."""
    error = world.fails(backoff(io=world.io)(world.dependency(Refused(429, {"retry-after": "3600"}))))
    assert (type(error), error.retry_after, world.now()) == (Exhausted, 3600.0, 0)


def test_there_is_one_deadline_for_all(world):
    """No attempt begins after it, and no wait goes beyond it."""
    slow = backoff(attempts=100, base=1.0, deadline=30, budget=False, io=world.io)
    world.fails(slow(world.dependency(Takes(8, OSError))))
    assert max(world.script.at) < 30
    if world.face == "coroutine":
        assert world.now() <= 30


def test_the_event_loop_is_not_blocked(loop):
    """Others go on while one waits."""
    ask = backoff(attempts=2, base=10, io=loop.io)(loop.dependency(Refused(503, {"retry-after": "20"}), "well"))
    seen = []

    async def other():
        for _ in range(5):
            await asyncio.sleep(1)
            seen.append(loop.io.now())

    async def both():
        return (await asyncio.gather(ask(), other()))[0]

    assert loop.run(both()) == "well"
    assert seen == [1, 2, 3, 4, 5]


def test_a_wait_can_be_cancelled(loop):
    """And nothing is called after it."""
    ask = backoff(io=loop.io)(loop.dependency(Refused(503, {"retry-after": "20"})))

    async def story():
        task = asyncio.create_task(ask())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.sleep(100)
        return task.cancelled()

    assert loop.run(story()) is True
    assert len(loop.script.calls) == 1


def test_each_attempt_is_seen_by_the_breaker(world):
    """A breaker inside counts three failures of one call, and stops the fourth."""
    breaker = CircuitBreaker(3, 10, io=world.io)
    ask = backoff(attempts=10, base=0.1, io=world.io)(breaker(world.dependency(OSError)))
    error = world.fails(ask)
    assert len(world.script.calls) == 3
    assert type(error) is Exhausted
    assert "open" in error.why


def test_a_refusal_of_the_breaker_is_not_hammered(world):
    """What was never sent is not tried again."""
    breaker = CircuitBreaker(1, 10, io=world.io)
    world.fails(breaker(world.dependency(OSError)))
    ask = backoff(attempts=10, base=0.1, io=world.io)(breaker(world.dependency("well")))
    assert type(world.fails(ask)) is Rejected
    assert world.now() == 0


def test_retries_do_not_multiply_an_outage(world):
    """A fifth beyond the calls, and ten more, whatever `attempts` says."""
    ask = backoff(attempts=4, base=0, io=world.io)(world.dependency(OSError))
    for _ in range(100):
        world.fails(ask)
    assert 100 < len(world.script.calls) <= 100 + 0.2 * 100 + 10


def test_results_may_fail_too(world):
    """An empty answer, say."""
    assert world.call(backoff(failed=lambda text: text == "", io=world.io)(world.dependency("", "", "well"))) == "well"


def test_waits_are_told(world):
    """As events and not in print."""
    events = []
    ask = backoff(name="ask", sinks=[events.append], io=world.io)(world.dependency(OSError, "well"))
    world.call(ask)
    assert [event.target for event in events if isinstance(event, RetryScheduled)] == ["ask"]


@pytest.mark.parametrize(
    ("wrong", "mend"),
    [
        ({"jitter": False}, "cannot be turned off"),
        ({"max_retries": 3}, "attempts= counts the first one too"),
        ({"exceptions": (Exception,)}, "use on="),
        ({"min_wait": 4}, "bring clients together again"),
        ({"colour": 1}, "no parameter 'colour'"),
    ],
)
def test_a_name_that_would_be_a_lie_is_refused(wrong, mend):
    """It says why, and what to use."""
    with pytest.raises(TypeError, match=mend):
        backoff(**wrong)


def test_as_a_decorator_it_leaves_the_function_what_it_was():
    """Its name, and its being a coroutine function."""

    @outlast.backoff(attempts=4, base=0.5, cap=20)
    async def ask(prompt: str) -> str:
        """Asks."""
        return prompt

    assert inspect.iscoroutinefunction(ask)
    assert (ask.__name__, ask.__doc__) == ("ask", "Asks.")
    assert asyncio.run(ask("hi")) == "hi"
