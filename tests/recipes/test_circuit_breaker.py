"""The circuit breaker under its familiar names, and the mistakes that such breakers make."""

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Barrier, Event

import pytest
from tests.guard.world import Takes, World

from outlast import CircuitBreaker, Rejected
from outlast.model.events import BreakerChanged


class Own(Exception):
    """An exception of the application."""


class Refused(Exception):
    """An HTTP library's error."""

    def __init__(self, status):
        super().__init__(f"status {status}")
        self.status_code = status


@pytest.fixture
def circuit(world):
    """A breaker that opens after three failures for ten seconds."""
    return CircuitBreaker(3, 10, half_open_max_calls=2, success_threshold=2, name="dep", io=world.io)


def state(world, circuit):
    """Its state, asked where its clock runs."""

    async def asked():
        return circuit.state

    return circuit.state if world.face == "plain" else world.run(asked())


def done(world, action):
    """An action, done where the clock runs."""

    async def doing():
        action()

    action() if world.face == "plain" else world.run(doing())


def opened(world, circuit):
    """It, opened by three failures."""
    failing = circuit(world.dependency(OSError))
    for _ in range(3):
        assert type(world.fails(failing)) is OSError
    assert state(world, circuit) == "open"
    return circuit


def test_failures_of_coroutines_are_counted(loop):
    """A coroutine that was only made is no success."""
    breaker = CircuitBreaker(3, 10, io=loop.io)
    ask = loop.dependency(OSError)
    for _ in range(3):
        with pytest.raises(OSError, match=r"^$"):
            loop.run(breaker.call(ask))
    with pytest.raises(Rejected):
        loop.run(breaker.call(ask))
    assert len(loop.script.calls) == 3


def test_a_coroutine_that_a_plain_function_gives_is_no_success_either(blocking):
    """It says what to do instead."""
    breaker = CircuitBreaker(1, io=blocking.io)

    async def ask():
        """Never begun."""

    def plain():
        return ask()

    with pytest.raises(TypeError, match="guard a coroutine function"):
        breaker.call(plain)


def test_as_decorator_call_and_context_manager_it_is_one_circuit(world):
    """All of them count together."""
    breaker = CircuitBreaker(3, 10, io=world.io)

    async def asynchronous():
        async with breaker:
            raise Own

    def plain():
        with breaker:
            raise Own

    with pytest.raises(Own):
        world.run(asynchronous()) if world.face == "coroutine" else plain()
    world.fails(breaker(world.dependency(Own)))
    failing = world.dependency(Own)
    assert type(world.fails(lambda: breaker.call(failing))) is Own
    assert state(world, breaker) == "open"
    with pytest.raises(Rejected):
        world.run(asynchronous()) if world.face == "coroutine" else plain()


def test_it_is_half_open_when_its_time_is_up_and_not_with_the_next_call(world, circuit):
    """Whoever looks at the state sees it."""
    opened(world, circuit)
    world.wait(9.99)
    assert state(world, circuit) == "open"
    world.wait(0.01)
    assert state(world, circuit) == "half_open"


def test_what_is_open_is_tried_again(world, circuit):
    """By whoever calls; nobody has to move it on."""
    opened(world, circuit)
    world.wait(10)
    well = circuit(world.dependency("well"))
    assert [world.call(well) for _ in range(2)] == ["well", "well"]
    assert state(world, circuit) == "closed"


def test_no_stampede_while_half_open(loop):
    """A thousand come at once, two are let through."""
    breaker = CircuitBreaker(1, 10, half_open_max_calls=2, success_threshold=2, io=loop.io)
    loop.fails(breaker(loop.dependency(OSError)))
    loop.wait(10)
    ask = breaker(loop.dependency(Takes(1, "well")))

    async def all_at_once():
        return await asyncio.gather(*(ask() for _ in range(1_000)), return_exceptions=True)

    ends = loop.run(all_at_once())
    assert len(loop.script.calls) == 2
    assert sum(isinstance(end, Rejected) for end in ends) == 998


