"""The last good answers, few and not too old: what `degrade` gives when there is no new one."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from outlast.recipes.latch import Latch

V = TypeVar("V")


class Recent(Generic[V]):
    """Values by key, the latest `entries` of them, none older than `age` seconds. For any number of threads.

    Args:
        entries: the one that was put in longest ago makes room.
        age: seconds.
        clock: monotonic seconds; the system's unless a test brings its own.
    """

    __slots__ = ("_age", "_clock", "_entries", "_latch", "_values")

    def __init__(
        self, entries: int = 1_000, age: float = 86_400.0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if entries < 1 or not age > 0:
            raise ValueError(f"Recent(entries={entries!r}, age={age!r}): use a number of each above 0")
        self._entries = entries
        self._age = age
        self._clock = clock
        self._latch = Latch()
        self._values: OrderedDict[str, tuple[float, V]] = OrderedDict()

    def __len__(self) -> int:
        """How many there are; none of them is no reason to leave a cache aside."""
        return len(self._values)

    def __bool__(self) -> bool:
        return True

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401  (as that of a dict)
        """The value of that key, if it is not too old."""
        with self._latch:
            put, value = self._values.get(key, (0.0, default))
            if key in self._values and self._clock() - put > self._age:
                del self._values[key]
                return default
            return value

    def __setitem__(self, key: str, value: V) -> None:
        with self._latch:
            self._values[key] = self._clock(), value
            self._values.move_to_end(key)
            if len(self._values) > self._entries:
                self._values.popitem(last=False)
