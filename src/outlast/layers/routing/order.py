"""The order in which one call goes through a route's targets, worked out only as far as it gets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice

from outlast.model.target import Target

Small = Callable[[Target], bool]


class Order(Collection[Target]):
    """Targets, best first: one of them in front, and last those whose window looks too small.

    Most calls look at the first alone, however many there are; a thousand are not put in a row for that.

    Args:
        targets: in their usual order; at least one.
        first: index of the one in front.
        small: tells of a target that its window looks too small; an estimate, so that it is tried all the same, last.
    """

    __slots__ = ("_first", "_small", "_targets")

    def __init__(self, targets: tuple[Target, ...], *, first: int = 0, small: Small | None = None) -> None:
        self._targets = targets
        self._first = first
        self._small = small

    def __len__(self) -> int:
        return len(self._targets)

    def __contains__(self, target: object) -> bool:
        return target in self._targets

    def __iter__(self) -> Iterator[Target]:
        return self._led() if self._small is None else self._by_room(self._small)

    def postponed(self) -> list[Target]:
        """Those that come last for their windows, where there are others."""
        if self._small is None:
            return []
        small = [target for target in self._led() if self._small(target)]
        return small if len(small) < len(self._targets) else []

    def _by_room(self, small: Small) -> Iterator[Target]:
        too_small = []
        for target in self._led():
            if small(target):
                too_small.append(target)
            else:
                yield target
        yield from too_small

    def _led(self) -> Iterator[Target]:
        targets, first = self._targets, self._first
        yield targets[first]
        yield from islice(targets, first)
        yield from islice(targets, first + 1, None)
