"""Less than was asked for, and the mistakes that degraders make."""

import asyncio
from threading import Event

import pytest
from tests.guard.world import Takes

from outlast import CircuitBreaker, RateLimiter, Recent, Rejected, backoff, degrade, first_of
from outlast.model.errors import Caller
from outlast.model.events import AttemptEnded


class Broken:
    """A cache that raises, as told."""

    def __init__(self, *, get=None, put=None):
        self.values = {}
        self._get, self._put = get, put
        self.tried = 0

    def get(self, key):
        """As a Redis client has it."""
        if self._get is not None:
            raise self._get
        return self.values.get(key)

    def __setitem__(self, key, value):
        """A Redis client has this as well."""
        raise NotImplementedError

    def set(self, key, value):
        """As a Redis client has it."""
        self.tried += 1
        if self._put is not None:
            raise self._put
        self.values[key] = value


class Awaited:
    """A cache with coroutine functions, which takes so long."""

    def __init__(self, io, takes=0.0):
        self.values = {}
        self.io, self.takes = io, takes

    async def get(self, key):
        """Awaited."""
        await self.io.sleep(self.takes)
        return self.values.get(key)

    async def set(self, key, value):
        """Awaited."""
        await self.io.sleep(self.takes)
        self.values[key] = value


def other(world, gives):
    """A function of the world's kind, which raises or gives that."""

    def plain(*args, **kwargs):
        if isinstance(gives, Exception):
            raise gives
        return gives

    async def coroutine(*args, **kwargs):
        return plain()

    return plain if world.face == "plain" else coroutine


def test_a_good_answer_is_given_as_it_is(world):
    """And nothing else is asked."""
    ask = degrade(world.dependency("well"), static="sorry", io=world.io)
    answer = world.call(ask, "hi")
    assert (answer.value, answer.source, answer.degraded, answer.failures) == ("well", "primary", False, ())


@pytest.mark.parametrize("passing", [OSError(), TimeoutError(), RuntimeError(), ConnectionResetError()])
def test_whatever_fails_degrades(world, passing):
    """Timeouts too, and errors of libraries that nobody has heard of."""
    answer = world.call(degrade(world.dependency(passing), static="sorry", io=world.io))
    assert (answer.value, answer.source, answer.degraded, answer.by) == ("sorry", "static", True, "static")
    assert [why.error for why in answer.failures] == [type(passing).__name__]


def test_the_order_is_stale_weaker_simpler_static(world):
    """Each that fails is passed by, and the reason of each is kept."""
    ways = {"weaker": other(world, "weaker"), "simpler": other(world, "simpler"), "static": "static"}
    ask = degrade(world.dependency("good", OSError), stale=Recent(), **ways, io=world.io)
    assert [world.call(ask, "hi").source for _ in range(2)] == ["primary", "stale"]
    assert world.call(ask, "new").source == "weaker"
    ways["weaker"] = other(world, OSError())
    answer = world.call(degrade(world.dependency(OSError), **ways, io=world.io))
    assert (answer.value, answer.source) == ("simpler", "simplified")
    assert [why.target for why in answer.failures][1:] == ["weaker"]
    ways["simpler"] = other(world, ValueError("a fault of its own"))
    answer = world.call(degrade(world.dependency(OSError), **ways, io=world.io))
    assert (answer.value, answer.source) == ("static", "static")
    assert [why.target for why in answer.failures][1:] == ["weaker", "simpler"]


def test_an_empty_cache_is_a_cache(world):
    """The first good answer goes there."""
    for cache in ({}, Recent(), Broken()):
        ask = degrade(world.dependency("good", OSError), stale=cache, io=world.io)
        assert [world.call(ask, "hi").source for _ in range(2)] == ["primary", "stale"]


@pytest.mark.parametrize("empty", ["", [], {}, 0, False])
def test_an_empty_answer_is_an_answer(world, empty):
    """It is kept and given again."""
    ask = degrade(world.dependency(empty, OSError), stale=Recent(), static="sorry", io=world.io)
    assert [world.call(ask, "hi").value for _ in range(2)] == [empty, empty]
    assert world.call(ask, "hi").source == "stale"


def test_nobody_gets_the_answer_to_something_else(world):
    """Every argument counts, all of it, by keyword or not; so that a user's text is nobody else's."""
    cache = {}
    ask = degrade(world.dependency("for ann", OSError), stale=cache, static="sorry", io=world.io)
    long = "x" * 500
    assert world.call(ask, "ann", long).value == "for ann"
    assert world.call(ask, "bob", long).value == "sorry"
    assert world.call(ask, "ann", long + "y").value == "sorry"
    assert world.call(ask, "ann", long).value == "for ann"
    assert all("x" not in key and "ann" not in key for key in cache)


