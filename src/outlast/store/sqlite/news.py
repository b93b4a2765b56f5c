"""Who listens in this process, told by the threads that write and look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Lock

from outlast.store.ears import Ears, Wake


class News:
    """Listeners of all loops. They are called on their own loop."""

    __slots__ = ("_ears", "_lock")

    def __init__(self) -> None:
        self._ears = Ears()
        self._lock = Lock()

    @property
    def wanted(self) -> bool:
        """Does anybody listen?"""
        return bool(len(self._ears))

    def listen(self, key: str, wake: Wake) -> Wake:
        """Call `wake` on the loop that runs."""
        loop = asyncio.get_running_loop()

        def soon() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(wake)

        with self._lock:
            end = self._ears.listen(key, soon)
        return lambda: self._locked(end)

    def tell(self, key: str) -> None:
        """Something has happened there; an empty key stands for all."""
        self._locked(self._ears.tell_all if not key else lambda: self._ears.tell(key))

    def _locked(self, do: Callable[[], None]) -> None:
        with self._lock:
            do()
