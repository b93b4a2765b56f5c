"""One HTTP/1.1 request on a connection of its own, as plainly as a client can send it: nothing is ever sent twice.

The engine's own client is not used here: it sends once more where a kept connection turns out to be dead, and what is
to be compared is what happens without any help.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import httptools

PIECE = 65_536


class NoAnswer(Exception):  # noqa: N818  (what came, not what was done wrong)
    """No connection, or one that ended before the answer did."""


class Answer:
    """An answer whose head is in. Read it to its end, or close it.

    Attributes:
        status: of the head.
        headers: by lower-case name.
    """

    __slots__ = ("_body", "_done", "_parser", "_reader", "_writer", "headed", "headers")

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._done = False
        self.headed = False
        self.headers: dict[str, str] = {}

    @property
    def status(self) -> int:
        """The status of the head."""
        return int(self._parser.get_status_code())

    async def head(self) -> None:
        """Return when the head is in. Raises `NoAnswer`."""
        while not self.headed:
            await self._more()

    async def read(self) -> bytes:
        """What has come since; `b""` at the end. Raises `NoAnswer` when it was cut."""
        while not self._body and not self._done:
            await self._more()
        data = bytes(self._body)
        self._body.clear()
        return data

    async def load(self) -> None:
        """Return when all of it is here, for one `read`. Raises `NoAnswer` when it was cut."""
        while not self._done:
            await self._more()

    def close(self) -> None:
        """Let go of the connection."""
        self._writer.transport.abort()

    async def _more(self) -> None:
        try:
            data = await self._reader.read(PIECE)
            if data:
                self._parser.feed_data(data)
            elif self.headed and not {"content-length", "transfer-encoding"} & self.headers.keys():
                self._done = True
            else:
                raise NoAnswer
        except (OSError, httptools.HttpParserError):
            raise NoAnswer from None

    # what the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """One line of the head."""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The head is in."""
        self.headed = True

    def on_body(self, data: bytes) -> None:
        """Some of the body."""
        self._body += data

    def on_message_complete(self) -> None:
        """The body is complete."""
        self._done = True


async def post(url: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """The answer to a POST, once its head is in. Raises `NoAnswer`."""
    where = urlsplit(url)
    fields = {"host": where.netloc, "content-type": "application/json", "connection": "close", **headers}
    lines = [f"POST {where.path}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    try:
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
    except OSError:
        raise NoAnswer from None
    answer = Answer(reader, writer)
    try:
        writer.write("\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body)
        await answer.head()
    except BaseException:
        answer.close()
        raise
    return answer
