"""Generators and async generators: tried again before the first item, held until they are closed."""

import asyncio
import gc

import pytest

import outlast
from outlast import Breaker, Deadline, Exhausted, Fallback, Rejected, Retry, Slots, Timeout
from outlast.guard import OutOfTime


class Streams:
    """A generator of either kind, read in the same words."""

    def __init__(self, world, *policies, **how):
        self.world = world
        self.guard = world.guard(*policies, **how)
        self.opened = 0
        self.closed = 0

    def of(self, *items):
        """A guarded generator function that plays these items; lists of them are for one opening after another."""
        streams, waits = self, self.world.io

        def generator(*first):
            streams.opened += 1
            script = items[streams.opened - 1] if isinstance(items[0], list) else items
            got = list(first)
            try:
                for item in script:
                    if isinstance(item, float):
                        waits.pass_time(item)
                    elif isinstance(item, str):
                        got.append((yield item))
                    else:
                        raise item
                return got
            finally:
                streams.closed += 1

        async def agenerator(*first):
            streams.opened += 1
            script = items[streams.opened - 1] if isinstance(items[0], list) else items
            try:
                for item in script:
                    if isinstance(item, float):
                        await waits.sleep(item)
                    elif isinstance(item, str):
                        yield item
                    else:
                        raise item
            finally:
                streams.closed += 1

        return self.guard(generator if self.world.face == "plain" else agenerator)

    def read(self, stream, many=None):
        """So many items, or all, and then the exception that ended it, if any."""
        if self.world.face == "plain":
            return _read(stream, many)
        return self.world.run(_aread(stream, many))

    def close(self, stream):
        if self.world.face == "plain":
            stream.close()
        else:
            self.world.run(stream.aclose())

    def throw(self, stream, error):
        if self.world.face == "plain":
            stream.throw(error)
        else:
            self.world.run(stream.athrow(error))

    def state(self):
        return self.world.state(self.guard)


def _read(stream, many):
    got = []
    try:
        while many is None or len(got) < many:
            got.append(next(stream))
    except StopIteration:
        pass
    except Exception as error:  # noqa: BLE001
        got.append(error)
    return got


async def _aread(stream, many):
    got = []
    try:
        while many is None or len(got) < many:
            got.append(await anext(stream))
    except StopAsyncIteration:
        pass
    except Exception as error:  # noqa: BLE001
        got.append(error)
    return got


@pytest.fixture
def make(world):
    """Makes stories; all that was opened is closed in the end, and nothing is held."""
    made = []

    def streams(*policies, **how):
        made.append(Streams(world, *policies, **how))
        return made[-1]

    yield streams
    gc.collect()
    for story in made:
        state = story.state()
        assert (state.in_flight or 0, state.waiting or 0) == (0, 0)


def test_a_stream_goes_through(make):
    """Item by item; nothing is opened before the first is asked for."""
    story = make(Retry(), Slots(1), Breaker(), Timeout(5))
    stream = story.of("one", "two", "three")()
    assert story.opened == 0
    assert story.read(stream) == ["one", "two", "three"]
    assert story.read(stream) == []
    assert (story.opened, story.closed) == (1, 1)


def test_what_fails_before_its_first_item_is_opened_again(make):
    """Nobody has seen anything yet."""
    story = make(Retry(base=0))
    assert story.read(story.of([OSError()], [OSError()], ["one", "two"])()) == ["one", "two"]
    assert (story.opened, story.closed) == (3, 3)


def test_what_breaks_later_is_told_as_it_is(make):
    """A second opening would begin again; the success that the breaker has counted becomes a failure."""
    story = make(Retry(base=0), Breaker(failures=1))
    broken = OSError("cut")
    assert story.read(story.of("one", broken)()) == ["one", broken]
    assert story.opened == 1
    assert story.state().breaker == "open"


def test_an_empty_stream_is_a_success(make):
    """Some searches find nothing."""
    story = make(Retry(), Breaker(failures=1))
    assert story.read(story.of([])()) == []
    assert story.state().breaker == "closed"


def test_a_slot_is_held_until_the_stream_is_closed(make):
    """Not only until its first item is there."""
    story = make(Slots(1, queue=0))
    stream = story.of("one", "two")()
    assert story.read(stream, 1) == ["one"]
    assert story.state().in_flight == 1
    refused = story.read(story.of("other")())
    assert [type(error) for error in refused] == [Rejected]
    story.close(stream)
    assert (story.state().in_flight, story.closed) == (0, 1)
    assert story.read(stream) == []


