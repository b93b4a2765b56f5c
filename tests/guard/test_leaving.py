"""Who leaves a call at any moment leaves nothing behind, and only our own timers turn a cancellation into a timeout."""

import asyncio
import contextlib
import gc
import weakref
from functools import partial

import pytest

from outlast import Breaker, Deadline, Exhausted, Failure, Limit, Rejected, Retry, Slots, Timeout, guard
from outlast.guard import OutOfTime
from outlast.model.errors import Transient
from outlast.testing import ScriptedIo, cancel_everywhere

EVERYTHING = (Deadline(60), Retry(base=1), Limit(rpm=60, burst=1), Slots(1, wait=10), Breaker(failures=9), Timeout(5))


def at_rest(search):
    """Nothing is held and nothing waits."""

    def check():
        state = search.state()
        assert (state.breaker, state.in_flight, state.waiting) == ("closed", 0, 0)
        [(_, machines)] = search._desk.known()
        assert machines.breaker.flying == 0
        assert machines.budget._under_way == 0
        assert machines.limits[0].under_way == 0

    return check


def everything(io):
    """Three calls at once through all policies: one waits for the limit, one for the slot, one backs off."""
    search = guard(*EVERYTHING, io=io)
    failures = iter([OSError, None, OSError, None])

    @search
    async def ask():
        await asyncio.sleep(3)
        if error := next(failures, None):
            raise error

    async def story():
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(ask())

    return story(), at_rest(search)


def test_a_crowd_can_be_cancelled_at_every_moment():
    """Limits, slots, circuit and budget are as they were, wherever it is."""
    assert cancel_everywhere(everything) >= 1


def alone(io):
    """One call that fails, waits, and succeeds; every suspension is its own."""
    search = guard(Deadline(60), Retry(base=1), Limit(rpm=6, burst=1), *EVERYTHING[3:], io=io)
    failures = iter([OSError, OSError])

    @search
    async def ask():
        await asyncio.sleep(1)
        if error := next(failures, None):
            raise error

    return ask(), at_rest(search)


def test_a_call_can_be_cancelled_at_every_moment():
    """Three attempts, two backoffs, two waits for the limit."""
    assert cancel_everywhere(alone) == 7


def streaming(io):
    """A stream that fails, is opened again, read, and closed."""
    search = guard(*EVERYTHING, io=io)
    failures = iter([OSError])

    @search
    async def ask():
        await asyncio.sleep(1)
        if error := next(failures, None):
            raise error
        for item in range(3):
            yield item
            await asyncio.sleep(1)

    async def story():
        async with contextlib.aclosing(ask()) as stream:
            async for _ in stream:
                await asyncio.sleep(1)

    return story(), at_rest(search)


def test_a_stream_can_be_cancelled_at_every_moment():
    """While it is opened, between its items, and while one is waited for."""
    assert cancel_everywhere(streaming) >= 10


