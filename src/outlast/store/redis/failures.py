"""What is told of Redis' errors: what is the matter and what mends it, and nothing of what was asked."""

from __future__ import annotations

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from outlast.ports import StoreFailed

KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (BusyLoadingError, "it is loading its data, and will answer when it has"),
    (AuthenticationError, "it wants another user or password: set them in the store's URL"),
    (NoPermissionError, "its user may not do this: see docs/stores for what it must be allowed"),
    (ReadOnlyError, "it is a replica that only reads: name the primary in the store's URL"),
    (OutOfMemoryError, "its memory is full: raise maxmemory"),
    ((MovedError, ClusterError), "it is one node of a cluster: name a proxy that serves all of it"),
    (RedisTimeoutError, "it does not answer"),
    ((RedisConnectionError, OSError), "it cannot be reached, or has hung up"),
)
CODES = {
    "BUSY": "a script there runs on and on: see SCRIPT KILL",
    "WRONGTYPE": "something that is not ours is kept under our key",
    "MISCONF": "it cannot write to its disk, and takes nothing until it can",
    "NOREPLICAS": "it has too few replicas to take anything",
    "MASTERDOWN": "it is a replica that has lost its primary",
}


def failed(error: BaseException) -> StoreFailed:
    """The failure that callers get for it."""
    return StoreFailed(f"redis: {_words(error)}")


def code(error: BaseException) -> str:
    """The first word of an answer that is an error, as far as it is a code; it may come from within a script."""
    text = str(error)
    return next((word for word in CODES if text.startswith(word) or f"{word} " in text[:200]), "")


def _words(error: BaseException) -> str:
    for kinds, words in KINDS:
        if isinstance(error, kinds):
            return words
    if isinstance(error, ResponseError):
        known = code(error)
        return CODES[known] if known else "it refused the command"
    if isinstance(error, RedisError):
        return "its answer makes no sense"
    return type(error).__name__