def test_keys_are_the_same_in_every_process(blocking):
    """No salted hash: a shared cache is of use. Order of keywords and of keys does not matter."""
    seen = []
    for _ in range(2):
        cache = {}
        ask = degrade(lambda *args, **kwargs: "good", stale=cache, io=blocking.io)
        ask([{"role": "user", "content": "hi"}], a=1, b=2)
        ask([{"content": "hi", "role": "user"}], b=2, a=1)
        seen += cache
    assert seen == ["3225e1ea0af16664ecf9df99c1d889f3df511a46c5d39bc3ca4f90e9862e8d2a"] * 2


def test_a_key_can_be_given(world):
    """And must be where arguments cannot be told apart; that is said before anything fails."""
    cache = {}
    ask = degrade(world.dependency("good"), stale=cache, key=lambda client, prompt: prompt, io=world.io)
    world.call(ask, object(), "hi")
    assert cache == {"hi": "good"}
    ask = degrade(world.dependency("good"), stale=cache, io=world.io)
    assert "give key=, a function of the arguments" in str(world.fails(ask, object(), "hi"))


def test_degraded_answers_are_never_kept(world):
    """Or they would be given as good ones later."""
    cache = {}
    ask = degrade(world.dependency(OSError, "good"), stale=cache, static="sorry", io=world.io)
    assert world.call(ask, "hi").value == "sorry"
    assert cache == {}
    inner = degrade(world.dependency(OSError, "good"), static="sorry", io=world.io)
    outer = degrade(inner, stale=cache, io=world.io)
    assert world.call(outer, "hi").source == "static"
    assert cache == {}
    assert world.call(outer, "hi").source == "primary"
    assert list(cache.values()) == ["good"]


def test_a_failing_cache_never_spoils_a_good_answer(world):
    """Neither when it is written to nor when it is read; it is told, and left alone when it goes on failing."""
    events = []
    cache = Broken(put=ConnectionError())
    ask = degrade(world.dependency("good"), stale=cache, io=world.io, sinks=[events.append])
    assert [world.call(ask, number).value for number in range(10)] == ["good"] * 10
    assert cache.tried == 3
    assert [event.kind for event in events if isinstance(event, AttemptEnded) and event.target == "stale"] == [
        "connect"
    ] * 3
    ask = degrade(world.dependency(OSError), stale=Broken(get=ConnectionError()), static="sorry", io=world.io)
    answer = world.call(ask)
    assert answer.value == "sorry"
    assert [why.target for why in answer.failures][1:] == ["stale"]


def test_a_cache_that_hangs_holds_nothing_up_for_long(loop):
    """Half a second for an answer, and never beyond the deadline."""
    cache = Awaited(loop.io, takes=100)
    ask = degrade(loop.dependency("good"), stale=cache, io=loop.io)
    assert loop.call(ask, "hi").value == "good"
    assert loop.now() == 0.5
    ask = degrade(loop.dependency(Takes(1, OSError)), stale=cache, static="sorry", deadline=1.2, io=loop.io)
    assert loop.call(ask, "hi").value == "sorry"
    assert loop.now() == pytest.approx(1.7)


def test_a_cache_with_coroutine_functions(loop):
    """Is awaited, where there is a loop."""
    ask = degrade(loop.dependency("good", OSError), stale=Awaited(loop.io), io=loop.io)
    assert [loop.call(ask, "hi").source for _ in range(2)] == ["primary", "stale"]
    with pytest.raises(TypeError, match="stale is a coroutine function, and len is not"):
        degrade(len, stale=Awaited(loop.io))


@pytest.mark.parametrize("wrong", [ValueError("his"), Caller("no"), TypeError("his")])
def test_the_callers_mistakes_are_his_own(world, wrong):
    """No answer, however weak, to a wrong request."""
    weaker = world.dependency("weaker")
    ask = degrade(world.dependency(wrong), weaker=weaker, static="sorry", io=world.io)
    assert world.fails(ask) is wrong


def test_a_caller_over_his_limit_gets_nothing_instead(world):
    """Or the limit would be none. A refusal of what is called degrades."""
    limiter = RateLimiter(1, key=lambda user: user, io=world.io)
    ask = degrade(limiter(world.dependency("good")), static="sorry", io=world.io)
    assert world.call(ask, "ann").value == "good"
    refusal = world.fails(ask, "ann")
    assert (type(refusal), refusal.status) == (Rejected, 429)
    breaker = CircuitBreaker(1, io=world.io)
    ask = degrade(breaker(world.dependency(OSError)), static="sorry", io=world.io)
    assert [world.call(ask).failures[0].kind for _ in range(2)] == ["connect", "rejected"]


