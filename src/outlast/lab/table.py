"""Requests as a table for people: what an assertion that fails shows.

#  provider  call  try     gap  behaviour   status  first     all  bytes  pieces  how it ended        tokens
1  alpha        1    1       -  status-503     503  0.000   0.000    318       0  refused              0 + 0
2  alpha        1    2   0.503  cut-4-fin      200  0.001   0.003   1204       4  provider hung up     8 + 4
"""

from __future__ import annotations

from collections.abc import Sequence

from outlast.lab.seen import Seen

_TITLES = ["#", "provider", "call", "try", "gap", "behaviour", "status", "first", "all", "bytes", "pieces"]
_LEFT = {"provider", "behaviour", "how it ended"}
_MOST = 50


def table(seen: Sequence[Seen]) -> str:
    """One line for each request, the latest fifty of them. Seconds, counted from the request; no content, no key."""
    titles = [*_TITLES, "how it ended", "tokens"]
    rows = [titles, *(_row(one) for one in seen[-_MOST:])]
    widths = [max(len(row[place]) for row in rows) for place in range(len(titles))]
    lines = ["  ".join(_cell(*cell) for cell in zip(titles, row, widths, strict=True)).rstrip() for row in rows]
    missing = len(seen) - _MOST
    return "\n".join([*lines[:1], *([f"… {missing} before these"] if missing > 0 else []), *lines[1:]])


def _cell(title: str, text: str, width: int) -> str:
    return text.ljust(width) if title in _LEFT else text.rjust(width)


def _row(one: Seen) -> list[str]:
    first = None if one.first is None else one.first - one.started
    return [
        str(one.number),
        one.provider or "-",
        str(one.call),
        str(one.attempt),
        _seconds(one.gap),
        one.behaviour,
        str(one.status),
        _seconds(first),
        _seconds(one.seconds),
        str(one.sent),
        str(one.meter.pieces) if one.asked.stream else "-",
        _end(one),
        f"{one.bill.prompt} + {one.bill.completion}",
    ]


def _end(one: Seen) -> str:
    if one.ended is None:
        return "under way"
    if one.hung_up:
        return f"{one.hung_up} hung up"
    if one.status >= 400:
        return "refused"
    return "complete" if one.complete else "not complete"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