def test_a_cancellation_is_neutral_and_gives_the_probe_back(loop):
    """A half-open circuit does not wait for a probe that was cancelled, and takes it for nothing."""
    search = loop.guard(Breaker(failures=1, jitter=0))
    loop.fails(search(loop.dependency(OSError)))
    loop.wait(10)

    async def story():
        for _ in range(3):
            task = asyncio.create_task(search.call(asyncio.sleep, 60))
            await asyncio.sleep(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return search.state()

    state = loop.run(story())
    assert (state.breaker, state.in_flight) == ("half_open", 0)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interrupt_is_neutral_and_never_repeated(world, interrupt):
    """It goes through, and gives everything back."""
    search = world.guard(Retry(on=lambda error: True), Slots(1), Breaker(failures=1))
    asked = search(world.dependency(interrupt))

    async def story():
        with pytest.raises(interrupt):  # inside of the loop, which would end with it
            await asked()

    if world.face == "plain":
        with pytest.raises(interrupt):
            asked()
    else:
        world.run(story())
    assert len(world.script.calls) == 1
    state = world.state(search)
    assert (state.breaker, state.in_flight) == ("closed", 0)


def test_a_value_that_came_although_the_timer_rang_is_given(loop):
    """Who swallows our cancellation and answers has answered; the task is not cancelled afterwards."""

    async def stubborn():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "all the same"

    async def story():
        answer = await loop.guard(Timeout(2)).call(stubborn)
        await asyncio.sleep(1)
        return answer, asyncio.current_task().cancelling()

    assert loop.run(story()) == ("all the same", 0)


def test_an_error_of_its_own_at_the_end_of_time_is_its_own(loop):
    """A clean-up that fails tells how it failed."""

    async def clumsy():
        try:
            await asyncio.sleep(60)
        finally:
            raise KeyError("mine")

    async def story():
        with pytest.raises(KeyError, match="mine"):
            await loop.guard(Timeout(2)).call(clumsy)
        return asyncio.current_task().cancelling()

    assert loop.run(story()) == 0


def test_a_cancellation_from_outside_at_the_same_moment_is_no_timeout(loop):
    """Somebody else wants it to end: then it ends."""

    async def story():
        task = asyncio.create_task(loop.guard(Retry(on=TimeoutError), Timeout(2)).call(asyncio.sleep, 60))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_at(2.0, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert loop.run(story()) is True


def test_a_cancellation_that_the_function_makes_itself_is_no_timeout(loop):
    """Our timer did not ring."""

    async def gives_up():
        raise asyncio.CancelledError

    async def story():
        with pytest.raises(asyncio.CancelledError):
            await loop.guard(Retry(), Timeout(2)).call(gives_up)

    loop.run(story())


def test_timers_nest(loop):
    """The inner one rings first, and the outer one later; each tells its own."""

    async def story():
        inner = loop.guard(Timeout(1), name="inner")(asyncio.sleep)
        middle = loop.guard(Retry(attempts=9, base=0, budget=False), name="middle")(inner)
        outer = loop.guard(Timeout(4.5), name="outer")(middle)
        with pytest.raises(OutOfTime, match=r"outer: no answer within 4\.5 s"):
            await outer(60)
        assert loop.io.now() == 4.5
        return asyncio.current_task().cancelling()

    assert loop.run(story()) == 0


def test_a_timeout_longer_than_the_deadline_is_the_deadline(loop):
    """What is left counts."""
    error = loop.fails(loop.guard(Deadline(3), Timeout(10))(asyncio.sleep), 60)
    assert (error.phase, loop.now()) == ("deadline", 3)


def test_an_attempt_that_the_deadline_cut_early_says_nothing(loop):
    """The dependency had no time to answer in."""
    search = loop.guard(Deadline(2.5), Retry(base=0), Breaker(failures=2), Timeout(2))
    assert type(loop.fails(search(asyncio.sleep), 60)) is Exhausted
    assert loop.state(search).breaker == "closed"
    assert type(loop.fails(search(asyncio.sleep), 60)) is Exhausted
    assert loop.state(search).breaker == "open"


class Heavy:
    """Something that a failing call holds."""


FAILING = [
    (Retry(attempts=2, base=0),),
    (Retry(attempts=2, base=0, reraise=True),),
    (Breaker(),),
    (Slots(1), Timeout(1)),
]


@pytest.mark.parametrize("policies", FAILING, ids=str)
@pytest.mark.parametrize("error", [OSError, partial(Transient, "no")])
def test_errors_are_freed_without_the_collector(world, policies, error):
    """No error keeps its own frames alive, so that what they hold goes at once."""
    kept = []

    def fails(heavy):
        kept.append(weakref.ref(heavy))
        raise error()

    async def afails(heavy):
        fails(heavy)

    def story():
        with contextlib.suppress(Failure, OSError):
            world.guard(*policies)(fails)(Heavy())
        return [ref() for ref in kept]

    async def astory():
        with contextlib.suppress(Failure, OSError):
            await world.guard(*policies)(afails)(Heavy())
        return [ref() for ref in kept]

    gc.collect()
    gc.disable()
    try:
        left = story() if world.face == "plain" else world.run(astory())
    finally:
        gc.enable()
    assert kept
    assert left == [None] * len(kept)


def test_an_attempt_that_the_deadline_cut_late_is_a_failure(loop):
    """A second is enough to answer in; less is, where the timeout is less."""
    for deadline, timeout, state in ((1.0, 9, "open"), (0.9, 9, "closed"), (0.5, 0.5, "open"), (0.4, 0.5, "closed")):
        search = loop.guard(Deadline(deadline), Breaker(failures=1), Timeout(timeout))
        assert isinstance(loop.fails(search(asyncio.sleep), 60), OutOfTime)
        assert loop.state(search).breaker == state


def test_a_timer_that_is_over_keeps_nothing_alive():
    """On a real loop its entry stays until its time would have come; what was called does not."""
    kept = []

    async def ask():
        heavy = Heavy()
        kept.append(weakref.ref(heavy))
        return heavy

    async def story():
        patient = guard(Timeout(3600))
        await asyncio.create_task(patient.call(ask))
        await asyncio.sleep(0)
        return [ref() for ref in kept]

    assert asyncio.run(story()) == [None]


def test_scripted_worlds_are_at_hand_for_users():
    """A guard is tested without a second of waiting."""
    io = ScriptedIo()
    assert guard(io=io).name.startswith("guard-")


@pytest.mark.parametrize("policies", [(Limit(rpm=60, burst=1),), (Limit(rpm=60, burst=1), Retry())], ids=len)
def test_who_leaves_before_its_turn_gives_back_its_place(loop, policies):
    """The next one does not wait for it; who had a place behind it keeps the time that it was given."""
    search = loop.guard(*policies)
    ask = search(loop.dependency("well"))

    async def story():
        await ask("first")
        second = asyncio.create_task(ask("second"))
        third = asyncio.create_task(ask("third"))
        await asyncio.sleep(0.25)
        second.cancel()
        await asyncio.sleep(0)
        await third
        await ask("fourth")

    loop.run(story())
    assert [call for (call,) in loop.script.calls] == ["first", "third", "fourth"]
    assert loop.script.at == [0, 2, 3]
    last = loop.guard(*policies)
    alone = last(loop.dependency("well"))

    async def another():
        await alone("first")
        second = asyncio.create_task(alone("second"))
        await asyncio.sleep(0.25)
        second.cancel()
        await asyncio.sleep(0)
        await alone("third")

    began = loop.now()
    loop.run(another())
    assert [at - began for at in loop.script.at] == [0, 1]


def test_a_backoff_that_is_left_gives_back_its_draw(loop):
    """The budget is for retries that are made."""
    search = loop.guard(Retry(attempts=2, base=100, cap=100))
    failing = search(loop.dependency(OSError))

    async def leaves():
        for _ in range(30):
            task = asyncio.create_task(failing())
            await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    loop.run(leaves())
    assert loop.fails(failing).why == "no attempts left"


def test_a_probe_that_hangs_does_not_pin_the_circuit(loop):
    """Its lease ends five seconds after its timeout; what it says later is not heard."""
    search = loop.guard(Breaker(failures=1, successes=1, probes=1, jitter=0), Timeout(2))
    loop.fails(search(loop.dependency(OSError)))
    loop.wait(10)

    @search
    async def deaf():
        end = asyncio.get_running_loop().time() + 60
        while (left := end - asyncio.get_running_loop().time()) > 0:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(left)
        raise ConnectionError

    async def story():
        hung = asyncio.create_task(deaf())
        await asyncio.sleep(6.9)
        with pytest.raises(Rejected):
            await search.call(asyncio.sleep, 0)
        await asyncio.sleep(0.2)
        await search.call(asyncio.sleep, 0)
        before = search.state().breaker
        with pytest.raises(ConnectionError):
            await hung
        return before, search.state().breaker

    assert loop.run(story()) == ("closed", "closed")
