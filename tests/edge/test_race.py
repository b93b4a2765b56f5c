"""Several ways to one thing on a real loop: who wins, who is let go, and who is cancelled with whom."""

import asyncio
import gc
from contextvars import ContextVar

import pytest

from outlast.edge.io import AsyncIo

WHO = ContextVar("WHO", default="nobody")


class Gate:
    """A runner that waits to be told what to do, and remembers how it ended."""

    def __init__(self):
        self.future = asyncio.get_running_loop().create_future()
        self.ended = None

    async def run(self):
        try:
            result = await self.future
        except BaseException as error:
            self.ended = type(error).__name__
            raise
        self.ended = "returned"
        return result


class Track:
    """A race of some gates, and what came too late."""

    def __init__(self, many, decides=lambda _: False):
        self.late = []
        self.race = AsyncIo().race(decides, self.late.append)
        self.gates = [Gate() for _ in range(many)]
        for gate in self.gates:
            self.race.enter(gate.run())
        self.winner = asyncio.ensure_future(self.race.winner())


def on_a_loop(story):
    """Run it; afterwards no task may be left, and nothing may have gone wrong where nobody looks."""
    wrong = []

    async def whole():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: wrong.append(context))
        await story()
        await turns()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        gc.collect()

    asyncio.run(whole())
    assert wrong == []


async def turns(many=5):
    for _ in range(many):
        await asyncio.sleep(0)


def test_the_first_that_brings_something_wins_and_the_others_are_cancelled():
    """They have let go of everything before the news is told."""

    async def story():
        track = Track(3)
        await turns()
        track.gates[1].future.set_result("one")
        assert await track.winner == "one"
        assert [gate.ended for gate in track.gates] == ["CancelledError", "returned", "CancelledError"]
        assert track.late == []

    on_a_loop(story)


def test_who_comes_too_late_is_let_go():
    """Both bring something in the same turn: one is told, the other handed to whoever lets go of it."""

    async def story():
        track = Track(2)
        await turns()
        for number, gate in enumerate(track.gates):
            gate.future.set_result(number)
        assert await track.winner == 0
        await turns()
        assert track.late == [1]

    on_a_loop(story)


def test_an_error_waits_for_the_others():
    """Unless it decides; the last one's is raised when nobody brings anything."""

    async def story():
        track = Track(2)
        await turns()
        track.gates[0].future.set_exception(ValueError("one"))
        await turns()
        assert not track.winner.done()
        track.gates[1].future.set_exception(KeyError("two"))
        with pytest.raises(KeyError):
            await track.winner

    on_a_loop(story)


def test_an_error_that_decides_ends_all():
    """At once; the others are cancelled."""

    async def story():
        track = Track(2, decides=lambda error: isinstance(error, ValueError))
        await turns()
        track.gates[0].future.set_exception(ValueError("one"))
        with pytest.raises(ValueError, match="one"):
            await track.winner
        assert track.gates[1].ended == "CancelledError"

    on_a_loop(story)


def test_who_waits_and_is_cancelled_cancels_all_of_them():
    """And is cancelled when they are over, not before."""

    async def story():
        track = Track(2)
        await turns()
        track.winner.cancel()
        with pytest.raises(asyncio.CancelledError):
            await track.winner
        assert [gate.ended for gate in track.gates] == ["CancelledError"] * 2

    on_a_loop(story)


@pytest.mark.parametrize("turn", range(5))
def test_a_cancellation_is_never_lost(turn):
    """However close to the end of the race it comes; what had won by then is let go."""

    async def story():
        track = Track(2)
        await turns()
        track.gates[0].future.set_result("won")
        await turns(turn)
        if track.winner.done():
            assert track.winner.result() == "won"
            return
        track.winner.cancel()
        with pytest.raises(asyncio.CancelledError):
            await track.winner
        assert track.late == ([] if track.gates[0].ended == "CancelledError" else ["won"])

    on_a_loop(story)


def test_what_enters_too_late_is_not_started():
    """And nobody is warned of it."""

    async def story():
        track = Track(1)
        await turns()
        track.gates[0].future.set_result("won")
        await track.winner
        gate = Gate()
        track.race.enter(gate.run())
        await turns()
        assert gate.ended is None
        with pytest.raises(RuntimeError, match="one winner"):
            await track.race.winner()

    on_a_loop(story)


def test_a_runner_has_the_context_of_whom_it_runs_for():
    """Also one that enters from a timer, whose context is another's; what it sets stays its own."""

    async def who():
        seen = WHO.get()
        WHO.set("changed")
        await asyncio.sleep(10)
        return seen

    async def quick():
        return WHO.get()

    async def story():
        token = WHO.set("caller")
        race = AsyncIo().race(lambda _: False, lambda _: None)
        race.enter(who())
        winner = asyncio.ensure_future(race.winner())
        WHO.reset(token)
        asyncio.get_running_loop().call_later(0.001, lambda: race.enter(quick()))
        assert await winner == "caller"
        assert WHO.get() == "nobody"

    on_a_loop(story)


def test_an_error_leaves_no_cycle():
    """What failed is freed by counting references."""

    class Heavy:
        pass

    async def fails():
        heavy = Heavy()
        raise ValueError(str(type(heavy)))

    async def race():
        made = AsyncIo().race(lambda _: True, lambda _: None)
        made.enter(fails())
        with pytest.raises(ValueError, match="Heavy"):
            await made.winner()

    async def story():
        gc.collect()
        gc.disable()
        try:
            await race()
            await turns()
            assert not [thing for thing in gc.get_objects() if isinstance(thing, Heavy)]
        finally:
            gc.enable()

    on_a_loop(story)
