"""Who wants to hear of which key."""

from __future__ import annotations

from collections.abc import Callable, Iterator

Wake = Callable[[], None]


class Ears:
    """Calls at once whoever listens to a key."""

    __slots__ = ("_ears",)

    def __init__(self) -> None:
        self._ears: dict[str, list[Wake]] = {}

    def __len__(self) -> int:
        return len(self._ears)

    def __contains__(self, key: str) -> bool:
        return key in self._ears

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._ears))

    def listen(self, key: str, wake: Wake) -> Wake:
        """Call `wake` from now on. Gives what ends it, which may be called more than once."""
        self._ears.setdefault(key, []).append(wake)
        listening = True

        def end() -> None:
            nonlocal listening
            if listening:
                listening = False
                self._end(key, wake)

        return end

    def tell(self, key: str) -> None:
        """Something has happened there."""
        for wake in tuple(self._ears.get(key, ())):
            wake()

    def tell_all(self) -> None:
        """Something has happened, nobody knows where."""
        for key in tuple(self._ears):
            self.tell(key)

    def _end(self, key: str, wake: Wake) -> None:
        ears = self._ears[key]
        ears.remove(wake)
        if not ears:
            del self._ears[key]
