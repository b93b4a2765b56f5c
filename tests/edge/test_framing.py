"""What comes back may be anything; it is read in one way, or refused, and its connection is never used again."""

import asyncio

import pytest

from outlast.edge.bounds import Bounds
from outlast.model.errors import BadResponse, Connect, TimedOut

SECOND = b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\nFORGED-RESPONSE"


def fails_with(run, world, scene, failure, **options):
    """The exchange ends with this failure, and nothing that was sent shows in its message."""

    async def story():
        async with world(scene, **options) as at:
            with pytest.raises(failure) as caught:
                await at.whole()
            await at.closed()  # by itself, not by the end of the world
            return caught.value

    return run(story())


def answers(run, world, scene):
    async def story():
        async with world(scene) as at:
            return await at.whole()

    return run(story())


def test_silent_hang_up(run, world):
    """C1: a peer that hangs up before a byte gave no connection."""

    async def scene(peer):
        await peer.request()

    assert fails_with(run, world, scene, Connect).again == "at_once"


def test_reset_before_a_byte(run, world):
    """C2: a reset before a byte gave no connection either."""

    async def scene(peer):
        await peer.request()
        peer.reset()

    assert fails_with(run, world, scene, Connect).outcome == "failure"


@pytest.mark.parametrize("phase", ["nothing", "half a head"])
def test_silence_before_the_head(run, world, phase):
    """C4, C7: silence is ended by our own timer, whatever was said before."""

    async def scene(peer):
        await peer.request()
        if phase != "nothing":
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-")
        await peer.gone()

    async def story():
        async with world(scene) as at:
            with pytest.raises(TimedOut) as caught:
                await at.send(due=0.1)
            return caught.value.phase

    assert run(story()) == "head"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"\x16\x03\x01\xff\x00 random",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"<html>HTTP/0.9 has no head</html>",
        b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\ncut",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\ncut\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"ICE/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"RTSP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\nx: bare\n\n",
    ],
)
def test_no_answer(run, world, data):
    """A6, A7, C6, C14, C19, C22: what is no whole HTTP/1.1 answer is refused, and not one byte of it is echoed."""
    failure = fails_with(run, world, data, BadResponse)
    assert failure.status == 502
    assert not {"random", "OpenSSH", "html", "cut"} & set(failure.message.split())


def test_banner(run, world):
    """A7: a peer that speaks first is no HTTP server, whether its banner comes before our request or after."""

    async def scene(peer):
        await peer.send(b"SSH-2.0-OpenSSH_9.6\r\n")
        await peer.gone()

    async def story():
        async with world(scene) as at:
            for _ in range(20):
                with pytest.raises(BadResponse):
                    await at.send()
            return at.connected

    assert run(story()) == 20


def test_dripping(run, world):
    """C9: a byte now and then does not keep a whole answer alive."""

    async def scene(peer):
        await peer.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n")
        while True:
            await peer.send(b"x")
            await asyncio.sleep(0.01)

    async def story():
        async with world(scene) as at:
            exchange = await at.send()
            with pytest.raises(TimedOut) as caught:
                await exchange.whole(at.soon)
            return caught.value.phase

    assert run(story()) == "read"


def test_early_answer(run, world, say):
    """C12: a refusal that comes while we upload is read, although our write fails."""

    async def scene(peer):
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(say.answer(b"too large", b"connection: close", status=b"413 Too Large"))

    async def story():
        async with world(scene) as at:
            return await at.whole(b"x" * 24_000_000)

    assert run(story()) == (413, b"too large")


def test_large_upload(run, world, say):
    """A large body arrives whole, and its connection serves again."""
    body = bytes(range(256)) * 20_000

    async def scene(peer):
        for _ in range(2):
            _, got = await peer.answer(say.answer())
            assert got == body
        await peer.gone()

    async def story():
        async with world(scene) as at:
            assert await at.whole(body) == (200, b"ok")
            assert await at.whole(body) == (200, b"ok")
            return at.connected

    assert run(story()) == 1


@pytest.mark.parametrize("extra", [b"and more", SECOND, b"\r\n", b"\0"])
def test_bytes_after_the_answer(run, world, say, extra):
    """C16, C17: an answer ends where it says; a connection with bytes left over is closed, whatever they are."""

    async def story():
        async with world(say.answer() + extra, say.answer(b"mine")) as at:
            assert await at.whole() == (200, b"ok")
            assert await at.whole() == (200, b"mine")
            return at.connected

    assert run(story()) == 2


def test_late_second_answer(run, world, say):
    """C17: a second answer that comes while the connection rests is given to nobody."""
    told = []

    async def scene(peer):
        await peer.answer(say.answer())
        await told[0].wait()
        await peer.send(SECOND)
        await peer.gone()

    async def story():
        told.append(asyncio.Event())
        async with world(scene, say.answer(b"mine")) as at:
            assert await at.whole() == (200, b"ok")
            told[0].set()
            await at.closed()
            assert await at.whole() == (200, b"mine")

    run(story())


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1_048_576 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000,
        b"HTTP/1.1 " + b"9" * 70_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;" + b"x" * 200_000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n" + b"t: v\r\n" * 60_000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n" + b"t: v\r\n" * 300,
    ],
)
def test_endless_heads(run, world, data):
    """C21: heads, interim answers, chunk headers and trailers are bounded; it fails before the peer hangs up."""

    async def scene(peer):
        await peer.answer(data)
        await peer.gone()

    assert fails_with(run, world, scene, BadResponse).kind == "bad_response"


