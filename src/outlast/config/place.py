"""Where things are kept that outlive a request: memory, a file of this machine, or a Redis that many machines share.

store = "memory"                      each process its own; forgotten with it
store = "sqlite:///outlast.db"        a file beside the configuration; with four slashes, anywhere
store = "redis://user:password@host"  also rediss:// (TLS) and unix://
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from outlast.config.errors import ConfigError, mend
from outlast.model.target import Secret

MEMORY = "memory"
REDIS = ("redis", "rediss", "unix")
HOW = 'write "memory", "sqlite:///outlast.db" or "redis://host"'


class StorePlace(Struct, frozen=True):
    """A store, and where it is; shows no secret.

    Attributes:
        kind: what it is.
        path: of an SQLite file.
        url: of a Redis, with its password if it has one.
        shown: where it is, for eyes and logs.
    """

    kind: Literal["memory", "sqlite", "redis"] = "memory"
    path: str = ""
    url: Secret = Secret("")
    shown: str = MEMORY


def store_place(said: str, folder: Path) -> StorePlace:
    """What `store` means, in a file of that folder. Raises `ConfigError`, which does not repeat it: for passwords."""
    if said == MEMORY:
        return StorePlace()
    scheme, slashes, _ = said.partition("://")
    if not slashes:
        close = mend(said, [MEMORY]) if said.isalpha() else ""
        raise _wrong(f"no such store; {HOW}" if not close.startswith("; did you") else f"no such store{close}")
    if scheme == "sqlite":
        return _sqlite(said, folder)
    if scheme not in REDIS:
        raise _wrong(f"no store of that kind; {HOW}")
    return _redis(said)


def _sqlite(said: str, folder: Path) -> StorePlace:
    name = said.removeprefix("sqlite:///")
    if name == said or not name or name.endswith("/") or not name.isprintable() or {"?", "#"} & set(name):
        raise _wrong("a file must look like sqlite:///name.db, beside this one, or sqlite:////var/lib/name.db")
    if name == ":memory:":
        raise _wrong(f'for what is forgotten with the process write "{MEMORY}"')
    path = os.path.abspath(folder / Path(name).expanduser())  # noqa: PTH100  (links stay as they are)
    return StorePlace("sqlite", path, shown=f"sqlite {path}")


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
    return StorePlace("redis", url=Secret(said), shown=f"{url.scheme}://{place}")


def _wrong(problem: str) -> ConfigError:
    return ConfigError(problem, ("store",))
