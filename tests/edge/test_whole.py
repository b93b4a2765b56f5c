"""Who wants an answer as a whole waits once, however it is cut, and meets every failure that a reader would meet."""

import asyncio

import pytest

from outlast.edge.stage import Stage
from outlast.model.errors import BadResponse, Connect, TimedOut

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"


def at_once(work):
    """The result of work that does not wait."""
    with pytest.raises(StopIteration) as caught:
        work.send(None)
    return caught.value.value


def in_pieces(*pieces):
    """A scene that sends each piece when the client has had time to see the one before."""

    async def scene(peer):
        await peer.request()
        for piece in pieces:
            await peer.send(piece)
            for _ in range(5):
                await asyncio.sleep(0)
        await peer.gone()

    return scene


def test_one_wait(run, world):
    """However the answer is cut, sending returns when all of it is in hand."""

    async def story():
        async with world(in_pieces(b"HTT", b"P/1.1 200 OK\r\n", b"content-length: 4\r\n\r\n", b"ab", b"cd")) as at:
            exchange = await at.send(whole=True)
            return exchange.status, at_once(exchange.whole(at.later)), at_once(exchange.read(at.later))

    assert run(story()) == (200, b"abcd", b"")


def test_who_reads_is_told_of_the_head(run, world):
    """Without that wish the head is told at once, although nothing of the body has come."""

    async def story():
        async with world(in_pieces(HEAD % 2)) as at:
            exchange = await at.send()
            exchange.abort()
            return exchange.status

    assert run(story()) == 200


@pytest.mark.parametrize("size", [0, 65_535, 65_537, 3_000_000])
def test_any_size(run, world, say, size):
    """A large answer is told before its end, since no more than some of it is held; the rest is waited for."""

    async def story():
        async with world(lambda peer: peer.serve(say.answer(b"x" * size))) as at:
            for _ in range(3):
                exchange = await at.send(whole=True)
                assert await exchange.whole(at.later) == b"x" * size
            return at.connected

    assert run(story()) == 1


def test_cut(run, world):
    """A body that is cut is a failure of the body: the status is known."""

    async def story():
        async with world(HEAD % 100 + b"half") as at:
            exchange = await at.send(whole=True)
            with pytest.raises(BadResponse):
                await exchange.whole(at.later)
            return exchange.status

    assert run(story()) == 200


@pytest.mark.parametrize(
    ("data", "stage", "phase"),
    [(b"", Stage.ASKED, "head"), (b"HTTP/1.1 2", Stage.HEAD, "head"), (HEAD % 9 + b"x", Stage.BODY, "read")],
)
def test_silence(run, world, data, stage, phase):
    """Who waits for the whole is told by the deadline, and how far the answer was."""

    async def story():
        async with world(in_pieces(data)) as at:
            call = asyncio.ensure_future(at.send(whole=True))
            await at.until(lambda: [connection.stage for connection in at.io._here().pool.open] == [stage])
            (connection,) = at.io._here().pool.open
            at.io.watch(connection, at.io.now())  # it passes now, when so much is there
            with pytest.raises(TimedOut) as caught:
                await (await call).whole(at.later)
            return caught.value.phase

    assert run(story()) == phase


def test_hang_up(run, world):
    """A peer that says nothing at all has not been asked, whatever was wished."""

    async def scene(peer):
        await peer.request()

    async def story():
        async with world(scene) as at:
            with pytest.raises(Connect):
                await at.send(whole=True)

    run(story())


@pytest.mark.parametrize("turns", range(12))
def test_leaving(run, world, turns):
    """Who leaves while an answer comes leaves no connection behind."""

    async def story():
        async with world(in_pieces(HEAD % 6, b"ab", b"cd")) as at:
            call = asyncio.ensure_future(at.send(whole=True))
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
            assert call.cancelled()
            await at.closed()

    run(story())