def test_nobody_asks_again_who_has_just_failed(world):
    """A simplified prompt to the same failing primary is no way out."""
    primary = world.dependency(OSError)
    for name in ("weaker", "simpler"):
        with pytest.raises(ValueError, match="is the primary itself, which has just failed"):
            degrade(primary, **{name: primary})
    with pytest.raises(ValueError, match="is the primary itself"):
        degrade("hi".upper, weaker="hi".upper)


def test_the_whole_has_a_deadline(loop):
    """What needs time gets what is left of it; what needs none is given after it."""
    ask = degrade(
        loop.dependency(Takes(100)),
        weaker=loop.dependency(Takes(100)),
        simpler=loop.dependency("too late"),
        static="sorry",
        within=3,
        deadline=5,
        io=loop.io,
    )
    answer = loop.call(ask)
    assert (answer.value, loop.now()) == ("sorry", 5)
    assert [(why.target, why.kind) for why in answer.failures] == [
        ("coroutine", "timeout"),
        ("weaker", "timeout"),
        ("simpler", "rejected"),
    ]


def test_a_kept_answer_needs_no_time(world):
    """It is given although the deadline has passed."""
    ask = degrade(world.dependency("good", Takes(9, OSError)), stale=Recent(), deadline=5, io=world.io)
    assert [world.call(ask, "hi").source for _ in range(2)] == ["primary", "stale"]


def test_plain_functions_that_hang_are_left_behind():
    """In their threads, where they have so long."""
    go_on = Event()
    answer = degrade(lambda: go_on.wait(120), static="sorry", within=0.05)()
    go_on.set()
    assert (answer.value, answer.source) == ("sorry", "static")


def test_when_nothing_is_left_it_is_the_primarys_error(world):
    """As it is, with notes of what else was tried."""
    failed = OSError("the primary's")
    ask = degrade(world.dependency(failed), stale=Recent(), weaker=other(world, TimeoutError()), io=world.io)
    for _ in range(2):
        assert world.fails(ask, "hi") is failed
    assert failed.__notes__ == ["outlast: weaker, attempt 2: TimeoutError (timeout) in 0 s"]


def test_the_whole_client_in_one_line(world):
    """Retries, several providers, a last answer: the reasons of all attempts come through."""
    two = other(world, TimeoutError())
    again = backoff(attempts=2, base=0, io=world.io)
    ask = degrade(first_of(again(world.dependency(OSError)), two, io=world.io), static="sorry", io=world.io)
    answer = world.call(ask, "hi")
    assert (answer.value, answer.degraded) == ("sorry", True)
    assert [why.error for why in answer.failures] == ["OSError", "OSError", "TimeoutError"]
    well = degrade(first_of(two, world.dependency("from two"), io=world.io), static="sorry", io=world.io)
    answer = world.call(well, "hi")
    assert (answer.value, answer.source, answer.degraded) == ("from two", "fallback", False)


def test_a_cancelled_call_degrades_nothing(loop):
    """Whoever has left wants no answer."""
    weaker = loop.dependency("weaker")
    script = loop.script
    ask = degrade(loop.dependency(Takes(100)), weaker=weaker, io=loop.io)

    async def story():
        task = asyncio.create_task(ask())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert loop.run(story()) is True
    assert script.calls == []


def test_recent_is_bounded_in_number_and_age(blocking):
    """The oldest makes room; what is too old is gone; none at all is no reason to leave it aside."""
    recent = Recent(entries=2, age=10, clock=blocking.io.now)
    assert bool(recent)
    for key in ("a", "b", "a", "c"):
        recent[key] = key.upper()
    assert [recent.get(key) for key in "abc"] == ["A", None, "C"]
    assert len(recent) == 2
    blocking.wait(11)
    assert recent.get("a", "gone") == "gone"
    assert len(recent) == 1
    for wrong in ({"entries": 0}, {"age": 0}):
        with pytest.raises(ValueError, match="a number of each above 0"):
            Recent(**wrong)


@pytest.mark.parametrize(
    ("wrong", "mend"),
    [
        ({}, "has nothing else to give"),
        ({"fallback_model": "m"}, "use weaker="),
        ({"cache": {}}, "use stale="),
        ({"stale": object()}, "is no cache: it needs get"),
        ({"static": 1, "colour": 1}, "no parameter 'colour'"),
    ],
)
def test_what_cannot_be_kept_is_refused(wrong, mend):
    """It says why, and what to use."""
    with pytest.raises(TypeError, match=mend):
        degrade(len, **wrong)
    with pytest.raises(ValueError, match="a number of seconds above 0"):
        degrade(len, static=1, deadline=0)


def test_half_a_cache_is_none(loop):
    """Both of its functions are awaited, or none."""

    class Half(Broken):
        async def get(self, key):
            """Awaited."""

    with pytest.raises(TypeError, match="get and set must both be coroutine functions"):
        degrade(loop.dependency("good"), stale=Half())