def test_a_stream_that_is_dropped_gives_back_what_it_holds(make):
    """Nobody has to close it for that."""
    story = make(Slots(1), Breaker())
    stream = story.of("one", "two")()
    story.read(stream, 1)
    assert story.state().in_flight == 1
    del stream
    gc.collect()
    assert story.state().in_flight == 0


def test_a_stream_that_never_opened_can_be_closed(make):
    """It is over then, as any generator."""
    story = make(Slots(1))
    stream = story.of("one")()
    story.close(stream)
    assert story.read(stream) == []
    assert story.opened == 0


def test_when_nothing_is_left_the_history_is_told(make):
    """As for a function; afterwards the stream is over."""
    story = make(Retry(attempts=2, base=0))
    stream = story.of([OSError()], [KeyError()])()
    [error] = story.read(stream)
    assert type(error) is KeyError
    assert story.read(stream) == []
    story = make(Retry(attempts=2, base=0))
    [error] = story.read(story.of([OSError()], [OSError()])())
    assert type(error) is Exhausted
    assert len(error.attempts) == 2


def test_a_fallback_is_another_stream(make):
    """Anything that can be iterated over, instead of one that did not begin."""
    story = make(Fallback(["nothing", "found"]), Retry(attempts=1))
    assert story.read(story.of(OSError())()) == ["nothing", "found"]
    story = make(Fallback([]))
    assert story.read(story.of(OSError())()) == []


def test_time_left_is_known_between_items(make):
    """Each read has its own limit, and between reads nobody is in a hurry."""
    told = []
    story = make(Deadline(10), Timeout(5, stall=2))

    def generator():
        told.append(outlast.time_left())
        yield 1
        told.append(outlast.time_left())
        yield 2

    async def agenerator():
        told.append(outlast.time_left())
        yield 1
        told.append(outlast.time_left())
        yield 2

    stream = story.guard(generator if story.world.face == "plain" else agenerator)()
    assert story.read(stream, 1) == [1]
    assert outlast.time_left() is None
    story.world.wait(100)
    assert story.read(stream, 1) == [2]
    assert told == [5, 2]
    story.close(stream)


def test_a_generator_is_sent_and_thrown_into(blocking):
    """It is a generator to the end, its return value included."""
    story = Streams(blocking, Breaker(failures=1))
    stream = story.of("one", "two")("hi")
    assert next(stream) == "one"
    assert stream.send("sent") == "two"
    with pytest.raises(StopIteration) as stop:
        stream.send("last")
    assert stop.value.value == ["hi", "sent", "last"]
    stream = story.of("one", "two")()
    with pytest.raises(TypeError, match="just started"):
        stream.send("early")
    assert next(stream) == "one"
    with pytest.raises(KeyError):
        stream.throw(KeyError("mine"))
    assert story.state().breaker == "closed"
    with pytest.raises(KeyError):
        story.of("one")().throw(KeyError("before"))


def test_an_async_generator_is_sent_and_thrown_into(loop):
    """The same with `async`."""
    got = []
    guarded = loop.guard(Slots(1))

    @guarded
    async def echo():
        try:
            while True:
                got.append((yield len(got)))
        except KeyError:
            yield "caught"

    async def story():
        stream = echo()
        with pytest.raises(TypeError, match="just started"):
            await stream.asend("early")
        assert await anext(stream) == 0
        assert await stream.asend("sent") == 1
        assert await stream.athrow(KeyError("mine")) == "caught"
        await stream.aclose()
        with pytest.raises(KeyError):
            await echo().athrow(KeyError("before"))

    loop.run(story())
    assert got == ["sent"]
    assert loop.state(guarded).in_flight == 0


def test_the_first_item_has_the_timeout_and_each_other_the_stall_limit(loop):
    """Each counts from when it is asked for: who reads slowly does no harm."""
    story = Streams(loop, Timeout(5, stall=2))
    stream = story.of(4.0, "one", 1.5, "two", 3.0, "three")()

    async def slowly():
        got = []
        try:
            async for item in stream:
                got.append((item, loop.io.now()))
                await asyncio.sleep(60)
        except OutOfTime as error:
            got.append((error.phase, loop.io.now()))
        return got

    assert loop.run(slowly()) == [("one", 4), ("two", 65.5), ("stall", 127.5)]
    assert story.closed == 1


