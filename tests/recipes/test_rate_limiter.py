"""The token bucket for each user, and the mistakes that such limiters make."""

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from tests.guard.world import World

import outlast
from outlast import RateLimiter, Rejected, backoff
from outlast.layers.limits import Limits


def by_user(user, *_):
    """Whose limit it is."""
    return user


def test_each_user_has_a_bucket(blocking):
    """One who is over his limit takes nothing from another."""
    limiter = RateLimiter(10, per=60, burst=10, key=by_user, io=blocking.io)
    assert [limiter.allow("ann") for _ in range(12)] == [True] * 10 + [False] * 2
    assert limiter.allow("bob")


def test_a_refusal_says_for_how_long(world):
    """In seconds, on the error: 429 with a `Retry-After` that is true."""
    limiter = RateLimiter(10, per=60, key=by_user, io=world.io)
    ask = limiter(world.dependency("well"))
    assert world.call(ask, "ann", "hi") == "well"
    refusal = world.fails(ask, "ann", "hi")
    assert (type(refusal), refusal.status, refusal.gate) == (Rejected, 429, "caller_limits")
    assert refusal.retry_after == pytest.approx(2.0)
    world.wait(refusal.retry_after)
    assert world.call(ask, "ann", "hi") == "well"


def test_refused_calls_do_not_starve_whoever_polls(blocking):
    """A hundred polls a second: it gets its rate all the same."""
    limiter = RateLimiter(60, per=60, burst=1, key=by_user, io=blocking.io)
    let_through = 0
    for _ in range(3_000):
        let_through += limiter.allow("ann")
        blocking.wait(0.01)
    assert let_through == 30


def test_the_first_minute_is_a_minute(blocking):
    """Not twice the rate: ten seconds' worth may come at once, unless asked for more."""
    for burst, most in ((None, 70), (60, 120)):
        limiter = RateLimiter(60, per=60, burst=burst, io=blocking.io)
        let_through = 0
        for _ in range(600):
            let_through += limiter.allow()
            blocking.wait(0.1)
        assert most - 2 <= let_through <= most


def test_whoever_waits_gets_its_turn_in_order(loop):
    """Without polling, one every two seconds."""
    limiter = RateLimiter(30, per=60, burst=1, max_wait=60, io=loop.io)
    at = []

    async def call(number):
        at.append((number, loop.io.now()))

    ask = limiter(call)

    async def ten():
        await asyncio.gather(*(ask(number) for number in range(10)))

    loop.run(ten())
    assert at == [(number, 2.0 * number) for number in range(10)]


def test_nobody_waits_for_ever(world):
    """What would come too late is refused at once."""
    limiter = RateLimiter(1, per=3600, max_wait=60, io=world.io)
    ask = limiter(world.dependency("well"))
    world.call(ask)
    refusal = world.fails(ask)
    assert (refusal.retry_after, world.now()) == (pytest.approx(3600.0), 0)


def test_one_who_gives_up_waiting_gives_back_his_turn(loop):
    """The next one gets it."""
    limiter = RateLimiter(60, per=60, burst=1, max_wait=60, io=loop.io)
    ask = limiter(loop.dependency("well"))

    async def story():
        await ask()
        waiting = asyncio.create_task(ask())
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await ask()
        return loop.io.now()

    assert loop.run(story()) == pytest.approx(1.0)


def test_each_attempt_is_charged_where_the_limiter_stands_inside(world):
    """Outside of the retry, the call is charged once."""
    for inside, left in ((True, 7), (False, 9)):
        limiter = RateLimiter(60, burst=10, io=world.io)
        again = backoff(attempts=3, base=0, io=world.io)
        dependency = world.dependency(OSError)
        world.fails(again(limiter(dependency)) if inside else limiter(again(dependency)))
        asked = 0
        while asked < 20:
            try:
                world.call(limiter(world.dependency("well")))
            except Rejected:
                break
            asked += 1
        assert asked == left


def test_users_are_forgotten_when_they_have_their_bucket_back(blocking):
    """A million names are not a leak."""
    limiter = RateLimiter(60, burst=1, key=by_user, io=blocking.io)
    before = buckets()
    for number in range(30_000):
        assert limiter.allow(f"user-{number}")
        blocking.wait(0.01)
    assert buckets() - before <= 10_000


def buckets():
    """How many limits there are in this process."""
    return sum(type(each) is Limits for each in gc.get_objects())


def test_threads_get_no_more_than_there_is():
    """Sixteen at once, five places."""
    world = World("plain")
    limiter = RateLimiter(5, per=60, burst=5, io=world.io)
    begun = Barrier(16, timeout=120)

    def ask(_):
        begun.wait()
        return limiter.allow()

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(ask, range(16))) == 5
    world.close()


def test_by_hand_it_never_waits(blocking):
    """One that waits says so, instead of blocking whoever asks."""
    with pytest.raises(RuntimeError, match="use it as a decorator or with call"):
        RateLimiter(10, max_wait=5, io=blocking.io).allow()
    limiter = RateLimiter(1, burst=1, io=blocking.io)
    limiter.check()
    with pytest.raises(Rejected):
        limiter.check()
    assert blocking.io.slept == []


def test_call_and_decorator_share_it(world):
    """One limiter is one limit."""
    limiter = RateLimiter(1, per=60, io=world.io)
    dependency = world.dependency("well")
    assert world.call(lambda: limiter.call(dependency)) == "well"
    assert type(world.fails(limiter(dependency))) is Rejected


@pytest.mark.parametrize(
    ("wrong", "mend"),
    [
        ({"capacity": 5}, "use burst="),
        ({"refill_rate": 5}, "use rate= and per="),
        ({"redis": "redis://"}, "that of this process"),
        ({"cost": len}, "use guard"),
        ({"colour": 1}, "no parameter 'colour'"),
    ],
)
def test_a_name_that_would_be_a_lie_is_refused(wrong, mend):
    """It says why, and what to use."""
    with pytest.raises(TypeError, match=mend):
        outlast.RateLimiter(10, **wrong)


@pytest.mark.parametrize(("wrong", "name"), [({"per": 0}, "per"), ({"burst": 0}, "burst"), ({"rate": -1}, "rate")])
def test_nothing_is_zero(wrong, name):
    """Each parameter is bounded, under its own name."""
    with pytest.raises(ValueError, match=rf"RateLimiter\({name}="):
        RateLimiter(**({"rate": 1} | wrong))
    assert repr(RateLimiter(1, name="users")) == "RateLimiter('users')"
