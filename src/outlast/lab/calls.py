"""Which requests are attempts of one logical call, told from what callers send.

    an idempotency key, or a request id of the caller's, that was seen before      the same call
    `x-stainless-retry-count: n`, the same body, and an attempt n-1 before it      the same call
    the same body, after an attempt at the same provider that failed               the same call
    anything else                                                                  a call of its own

A count of 0 begins a call where others count on; where nobody does, retries may be written by hand around an SDK that
always says 0. Without a key or a count it is a guess: two who send the same words at once are not told apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal, Protocol

_KEYS = ("idempotency-key", "x-idempotency-key")
_IDS = ("x-request-id", "x-client-request-id")
_COUNT = "x-stainless-retry-count"

Place = tuple[str, str, bytes]


class Attempt(Protocol):
    """A request, and where its place among others is noted."""

    provider: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    started: float
    last: float
    ended: float | None
    hung_up: Literal["caller", "provider"] | None
    call: int
    attempt: int
    gap: float | None
    reused: bool

    @property
    def answered(self) -> bool:
        """Did the caller get an answer, and all of it?"""
        ...


def number(attempts: Iterable[Attempt]) -> None:
    """Notes on each, oldest first: its `call`, `attempt` and `gap` at its provider, and if its connection was used."""
    attempts = list(attempts)
    calls = _Calls({_place(attempt) for attempt in attempts if _retries(attempt)})
    used: set[int] = set()
    for attempt in attempts:
        attempt.reused = attempt.connection in used
        used.add(attempt.connection)
        calls.place(attempt)


class _Calls:
    """The calls so far, and how a next attempt of each would be known. `counting` are places whose callers count."""

    def __init__(self, counting: set[Place]) -> None:
        self._counting = counting
        self._count = 0
        self._named: dict[tuple[str, str], int] = {}
        self._counted: dict[tuple[Place, int], list[Attempt]] = defaultdict(list)
        self._tails: dict[Place, list[Attempt]] = defaultdict(list)
        self._last: dict[tuple[int, str], Attempt] = {}

    def place(self, one: Attempt) -> None:
        """Finds the call that this is an attempt of."""
        place = _place(one)
        call = self._by_name(one) or self._by_count(one, place) or self._by_body(one, place)
        if call is None:
            self._count += 1
            call = self._count
        before = self._last.get((call, one.provider))
        one.call = call
        one.attempt = 1 if before is None else before.attempt + 1
        one.gap = None if before is None else _gap(before, one)
        self._remember(one, place)

    def _remember(self, one: Attempt, place: Place) -> None:
        for name in _names(one):
            self._named[name] = one.call
        before = self._last.get((one.call, one.provider))
        tails = self._tails[place]
        if before in tails:
            tails.remove(before)
        tails.append(one)
        self._counted[place, _retries(one) or 0].append(one)
        self._last[one.call, one.provider] = one

    def _by_name(self, one: Attempt) -> int | None:
        return next((self._named[name] for name in _names(one) if name in self._named), None)

    def _by_count(self, one: Attempt, place: Place) -> int | None:
        count = _retries(one)
        waiting = self._counted.get((place, count - 1)) if count else None
        return waiting.pop(0).call if waiting else None

    def _by_body(self, one: Attempt, place: Place) -> int | None:
        if _retries(one) == 0 and place in self._counting:
            return None
        tails = self._tails[place]
        tails[:] = [tail for tail in tails if not tail.answered]
        return next((tail.call for tail in tails if _over(tail, one) and not _other(tail, one)), None)


def _place(one: Attempt) -> Place:
    return one.provider, one.path, one.body


def _names(one: Attempt) -> list[tuple[str, str]]:
    """The names that a caller gave to the call."""
    keys = [("key", one.headers[name]) for name in _KEYS if name in one.headers]
    return keys or [("id", one.headers[name]) for name in _IDS if name in one.headers]


def _retries(one: Attempt) -> int | None:
    count = one.headers.get(_COUNT, "")
    return int(count) if count.isascii() and count.isdigit() else None


def _over(before: Attempt, one: Attempt) -> bool:
    """Was it over when this one came? A caller who left is known to have gone a moment later than he went."""
    return before.ended is not None and (before.hung_up == "caller" or before.last <= one.started)


def _other(before: Attempt, one: Attempt) -> bool:
    """Did the caller name both, and differently?"""
    return bool(_names(before) and _names(one))


def _gap(before: Attempt, one: Attempt) -> float:
    """Seconds between the end of an attempt and the next; 0 when they overlap.

    An answer ends just before its last bytes leave, so that a caller's own waiting is never longer than the gap.
    """
    over = before.ended if before.hung_up == "caller" else before.last
    return max(0.0, one.started - (one.started if before.ended is None or over is None else over))
