"""The clock, the ear and the loop: what `AsyncIo` is beside its connections."""

import asyncio
import os
import threading
import traceback
from math import inf

import pytest

from outlast.edge.io import AsyncIo
from outlast.model.events import BackIn, Fault, LoopBlocked
from outlast.ports import Io

EVENT = BackIn("target", "p/m")


class Recorder:
    def __init__(self):
        self.events = []

    def __call__(self, event):
        self.events.append(event)


class Broken(Recorder):
    def __call__(self, event):
        super().__call__(event)
        raise ZeroDivisionError("with a secret")


def test_is_an_io():
    """It has all that the core may ask for."""

    def takes(io: Io) -> Io:
        return io

    io = takes(AsyncIo())
    assert io.now() <= io.now()
    assert 0.0 <= io.random() < 1.0


def test_sinks_hear_everything():
    """Every sink hears every event, in order."""
    one, other = Recorder(), Recorder()
    io = AsyncIo([one, other])
    io.emit(EVENT)
    io.emit(Fault("x", "y"))
    assert one.events == other.events == [EVENT, Fault("x", "y")]
    assert io.sink_faults == 0


def test_broken_sink():
    """H6: a sink that raises disturbs nobody; the others are told, without its words."""
    good = Recorder()
    io = AsyncIo([Broken(), good])
    io.emit(EVENT)
    assert good.events == [Fault("sink Broken", "ZeroDivisionError"), EVENT]
    assert io.sink_faults == 1


def test_all_sinks_broken():
    """Two broken sinks do not set each other off for ever."""
    io = AsyncIo([Broken(), Broken()])
    io.emit(EVENT)
    assert io.sink_faults == 4


def test_sleep(run):
    """A sleep is never shorter than asked, by the clock that the core sees."""

    async def story():
        io = AsyncIo()
        short = []
        for seconds in (-1.0, 0.0, 0.0004, 0.003, 0.0105):
            before = io.now()
            await io.sleep(seconds)
            short.append(io.now() - before < seconds)
        await io.aclose()
        return short

    assert run(story()) == [False] * 5


def test_waiter(run):
    """A waiter goes on when woken, before or after it began to wait, or when its deadline comes."""

    async def story():
        io = AsyncIo()
        early, late, never = io.waiter(), io.waiter(), io.waiter()
        early.wake()
        early.wake()
        asyncio.get_running_loop().call_soon(late.wake)
        results = [await early.wait(inf), await late.wait(io.now() + 30), await never.wait(io.now() + 0.005)]
        late.wake()
        never.expire()
        await io.aclose()
        return results

    assert run(story()) == [True, True, False]


def test_cancelled_waiter(run):
    """A waiter that was cancelled may be woken without harm."""

    async def story():
        io = AsyncIo()
        waiter = io.waiter()
        task = asyncio.ensure_future(waiter.wait(io.now() + 30))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        waiter.wake()
        await io.aclose()
        return task.cancelled(), waiter.due

    assert run(story()) == (True, inf)


def test_watch(run):
    """Anything with a deadline can be watched."""

    class Thing:
        due = inf

        def __init__(self):
            self.done = asyncio.get_running_loop().create_future()

        def expire(self):
            self.done.set_result("expired")

    async def story():
        io = AsyncIo()
        thing = Thing()
        io.watch(thing, io.now() + 0.005)
        result = await thing.done
        await io.aclose()
        return result

    assert run(story()) == "expired"


def test_another_loop(run):
    """H7: from another thread's loop, or from no loop, the message says what to do."""

    async def story():
        io = AsyncIo()
        io.waiter()
        errors = []

        def elsewhere(use):
            try:
                use()
            except RuntimeError as error:
                errors.append(str(error))

        async def use():
            io.waiter()

        for how in (io.waiter, lambda: asyncio.run(use()), lambda: asyncio.run(io.aclose())):
            thread = threading.Thread(target=elsewhere, args=(how,))
            thread.start()
            thread.join()
        io.waiter()
        await io.aclose()
        return errors

    errors = run(story())
    assert len(errors) == 3
    assert all("make one AsyncIo for each loop" in error for error in errors)


def test_a_loop_after_the_other(run, world, say):
    """When its loop has ended, it begins anew on the next one."""
    io = AsyncIo()

    async def story():
        await io.sleep(0.001)

    run(story())
    run(story())


def test_closed(run, world, say):
    """After closing nothing can be sent, and the message says so."""

    async def story():
        async with world(say.answer()) as at:
            await at.whole()
            await at.io.aclose()
            await at.io.aclose()
            with pytest.raises(RuntimeError, match="closed"):
                await at.send()
            return at.io.connections

    assert run(story()) == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork(run, world, say):
    """H9: a child process makes connections of its own, and does the parent's no harm."""

    async def child(at, port):
        return await at.whole()

    def in_child(at, write):
        try:
            status, body = asyncio.run(child(at, None))
            os.write(write, b"%d %b" % (status, body))
        except BaseException:  # noqa: BLE001  (a child must never come back into pytest)
            os.write(write, traceback.format_exc().encode())
        finally:
            os._exit(0)

    async def story():
        async with world(lambda peer: peer.serve(say.answer())) as at:
            await at.whole()
            pending = await at.send()
            read, write = os.pipe()
            pid = os.fork()
            if pid == 0:
                asyncio.events._set_running_loop(None)
                pending.abort()
                in_child(at, write)
            os.close(write)
            loop = asyncio.get_running_loop()
            told = await loop.run_in_executor(None, os.read, read, 10_000)
            os.close(read)
            await loop.run_in_executor(None, os.waitpid, pid, 0)
            assert await pending.whole(at.later) == b"ok"
            assert await at.whole() == (200, b"ok")
            return told, at.connected

    assert run(story()) == (b"200 ok", 2)


def test_gathered_events_are_told_at_the_end_of_the_turn_in_their_order():
    """A busy gateway tells each sink many at a time; what comes after the end is told at once."""
    one, other = [], []

    async def story():
        io = AsyncIo([one.append, other.append], gather=True)
        io.emit(LoopBlocked(1.0))
        io.emit(LoopBlocked(2.0))
        before = list(one)
        await asyncio.sleep(0)
        told = list(one)
        io.emit(LoopBlocked(3.0))
        await io.aclose()
        closed = list(one)
        io.emit(LoopBlocked(4.0))
        return before, told, closed

    before, told, closed = asyncio.run(story())
    assert [len(events) for events in (before, told, closed)] == [0, 2, 3]
    assert [event.seconds for event in one] == [1.0, 2.0, 3.0, 4.0]
    assert one == other


def test_a_sink_that_breaks_on_gathered_events_keeps_none_from_the_others():
    """The good one hears of every event, and of the fault."""
    good = []

    async def story():
        io = AsyncIo([Broken(), good.append], gather=True)
        io.emit(LoopBlocked(1.0))
        await asyncio.sleep(0)
        return io.sink_faults

    assert asyncio.run(story()) == 1
    assert [type(event).__name__ for event in good] == ["Fault", "LoopBlocked"]