def test_too_many_headers_is_a_bound(run, world, say):
    """C21: as many headers as are allowed are fine."""
    assert answers(run, world, say.answer(b"ok", *[b"x-%d: y" % n for n in range(199)])) == (200, b"ok")


@pytest.mark.parametrize("value", ["ü€".encode(), b"\xff\xfe", b"\x80" * 10])
def test_odd_header_values(run, world, say, value):
    """C22: header values are bytes and stay so."""

    async def story():
        async with world(say.answer(b"ok", b"x-request-id: " + value)) as at:
            exchange = await at.send()
            exchange.abort()
            return exchange.header(b"x-request-id")

    assert run(story()) == value


@pytest.mark.parametrize("line", [b"x: y", b"content-type: text/plain; charset=klingon", b"content-type:"])
def test_odd_content_type(run, world, say, line):
    """C24: the content type does not matter here."""
    assert answers(run, world, say.answer(b"{}", line)) == (200, b"{}")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", (307, b"")),
        (b"HTTP/1.1 204 None\r\n\r\n", (204, b"")),
        (b"HTTP/1.1 204 None\r\ncontent-length: 5\r\n\r\n", (204, b"")),
        (b"HTTP/1.1 304 Same\r\ncontent-length: 5\r\n\r\n", (304, b"")),
        (b"HTTP/1.1 205 Reset\r\n\r\n", (205, b"")),
        (b"HTTP/1.1 206 Part\r\ncontent-length: 2\r\n\r\nok", (206, b"ok")),
        (b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", (200, b"ok")),
        (b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", (200, b"ok")),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", (200, b"until the end")),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", (200, b"until the end")),
        (b"HTTP/1.1 200\r\ntransfer-encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\ntrail: er\r\n\r\n", (200, b"ok")),
    ],
)
def test_statuses_and_framings(run, world, data, expected):
    """B44, B46: a redirect is only told; bodiless statuses have no body; interim answers are passed over."""
    assert answers(run, world, data) == expected


def test_interim_headers_are_dropped(run, world, say):
    """B46: what an interim answer said of itself is not said of the real one."""

    async def story():
        interim = b"HTTP/1.1 103 Hints\r\nretry-after: 9\r\ncontent-length: 7\r\n\r\n"
        async with world(interim + say.answer(b"ok")) as at:
            exchange = await at.send()
            assert exchange.header(b"retry-after") is None
            assert await exchange.whole(at.later) == b"ok"

    run(story())


def test_too_large_body(run, world, say):
    """A whole body is bounded, and the peer is not read to the end."""
    failure = fails_with(run, world, say.answer(b"x" * 300_000), BadResponse, bounds=Bounds(body=200_000))
    assert failure.message == "the answer is too large"


async def drained(exchange, due):
    while await exchange.read(due):
        pass


def test_flooding(run, world):
    """C9: bytes that never stop coming do not keep an answer alive either, although nobody ever waits for them."""

    async def scene(peer):
        await peer.answer(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await peer.send(b"x" * 65_536)

    async def story():
        async with world(scene) as at:
            exchange = await at.send()
            due = at.soon
            with pytest.raises(TimedOut) as caught:
                await drained(exchange, due)
            return caught.value.phase

    assert run(story()) == "read"


def test_late_readers_of_what_is_there(run, world, say):
    """F4: an answer that came in time is read to its end, although our own loop was too late to look."""
    size = 3_000_000

    async def story():
        async with world(say.answer(b"x" * size)) as at:
            exchange = await at.send()
            due = at.soon
            at.blocked(0.4)
            return len(await exchange.whole(due))

    assert run(story()) == size


def test_content_before_a_cut(run, world):
    """E31: what came before a cut is handed out before the failure."""

    async def story():
        async with world(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n") as at:
            exchange = await at.send()
            got = await exchange.read(at.later)
            with pytest.raises(BadResponse):
                await exchange.read(at.later)
            return got

    assert run(story()) == b"first"


def test_bytes_come_at_once(run, world, say):
    """A stream's bytes are handed out while the peer still holds the rest back."""
    seen = []

    async def scene(peer):
        await peer.answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for letter in (b"a", b"b", b"c"):
            await peer.send(b"1\r\n%b\r\n" % letter)
            await seen[0].wait()
            seen[0].clear()
        await peer.send(b"0\r\n\r\n")
        await peer.gone()

    async def story():
        seen.append(asyncio.Event())
        async with world(scene) as at:
            exchange = await at.send()
            got = []
            while data := await exchange.read(at.later):
                got.append(data)
                seen[0].set()
            return got

    assert run(story()) == [b"a", b"b", b"c"]


def test_back_pressure(run, world):
    """A reader who does not read holds the peer back."""
    total = 64_000_000

    async def scene(peer):
        await peer.answer(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        peer.writer.write(b"x" * total)
        await peer.gone()

    async def story():
        async with world(scene) as at:
            exchange = await at.send()
            connection = exchange._connection
            await at.until(lambda: connection._paused)
            held = sum(map(len, connection._chunks))
            size = 0
            while data := await exchange.read(at.later):
                size += len(data)
            return held < 1_000_000, size

    assert run(story()) == (True, total)
