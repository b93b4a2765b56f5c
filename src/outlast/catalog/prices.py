"""Prices of models, from the data that the `genai-prices` library ships. Never asks the network.

The library is optional and takes a good part of a second to import, so it is imported at the first question, in the
thread that asks: at start, for every configured target, never while a request waits.

Its prices may have tiers (a longer prompt costs more) and may depend on the date: taken is the base tier, as of `day`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from outlast.model.target import Price, Target

if TYPE_CHECKING:
    from collections.abc import Iterable

    from genai_prices.types import TieredPrices


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


def priced(target: Target, sources: Iterable[str], day: datetime | None = None) -> Target:
    """The same target with its price, unless it has one already or none is known."""
    if target.price is not None:
        return target
    price = price_of(sources, (target.model, target.family), day)
    return target if price is None else msgspec.structs.replace(target, price=price)


def _price(
    given: Decimal | TieredPrices | None, got: Decimal | TieredPrices | None, cached: Decimal | TieredPrices | None
) -> Price:
    return Price(input=_dollars(given), output=_dollars(got), cached=None if cached is None else _dollars(cached))


def _dollars(rate: Decimal | TieredPrices | None) -> float:
    """The base of a rate; nothing said is nothing charged."""
    if rate is None:
        return 0.0
    return float(rate if isinstance(rate, Decimal) else rate.base)
