"""Rows of open streams: how much memory each costs a peer that was started for nothing else."""

from __future__ import annotations

import selectors
import socket
import time
from types import TracebackType
from typing import Self

from bench.figures import Figure
from bench.peers.peer import PeerError
from bench.rows import Row
from bench.running import Running
from bench.session import Session, failures, in_turn
from bench.wire import WORD

AT_ONCE = 64
"""Streams that are being opened at a time."""
WARM_UP = 100
"""Streams opened and closed before, so that what is made only once does not count."""
PATIENCE = 30.0
"""Seconds in which at least one more stream must open."""
SETTLE = 1.0


def measure(session: Session, row: Row) -> list[Figure]:
    """The figures of a row; each round is a start of its own."""
    grown: dict[str, list[float]] = {}
    broken: dict[str, str] = {}
    for name in in_turn(session.taking_part(row), session.effort.opens):
        if name in broken:
            continue
        try:
            with session.running(name, row.scenario) as running:
                grown.setdefault(name, []).append(_grown(running, row) / row.open / 1024)
        except (PeerError, OSError) as error:
            broken[name] = str(error)
    made = [Figure(row.name, name, "memory", "KB/stream", tuple(values)) for name, values in grown.items()]
    return [figure for figure in made if figure.peer not in broken] + failures(row, broken)


def _grown(running: Running, row: Row) -> int:
    raw = running.request(row.model, stream=True).raw(running.port)
    with OpenStreams(running, raw) as streams:
        streams.open(WARM_UP)
    time.sleep(SETTLE)
    before = running.resident()
    with OpenStreams(running, raw) as streams:
        streams.open(row.open)
        time.sleep(SETTLE)
        return running.resident() - before


class OpenStreams:
    """Streams that have said their first word and stay open until the block is left.

    Args:
        running: who is asked.
        raw: a request for one.
    """

    def __init__(self, running: Running, raw: bytes) -> None:
        self._running = running
        self._raw = raw
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        """None is open yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """All are closed."""
        self._selector.close()
        for sock in self._sockets:
            sock.close()

    def open(self, count: int) -> None:
        """Open so many.

        Raises:
            PeerError: the peer refused one, or opens no more.
        """
        until, spoken = time.monotonic() + PATIENCE, 0
        while spoken < count:
            while len(self._sockets) < min(count, spoken + AT_ONCE):
                self._ask()
            more = sum(self._has_spoken(key) for key, _ in self._selector.select(1.0))
            spoken += more
            if more:
                until = time.monotonic() + PATIENCE
            elif time.monotonic() > until:
                raise PeerError(f"opened {spoken} of {count} streams, and no other in {PATIENCE:.0f} s")

    def _ask(self) -> None:
        sock = socket.create_connection(("127.0.0.1", self._running.port), timeout=30)
        self._sockets.append(sock)
        sock.sendall(self._raw)
        sock.setblocking(False)
        self._selector.register(sock, selectors.EVENT_READ, bytearray())

    def _has_spoken(self, key: selectors.SelectorKey) -> bool:
        assert isinstance(key.fileobj, socket.socket)  # noqa: S101  (we registered it)
        data = key.fileobj.recv(65536)
        key.data.extend(data)
        if not data:
            raise PeerError(f"a stream was refused: {bytes(key.data[:100]).decode('utf-8', 'replace')}")
        if WORD not in key.data:
            return False
        self._selector.unregister(key.fileobj)
        return True
