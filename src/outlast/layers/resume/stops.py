"""Stop sequences that begin in what was said and end in what is said now: no target sees them whole."""

from __future__ import annotations

from collections.abc import Iterable


class Stops:
    """Looks for them in the first words after a seam.

    Attributes:
        over: nothing more is to be looked for.
        met: there was one: the answer ends where it began.
    """

    __slots__ = ("_held", "_rests", "met", "over")

    def __init__(self, said: str, stops: Iterable[str]) -> None:
        self._rests = [stop[begun:] for stop in stops for begun in range(1, len(stop)) if said.endswith(stop[:begun])]
        self._held = ""
        self.met = False
        self.over = not self._rests

    def feed(self, new: str) -> str:
        """What of it can be handed over: nothing while it may be the rest of a stop sequence."""
        if self.over:
            return "" if self.met else new
        self._held = held = self._held + new
        if any(held.startswith(rest) for rest in self._rests):
            self.met = self.over = True
            self._held = ""
            return ""
        self._rests = [rest for rest in self._rests if rest.startswith(held)]
        return "" if self._rests else self.close()

    def close(self) -> str:
        """Nothing more will come: what was held back."""
        self.over = True
        held, self._held = self._held, ""
        return held
