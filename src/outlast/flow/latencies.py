"""How long each target takes to its first content: what routes are ranked by, and what a hedge waits for."""

from __future__ import annotations

from outlast.flow.kept import Kept
from outlast.flow.quantiles import Quantiles


class Latencies:
    """How long each target takes to its first content, streamed and whole apart. Kept once somebody asks for it."""

    __slots__ = ("_samples", "wanted")

    def __init__(self) -> None:
        self.wanted = False
        self._samples: dict[bool, Kept[Quantiles]] = {False: Kept(), True: Kept()}

    def of(self, target: str, stream: bool, now: float) -> Quantiles:
        """The samples of that target."""
        samples = self._samples[stream]
        return samples.get(target) or samples.put(target, Quantiles(), now)
