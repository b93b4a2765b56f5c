"""Where things are kept that outlive a request: this process's memory, or a Redis that many processes share.

store = "memory"                      each process its own; forgotten with it
store = "redis://user:password@host"  shared; also rediss:// (TLS) and unix://
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from outlast.config.errors import ConfigError, mend
from outlast.model.target import Secret

MEMORY = "memory"
REDIS = ("redis", "rediss", "unix")
HOW = 'write "memory" or "redis://host"'


class StorePlace(Struct, frozen=True):
    """A store, and where it is; shows no secret.

    Attributes:
        kind: what it is.
        url: of a Redis, with its password if it has one.
        shown: where it is, for eyes and logs.
    """

    kind: Literal["memory", "redis"] = "memory"
    url: Secret = Secret("")
    shown: str = MEMORY


def store_place(said: str) -> StorePlace:
    """What `store` means. Raises `ConfigError`, which does not repeat it, since it may hold a password."""
    if said == MEMORY:
        return StorePlace()
    scheme, slashes, _ = said.partition("://")
    if not slashes:
        close = mend(said, [MEMORY]) if said.isalpha() else ""
        raise _wrong(f"no such store; {HOW}" if not close.startswith("; did you") else f"no such store{close}")
    if scheme not in REDIS:
        raise _wrong(f"no store of that kind; {HOW}")
    return _redis(said)


def _redis(said: str) -> StorePlace:
    try:
        url = urlsplit(said)
        host, port = url.hostname or "", url.port
    except ValueError:
        host, port, url = "", None, urlsplit("unix:")
    local = url.scheme == "unix"
    if not (url.path.strip("/") if local else host) or not said.isascii() or not said.isprintable() or " " in said:
        raise _wrong("the address must look like redis://user:password@host:6379/0 or unix:///path/to.sock?db=0")
    place = url.path if local else (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "") + url.path
    return StorePlace("redis", Secret(said), f"{url.scheme}://{place}")


def _wrong(problem: str) -> ConfigError:
    return ConfigError(problem, ("store",))
