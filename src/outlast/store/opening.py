"""From what the configuration says to a store that can be worked with."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from outlast.config import ConfigError, StorePlace
from outlast.ports import Store
from outlast.store.memory import Memory


def opened(place: StorePlace, now: Callable[[], float], most_bytes: int) -> Store:
    """The store there, opened; one that is elsewhere is connected to when it is first used.

    Args:
        place: which store, and where.
        now: a monotonic clock, for what is kept in memory.
        most_bytes: so many are kept in memory.

    Raises:
        ConfigError: it cannot be worked with as configured.
    """
    check_place(place)
    if place.kind == "redis":
        redis = import_module("outlast.store.redis")  # only who asks for it needs redis-py
        return cast("Store", redis.RedisStore.from_url(place.url.reveal()))
    return Memory(now, most_bytes=most_bytes)


def check_place(place: StorePlace) -> None:
    """Raise `ConfigError` when such a store cannot be opened here. Opens nothing."""
    if place.kind == "redis" and find_spec("redis") is None:
        raise ConfigError('a Redis needs what is not installed: pip install "outlast[redis]"', ("store",))
