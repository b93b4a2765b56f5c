"""Connections are used again when that is safe, never lost, and never left open."""

import asyncio
import gc
import socket
import threading
import time

import pytest

from outlast.edge.bounds import Bounds
from outlast.edge.stage import Stage
from outlast.model.errors import BadResponse, Connect, TimedOut


def serving(data):
    return lambda peer: peer.serve(data)


def test_used_again(run, world, say):
    """Calls one after the other share one connection."""

    async def story():
        async with world(serving(say.answer())) as at:
            for _ in range(5):
                await at.whole()
            return at.connected

    assert run(story()) == 1


def test_last_in_first_out(run, world, say):
    """Of several idle connections the one used last is used next, so that the others can grow old and go."""

    async def scene(peer):
        name = str(len(at_hand)).encode()
        at_hand.append(peer)
        await peer.serve(say.answer(name))

    at_hand = []

    async def story():
        async with world(scene) as at:
            exchanges = [await at.send() for _ in range(3)]
            names = [await exchanges[n].whole(at.later) for n in (2, 0, 1)]
            _, name = await at.whole()
            assert sorted(names) == [b"0", b"1", b"2"]
            assert name == names[-1]
            return at.connected

    assert run(story()) == 3


def test_idle_ones_are_bounded(run, world, say):
    """No more idle connections are kept than the bound says."""

    async def story():
        async with world(serving(say.answer()), bounds=Bounds(kept=2)) as at:
            for exchange in [await at.send() for _ in range(5)]:
                await exchange.whole(at.later)
            await at.closed(2)
            return at.io.connections

    assert run(story()) == 2


def test_idle_ones_end(run, world, say):
    """An idle connection is closed when its time is over."""

    async def story():
        async with world(serving(say.answer()), bounds=Bounds(idle=0.01)) as at:
            await at.whole()
            await at.closed()

    run(story())


@pytest.mark.parametrize("hint", [b"timeout=1", b"timeout=0, max=5"])
def test_short_keep_alive_hint(run, world, say, hint):
    """A peer that keeps idle connections for a second or less gets a new one each time."""

    async def story():
        async with world(serving(say.answer(b"ok", b"keep-alive: " + hint))) as at:
            await at.whole()
            await at.whole()
            return at.connected

    assert run(story()) == 2


@pytest.mark.parametrize(("lines", "connections"), [((), 1), ((b"keep-alive: timeout=1",), 2)])
def test_a_stream_keeps_of_its_head_only_how_long_its_connection_may_be_kept(run, world, say, lines, connections):
    """A stream may be open for long: who reads it lets go of the headers, and the connection serves on as before."""

    async def story():
        async with world(serving(say.chunked(b"one ", b"two", lines=(b"x-request-id: 7", *lines)))) as at:
            for _ in range(2):
                exchange = await at.send()
                assert exchange.header(b"x-request-id") == b"7"
                exchange.lighten()
                with pytest.raises(RuntimeError, match="let go"):
                    exchange.header(b"x-request-id")
                assert not any(b"x-request-id" in connection.fields for connection in at.io._here().pool.open)
                assert await exchange.whole(at.later) == b"one two"
            return at.connected

    assert run(story()) == connections


@pytest.mark.parametrize("data", [b"connection: close", b"x: y\r\nconnection: close, x"])
def test_connection_close(run, world, say, data):
    """A peer that says so gets a new connection for the next call."""

    async def story():
        async with world(serving(say.answer(b"ok", data))) as at:
            await at.whole()
            await at.whole()
            return at.connected

    assert run(story()) == 2


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_reuse_race(run, world, say, how):
    """C11: a kept connection that dies as we write costs nothing but a fresh one."""

    async def dying(peer):
        await peer.answer(say.answer(b"first"))
        await peer.request()
        if how == "rst":
            peer.reset()

    async def story():
        async with world(dying, serving(say.answer(b"second"))) as at:
            assert await at.whole() == (200, b"first")
            assert await at.whole() == (200, b"second")
            return at.connected

    assert run(story()) == 2


def test_one_free_retry_only(run, world, say):
    """C11: the fresh connection has no second life."""

    async def dying(peer):
        await peer.answer(say.answer(b"first"))
        await peer.request()

    async def dead(peer):
        await peer.request()

    async def story():
        async with world(dying, dead) as at:
            await at.whole()
            with pytest.raises(Connect):
                await at.whole()
            return at.connected

    assert run(story()) == 2


def test_no_free_retry_after_a_byte(run, world, say):
    """C6: once a byte of an answer has come, the request is not sent again by itself."""

    async def scene(peer):
        await peer.answer(say.answer(b"first"))
        await peer.answer(b"HTTP/1.1 2")

    async def story():
        async with world(scene) as at:
            await at.whole()
            with pytest.raises(BadResponse):
                await at.whole()
            return at.connected

    assert run(story()) == 1


def test_linger(run, world, say):
    """A stream let go before its last chunk keeps its connection, if the end comes soon."""
    more = []

    async def scene(peer):
        await peer.answer(say.chunked(b"data: [DONE]\n\n", end=b""))
        await more[0].wait()
        await peer.send(b"5\r\nextra\r\n0\r\n\r\n")
        await peer.serve(say.answer(b"next"))

    async def story():
        more.append(asyncio.Event())
        async with world(scene) as at:
            exchange = await at.send()
            assert await exchange.read(at.later) == b"data: [DONE]\n\n"
            connection = exchange._connection
            exchange.release()
            more[0].set()
            await at.until(lambda: connection.stage is Stage.IDLE)
            assert await at.whole() == (200, b"next")
            return at.connected

    assert run(story()) == 1


