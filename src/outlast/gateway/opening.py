"""The head of an answer as bytes. What all heads of one second have in common is made once a second."""

from __future__ import annotations

from http import HTTPStatus

from outlast.gateway.exchange import Headers, Outbound

CLOSE = b"connection: close\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"


class Opening:
    """Makes heads of answers, beginning with the status and what the server says in every answer, such as the date."""

    __slots__ = ("_common", "_starts")

    def __init__(self) -> None:
        self._common = b""
        self._starts: dict[int, bytes] = {}

    def with_common(self, headers: Headers) -> None:
        """From now on every head has these headers too."""
        self._common = b"".join(b"%b: %b\r\n" % header for header in headers)
        self._starts.clear()

    def head(self, out: Outbound, *, chunked: bool, close: bool) -> bytes:
        """The head of this answer.

        Raises:
            ValueError: a header has more than one line.
        """
        lines = b"\r\n".join(map(b": ".join, out.headers))
        if lines.count(b"\n") != len(out.headers) - 1:
            raise ValueError("a header of an answer has more than one line")
        start = self._starts.get(out.status) or self._start(out.status)
        if chunked:
            start += CHUNKED
        if close:
            start += CLOSE
        return start + lines + b"\r\n\r\n"

    def _start(self, status: int) -> bytes:
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = ""
        start = self._starts[status] = b"HTTP/1.1 %d %b\r\n%b" % (status, phrase.encode(), self._common)
        return start
