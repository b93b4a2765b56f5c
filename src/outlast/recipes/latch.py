"""A lock that forks leave whole: in the child no thread holds it that is not there any more."""

from __future__ import annotations

from threading import Lock

from outlast.guard import forks


class Latch:
    """For `with`, around what takes microseconds and calls nothing of a user's."""

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = Lock()
        forks.register(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *raised: object) -> None:
        self._lock.release()

    def hold(self) -> bool:
        """Before a fork: let nobody be inside. False when one does not come out."""
        return self._lock.acquire(timeout=1.0)

    def let_go(self) -> None:
        """After a fork, in the parent, where it is held."""
        self._lock.release()

    def begin_anew(self) -> None:
        """After a fork, in the child."""
        self._lock = Lock()
