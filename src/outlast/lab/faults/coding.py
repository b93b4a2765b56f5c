"""The named faults of group C that are content codings: some that we undo, others that nobody asked for."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator

from outlast.lab.answer import Asked, compose
from outlast.lab.by_hand import headed, kind_of, pieces_of
from outlast.lab.rendering import answer_events, until
from outlast.lab.script import Behaviour
from outlast.lab.steps import Body, End, Fin, Head, Step

_RAW = -15
_BR = b"\x8b\x02\x80{}\x03"
_ZSTD = b"\x28\xb5\x2f\xfd\x04\x00\x11\x00\x00{}"


def gzipped(data: bytes) -> bytes:
    """The bytes as gzip, the same each time."""
    return gzip.compress(data, mtime=0)


def _deflated(data: bytes) -> bytes:
    machine = zlib.compressobj(wbits=_RAW)
    return machine.compress(data) + machine.flush()


def _members(data: bytes) -> bytes:
    half = len(data) // 2
    return gzipped(data[:half]) + gzipped(data[half:])


def _coded(coding: bytes, edit: Callable[[bytes], bytes] = lambda data: data) -> Behaviour:
    return headed(b"content-encoding: " + coding, edit=edit)


def zipped_stream(keep: int | None = None) -> Behaviour:
    """A good answer in gzip, each event flushed; cut after `keep` pieces of content, if that is given."""

    def play(asked: Asked) -> Iterator[Step]:
        machine = zlib.compressobj(wbits=31)
        pieces = pieces_of(asked)
        if keep is not None:
            opening = until(answer_events(asked, compose(asked)), keep)
            pieces = pieces[: len(opening) if asked.stream else 1]
        yield Head(headers=(("content-type", kind_of(asked).decode()), ("content-encoding", "gzip")), framing="chunked")
        for piece in pieces:
            yield Body(machine.compress(piece) + machine.flush(zlib.Z_SYNC_FLUSH))
        if keep is not None:
            yield Fin()
            return
        yield Body(machine.flush())
        yield End()

    return Behaviour("zipped", play)


CODING_FAULTS: dict[str, Behaviour] = {
    "C26-gzip": _coded(b"gzip", gzipped),
    "C26-gzip-broken": _coded(b"gzip", lambda data: gzipped(data)[:20] + b"\xff" * 20),
    "C26-gzip-cut": _coded(b"gzip", lambda data: gzipped(data)[:-12]),
    "C26-gzip-unlabelled": headed(edit=gzipped),
    "C26-unknown-coding": _coded(b"rot13"),
    "C27-gzip-bomb": _coded(b"gzip", lambda _: gzipped(b"a" * (64 << 20))),
    "C28-deflate": _coded(b"deflate", zlib.compress),
    "C28-deflate-raw": _coded(b"deflate", _deflated),
    "C28-br": _coded(b"br", lambda _: _BR),
    "C28-zstd": _coded(b"zstd", lambda _: _ZSTD),
    "C28-x-gzip": _coded(b"X-GZip", gzipped),
    "C28-identity": _coded(b"identity"),
    "C28-gzip-twice": _coded(b"gzip, gzip", lambda data: gzipped(gzipped(data))),
    "C28-gzip-twice-said-once": _coded(b"gzip", lambda data: gzipped(gzipped(data))),
    "C28-gzip-said-not-done": _coded(b"gzip"),
    "C28-gzip-members": _coded(b"gzip", _members),
    "C28-gzip-empty": _coded(b"gzip", lambda _: gzipped(b"")),
    "C28-gzip-wrong-sum": _coded(b"gzip", lambda data: gzipped(data)[:-8] + b"\0" * 8),
    "C29-gzip-stream": zipped_stream(),
    "C29-gzip-stream-cut": zipped_stream(keep=4),
}
"""By name; `outlast.lab.faults` holds them with the others."""
