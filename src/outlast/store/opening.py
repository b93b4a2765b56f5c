"""From what the configuration says to a store that can be worked with."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from outlast.config import ConfigError, StorePlace
from outlast.model.events import Event
from outlast.ports import Store, StoreFailed
from outlast.store.memory import Memory

HERE: tuple[str, ...] = ("store",)


class Bounds(Struct, frozen=True):
    """So many bytes of what may be lost are kept in memory, or on the disk."""

    memory: int
    disk: int


def opened(place: StorePlace, bounds: Bounds, now: Callable[[], float], emit: Callable[[Event], None]) -> Store:
    """The store there, opened; one that is elsewhere is connected to when it is first used.

    Args:
        place: which store, and where.
        bounds: how much it keeps.
        now: a monotonic clock, for what is kept in memory.
        emit: hears when something that was kept is lost.

    Raises:
        ConfigError: it cannot be worked with as configured.
    """
    check_place(place)
    if place.kind == "sqlite":
        from outlast.store.sqlite import SqliteStore  # noqa: PLC0415  (nor is this needed by all)

        try:
            return SqliteStore(place.path, most_bytes=bounds.disk, emit=emit)
        except StoreFailed as failed:
            raise ConfigError(f"{place.path}: {failed}", HERE) from None
    if place.kind == "redis":
        from outlast.store.redis import RedisStore  # noqa: PLC0415  (only who asks for it needs redis-py)

        try:
            return RedisStore.from_url(place.url.reveal(), emit=emit)
        except (ValueError, TypeError):
            raise ConfigError("something behind its ? is nothing that redis-py knows", HERE) from None
    return Memory(now, most_bytes=bounds.memory)


def check_place(place: StorePlace) -> None:
    """Raise `ConfigError` when such a store cannot be opened here. Opens nothing."""
    if place.kind == "sqlite" and not (folder := Path(place.path).parent).is_dir():
        raise ConfigError(f"{place.path}: there is no folder {folder}: make it, or name another", HERE)
    if place.kind == "redis" and find_spec("redis") is None:
        raise ConfigError('a Redis needs what is not installed: pip install "outlast[redis]"', HERE)
