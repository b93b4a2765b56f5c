"""One request under way: its way to the caller and back, and what must be stopped when the caller leaves.

What the way is made of, the subclasses know: `turn.Turn` is a request on a connection of our own server, `asgi.Guest`
one that another server hands us.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from math import inf
from typing import Any

from outlast.gateway.exchange import Flowing, Inbound, Outbound


class CallerGone(Exception):  # noqa: N818  (no error: the conversation is over)
    """The caller has left while it was still sending."""


class Conversation(ABC):
    """A caller, its request, and the task that answers it. Implements `Timed`.

    Attributes:
        inbound: the request; its body is there once `whole` is set.
        whole: the body has come.
        size: bytes of the body that have come.
        task: the handler.
        flow: the answer, where it is a stream.
        started: the head of the answer is out.
        last: the connection ends with this answer.
        gone: the caller has left, or was cut off.
        interrupted: why we stop before the answer is whole; empty while we do not.
        crowded: there are more callers than we have descriptors for.
        due: when a caller who does not read is cut off.
        streams: the body is handed over while it comes; `unread` bytes of it wait to be taken.
    """

    __slots__ = (
        "_pieces",
        "crowded",
        "due",
        "flow",
        "gone",
        "inbound",
        "interrupted",
        "last",
        "size",
        "started",
        "streams",
        "task",
        "unread",
        "whole",
    )

    def __init__(self, inbound: Inbound, *, crowded: bool = False) -> None:
        self.inbound = inbound
        self.task: asyncio.Task[Any] | None = None
        self.flow: Flowing | None = None
        self.whole = False
        self.size = 0
        self.started = False
        self.last = False
        self.gone = False
        self.interrupted = ""
        self.crowded = crowded
        self.due = inf
        self.streams = False
        self.unread = 0
        self._pieces: list[bytes] | None = None

    # -- receiving ---------------------------------------------------------------------------------------------

    @abstractmethod
    async def receive(self) -> None:
        """Wait until more of the body has come.

        Raises:
            CallerGone: no more will come.
        """

    def take(self, piece: bytes) -> None:
        """Some of the body has come. Most bodies come in one piece, which is then the body itself."""
        self.size += len(piece)
        if self.streams:
            self.unread += len(piece)
        if not self.inbound.body:
            self.inbound.body = piece
        elif self._pieces is None:
            self._pieces = [self.inbound.body, piece]
        else:
            self._pieces.append(piece)

    def taken(self) -> None:
        """All of the body has come."""
        self.whole = True
        if not self.streams:
            self._join()

    def hand_over(self) -> bytes:
        """What has come of the body since this was asked last; from the first time on nothing of it is kept here."""
        self._join()
        self.streams = True
        self.unread = 0
        piece, self.inbound.body = self.inbound.body, b""
        return piece

    def _join(self) -> None:
        if self._pieces is not None:
            self.inbound.body = b"".join(self._pieces)
            self._pieces = None

    # -- sending -----------------------------------------------------------------------------------------------

    @abstractmethod
    async def send(self, out: Outbound | None, body: bytes, *, more: bool) -> None:
        """Send the head of `out` where it is given, then this piece of its body, the last one unless `more` will come.

        Waits, for at most the write timeout, until the caller has taken most of what was sent before.
        """

    def lighten(self) -> None:
        """A stream has begun, and may be open for long: let go of what it took to read the request."""
        self.inbound.headers.clear()

    # -- ending ------------------------------------------------------------------------------------------------

    def leave(self) -> None:
        """The caller has left."""
        if not self.gone:
            self.gone = True
            self._cancel()

    def interrupt(self, why: str) -> None:
        """We stop before the answer is whole."""
        if not self.interrupted:
            self.interrupted = why
            self._cancel()

    def _cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def expire(self) -> None:
        """The caller has not read for too long."""
        self.cut_off()
        self.leave()

    @abstractmethod
    def cut_off(self) -> None:
        """Close the connection at once, where we can."""

    def over(self) -> None:
        """The answer is out, or never will be: nothing of it may be left."""
        self.task = None
        self.due = inf
        if self.flow is not None:
            self.flow.abort()
