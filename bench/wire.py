"""A caller of ours over a raw socket, for what wrk cannot time: one request, and the first word of a stream."""

from __future__ import annotations

import socket
import time
from types import TracebackType
from typing import Self

WORD = b"word0"
"""The first text of every stream of the upstream."""
LAST_CHUNK = b"0\r\n\r\n"
SIZE = 1 << 18


class Wire:
    """One kept connection.

    Args:
        port: who is asked.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = b""

    def __enter__(self) -> Self:
        """It, connected."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """It is closed."""
        self._socket.close()

    def whole(self, raw: bytes) -> float:
        """Seconds until the answer is whole."""
        began = time.perf_counter()
        self._socket.sendall(raw)
        self._read_until_whole(b"")
        return time.perf_counter() - began

    def first_word(self, raw: bytes) -> float:
        """Seconds until the first word of a stream; its rest is read, too."""
        began = time.perf_counter()
        self._socket.sendall(raw)
        got = b""
        while WORD not in got:
            got += self._some()
        took = time.perf_counter() - began
        self._read_until_whole(got)
        return took

    def _read_until_whole(self, got: bytes) -> None:
        while not is_whole(got):
            got += self._some()
        self.got = got

    def _some(self) -> bytes:
        data = self._socket.recv(SIZE)
        if not data:
            raise ConnectionError("the connection was closed within an answer")
        return data


def is_whole(answer: bytes) -> bool:
    """Whether this is all of an answer, told by its length or its last chunk."""
    head, parted, body = answer.partition(b"\r\n\r\n")
    if not parted:
        return False
    said = head.lower().partition(b"\r\ncontent-length:")[2]
    return len(body) >= int(said.split(b"\r\n")[0]) if said else body.endswith(LAST_CHUNK)
