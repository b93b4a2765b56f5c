"""Compressed bodies are read although we ask for none; broken ones are refused, bombs do not go off."""

import gzip
import tracemalloc
import zlib

import pytest

from outlast.edge.decoding import PIECE, decoder_for
from outlast.model.errors import BadResponse

TEXT = b'{"words": "' + b"some text that repeats; " * 400 + b'"}'
ZIPPED = gzip.compress(TEXT)
DEFLATED = zlib.compress(TEXT)
RAW = DEFLATED[2:-4]
GOOD = {
    "gzip": (b"gzip", ZIPPED),
    "x-gzip": (b"X-GZIP", ZIPPED),
    "two members": (b"gzip", gzip.compress(TEXT[:50]) + gzip.compress(TEXT[50:])),
    "deflate": (b"deflate", DEFLATED),
    "raw deflate": (b"deflate", RAW),
    "identity": (b"identity", TEXT),
    "none": (b"", TEXT),
}
BAD = {
    "broken": (b"gzip", ZIPPED[:40] + b"\xff" * 20 + ZIPPED[60:]),
    "cut": (b"gzip", ZIPPED[:-9]),
    "trailer cut": (b"gzip", ZIPPED[:-3]),
    "not gzip": (b"gzip", TEXT),
    "one byte": (b"deflate", b"x"),
    "more after the end": (b"deflate", DEFLATED + b"more"),
    "unknown": (b"br", TEXT),
    "two codings": (b"gzip, gzip", gzip.compress(ZIPPED)),
}


@pytest.mark.parametrize("name", GOOD)
def test_known_codings(run, world, say, name):
    """C26: gzip and deflate are undone, and the connection serves again."""
    coding, data = GOOD[name]

    async def story():
        async with world(lambda peer: peer.serve(say.answer(data, b"content-encoding: " + coding))) as at:
            assert await at.whole() == (200, TEXT)
            assert await at.whole() == (200, TEXT)
            return at.connected

    assert run(story()) == 1


@pytest.mark.parametrize("name", BAD)
def test_broken_codings(run, world, say, name):
    """C26: a body that is broken, cut, or in a coding that we cannot read is no answer."""
    coding, data = BAD[name]

    async def story():
        async with world(say.answer(data, b"content-encoding: " + coding)) as at:
            with pytest.raises(BadResponse):
                await at.whole()

    run(story())


def test_unlabelled(run, world, say):
    """C26: a compressed body that is not called so is handed out as it is."""

    async def story():
        async with world(say.answer(ZIPPED)) as at:
            return await at.whole()

    assert run(story()) == (200, ZIPPED)


@pytest.mark.parametrize("name", ["gzip", "deflate", "raw deflate", "two members"])
def test_any_cut(name):
    """However a compressed body is cut, the same comes out."""
    coding, data = GOOD[name]
    for size in (1, 2, 3, 7, 100):
        decoder = decoder_for(coding, 200)
        parts = [decoder.decode(data[at : at + size]) for at in range(0, len(data), size)]
        while more := decoder.decode(b""):
            parts.append(more)
        decoder.end()
        assert b"".join(parts) == TEXT


def test_bomb(run, world, say):
    """C27: a bomb is refused long before it fills the memory."""
    bomb = gzip.compress(b"\0" * 200_000_000, 9)

    async def story():
        async with world(say.answer(bomb, b"content-encoding: gzip")) as at:
            tracemalloc.start()
            try:
                with pytest.raises(BadResponse):
                    await at.whole()
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    assert run(story()) < 8_000_000


def test_a_step_is_bounded():
    """One read never makes more than one piece, however much a few bytes stand for."""
    decoder = decoder_for(b"gzip", 10_000)
    sizes = [len(decoder.decode(gzip.compress(b"\0" * 1_000_000)))]
    while made := decoder.decode(b""):
        sizes.append(len(made))
    decoder.end()
    assert sum(sizes) == 1_000_000
    assert max(sizes) <= PIECE
