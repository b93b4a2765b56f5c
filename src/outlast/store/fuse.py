"""Whether a store is asked at all: it blows when the store fails several times in a row, and is mended by a probe.

    up ── so many failures in a row ──▶ down ── a probe succeeds ──▶ up
                                        │  ▲
                                        └──┘ a probe fails: the next one comes a second later, half of it more or less

What was asked before it blew, or was mended, changes nothing afterwards. Probes are spread by dice, so that a fleet
does not knock at the same moment. Time and dice are arguments.
"""

from __future__ import annotations

from collections.abc import Callable


class Fuse:
    """One store's.

    Args:
        failures: so many in a row blow it.
        every: seconds between probes, half of it more or less.

    Attributes:
        down: nothing is asked.
        since: when it became so, or came up again.
        epoch: grows with every change; who asks remembers it.
        probe_at: while it is down, when the next probe is due.
    """

    __slots__ = ("_every", "_failures", "_run", "down", "epoch", "probe_at", "since")

    def __init__(self, failures: int, every: float) -> None:
        self._failures = failures
        self._every = every
        self._run = 0
        self.down = False
        self.since = 0.0
        self.epoch = 0
        self.probe_at = 0.0

    def good(self, epoch: int) -> None:
        """The store did what was asked in that epoch."""
        if epoch == self.epoch:
            self._run = 0

    def bad(self, epoch: int, now: float, dice: Callable[[], float]) -> bool:
        """The store failed at what was asked in that epoch. Has that blown the fuse?"""
        if epoch != self.epoch or self.down:
            return False
        self._run += 1
        if self._run < self._failures:
            return False
        self.blow(now, dice)
        return True

    def blow(self, now: float, dice: Callable[[], float]) -> None:
        """The store is known not to work."""
        self._turn(now, down=True)
        self._plan(now, dice)

    def probed(self, now: float, dice: Callable[[], float], *, well: bool) -> bool:
        """So a probe ended. Has that mended it?"""
        if not self.down:
            return False
        if not well:
            self._plan(now, dice)
            return False
        self._turn(now, down=False)
        return True

    def wait(self, now: float) -> float:
        """Seconds until a probe is due; 0 when one is."""
        return max(0.0, self.probe_at - now)

    def _turn(self, now: float, *, down: bool) -> None:
        self.down, self.since, self._run = down, now, 0
        self.epoch += 1

    def _plan(self, now: float, dice: Callable[[], float]) -> None:
        self.probe_at = now + self._every * (0.5 + dice())
