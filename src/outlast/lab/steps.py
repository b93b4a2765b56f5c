"""What a provider can do on a connection, one step after another, and how a step looks on the wire.

    Behaviour ──play(asked)──> steps ──Framer──> bytes, pauses, and how the connection ends

The same steps run over real sockets (`outlast.lab.provider`) and in virtual time (`outlast.testing`).
"""

from __future__ import annotations

from concurrent.futures import Future
from http import HTTPStatus
from typing import Any, Literal

from msgspec import Struct

Framing = Literal["length", "chunked", "close"]
Headers = tuple[tuple[str, str], ...]

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Head(Struct, frozen=True):
    """Status line and headers. A body framed by "length" has exactly `length` bytes, if the provider is honest."""

    status: int = 200
    headers: Headers = ()
    framing: Framing = "length"
    length: int = 0


class Body(Struct, frozen=True):
    """Some bytes of the body, framed as the head said; `pieces` of content were made for them (None: who knows)."""

    data: bytes
    pieces: int | None = None


class End(Struct, frozen=True):
    """The body is complete, and the wire says so."""


class Raw(Struct, frozen=True):
    """Bytes as they are, outside all framing."""

    data: bytes


class Pause(Struct, frozen=True):
    """Nothing for some seconds."""

    seconds: float


class Silence(Struct, frozen=True):
    """Nothing ever again, on an open connection."""


class Fin(Struct, frozen=True):
    """The connection is closed in order."""


class Rst(Struct, frozen=True):
    """The connection is reset."""


class Unreachable(Struct, frozen=True):
    """No connection at all. On a socket that already listens: a reset, and silence for "blackhole"."""

    how: Literal["refused", "blackhole", "dns", "tls"] = "refused"


class Until(Struct, frozen=True):
    """Nothing until the future is done, or for so many seconds."""

    future: Future[Any]
    seconds: float


Step = Head | Body | End | Raw | Pause | Silence | Fin | Rst | Unreachable | Until


class Framer:
    """Turns heads, bodies and ends of one answer into HTTP/1.1 bytes."""

    __slots__ = ("_chunked", "closes")

    def __init__(self) -> None:
        self._chunked = False
        self.closes = False

    def frame(self, step: Head | Body | End | Raw) -> bytes:
        """The bytes of this step. `closes` tells afterwards whether the body ends with the connection."""
        match step:
            case Head():
                return self._head(step)
            case Body(data):
                return b"%x\r\n%s\r\n" % (len(data), data) if self._chunked and data else data
            case End():
                return b"0\r\n\r\n" if self._chunked else b""
            case Raw(data):
                return data

    def _head(self, head: Head) -> bytes:
        self._chunked = head.framing == "chunked"
        self.closes = head.framing == "close"
        reason = _PHRASES.get(head.status, "Unknown")
        lines = [f"HTTP/1.1 {head.status} {reason}", *(f"{name}: {value}" for name, value in head.headers)]
        if self._chunked:
            lines.append("transfer-encoding: chunked")
        elif self.closes:
            lines.append("connection: close")
        elif head.status not in {204, 304}:
            lines.append(f"content-length: {head.length}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
