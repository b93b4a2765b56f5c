"""Lines of JSON out of bytes, however the network cut them.

    bytes ──▶ BOM off ──▶ CR LF → LF ──▶ split at line ends ──▶ one JSON text each; blank lines are left out

A whole answer is a stream of one line, also when no line end follows.

Source: https://github.com/ndjson/ndjson-spec
"""

from __future__ import annotations

from collections.abc import Sequence

from outlast.model.errors import BadResponse
from outlast.ports import Framing

FRAMING = Framing(b"application/x-ndjson", whole_is_stream=True)
CAP = 1 << 20
"""The most bytes of one line: 1 MiB."""

_BOM = b"\xef\xbb\xbf"
_STRAY = _BOM + b"\0 \t\r"
"""What some proxies leave where they join two bodies, and white space; a token behind it must not be lost."""


class Lines:
    """An incremental decoder of one body.

    Attributes:
        span: the bytes of the lines of the last `feed`, when all of them can be passed on as they came; else empty.
        names: lines have none.
        failure: set when the body has no such lines, or one is too long. What came before it has been returned.
    """

    __slots__ = ("_rest", "failure", "names", "span")

    def __init__(self) -> None:
        self.span = b""
        self.names: Sequence[bytes] = ()
        self.failure: BadResponse | None = None
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that these bytes completed, oldest first."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._keep(data)
            self.span = b""
            return []
        whole = bytes(self._rest) + data[:end] if self._rest else data[:end]
        self._rest.clear()
        self._keep(data[end:])
        return self._split(whole)

    def close(self) -> list[bytes]:
        """The line that lacks its end, if there is one. It may be half a line."""
        rest = bytes(self._rest)
        self._rest.clear()
        self.span = b""
        return self._split(rest + b"\n") if rest and self.failure is None else []

    def render(self, name: bytes, data: bytes) -> bytes:  # noqa: ARG002  (one shape for all frames)
        """A line that holds this JSON."""
        return data + b"\n"

    def _keep(self, data: bytes) -> None:
        self._rest += data
        if len(self._rest) > CAP:
            self._fail("a line of the stream is longer than 1 MiB")
            self._rest.clear()

    def _split(self, data: bytes) -> list[bytes]:
        found: list[bytes] = []
        plain = True
        for line in data[:-1].split(b"\n"):
            text = line.strip(_STRAY)
            plain = plain and text == line and bool(text)
            if text.startswith(b"<"):
                self._fail("the stream turned into a web page")
            elif len(text) > CAP:
                self._fail("a line of the stream is longer than 1 MiB")
            elif text:
                found.append(text)
            if self.failure is not None:
                plain = False
                break
        self.span = data if plain else b""
        return found

    def _fail(self, message: str) -> None:
        if self.failure is None:
            self.failure = BadResponse(message)
