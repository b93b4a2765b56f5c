"""One copy of the four providers, over real sockets on one port."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from outlast.demo.story import PARTS, conduct
from outlast.lab.provider import SimulatedProvider
from outlast.lab.seen import Seen

MODEL = "demo"


class Cast:
    """Four providers that serve while it is entered.

    Args:
        seed: of their dice; the same request of the same provider has the same luck in every copy.

    Attributes:
        asked: requests that have reached any of them, as of the last `count`.
    """

    __slots__ = ("_house", "_open", "_settled", "asked")

    def __init__(self, seed: int) -> None:
        self._house = SimulatedProvider(models=(MODEL,), seed=seed)
        self._open: list[Seen] = []
        self._settled = 0.0
        self.asked = 0

    @property
    def url(self) -> str:
        """Where they all are, each below its own name."""
        return self._house.url

    @property
    def billed(self) -> float:
        """US dollars that they would bill, also for what nobody could use, as of the last `count`."""
        return self._settled + sum(seen.bill.cost or 0.0 for seen in self._open)

    def count(self) -> None:
        """Take note of the requests so far. To be called now and then: their record keeps only the last thousands."""
        for seen in self._house.requests():
            if seen.id > self.asked:
                self._open.append(seen)
        self.asked = max(self.asked, *(seen.id for seen in self._open), 0)
        self._settled += sum(seen.bill.cost or 0.0 for seen in self._open if seen.ended is not None)
        self._open = [seen for seen in self._open if seen.ended is None]

    def begin(self, seconds: float) -> None:
        """The story begins now, and takes so many seconds."""
        for part in PARTS:
            self._house.conduct(part.name, conduct(part, seconds))

    async def __aenter__(self) -> Self:
        await self._house.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._house.__aexit__(kind, error, trace)
