"""A block of code in a guard: one attempt, from its first line to its last."""

import asyncio
import gc

import pytest

from outlast import Breaker, Deadline, Fallback, Limit, Rejected, Retry, Slots, Timeout, time_left
from outlast.model.events import AttemptEnded


class Own(Exception):
    """An exception of the application."""


def through(world, search, *raises):
    """One block, sync or async as the world is; the exception that leaves it."""

    def inside():
        for error in raises:
            raise error

    async def coroutine():
        async with search.block():
            await asyncio.sleep(0)
            inside()

    try:
        if world.face == "plain":
            with search.block():
                inside()
        else:
            world.run(coroutine())
    except Exception as error:  # noqa: BLE001
        return error
    return None


def test_a_block_fails_or_succeeds_when_it_is_left(world):
    """Its own exception comes out as it is, traceback included; failures open the circuit."""
    search = world.guard(Breaker(failures=2))
    wrong = Own("no")
    assert through(world, search, wrong) is wrong
    assert wrong.__traceback__ is not None
    assert "coroutine.throw" not in str(wrong.__traceback__.tb_next)
    assert through(world, search) is None
    assert [type(through(world, search, Own())) for _ in range(3)] == [Own, Own, Rejected]
    assert world.state(search).breaker == "open"
    assert world.state(search).in_flight == 0


def test_to_enter_is_no_success(world):
    """Half-open, what has only begun closes nothing."""
    search = world.guard(Breaker(failures=1, open=5, open_max=5, jitter=0, successes=1, probes=1))
    through(world, search, Own())
    world.wait(5)
    if world.face == "plain":
        with search.block():
            assert search.state().breaker == "half_open"
    else:

        async def probe():
            async with search.block():
                assert search.state().breaker == "half_open"

        world.run(probe())
    assert world.state(search).breaker == "closed"


def test_a_mistake_of_the_block_is_neutral(world):
    """As everywhere; so are StopIteration and whoever leaves for reasons of his own."""
    search = world.guard(Breaker(failures=1))
    for error in (ValueError("mine"), StopIteration(3), GeneratorExit()):
        if world.face == "plain":
            with pytest.raises(type(error)) as raised, search.block():
                raise error
            assert raised.value is error
    assert isinstance(through(world, search, ValueError("mine")), ValueError)
    assert world.state(search).breaker == "closed"
    assert world.state(search).in_flight == 0


def test_a_block_waits_for_its_place_and_its_slot(loop):
    """And gives them back when it is left, or never entered."""
    search = loop.guard(Limit(rpm=60, burst=1), Slots(1, wait=5), Breaker())
    held = []

    async def one():
        async with search.block():
            held.append(loop.io.now())
            await asyncio.sleep(3)

    async def all_of_them():
        first, second, third = (asyncio.create_task(one()) for _ in range(3))
        await asyncio.sleep(2)
        second.cancel()
        await asyncio.gather(first, second, third, return_exceptions=True)

    loop.run(all_of_them())
    assert held == [0.0, 3.0]
    assert loop.state(search).in_flight == loop.state(search).waiting == 0


def test_a_plain_block_waits_as_well(blocking):
    """In its own thread."""
    search = blocking.guard(Limit(rpm=60, burst=1))
    for _ in range(3):
        with search.block():
            pass
    assert blocking.now() == 2.0


def test_inside_of_a_block_the_time_is_known(world):
    """It cannot be interrupted, but can ask."""
    search = world.guard(Deadline(4))
    if world.face == "plain":
        with search.block():
            assert time_left() == 4.0
    else:

        async def asks():
            async with search.block():
                assert time_left() == 4.0

        world.run(asks())
    assert time_left() is None


@pytest.mark.parametrize(
    ("policy", "why"), [(Retry(), "repeated"), (Timeout(1), "interrupted"), (Fallback(1), "replaced")]
)
def test_what_no_block_can_be_is_refused(blocking, policy, why):
    """The error says what to do."""
    with pytest.raises(TypeError, match=f"a block cannot be {why}.*guard a function instead"):
        blocking.guard(policy).block()


def test_a_block_is_good_for_one_time(blocking):
    """Its place has been used."""
    block = blocking.guard(Breaker()).block()
    with block:
        pass
    with pytest.raises(RuntimeError, match="good for one time"), block:
        pass
    block.__exit__(None, None, None)


def test_a_block_that_nobody_leaves_gives_back_what_it_held(blocking):
    """A generator that was dropped in the middle of it, say."""
    search = blocking.guard(Slots(1, queue=0))

    def generator():
        with search.block():
            yield 1

    items = generator()
    assert next(items) == 1
    assert search.state().in_flight == 1
    del items
    gc.collect()
    assert search.state().in_flight == 0
    entered = search.block()
    entered.__enter__()
    del entered
    gc.collect()
    assert search.state().in_flight == 0


def test_a_hook_that_fails_is_raised_and_nothing_is_kept(blocking):
    """As around a function; the block's own exception is its context."""

    def classify(error):
        raise LookupError("of the hook")

    search = blocking.guard(Breaker(), classify=classify)
    with pytest.raises(LookupError, match="of the hook") as raised, search.block():
        raise Own
    assert isinstance(raised.value.__context__, Own)
    assert search.state().in_flight == 0


def test_each_key_has_its_own(blocking):
    """A block takes what `key=` takes."""
    search = blocking.guard(Breaker(failures=1), key=lambda host: host)
    with pytest.raises(Own), search.block("a"):
        raise Own
    assert search.state("a").breaker == "open"
    with search.block("b"):
        pass


def test_a_block_is_told_of(blocking):
    """As one attempt."""
    with blocking.guard(Breaker()).block():
        blocking.io.pass_time(2)
    assert [(event.kind, event.seconds) for event in blocking.io.events if isinstance(event, AttemptEnded)] == [
        ("ok", 2.0)
    ]


def test_a_block_needs_an_io_that_does_not_suspend(loop):
    """Or else `async with`."""

    async def wrong():
        search = loop.guard(Limit(rpm=60, burst=1))
        async with search.block():
            pass
        with pytest.raises(RuntimeError, match="async with only"), search.block():
            pass

    loop.run(wrong())
