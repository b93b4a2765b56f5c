"""Work beside the requests: it is done, it is bounded, it is told when it fails, and it ends with its world."""

import asyncio

from outlast.edge import beside
from outlast.edge.io import AsyncIo
from outlast.model.events import Fault


def test_it_is_done_while_nobody_waits():
    """And it may be cancelled by whoever began it."""

    async def story():
        io, done = AsyncIo(), asyncio.Event()

        async def work():
            done.set()

        async def endless():
            await asyncio.Event().wait()

        io.begin(work())
        left = io.begin(endless())
        await done.wait()
        left.cancel()
        await asyncio.wait([left])
        assert left.cancelled()
        await io.aclose()

    asyncio.run(story())


def test_it_ends_when_the_world_is_closed():
    """Nothing is left on the loop."""

    async def story():
        io, ended = AsyncIo(), []

        async def work():
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

        io.begin(work())
        await asyncio.sleep(0)
        await io.aclose()
        assert ended == [True]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(story())


def test_its_fault_is_told():
    """Where and what, never its text."""
    heard = []

    async def story():
        io = AsyncIo([heard.append])

        async def work():
            raise ValueError("a secret")

        task = io.begin(work())
        await asyncio.wait([task])
        await asyncio.sleep(0)
        await io.aclose()

    asyncio.run(story())
    assert [type(event) for event in heard] == [Fault]
    assert heard[0].where == "work beside"
    assert "secret" not in heard[0].error


def test_too_much_is_not_begun(monkeypatch):
    """Whoever asks is told so."""
    monkeypatch.setattr(beside, "MOST", 2)

    async def story():
        io = AsyncIo()

        async def work():
            await asyncio.Event().wait()

        begun = [io.begin(work()) for _ in range(3)]
        assert [task is not None for task in begun] == [True, True, False]
        await io.aclose()

    asyncio.run(story())
