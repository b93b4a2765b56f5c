"""The order in which one call goes through a route's targets, worked out only as far as it gets."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from outlast.model.target import Target


class Order(Collection[Target]):
    """Targets, best first: one of them in front, and last those whose window looks too small.

    Most calls look at the first alone, however many there are; a thousand are not put in a row for that.

    Args:
        targets: in their usual order; at least one.
        first: index of the one in front.
        tokens: of prompt and answer; an estimate, so that a small window is no reason not to try it in the end.
    """

    __slots__ = ("_first", "_targets", "_tokens")

    def __init__(self, targets: tuple[Target, ...], *, first: int = 0, tokens: int = 0) -> None:
        self._targets = targets
        self._first = first
        self._tokens = tokens

    def __len__(self) -> int:
        return len(self._targets)

    def __contains__(self, target: object) -> bool:
        return target in self._targets

    def __iter__(self) -> Iterator[Target]:
        return self._by_room() if self._tokens else self._led()

    def _by_room(self) -> Iterator[Target]:
        yield from (target for target in self._led() if not self._small(target))
        yield from (target for target in self._led() if self._small(target))

    def _led(self) -> Iterator[Target]:
        targets, first = self._targets, self._first
        yield targets[first]
        yield from islice(targets, first)
        yield from islice(targets, first + 1, None)

    def _small(self, target: Target) -> bool:
        return bool(target.window) and self._tokens > target.window
