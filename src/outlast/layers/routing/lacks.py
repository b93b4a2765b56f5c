"""Why a call may not go to a target: what it cannot do, what it would cost, how long it takes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from outlast.flow.quantiles import Quantiles
from outlast.layers.routing.config import RoutingConfig
from outlast.model.messages import NOTHING_SPECIAL, Request
from outlast.model.target import Target


class Lack(Struct, frozen=True):
    """Why not: in words, and where that is a number over a limit, both."""

    reason: str
    value: float | None = None
    limit: float | None = None
    dear: bool = False


MOST = 5
"""Targets that are named with one reason."""
OFF = Lack("it is disabled")
"""An operator has switched it off: nothing that the request could change."""
UNKNOWN_WINDOW = Lack("nobody knows whether its window is larger")
NO_EMBEDDINGS = Lack("it makes no embeddings")
NOT_NATIVE = Lack("it does not speak the caller's dialect, in which alone this can be asked")
NO_STATE = Lack(
    "it keeps nothing of earlier requests: send the whole conversation as input (SDKs that refer to items do so when "
    "store is false), without previous_response_id, conversation, stored prompts or files, or background"
)
ELSEWHERE = Lack("what the request refers to is kept by another provider")
OTHER_DIALECT = Lack("it speaks another dialect than this path")
ABILITIES = (
    ("tools", Lack("it takes no tools")),
    ("vision", Lack("it takes no images")),
    ("schema", Lack("it cannot be held to a schema")),
    ("documents", Lack("it takes no documents")),
    ("prefill", Lack("it does not go on from half an answer")),
)
"""Abilities that a request may need, and what is said of a target without them."""


def unable(target: Target, request: Request) -> Lack | None:
    """What the request needs and the target cannot do."""
    if request.operation == "embed":
        return None if target.embeds else NO_EMBEDDINGS
    if request.forward is not None:
        return None if target.provider.dialect == request.dialect else OTHER_DIALECT
    needs = request.needs
    if needs is NOTHING_SPECIAL or needs == NOTHING_SPECIAL:
        return None
    if needs.state and not target.keeps(request.dialect):
        return NO_STATE
    if needs.native and not native(target, request):
        return NOT_NATIVE
    return next((lack for ability, lack in ABILITIES if getattr(needs, ability) and not getattr(target, ability)), None)


def native(target: Target, request: Request) -> bool:
    """Is it asked in the caller's own dialect?"""
    return target.speaks(request.dialect) == request.dialect


def kept_elsewhere(target: Target, keeper: str) -> Lack | None:
    """That another provider has what the request refers to."""
    return None if target.provider.name == keeper else ELSEWHERE


def too_small(target: Target) -> Lack:
    """That the request does not fit into its window."""
    return Lack(f"its window of {target.window} tokens is too small")


def too_dear(target: Target, request: Request, limit: float, config: RoutingConfig) -> Lack | None:
    """That its estimated price is over so many US dollars; one that is not known is not."""
    if target.price is None:
        return None
    cost = target.price.of(request.tokens, request.max_tokens or config.expected_output)
    return Lack(f"it would cost ${cost:.4g}", cost, limit, dear=True) if cost > limit else None


def too_slow(known: Quantiles, limit: float, now: float, config: RoutingConfig) -> Lack | None:
    """That its live p99 is over so many seconds; with too few samples nothing is known."""
    p99 = known.at(0.99, now, config.least_samples)
    if p99 is None or p99 <= limit:
        return None
    return Lack(f"its p99 of {p99:.3g} s is too long", p99, limit)


def in_words(lacks: Mapping[str, Lack]) -> str:
    """Why none of these targets will do, each by its name, with the mend where it is the price."""
    told = [f"{', '.join(names)}: {reason}" for reason, names in _by_reason(lacks).items()]
    dear = [lack for lack in lacks.values() if lack.dear]
    if dear:
        least = min(dear, key=lambda lack: lack.value or 0.0)
        told.append(f"{least.reason} at least, and ${least.limit:.4g} is the most; max_tokens makes it cheaper")
    return "; ".join(told)


def _by_reason(lacks: Mapping[str, Lack]) -> dict[str, list[str]]:
    """The names of the targets with each reason that is not the price; the first few, for there may be many."""
    found: dict[str, list[str]] = {}
    for name, lack in lacks.items():
        if not lack.dear:
            found.setdefault(lack.reason, []).append(name)
    return {reason: names if len(names) <= MOST else [*names[:MOST], "…"] for reason, names in found.items()}
