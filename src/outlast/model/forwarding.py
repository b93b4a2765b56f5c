"""A request at a path that no dialect reads: it is passed on as it is, and so is its answer.

What is known of it is what its head says, and which model it names. Its body may still be on its way from the caller.
"""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct

Named = Literal["", "json", "part", "query"]
"""Where a request names its model: nowhere, in the JSON of its body, in a part of a form, or in its query."""


class Feed(Protocol):
    """A body that is still on its way. The beginning is kept, as long as it is little, so that it can be sent again."""

    @property
    def length(self) -> int | None:
        """Bytes in all; None when the caller did not say."""
        ...

    @property
    def gone(self) -> bool:
        """Has more been read than is kept? Then it cannot be sent a second time."""
        ...

    def begin(self) -> bytes:
        """All that has been read so far, to be sent from the start. Raises `Caller` when it is gone."""
        ...

    async def read(self) -> bytes:
        """The next piece, as soon as there is one; `b""` at the end.

        Raises a `Failure` when the caller sends too much, too slowly, or has left.
        """
        ...


class Forward(Struct, frozen=True):
    """What is to be passed on.

    Attributes:
        method: GET, POST or DELETE.
        path: as the caller wrote it, without the query.
        query: the same, without its question mark.
        headers: lines that go along; the media type of the body is among them.
        named: where the model is named, and `span` from where to where in the body, if it is a part.
        via: the route that the caller names beside it; "" for the usual one.
        stays: it is about something that one account keeps, such as a file, and no other has.
        feed: brings the body, where that is not whole yet.
    """

    method: str
    path: str
    query: str = ""
    headers: tuple[bytes, ...] = ()
    named: Named = ""
    span: tuple[int, int] = (0, 0)
    via: str = ""
    stays: bool = False
    feed: Feed | None = None
