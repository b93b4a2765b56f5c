"""The floor of any call over a socket: prepared bytes are written, an answer is read, nothing is parsed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from bench.inprocess.contenders.engine import QUESTION
from bench.inprocess.work import Answered, Work

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Line(asyncio.Protocol):
    """One connection, one question at a time."""

    _transport: asyncio.Transport

    def __init__(self, question: bytes) -> None:
        self._question = question
        self._got = bytearray()
        self._whole = 0
        self._waiting: asyncio.Future[str] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer."""
        self._got += data
        if not self._whole and b"\r\n\r\n" in self._got:
            head = self._got.index(b"\r\n\r\n") + 4
            length = LENGTH.search(self._got, 0, head)
            if length is None:
                raise ValueError("the upstream gives no length")
            self._whole = head + int(length[1])
        if self._whole and len(self._got) >= self._whole and self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.set_result(f"{self._whole} bytes")

    async def ask(self) -> str:
        """How long the answer was."""
        self._got.clear()
        self._whole = 0
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(self._question)
        return await self._waiting

    def close(self) -> None:
        """Hang up."""
        self._transport.abort()


@asynccontextmanager
async def socket(upstream: str, *, at_once: int = 1) -> AsyncIterator[Work]:
    """One connection for each call under way."""
    host, _, port = upstream.removeprefix("http://").partition(":")
    body = QUESTION.replace(b'"default"', b'"kb-1"')
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    question = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    loop = asyncio.get_running_loop()
    lines = [(await loop.create_connection(lambda: Line(question), host, int(port)))[1] for _ in range(at_once)]
    free = list(lines)

    async def call() -> str:
        line = free.pop()
        try:
            return await line.ask()
        finally:
            free.append(line)

    yield Answered(call, at_once)
    for line in lines:
        line.close()