def test_half_open_max_calls_and_success_threshold_are_two_things(loop):
    """One at a time, three of them."""
    breaker = CircuitBreaker(1, 10, half_open_max_calls=1, success_threshold=3, io=loop.io)
    loop.fails(breaker(loop.dependency(OSError)))
    loop.wait(10)
    ask = breaker(loop.dependency(Takes(1, "well")))

    async def two():
        return await asyncio.gather(ask(), ask(), return_exceptions=True)

    for _ in range(2):
        first, second = loop.run(two())
        assert (first, type(second)) == ("well", Rejected)
        assert state(loop, breaker) == "half_open"
    assert loop.call(ask) == "well"
    assert state(loop, breaker) == "closed"


def test_a_failed_test_opens_it_again(world, circuit):
    """For as long as the first time."""
    opened(world, circuit)
    world.wait(10)
    world.fails(circuit(world.dependency(OSError)))
    refusal = world.fails(circuit(world.dependency("well")))
    assert (type(refusal), refusal.retry_after) == (Rejected, 10.0)


def test_a_late_failure_does_not_prolong_an_outage(loop):
    """What was begun before it opened ends five seconds into it."""
    breaker = CircuitBreaker(1, 10, io=loop.io)
    slow, fast = loop.dependency(Takes(5, OSError)), loop.dependency(OSError)

    async def story():
        late = asyncio.create_task(breaker.call(slow))
        await asyncio.sleep(0)
        await asyncio.gather(breaker.call(fast), return_exceptions=True)
        await asyncio.gather(late, return_exceptions=True)
        assert loop.io.now() == 5
        await asyncio.sleep(5)
        return breaker.state

    assert loop.run(story()) == "half_open"


def test_a_late_success_does_not_close_it(loop):
    """It says how the dependency was before."""
    breaker = CircuitBreaker(1, 10, success_threshold=1, io=loop.io)
    slow, fast = loop.dependency(Takes(11, "well")), loop.dependency(OSError)

    async def story():
        late = asyncio.create_task(breaker.call(slow))
        await asyncio.sleep(0)
        await asyncio.gather(breaker.call(fast), return_exceptions=True)
        assert await late == "well"
        return breaker.state

    assert loop.run(story()) == "half_open"


def test_a_cancelled_test_does_not_wedge_it(loop):
    """Three of them are cancelled, and the fourth is let through."""
    breaker = CircuitBreaker(1, 10, half_open_max_calls=1, success_threshold=1, io=loop.io)
    loop.fails(breaker(loop.dependency(OSError)))
    loop.wait(10)
    hangs = breaker(loop.dependency(Takes(100)))

    async def given_up():
        task = asyncio.create_task(hangs())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for _ in range(3):
        loop.run(given_up())
    assert state(loop, breaker) == "half_open"
    assert loop.call(breaker(loop.dependency("well"))) == "well"
    assert state(loop, breaker) == "closed"


