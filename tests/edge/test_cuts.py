"""However an answer's bytes are cut, and wherever its caller leaves, the outcome is one of few."""

import asyncio
import zlib
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outlast.model.errors import BadResponse, Connect, Failure

FIXTURES = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
INTERIM = b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n"
LABELS = b"content-type: text/event-stream\r\nx-ratelimit-remaining-tokens: 5\r\n"
ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\n" + LABELS + b"content-length: 11\r\n\r\ndata: hello",
    "chunks": INTERIM
    + b"HTTP/1.1 200 OK\r\n"
    + LABELS
    + b"transfer-encoding: chunked\r\n\r\n6\r\ndata: \r\n5;x=y\r\nhello\r\n0\r\ntrail: er\r\n\r\n",
    "deflate": b"HTTP/1.1 200 OK\r\n"
    + LABELS
    + b"content-encoding: deflate\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    % (len(zlib.compress(b"data: hello")), zlib.compress(b"data: hello")),
}


async def seen(at):
    exchange = await at.send()
    body = await exchange.whole(at.later)
    return exchange.status, body, exchange.header(b"x-ratelimit-remaining-tokens"), exchange.header(b"link")


def pieces(data, cuts):
    edges = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


async def sent_in(peer, parts):
    await peer.request()
    for part in parts:
        await peer.send(part)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@pytest.mark.parametrize("name", ANSWERS)
def test_every_cut(run, world, name):
    """An answer that comes in two pieces, cut at any byte, is the answer."""
    data = ANSWERS[name]
    place = iter(range(1, len(data)))

    async def scene(peer):
        for at in place:
            await sent_in(peer, (data[:at], data[at:]))

    async def story():
        async with world(scene) as at:
            results = {await seen(at) for _ in range(1, len(data))}
            return results, at.connected

    assert run(story()) == ({(200, b"data: hello", b"5", None)}, 1)


@given(st.sampled_from(sorted(ANSWERS)), st.lists(st.integers(0, 500), max_size=40))
@settings(max_examples=60, suppress_health_check=FIXTURES)
def test_any_cuts(world, name, cuts):
    """The same for any number of pieces."""
    data = ANSWERS[name]

    async def scene(peer):
        await sent_in(peer, pieces(data, cuts))

    async def story():
        async with world(scene) as at:
            return await seen(at)

    assert asyncio.run(story()) == (200, b"data: hello", b"5", None)


@pytest.mark.parametrize("name", ANSWERS)
def test_every_end(run, world, name):
    """An answer that ends at any byte before its last is a failure: no connection, or no answer; never a short one."""
    data = ANSWERS[name]
    place = iter(range(len(data)))

    async def scene(peer):
        await sent_in(peer, (data[: next(place)],))

    async def story():
        outcomes = []
        async with world(scene) as at:
            for _ in range(len(data)):
                try:
                    outcomes.append(await seen(at))
                except Failure as failure:
                    outcomes.append(type(failure))
        return outcomes

    assert run(story()) == [Connect] + [BadResponse] * (len(data) - 1)


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=150, suppress_health_check=FIXTURES)
def test_any_bytes(world, junk, headed):
    """Whatever bytes come, there is an answer or a failure of the right class; nothing hangs."""

    async def story():
        async with world((b"HTTP/1.1 200 OK\r\n" if headed else b"") + junk) as at:
            try:
                return await seen(at)
            except (Connect, BadResponse) as failure:
                return failure.kind

    assert asyncio.run(story())


@pytest.mark.parametrize("turns", range(25))
def test_leaving_anywhere(run, world, say, turns):
    """H4: a caller who leaves after any number of turns leaves no connection in use, and the next one is served."""

    async def scene(peer):
        while True:
            await sent_in(peer, (b"HTTP/1.1 200 OK\r\ncontent-le", b"ngth: 4\r\n\r\nbo", b"dy"))

    async def story():
        async with world(scene) as at:
            await at.whole()
            call = asyncio.ensure_future(at.whole())
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
            assert await at.whole() == (200, b"body")
            await at.closed(1)

    run(story())