@pytest.mark.parametrize("rest", [b"", b"HTTP"])
def test_linger_ends(run, world, say, rest):
    """E14: a stream whose end does not come, or is garbled, is closed."""

    async def scene(peer):
        await peer.answer(say.chunked(b"data: [DONE]\n\n", end=rest))
        await peer.gone()

    async def story():
        async with world(scene, bounds=Bounds(linger=0.05)) as at:
            exchange = await at.send()
            await exchange.read(at.later)
            exchange.release()
            await at.closed()
            assert at.io.connections == 0

    run(story())


def test_stale_exchange(run, world, say):
    """Whatever is done with an answer that was let go, the next user of its connection does not notice."""

    async def story():
        async with world(serving(say.answer())) as at:
            old = await at.send()
            await old.whole(at.later)
            old.release()
            new = await at.send()
            old.abort()
            old.release()
            assert await old.read(at.later) == b""
            assert await new.whole(at.later) == b"ok"
            assert old.status == 200
            assert old.header(b"content-length") == b"2"
            return at.connected

    assert run(story()) == 1


def test_read_after_abort(run, world, say):
    """An answer that was given up cannot be taken for an empty one."""

    async def story():
        async with world(say.answer()) as at:
            exchange = await at.send()
            exchange.abort()
            exchange.abort()
            with pytest.raises(BadResponse):
                await exchange.read(at.later)

    run(story())


def test_abort_closes_at_once(run, world, say):
    """G1: giving up closes the socket, in the same turn as far as we are concerned."""

    async def scene(peer):
        await peer.answer(say.chunked(b"token", end=b""))
        await peer.gone()
        hung_up.append(peer)

    hung_up = []

    async def story():
        async with world(scene) as at:
            exchange = await at.send()
            exchange.abort()
            await at.closed()
            await at.until(lambda: hung_up)

    run(story())


def test_dropped_exchange(run, world, say):
    """An answer that is simply dropped holds no connection."""

    async def scene(peer):
        await peer.answer(say.chunked(b"token", end=b""))
        await peer.gone()

    async def story():
        async with world(scene) as at:
            exchange = await at.send()
            await exchange.read(at.later)
            del exchange
            gc.collect()
            await at.closed()

    run(story())


def test_abort_from_another_thread(run, world, say):
    """A collector that runs in another thread may give up an answer."""

    async def scene(peer):
        await peer.answer(say.chunked(b"token", end=b""))
        await peer.gone()

    async def story():
        async with world(scene) as at:
            exchange = await at.send()
            thread = threading.Thread(target=exchange.abort)
            thread.start()
            thread.join()
            await at.closed()

    run(story())


def test_free_retry_keeps_the_deadline(run, world, say):
    """C11: the fresh connection has the head's deadline of the same call."""

    async def dying(peer):
        await peer.answer(say.answer(b"first"))
        await peer.request()

    async def silent(peer):
        await peer.gone()

    async def story():
        async with world(dying, silent) as at:
            await at.whole()
            with pytest.raises(TimedOut):
                await at.send(due=0.1)

    run(story())


def test_closing_while_connecting(run, world, say):
    """A connection that arrives after everything was closed is closed too, and its caller is told."""
    wanted = threading.Event()

    def lookup(host, port):
        wanted.wait(120)
        return [(socket.AF_INET, ("127.0.0.1", port))]

    async def story():
        async with world(serving(say.answer()), host="late.internal", lookup=lookup) as at:
            call = asyncio.ensure_future(at.whole())
            await asyncio.sleep(0)
            await at.io.aclose()
            wanted.set()
            with pytest.raises(Connect):
                await call

    run(story())


def test_twelve_thousand_cancellations(run, world, say):
    """H14: callers who leave at any point leave nothing behind; afterwards everything works."""

    async def slow(peer):
        while True:
            await peer.request()
            await asyncio.sleep(0)
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n")
            await asyncio.sleep(0)
            await peer.send(b"body")

    async def story():
        async with world(slow) as at:

            async def call(turns):
                task = asyncio.ensure_future(at.whole())
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                return task.cancelled()

            left = 0
            for start in range(0, 12_000, 60):
                left += sum(await asyncio.gather(*(call((start + n) % 23) for n in range(60))))
            assert left > 6_000
            results = await asyncio.gather(*(at.whole() for _ in range(50)))
            assert results == [(200, b"body")] * 50
            assert at.io.connections <= 60
            await at.io.aclose()
            assert at.io.connections == 0

    run(story())


def test_one_whose_time_is_over_is_not_used_although_nobody_had_a_turn_to_close_it(run, world, say):
    """A process that was frozen, or a loop that was blocked: the peer may have forgotten the connection long ago."""

    async def story():
        async with world(serving(say.answer()), bounds=Bounds(idle=0.05)) as at:
            await at.whole()
            time.sleep(0.1)  # noqa: ASYNC251  (it is what this is about)
            await at.whole()
            return at.connected

    assert run(story()) == 2
