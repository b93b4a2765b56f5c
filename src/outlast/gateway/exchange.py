"""One HTTP request to us and its answer, without a server around them."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

Headers = list[tuple[bytes, bytes]]


class Inbound(Struct):
    """A request: the body is whole, header names are in lower case, `id` is ours; `query` follows the path."""

    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes
    id: str
    query: str = ""

    @property
    def asked(self) -> str:
        """The path, with its query where it has one."""
        return f"{self.path}?{self.query}" if self.query else self.path


class Flowing(Protocol):
    """A body that comes piece by piece."""

    @property
    def over(self) -> bool:
        """Has the last piece been given?"""
        ...

    async def next(self) -> bytes | None:
        """The next piece; None after the last. Raises nothing but a cancellation: failures are told in the body."""
        ...

    def abort(self) -> None:
        """The caller has left: let go of everything."""
        ...

    def interrupt(self, why: str) -> bytes:
        """We must stop now: let go of everything; the last piece, which tells the caller so."""
        ...


class Outbound(Struct):
    """An answer: `body` is all of it, or `flow` brings it."""

    status: int
    headers: Headers
    body: bytes = b""
    flow: Flowing | None = None
