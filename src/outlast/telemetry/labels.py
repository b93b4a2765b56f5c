"""Names that become labels, which must stay few whatever callers and configurations make up."""

from __future__ import annotations

from collections.abc import Callable

from outlast.telemetry.tally import Labels

OTHER = "other"
CAP = 200
"""Most distinct targets, routes and other names that get labels of their own."""


class Bounded:
    """Names that become label values: the first `cap` as `split` has them, every later one as "other"."""

    __slots__ = ("_cap", "_known", "_other", "_split")

    def __init__(self, cap: int, split: Callable[[str], Labels]) -> None:
        self._cap = cap
        self._split = split
        self._known: dict[str, Labels] = {}
        self._other = (OTHER,) * len(split(""))

    def __call__(self, name: str) -> Labels:
        """The label values for a name."""
        known = self._known.get(name)
        if known is not None:
            return known
        if len(self._known) >= self._cap:
            return self._other
        labels = self._known[name] = self._split(name)
        return labels

    def __contains__(self, name: str) -> bool:
        """Has this name labels of its own?"""
        return name in self._known


def provider_and_model(target: str) -> Labels:
    """Both halves of "provider/model"."""
    provider, _, model = target.partition("/")
    return provider, model


def provider_alone(target: str) -> Labels:
    """The provider of "provider/model"."""
    return (target.partition("/")[0],)


def as_is(name: str) -> Labels:
    """The name itself."""
    return (name,)
