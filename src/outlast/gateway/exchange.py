"""One HTTP request to us and its answer, without a server around them."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from outlast.model.forwarding import Feed

Headers = list[tuple[bytes, bytes]]


class CutShort(Exception):  # noqa: N818  (it says what must happen, not what went wrong)
    """There will be no end of a body: the connection must be cut, so that nobody takes it for whole."""


class Inbound(Struct):
    """A request: the body is whole, header names are in lower case, `id` is ours; `query` follows the path.

    `url` is path and query as they were sent. Where there is a `feed`, `body` is only the beginning: the feed brings it
    all.
    """

    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes
    id: str
    query: str = ""
    url: bytes = b""
    feed: Feed | None = None

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
        """The next piece; None after the last.

        Raises nothing but a cancellation, for failures are told in the body; where no body can tell one, `CutShort`.
        """
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
