"""What somebody expects a provider to have seen, and in which points it saw something else.

provider.expect("alpha", attempts=3, gaps=(0.5, 2.0), statuses=[503, 503, 200])
POST /_sim/requests {"provider": "alpha", "expect": {"attempts": 3, "gaps": [0.5, 2.0]}}
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Literal, TypedDict, cast

import msgspec
from msgspec import Struct

from outlast.lab.seen import Seen
from outlast.lab.table import table

Count = int | tuple[int, int | None]
"""A number, or the least and the most; None is no limit."""
Who = Literal["caller", "provider"]
Bound = tuple[float, float | None]

_GRACE = 0.002
"""Seconds by which timers may be early: some loops count whole milliseconds."""


class Wanted(TypedDict, total=False):
    """What is expected; what is left out may be anything. A count is a number, or the least and the most."""

    requests: Count
    """How many requests there are."""
    calls: Count
    """How many logical calls they belong to."""
    attempts: Count
    """How many attempts each call took here."""
    gaps: float | list[float | tuple[float, float | None] | None]
    """Seconds between attempts of a call: at least; least and most; or a least and a most for each gap in order."""
    statuses: list[int]
    """The statuses of all requests, in order; 0 where none was sent."""
    hung_up: Who | list[Who | None] | None
    """Who hung up: None for nobody ever, a name for somebody at least once, a list for all requests in order."""
    streams_ended: bool
    """Did every stream come to its end? False expects that one did not."""
    connections: Count
    """How many connections they came on."""
    at_once: Count
    """How many were under way at the same time, at most."""
    no_more_than_per_second: int
    """How many may begin within any one second."""
    prompt_tokens: Count
    """Prompt tokens billed, together."""
    completion_tokens: Count
    """Completion tokens billed, together."""
    billed_below: float
    """US dollars that all of it must cost less than."""


class Broken(Struct, frozen=True):
    """One expectation that does not hold."""

    expectation: str
    wanted: object
    seen: object

    def __str__(self) -> str:
        return f"{self.expectation}: wanted {self.wanted}, saw {self.seen}"


class Expectation:
    """Checks requests against what is wanted. Raises `TypeError` for an expectation that there is not.

    Args:
        wanted: what is expected, by name.
    """

    __slots__ = ("_given", "_wanted")

    def __init__(self, wanted: Wanted) -> None:
        unknown = wanted.keys() - _LOOKS.keys()
        if unknown:
            raise TypeError(f"unknown expectation {min(unknown)!r}; there are: {', '.join(_LOOKS)}")
        self._given: dict[str, object] = {**wanted}
        try:
            self._wanted = msgspec.convert(self._given, Wanted)
        except msgspec.ValidationError as error:
            raise TypeError(f"an expectation is of the wrong type: {error}") from error

    def broken(self, seen: Sequence[Seen]) -> list[Broken]:
        """Each expectation that does not hold, with what was seen."""
        return [
            Broken(name, self._given[name], found)
            for name, wanted in self._wanted.items()
            for found in [_LOOKS[name](wanted, seen)]
            if found is not None
        ]

    def demand(self, seen: Sequence[Seen], provider: str | None) -> None:
        """Raises `AssertionError` with a table of what was seen, unless all of it holds."""
        broken = self.broken(seen)
        if broken:
            who = "the providers" if provider is None else f"provider {provider!r}"
            points = "\n".join(f"  {one}" for one in broken)
            raise AssertionError(f"{who} did not see what was expected\n{points}\n\n{table(seen)}")


def _within(wanted: Count, found: int) -> bool:
    least, most = (wanted, wanted) if isinstance(wanted, int) else wanted
    return least <= found and (most is None or found <= most)


def _counted(count: Callable[[Sequence[Seen]], int]) -> Look:
    """Looks at one number."""

    def look(wanted: object, seen: Sequence[Seen]) -> object | None:
        found = count(seen)
        return None if _within(cast("Count", wanted), found) else found

    return look


def _attempts(wanted: object, seen: Sequence[Seen]) -> object | None:
    found = [len(attempts) for attempts in _calls(seen)]
    return None if found and all(_within(cast("Count", wanted), count) for count in found) else found


def _gaps(wanted: object, seen: Sequence[Seen]) -> object | None:
    gaps = [one.gap for attempts in _calls(seen) for one in attempts if one.gap is not None]
    bounds = _bounds(wanted, len(gaps))
    good = len(bounds) == len(gaps) and all(
        least - _GRACE <= gap and (most is None or gap <= most + _GRACE)
        for gap, (least, most) in zip(gaps, bounds, strict=True)
    )
    return None if good and gaps else [round(gap, 3) for gap in gaps]


def _bounds(wanted: object, count: int) -> list[Bound]:
    """The least and the most of each gap."""
    if isinstance(wanted, int | float):
        return [(wanted, None)] * count
    given = cast("list[float | Bound | None]", wanted)
    each = [bound for bound in given if isinstance(bound, tuple)]
    return each or [cast("Bound", tuple(given))] * count


def _statuses(wanted: object, seen: Sequence[Seen]) -> object | None:
    found = [one.status for one in seen]
    return None if found == wanted else found


def _hung_up(wanted: object, seen: Sequence[Seen]) -> object | None:
    found = [one.hung_up for one in seen]
    if isinstance(wanted, list):
        return None if found == wanted else found
    good = wanted in found if wanted else not any(found)
    return None if good else found


def _streams_ended(wanted: object, seen: Sequence[Seen]) -> object | None:
    found = [one.complete for one in seen if one.asked.stream and 200 <= one.status < 300]
    return None if found and all(found) is wanted else found


def _per_second(wanted: object, seen: Sequence[Seen]) -> object | None:
    starts = sorted(one.started for one in seen)
    found = max((sum(1 for other in starts[at:] if other < start + 1) for at, start in enumerate(starts)), default=0)
    return None if found <= cast("int", wanted) else found


def _at_once(seen: Sequence[Seen]) -> int:
    changes = sorted(
        change for one in seen for change in ((one.started, 1), *(() if one.ended is None else ((one.ended, -1),)))
    )
    return max(itertools.accumulate(change for _, change in changes), default=0)


def _billed_below(wanted: object, seen: Sequence[Seen]) -> object | None:
    costs = [one.bill.cost for one in seen]
    if any(cost is None for cost in costs):
        return "a model without a price"
    found = sum(cost or 0.0 for cost in costs)
    return None if found < cast("float", wanted) else found


def _calls(seen: Sequence[Seen]) -> list[list[Seen]]:
    """The attempts of each call at each provider, oldest first."""
    calls: dict[tuple[int, str], list[Seen]] = {}
    for one in seen:
        calls.setdefault((one.call, one.provider), []).append(one)
    return list(calls.values())


Look = Callable[[object, Sequence[Seen]], object | None]
"""Gives what was seen where it is not what was wanted, else None."""

_LOOKS: dict[str, Look] = {
    "requests": _counted(len),
    "calls": _counted(lambda seen: len({one.call for one in seen})),
    "attempts": _attempts,
    "gaps": _gaps,
    "statuses": _statuses,
    "hung_up": _hung_up,
    "streams_ended": _streams_ended,
    "connections": _counted(lambda seen: len({one.connection for one in seen})),
    "at_once": _counted(_at_once),
    "no_more_than_per_second": _per_second,
    "prompt_tokens": _counted(lambda seen: sum(one.bill.prompt for one in seen)),
    "completion_tokens": _counted(lambda seen: sum(one.bill.completion for one in seen)),
    "billed_below": _billed_below,
}
