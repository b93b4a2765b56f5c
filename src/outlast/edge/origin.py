"""Where requests of a provider go: what its base URL and its proxy say, taken apart and checked once."""

from __future__ import annotations

from base64 import b64encode
from ipaddress import IPv6Address
from urllib.parse import SplitResult, unquote, urlsplit

from msgspec import Struct

from outlast.edge.address import literal
from outlast.model.target import Provider

PORTS = {"http": 80, "https": 443}


class Proxy(Struct, frozen=True):
    """A CONNECT proxy. `credentials` is the value of its `proxy-authorization`; empty for none."""

    host: str
    port: int
    credentials: bytes = b""

    def __repr__(self) -> str:
        """Without the credentials."""
        return f"Proxy({self.host}:{self.port})"


class Origin(Struct, frozen=True):
    """What connections are shared by: two providers with the same origin use the same ones."""

    scheme: str
    host: str
    port: int
    proxy: Proxy | None = None
    ca_file: str = ""

    @property
    def secure(self) -> bool:
        """Is TLS spoken there?"""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host and port as CONNECT wants them."""
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def host_header(self) -> str:
        """Host, and the port where it is not the usual one."""
        return _bracketed(self.host) if self.port == PORTS[self.scheme] else self.authority


def origin_of(provider: Provider) -> Origin:
    """Where `provider` is. Raises `ValueError` that names the field and the mend."""
    url = _split(provider, provider.base_url, "base_url")
    if url.scheme not in PORTS:
        raise ValueError(f"provider {provider.name}: base_url must start with http:// or https://")
    if url.username is not None or url.query or url.fragment:
        raise ValueError(f"provider {provider.name}: base_url must have no user, query or fragment")
    port = url.port if url.port is not None else PORTS[url.scheme]
    proxy = _proxy_of(provider) if provider.proxy else None
    return Origin(url.scheme, _host(provider, url, "base_url"), port, proxy, provider.ca_file)


def path_of(provider: Provider) -> bytes:
    """The path of the base URL, without a slash at its end."""
    path = urlsplit(provider.base_url).path.rstrip("/")
    if not path.isascii() or not path.isprintable() or " " in path:
        raise ValueError(f"provider {provider.name}: the path of base_url must be URL-encoded")
    return path.encode("ascii")


def _proxy_of(provider: Provider) -> Proxy:
    url = _split(provider, provider.proxy, "proxy")
    if url.scheme != "http":
        raise ValueError(f"provider {provider.name}: proxy must be http://host:port")
    credentials = b""
    if url.username is not None:
        pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
        credentials = b"Basic " + b64encode(pair.encode())
    return Proxy(_host(provider, url, "proxy"), url.port if url.port is not None else 80, credentials)


def _split(provider: Provider, text: str, field: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        raise ValueError(f"provider {provider.name}: {field} is not a URL") from None
    return url


def _host(provider: Provider, url: SplitResult, field: str) -> str:
    """The host in ASCII."""
    try:
        host = (url.hostname or "").encode("idna").decode("ascii") if not _is_address(url) else str(url.hostname)
    except UnicodeError:
        host = ""
    if not host or not host.isprintable() or " " in host:
        raise ValueError(f"provider {provider.name}: {field} names no valid host")
    return host


def _is_address(url: SplitResult) -> bool:
    return literal(url.hostname or "") is not None


def _bracketed(host: str) -> str:
    return f"[{host}]" if isinstance(literal(host), IPv6Address) else host
