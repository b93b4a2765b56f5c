"""Numbers as a person reads them."""

from __future__ import annotations

from math import inf


def seconds(value: float) -> str:
    """`0.25 s`, `12.5 s`, `180 s`; short times in milliseconds."""
    if value == inf:
        return "ever"
    if value >= 0.0995:
        return f"{value:.3g} s" if value < 100 else f"{value:.0f} s"
    if value >= 0.001:
        return f"{value * 1000:.3g} ms"
    return "less than 1 ms" if value > 0 else "0 s"


def number(value: float) -> str:
    """`2`, `0.36`, `12,345`."""
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) < 0.005 else f"{value:,.2f}"


def dollars(value: float) -> str:
    """`$0.0125`."""
    return f"${value:.4g}" if value >= 0.001 or not value else f"${value:.6f}"


def amount(value: float, limit: str) -> str:
    """A number in the unit of that limit."""
    return dollars(value) if limit.startswith("usd") else number(value)


def many(value: int, one: str) -> str:
    """`1 call`, `3 calls`."""
    return f"{value} {one}" if value == 1 else f"{value:,} {one}s"


def printable(text: str) -> str:
    """The same without what a terminal would obey."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
