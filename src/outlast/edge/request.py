"""The head of requests to one provider, built once per path and set of extra headers.

POST /v1/chat/completions HTTP/1.1      base URL's path + the dialect's path
host, authorization                     from the provider
user-agent, accept, accept-encoding,    ours, unless the provider's configuration or the dialect says otherwise
content-type
provider.headers, outgoing.headers
content-length: …                       the only part that changes
"""

from __future__ import annotations

from outlast import __version__
from outlast.edge.origin import Origin, origin_of, path_of
from outlast.edge.tls import context_for
from outlast.model.target import Auth, Provider
from outlast.ports import Outgoing

MOST_HEADS = 512
LENGTH = b"\r\ncontent-length: "
CHUNKED = b"\r\ntransfer-encoding: chunked\r\n\r\n"
FORBIDDEN = frozenset(
    {"content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "expect", "te", "trailer"}
)
"""Headers of framing, which only the connection may write."""
DEFAULTS = {
    b"user-agent": f"outlast/{__version__}".encode(),
    b"accept": b"*/*",
    b"accept-encoding": b"identity",
    b"content-type": b"application/json",
}
AUTH: dict[Auth, tuple[bytes, bytes]] = {
    "bearer": (b"authorization", b"Bearer "),
    "x-api-key": (b"x-api-key", b""),
    "api-key": (b"api-key", b""),
    "x-goog-api-key": (b"x-goog-api-key", b""),
}


ON_THE_WAY = 0.05
"""This share of the time that is left, and at most a second, is kept for the answer's way back."""


class Prepared:
    """One provider's origin, and the heads of requests to it.

    Raises:
        ValueError: the provider's URL, proxy, headers, key or ca_file cannot be used; the message says which.
    """

    __slots__ = ("_fields", "_heads", "_path", "origin", "provider")

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.origin: Origin = origin_of(provider)
        self._path = path_of(provider)
        self._fields = _fields_of(provider, self.origin)
        self._heads: dict[tuple[bytes, tuple[bytes, ...]], bytes] = {}
        if self.origin.secure:
            context_for(provider.ca_file)

    def head(self, outgoing: Outgoing) -> bytes:
        """The head of one request, complete."""
        if outgoing.single:
            return self._single(outgoing)
        key = (outgoing.path, outgoing.headers)
        head = self._heads.get(key)
        if head is None:
            if len(self._heads) >= MOST_HEADS:
                self._heads.clear()
            head = self._heads[key] = self._build(outgoing) + LENGTH
        return b"%b%d\r\n\r\n" % (head, len(outgoing.body))

    def _single(self, outgoing: Outgoing) -> bytes:
        """The head of a request of which there will be no second one."""
        head, feed = self._build(outgoing), outgoing.feed
        length = len(outgoing.body) if feed is None else feed.length
        if length is None:
            return head + CHUNKED
        if not length and outgoing.method != "POST":
            return head + b"\r\n\r\n"
        return b"%b%b%d\r\n\r\n" % (head, LENGTH, length)

    def _build(self, outgoing: Outgoing) -> bytes:
        path = self._path + outgoing.path
        if not path.startswith(b"/") or any(byte <= 0x20 or byte >= 0x7F for byte in path):
            raise ValueError(f"provider {self.provider.name}: a path of a request must be URL-encoded and start with /")
        if any(byte in line for line in outgoing.headers for byte in (b"\r", b"\n", b"\0")):
            raise ValueError(f"provider {self.provider.name}: a header of a request must be one line")
        own = {line.partition(b":")[0].strip().lower() for line in outgoing.headers}
        if outgoing.single:  # its caller has said what it sends, if it sends anything
            own.add(b"content-type")
        lines = [b"%b %b HTTP/1.1" % (outgoing.method.encode("ascii"), path)]
        lines += [b"%b: %b" % (name, value) for name, value in self._fields.items() if name not in own]
        return b"\r\n".join([*lines, *outgoing.headers])


def time_left(name: bytes, seconds: float) -> bytes:
    """The header line that tells how many milliseconds are left, without what an answer may take on its way."""
    return b"%b: %d" % (name, max(1.0, 1000.0 * (seconds - min(1.0, ON_THE_WAY * seconds))))


def with_line(head: bytes, line: bytes) -> bytes:
    """The same head with one line more."""
    return b"%b%b\r\n\r\n" % (head[:-2], line)


def check(provider: Provider) -> None:
    """Raises `ValueError` if requests to this provider could not be written."""
    Prepared(provider)


def _fields_of(provider: Provider, origin: Origin) -> dict[bytes, bytes]:
    fields = {b"host": origin.host_header.encode("ascii")} | DEFAULTS
    for own in filter(None, (provider.quirks.deadline_header, provider.quirks.attempt_header)):
        _name(provider, own)
    if provider.auth != "none" and provider.key:
        name, prefix = AUTH[provider.auth]
        fields[name] = prefix + _value(provider, "key", provider.key.reveal())
    for name_text, text in provider.headers.items():
        fields[_name(provider, name_text)] = _value(provider, f"header {name_text!r}", text)
    return fields


def _name(provider: Provider, text: str) -> bytes:
    name = text.lower()
    if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"provider {provider.name}: {text!r} is no name of a header")
    if name in FORBIDDEN:
        raise ValueError(f"provider {provider.name}: header {text!r} is written by outlast itself; take it out")
    return name.encode("ascii")


def _value(provider: Provider, what: str, text: str) -> bytes:
    """The bytes of a header's value. The message never shows it: it may be a key."""
    if any((ord(letter) < 0x20 and letter != "\t") or ord(letter) == 0x7F for letter in text):
        raise ValueError(f"provider {provider.name}: {what} must be one line without control characters")
    try:
        return text.strip().encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"provider {provider.name}: {what} must be Latin-1 text") from None