def test_a_stall_is_a_failure_of_the_stream(loop):
    """What had counted as a success is amended."""
    story = Streams(loop, Breaker(failures=1), Timeout(5, stall=2))
    [one, error] = story.read(story.of("one", 3.0, "two")())
    assert (one, error.phase) == ("one", "stall")
    assert story.state().breaker == "open"


def test_a_late_first_item_is_tried_again(loop):
    """Cut at the timeout, and the generator that was late is closed."""
    story = Streams(loop, Retry(base=0), Timeout(2))
    assert story.read(story.of([9.0, "late"], ["one"])()) == ["one"]
    assert (story.opened, story.closed) == (2, 2)


def test_the_deadline_ends_at_the_first_item(loop):
    """A stream may be longer than the time in which it has to begin."""
    story = Streams(loop, Deadline(5))
    assert story.read(story.of(4.0, "one", 4.0, "two")()) == ["one", "two"]
    [error] = story.read(story.of(6.0, "late")())
    assert error.phase == "deadline"


def test_an_async_generator_left_in_the_middle_is_closed(loop):
    """`async for … break` drops it, and its own `finally` runs too."""
    story = Streams(loop, Slots(1))

    async def leaves():
        async for _ in story.of("one", "two")():
            break
        gc.collect()
        in_flight = story.guard.state().in_flight
        for _ in range(3):
            await asyncio.sleep(0)
        return in_flight

    assert loop.run(leaves()) == 0
    assert story.closed == 1


def test_a_close_that_fails_is_told_as_it_is(make):
    """And gives everything back all the same."""
    story = make(Slots(1), Breaker(failures=1))

    def generator():
        try:
            yield 1
        finally:
            raise OSError("on the way out")

    async def agenerator():
        try:
            yield 1
        finally:
            raise OSError("on the way out")

    stream = story.guard(generator if story.world.face == "plain" else agenerator)()
    story.read(stream, 1)
    with pytest.raises(OSError, match="on the way out"):
        story.close(stream)
    assert story.state().breaker == "open"


def test_a_fallback_may_be_an_async_stream(loop):
    """It is read as it comes, and its own errors are its own."""

    async def instead():
        yield "one"
        raise KeyError("mine")

    story = Streams(loop, Fallback(call=instead))
    one, error = story.read(story.of(OSError())())
    assert one == "one"
    assert type(error) is KeyError


def test_a_generator_takes_exceptions_in_every_form(blocking):
    """As `throw` always has."""
    story = Streams(blocking, Slots(1))

    def generator():
        try:
            yield 1
        except KeyError:
            yield 2

    stream = story.guard(generator)()
    next(stream)
    assert stream.throw(KeyError) == 2
    stream.close()
    assert list(stream) == []


@pytest.mark.parametrize("items", [("one",), ("one", OSError())], ids=["ended", "broken"])
def test_a_stream_that_is_over_holds_nothing_though_somebody_has_it(make, items):
    """Nobody has to drop it, nor to close it; and closing it again does nothing."""
    story = make(Slots(1), Breaker())
    stream = story.of(*items)()
    story.read(stream)
    assert story.state().in_flight == 0
    assert story.read(stream) == []
    story.close(stream)
    story.close(stream)
    assert story.state().in_flight == 0


def test_a_success_counts_when_the_first_item_is_there(make):
    """However long the stream goes on; if it breaks, it was none."""
    story = make(Breaker(failures=1, successes=1, jitter=0))
    story.read(story.of(OSError())())
    story.world.wait(10)
    stream = story.of("one", "two")()
    story.read(stream, 1)
    assert story.state().breaker == "closed"
    story.close(stream)
    later = story.of("one", OSError("cut"))()
    story.read(later)
    assert story.state().breaker == "open"


def test_what_stands_in_for_a_stream_holds_nothing(make):
    """What failed has given back what it held, once."""
    story = make(Fallback(["instead"]), Slots(1), Breaker(failures=9))
    for _ in range(3):
        stream = story.of(OSError())()
        assert story.read(stream) == ["instead"]
        assert story.state().in_flight == 0


def test_a_thrown_exception_ends_a_stream(make):
    """It counts if it is a failure, and what was held is given back though somebody has the stream."""
    story = make(Slots(1), Breaker(failures=1))
    stream = story.of("one", "two")()
    story.read(stream, 1)
    with pytest.raises(OSError, match="thrown"):
        story.throw(stream, OSError("thrown"))
    assert (story.state().in_flight, story.state().breaker) == (0, "open")
    assert story.read(stream) == []
