"""One answer, as its reader sees it. It lets go of its connection at the end, so that a stale one can do no harm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

from outlast.edge.bounds import Bounds
from outlast.edge.connection import Connection
from outlast.edge.decoding import decoder_for
from outlast.edge.stage import Stage
from outlast.model.errors import BadResponse, TimedOut

BODY, DONE = Stage.BODY, Stage.DONE
LATE = 1.0
"""Seconds by which a body that keeps coming may be late: what came while our loop was blocked is read first."""


class HttpExchange:
    """The answer to one request. Implements `Exchange`.

    Args:
        connection: the head of the answer is in.
        bounds: how large the body may be.

    Raises:
        BadResponse: the body has an encoding that we cannot read.
    """

    __slots__ = ("_bounds", "_connection", "_decoder", "_given_up", "_late_until", "header", "status")

    header: Callable[[bytes], bytes | None]
    """The value of a header, by its lower-case name; only those that somebody may need are kept."""

    def __init__(self, connection: Connection, bounds: Bounds) -> None:
        fields = connection.fields
        self._connection: Connection | None = connection
        self._bounds = bounds
        self._given_up = False
        self._late_until = inf
        self.header = fields.get  # asked for half a dozen times per answer
        self.status = connection.status
        coding = fields.get(b"content-encoding")
        self._decoder = None if coding is None else decoder_for(coding, bounds.inflation)

    def lighten(self) -> None:
        """Let go of the headers, which nobody will ask for any more: the answer may be read for long."""
        self.header = _forgotten
        if self._connection is not None:
            self._connection.lighten()

    async def read(self, due: float) -> bytes:
        """What has come since, as soon as anything is there; `b""` at the end of the body."""
        try:
            while (data := self._at_hand()) is None:
                await self._arrival(due, patient=False)
            if data:
                self._keep_time(due)
        except BaseException:
            self.abort()
            raise
        return data

    async def whole(self, due: float) -> bytes:
        """The rest of the body, which is bounded."""
        parts: list[bytes] = []
        size = 0
        try:
            while size <= self._bounds.body and (data := self._at_hand()) != b"":
                if data is None:
                    await self._arrival(due, patient=self._keep_time(due))
                    continue
                parts.append(data)
                size += len(data)
                if self._connection is None:
                    break
                self._keep_time(due)
        except BaseException:
            self.abort()
            raise
        if size > self._bounds.body:
            self.abort()
            raise BadResponse("the answer is too large")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def release(self) -> None:
        """No more is needed: the connection is kept if the answer is at its end, or gets there soon."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()

    def abort(self) -> None:
        """Give up: close the connection. Safe at any time, from any thread, any number of times."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._given_up = True
            connection.abort()

    def __del__(self) -> None:
        """A dropped answer must not hold its connection."""
        if self._connection is not None:
            self.abort()

    def _at_hand(self) -> bytes | None:
        """The bytes at hand; `b""` at the end; None when they have yet to come."""
        connection = self._connection
        if connection is None:
            if self._given_up:
                raise BadResponse("the answer was given up")
            return b""
        data = connection.take()
        if self._decoder is not None:
            data = self._decoder.decode(data)
        if connection.stage is DONE and (self._decoder is None or not data):
            if self._decoder is not None:
                self._decoder.end()
            self._connection = None
            connection.release()
        elif not data:
            if connection.stage is BODY:
                return None
            connection.raise_failure()
        return data

    def _arrival(self, due: float, *, patient: bool) -> asyncio.Future[None]:
        """Done when there is more."""
        if self._connection is None:
            raise BadResponse("the answer was given up")
        return self._connection.arrival(due, patient=patient)

    def _keep_time(self, due: float) -> bool:
        """Is there time left? Raises when there is long none: while bytes keep coming, no timer meets who waits."""
        connection = self._connection
        now = due if connection is None else connection.now()
        if now <= due:
            self._late_until = inf
        elif self._late_until == inf:
            self._late_until = now + LATE
        elif now > self._late_until:
            raise TimedOut("the answer did not end within the limit", phase="read")
        return now <= due


def _forgotten(_: bytes) -> bytes | None:
    raise RuntimeError("the headers have been let go, since the answer has begun")
