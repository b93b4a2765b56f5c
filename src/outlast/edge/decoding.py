"""Undoes gzip and deflate. We ask for neither, yet some peers send them; a bomb must not fill the memory."""

from __future__ import annotations

import zlib

from outlast.model.errors import BadResponse

PIECE = 262_144
"""Most bytes that one step makes of what came."""
ALWAYS_FINE = 1_048_576
GZIP = 31
ZLIB = 15
RAW = -15


def decoder_for(coding: bytes | None, inflation: int) -> Decoder | None:
    """What undoes `coding`; None where nothing is to be undone. Raises `BadResponse` for a coding that we cannot."""
    name = (coding or b"").strip().lower()
    if name in {b"", b"identity"}:
        return None
    if name in {b"gzip", b"x-gzip"}:
        return Decoder(GZIP, inflation)
    if name == b"deflate":
        return Decoder(None, inflation)
    raise BadResponse("the answer has an unknown content encoding")


class Decoder:
    """Decodes one body piece by piece. `window` is zlib's wbits; None finds out whether deflate has zlib's header."""

    __slots__ = ("_inflation", "_machine", "_tail", "_taken", "_window", "_written")

    def __init__(self, window: int | None, inflation: int) -> None:
        self._window = window
        self._inflation = inflation
        self._machine = None if window is None else zlib.decompressobj(window)
        self._tail = b""
        self._taken = 0
        self._written = 0

    def decode(self, data: bytes) -> bytes:
        """The next bytes of the body; empty when more must come first. Call with `b""` for more of what came."""
        self._taken += len(data)
        self._tail += data
        made = b""
        while self._tail and not made and self._ready():
            made = self._step()
        self._written += len(made)
        if self._written > ALWAYS_FINE and self._written > self._inflation * (self._taken - len(self._tail)):
            raise BadResponse("the answer is a compression bomb", again="once")  # each costs memory
        return made

    def end(self) -> None:
        """The body has ended. Raises `BadResponse` when something is missing."""
        if self._taken and (self._machine is None or not self._machine.eof):
            raise BadResponse("the compressed answer is cut")

    def _ready(self) -> bool:
        if self._machine is None:
            if len(self._tail) < 2:
                return False
            zlib_header = self._tail[0] & 0x0F == 8 and int.from_bytes(self._tail[:2], "big") % 31 == 0
            self._window = ZLIB if zlib_header else RAW
            self._machine = zlib.decompressobj(self._window)
        return True

    def _step(self) -> bytes:
        machine = self._machine
        if machine is None or machine.eof:
            if self._window != GZIP:
                raise BadResponse("bytes follow the end of the compressed answer")
            machine = self._machine = zlib.decompressobj(GZIP)  # gzip may consist of several members
        try:
            made = machine.decompress(self._tail, PIECE)
        except zlib.error:
            raise BadResponse("the compressed answer is broken") from None
        self._tail = machine.unused_data if machine.eof else machine.unconsumed_tail
        return made
