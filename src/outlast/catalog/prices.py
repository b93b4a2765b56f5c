"""Prices of models, from the data that the `genai-prices` library ships. Never asks the network.

The library is optional, takes a good part of a second to import, and 15 MB that are never given back. So it is imported
at the first question, which is asked at start, for all configured targets at once, and never while a request waits; and
`python -m outlast.catalog.prices` answers questions on its standard input, for whoever has to stay small.

Its prices may have tiers (a longer prompt costs more) and may depend on the date: taken is the base tier, as of `day`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from outlast.model.target import Price

if TYPE_CHECKING:
    from genai_prices.types import TieredPrices

Question = tuple[tuple[str, ...], tuple[str, ...]]
"""Where to look for a model, and what it may be called there; as in `price_of`."""
Find = Callable[[Sequence[Question]], Sequence[Price | None]]
"""Answers questions, in their order."""


def price_of(sources: Iterable[str], names: Iterable[str], day: datetime | None = None) -> Price | None:
    """What a model costs, or None when the library is missing or does not know it.

    Args:
        sources: where to look: ids of providers in genai-prices, the first that knows the model wins.
        names: what the model may be called there, the likeliest first.
        day: as of when; today when left out.
    """
    try:
        from genai_prices.data import providers  # noqa: PLC0415  (0.4 s, and only if somebody asks)
    except ModuleNotFoundError:
        return None
    known = {provider.id: provider for provider in providers}
    wanted = [name for name in names if name]
    for source in sources:
        for name in wanted:
            row = known[source].find_model(name) if source in known else None
            if row is not None:
                rates = row.get_prices(day or datetime.now(UTC))
                return _price(rates.input_mtok, rates.output_mtok, rates.cache_read_mtok)
    return None


def prices_of(questions: Sequence[Question]) -> list[Price | None]:
    """What each of these models costs today."""
    return [price_of(sources, names) for sources, names in questions]


def _answer() -> None:
    """Questions from standard input, answers to standard output, both JSON."""
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Question])
    sys.stdout.buffer.write(msgspec.json.encode(prices_of(asked)))


def _price(
    given: Decimal | TieredPrices | None, got: Decimal | TieredPrices | None, cached: Decimal | TieredPrices | None
) -> Price:
    return Price(input=_dollars(given), output=_dollars(got), cached=None if cached is None else _dollars(cached))


def _dollars(rate: Decimal | TieredPrices | None) -> float:
    """The base of a rate; nothing said is nothing charged."""
    if rate is None:
        return 0.0
    return float(rate if isinstance(rate, Decimal) else rate.base)


if __name__ == "__main__":
    _answer()