def test_a_test_that_hangs_does_not_wedge_it(loop):
    """Its place has a lease."""
    breaker = CircuitBreaker(1, 10, half_open_max_calls=1, success_threshold=1, io=loop.io)
    loop.fails(breaker(loop.dependency(OSError)))
    loop.wait(10)
    hangs = breaker(loop.dependency(Takes(10_000)))

    async def story():
        task = asyncio.create_task(hangs())
        await asyncio.sleep(126)
        well = await breaker.call(loop.dependency("well"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return well

    assert loop.run(story()) == "well"


def test_mistakes_of_the_caller_neither_open_nor_close_it(world, circuit):
    """A thousand wrong requests say nothing; half-open neither."""
    for wrong in (ValueError, Refused(400), Refused(422)):
        failing = circuit(world.dependency(wrong))
        for _ in range(10):
            world.fails(failing)
    assert state(world, circuit) == "closed"
    opened(world, circuit)
    world.wait(10)
    for _ in range(5):
        assert type(world.fails(circuit(world.dependency(ValueError)))) is ValueError
    assert state(world, circuit) == "half_open"


def test_mistakes_of_the_caller_do_not_reset_the_count(world, circuit):
    """Two failures, a wrong request, a failure: three in a row."""
    failing = circuit(world.dependency(OSError, OSError, ValueError, OSError))
    for _ in range(4):
        world.fails(failing)
    assert state(world, circuit) == "open"


def test_what_is_excluded_is_neutral_and_what_is_expected_counts(world):
    """Neither is a success."""
    breaker = CircuitBreaker(2, exclude=Own, io=world.io)
    failing = breaker(world.dependency(OSError, Own, OSError))
    for _ in range(3):
        world.fails(failing)
    assert state(world, breaker) == "open"
    choosy = CircuitBreaker(2, expected_exception=(ValueError, KeyError), io=world.io)
    failing = choosy(world.dependency(OSError, OSError, OSError, ValueError, KeyError))
    for _ in range(3):
        world.fails(failing)
    assert state(world, choosy) == "closed"
    for _ in range(2):
        world.fails(failing)
    assert state(world, choosy) == "open"


def test_the_call_that_opens_it_gets_its_own_error(world, circuit):
    """It was made; a refusal is for those that were not, and is new each time."""
    failing = circuit(world.dependency(OSError("the third")))
    errors = [world.fails(failing) for _ in range(5)]
    assert [type(error) for error in errors] == [OSError, OSError, OSError, Rejected, Rejected]
    assert errors[3] is not errors[4]
    assert errors[3].retry_after == 10.0


def test_half_the_calls_failing_opens_it_whatever_their_order(world):
    """A run of failures is not needed; but never fewer than the threshold."""
    breaker = CircuitBreaker(4, 10, io=world.io)
    every_other = breaker(world.dependency(*[OSError, "well"] * 20))
    for _ in range(5):
        world.fails(every_other)
        assert state(world, breaker) == "closed"
        world.call(every_other)
    assert state(world, breaker) == "open"
    patient = CircuitBreaker(50, 10, io=world.io)
    every_other = patient(world.dependency(*[OSError, "well"] * 49))
    for _ in range(49):
        world.fails(every_other)
        world.call(every_other)
    assert state(world, patient) == "closed"


def test_an_opening_is_as_long_as_it_says(world, circuit):
    """Each time, to the millisecond; only a hint makes it longer, by a minute at most."""
    for _ in range(3):
        opened(world, circuit)
        assert world.fails(circuit(world.dependency())).retry_after == 10.0
        world.wait(10)
        well = circuit(world.dependency())
        world.call(well)
        world.call(well)
    hinted = OSError()
    hinted.retry_after = 25.0
    for _ in range(3):
        world.fails(circuit(world.dependency(hinted)))
    assert world.fails(circuit(world.dependency())).retry_after == 25.0


def test_an_operator_has_the_last_word(world, circuit):
    """Held open, and as usual again."""
    done(world, circuit.force_open)
    refusal = world.fails(circuit(world.dependency()))
    assert (type(refusal), refusal.retry_after) == (Rejected, None)
    assert state(world, circuit) == "forced_open"
    done(world, circuit.reset)
    assert world.call(circuit(world.dependency("well"))) == "well"


def test_no_lock_is_held_while_it_calls():
    """Sixteen threads are inside at once, or the barrier would break."""
    breaker = CircuitBreaker()
    barrier = Barrier(16, timeout=120)
    wait = breaker(barrier.wait)
    with ThreadPoolExecutor(16) as threads:
        assert sorted(threads.map(lambda _: wait(), range(16))) == list(range(16))


def test_no_stampede_of_threads():
    """Of sixteen that come at once to a half-open breaker, two are inside."""
    world = World("plain")
    breaker = CircuitBreaker(1, 10, half_open_max_calls=2, success_threshold=2, io=world.io)
    world.fails(breaker(world.dependency(OSError)))
    world.wait(10)
    go_on, begun = Event(), Barrier(16, timeout=120)

    def call():
        begun.wait()
        try:
            return breaker.call(go_on.wait, 30)
        except Rejected:
            return False

    with ThreadPoolExecutor(16) as threads:
        ends = as_completed([threads.submit(call) for _ in range(16)], timeout=120)
        refused = [next(ends).result() for _ in range(14)]
        go_on.set()
        let_through = [end.result() for end in ends]
    world.close()
    assert refused == [False] * 14
    assert let_through == [True] * 2
    assert breaker.state == "closed"


def test_nested_blocks_of_several_breakers(blocking):
    """Each leaves its own, and one may be inside of itself."""
    one, other = (CircuitBreaker(1, io=blocking.io) for _ in range(2))
    with one, other, one as again:
        assert again is one
        assert one.guard.state().in_flight == 2
    assert one.guard.state().in_flight == other.guard.state().in_flight == 0
    with pytest.raises(Own), one, other:
        raise Own
    assert (one.state, other.state) == ("open", "open")


def test_blocks_may_be_left_in_any_order(blocking):
    """Each breaker leaves its own."""
    one, other = (CircuitBreaker(1, io=blocking.io) for _ in range(2))
    for breaker in (one, other):
        breaker.__enter__()
    one.__exit__(None, None, None)
    assert [each.guard.state().in_flight for each in (one, other)] == [0, 1]
    other.__exit__(None, None, None)
    assert other.guard.state().in_flight == 0


def test_blocks_of_tasks_do_not_meet(loop):
    """Each task leaves what it has entered."""
    breaker = CircuitBreaker(3, io=loop.io)

    async def one(number):
        async with breaker:
            await asyncio.sleep(number)
            if number % 2:
                raise ValueError
            return number

    async def several():
        async with breaker:
            return await asyncio.gather(*(one(number) for number in range(6)), return_exceptions=True)

    assert [end for end in loop.run(several()) if isinstance(end, int)] == [0, 2, 4]
    assert loop.state(breaker.guard).in_flight == 0


def test_a_generator_may_be_closed_elsewhere(blocking):
    """With `block`; the short form says so where it cannot know."""
    breaker = CircuitBreaker(io=blocking.io)

    def generator():
        with breaker.block():
            yield 1

    items = generator()
    next(items)
    assert breaker.guard.state().in_flight == 1
    items.close()
    assert breaker.guard.state().in_flight == 0
    with pytest.raises(RuntimeError, match=r"use `with breaker.block\(\):`"):
        breaker.__exit__(None, None, None)


def test_its_transitions_are_told(world):
    """To sinks, from closed to open and back."""
    events = []
    breaker = CircuitBreaker(1, 10, success_threshold=1, name="dep", sinks=[events.append], io=world.io)
    world.fails(breaker(world.dependency(OSError)))
    world.wait(10)
    world.call(breaker(world.dependency()))
    told = [(event.before, event.after) for event in events if isinstance(event, BreakerChanged)]
    assert told == [("closed", "open"), ("open", "half_open"), ("half_open", "closed")]


@pytest.mark.parametrize(
    ("wrong", "mend"),
    [
        ({"fail_max": 5}, "use failure_threshold="),
        ({"reset_timeout": 60}, "use recovery_timeout="),
        ({"call_timeout": 30}, "a breaker has no timer: use guard"),
        ({"fallback_function": print}, "use outlast.degrade"),
        ({"colour": 1}, "no parameter 'colour'"),
    ],
)
def test_a_name_that_would_be_a_lie_is_refused(wrong, mend):
    """It says why, and what to use."""
    with pytest.raises(TypeError, match=mend):
        CircuitBreaker(**wrong)


@pytest.mark.parametrize("name", ["failure_threshold", "recovery_timeout", "half_open_max_calls", "success_threshold"])
def test_nothing_is_zero(name):
    """Each parameter is bounded, under the name that was used."""
    with pytest.raises(ValueError, match=rf"CircuitBreaker\({name}=0\)"):
        CircuitBreaker(**{name: 0})


def test_it_says_what_it_is(blocking):
    """Its name; `guard.explain` tells the rest."""
    breaker = CircuitBreaker(4, 10, name="openai", io=blocking.io)
    assert repr(breaker) == "CircuitBreaker('openai')"
    assert "opens after 4 failures in a row" in breaker.guard.explain()


def test_what_it_held_is_free_when_nobody_holds_it(blocking):
    """A block whose generator is dropped gives its place back."""
    breaker = CircuitBreaker(io=blocking.io)

    def generator():
        with breaker.block():
            yield

    items = generator()
    next(items)
    del items
    gc.collect()
    assert breaker.guard.state().in_flight == 0
