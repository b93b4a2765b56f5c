"""Server-sent events out of bytes, however the network cut them.

    bytes ──▶ BOM off ──▶ CR, CRLF → LF ──▶ split at blank lines ──▶ data of each event, and its name

Most providers write `data: {…}` and a blank line, nothing else (or the same with an `event:` line before). Such
*canonical* events are recognised by a few searches over the whole read, and `span` gives their bytes back as they
came, so that they can be passed on without being written anew. Everything else that the standard allows (comments, no
space after the colon, data over several lines, fields without data, mixed line ends, no blank line at the end) takes
the slow way and comes out the same.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import Sequence

from outlast.model.errors import BadResponse
from outlast.ports import Framing

FRAMING = Framing(b"text/event-stream")
CAP = 1 << 20
"""The most bytes of one event: 1 MiB."""

_BOM = b"\xef\xbb\xbf"
_STRAY = _BOM + b"\0"
"""What some proxies leave where they join two bodies; a token behind it must not be lost."""


def render(name: bytes, data: bytes) -> bytes:
    """The canonical bytes of an event whose data is JSON, where a line end is only white space."""
    if b"\n" in data:
        data = data.replace(b"\n", b" ")
    return b"event: %b\ndata: %b\n\n" % (name, data) if name else b"data: %b\n\n" % data


class Events:
    """An incremental decoder of one body.

    Attributes:
        span: the bytes of the events of the last `feed`, when all of them were canonical; else empty.
        names: the names of the events of the last `feed`, one for each; empty when none has one.
        failure: set when the body is no event stream, or an event is too long. What came before it has been returned.
    """

    __slots__ = ("_cr", "_head", "_rest", "_seen", "failure", "names", "span")

    def __init__(self) -> None:
        self.span = b""
        self.names: Sequence[bytes] = ()
        self.failure: BadResponse | None = None
        self._head: bytes | None = b""
        self._cr = False
        self._rest = bytearray()
        self._seen = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The data of the events that these bytes completed, oldest first."""
        if self._head is not None:
            data = self._without_bom(data)
        if self._cr or b"\r" in data:
            data = self._unix(data)
        if self._rest:
            self._rest += data
            data = self._cut()
        elif not data.endswith(b"\n\n"):
            end = data.rfind(b"\n\n") + 2 if b"\n\n" in data else 0
            self._keep(data[end:])
            data = data[:end]
        if not data:
            self.span, self.names = b"", ()
            return []
        return self._split(data)

    def close(self) -> list[bytes]:
        """The event that lacks its blank line, if there is one. It may be half an event."""
        rest = bytes(self._head or b"") + bytes(self._rest)
        self._head = None
        self._rest.clear()
        self.span, self.names = b"", ()
        return self._split(rest.rstrip(b"\n") + b"\n\n") if rest and self.failure is None else []

    def render(self, name: bytes, data: bytes) -> bytes:
        """The canonical bytes of an event."""
        return render(name, data)

    def _without_bom(self, data: bytes) -> bytes:
        data = (self._head or b"") + data
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._head = data
            return b""
        self._head = None
        return data.removeprefix(_BOM)

    def _unix(self, data: bytes) -> bytes:
        if self._cr and data.startswith(b"\n"):
            data, self._cr = data[1:], False
        if data:
            self._cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _cut(self) -> bytes:
        rest = self._rest
        end = rest.rfind(b"\n\n", self._seen)
        if end < 0:
            self._keep(b"")
            return b""
        whole = bytes(rest[: end + 2])
        del rest[: end + 2]
        self._keep(b"")
        return whole

    def _keep(self, data: bytes) -> None:
        self._rest += data
        self._seen = max(0, len(self._rest) - 1)
        if self._seen > CAP:
            self._fail("an event of the stream is longer than 1 MiB")
            self._rest.clear()
            self._seen = 0

    def _split(self, data: bytes) -> list[bytes]:
        """The events in whole blocks, by one split where all of them are plain `data: …`."""
        if data.startswith(b"data: ") and len(data) <= CAP:
            plain = data[6:-2].split(b"\n\ndata: ")
            if data.count(b"\n") == 2 * len(plain):
                self.span, self.names = data, ()
                return plain
        return self._each(data)

    def _each(self, data: bytes) -> list[bytes]:
        events: list[bytes] = []
        names: list[bytes] = []
        canonical = True
        for block in data[:-2].split(b"\n\n"):
            if len(block) > CAP:
                self._fail("an event of the stream is longer than 1 MiB")
            name, content, usual = self._block(block)
            if self.failure is not None:
                break
            canonical = canonical and usual and bool(content)
            if content:
                events.append(content)
                names.append(name)
        self.span = data if canonical and self.failure is None else b""
        self.names = names if any(names) else ()
        return events

    def _block(self, block: bytes) -> tuple[bytes, bytes, bool]:
        """Name and data of a block, and whether its bytes are canonical."""
        if block.startswith(b"event: "):
            name, mark, data = block[7:].partition(b"\ndata: ")
            if mark and b"\n" not in data and b"\n" not in name:
                return name, data, True
        elif block.startswith(b"data: ") and b"\n" not in block:
            return b"", block[6:], True
        return *self._fields(block), False

    def _fields(self, block: bytes) -> tuple[bytes, bytes]:
        text = block.lstrip(b"\n \t")
        if text.startswith(b"{"):
            return b"", text  # an error told as plain JSON, without any framing
        name, lines = b"", []
        for line in block.split(b"\n"):
            if line.startswith(b"<"):
                self._fail("the stream turned into a web page")
            field, _, value = line.partition(b":")
            field = field.lstrip(_STRAY)
            if field == b"data":
                lines.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.removeprefix(b" ")
        return name, b"\n".join(lines)

    def _fail(self, message: str) -> None:
        if self.failure is None:
            self.failure = BadResponse(message)
