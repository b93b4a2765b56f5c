"""One copy of the four providers, over real sockets on one port."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from outlast.demo.story import PARTS, conduct
from outlast.lab.provider import SimulatedProvider

MODEL = "demo"


class Cast:
    """Four providers that serve while it is entered.

    Args:
        seed: of their dice; the same request of the same provider has the same luck in every copy.
    """

    __slots__ = ("_house",)

    def __init__(self, seed: int) -> None:
        self._house = SimulatedProvider(models=(MODEL,), seed=seed)

    @property
    def url(self) -> str:
        """Where they all are, each below its own name."""
        return self._house.url

    @property
    def asked(self) -> int:
        """Requests that have reached any of them."""
        return len(self._house.requests())

    @property
    def billed(self) -> float:
        """US dollars that they would bill, also for what nobody could use."""
        return sum(seen.bill.cost or 0.0 for seen in self._house.requests())

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
