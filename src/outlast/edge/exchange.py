"""One answer, as its reader sees it. It lets go of its connection at the end, so that a stale one can do no harm."""

from __future__ import annotations

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

    async def read(self, due: float) -> bytes:
        """What has come since, as soon as anything is there; `b""` at the end of the body."""
        try:
            while (data := self._at_hand(due)) is None:
                await self._arrival(due)
        except BaseException:
            self.abort()
            raise
        return data

    async def whole(self, due: float) -> bytes:
        """The rest of the body, which is bounded."""
        parts: list[bytes] = []
        size = 0
        try:
            while size <= self._bounds.body and (data := self._at_hand(due)) != b"":
                if data is None:
                    await self._arrival(due, patient=True)
                    continue
                parts.append(data)
                size += len(data)
                if self._connection is None:
                    break
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

    def _at_hand(self, due: float) -> bytes | None:
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
        elif data:
            self._keep_time(connection.now(), due)
        elif connection.stage is not BODY:
            connection.raise_failure()
        else:
            return None
        return data

    def _keep_time(self, now: float, due: float) -> None:
        """Nobody waits while bytes keep coming, so no timer would end that."""
        if now <= due:
            self._late_until = inf
        elif self._late_until == inf:
            self._late_until = now + LATE
        elif now > self._late_until:
            raise TimedOut("the answer did not end within the limit", phase="read")

    async def _arrival(self, due: float, *, patient: bool = False) -> None:
        """Wait for more. Who is late already is not patient: what is there now decides."""
        connection = self._connection
        if connection is not None:
            await connection.arrival(due, patient=patient and connection.now() <= due)
