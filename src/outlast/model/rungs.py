"""What a route answers with when none of its targets does: the rungs of its ladder."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class Static(Struct, frozen=True, forbid_unknown_fields=True):
    """`{static = "…"}`: these words, whatever was asked."""

    static: Annotated[str, Meta(min_length=1)]


Rung = Annotated[
    Literal["stale", "weaker", "simplify"] | Static,
    Meta(description='"stale", "weaker", "simplify" or {static = "the words"}'),
]
"""stale: the answer that the cache has kept. weaker: one of another route. simplify: one to less of the question, of
the weaker route where one is named."""

SOURCES = {"stale": "stale", "weaker": "weaker", "simplify": "simplified"}
"""What the answers of the rungs are called; of `Static` it is "static"."""


def name_of(rung: Literal["stale", "weaker", "simplify"] | Static) -> str:
    """How the rung is called."""
    return rung if isinstance(rung, str) else "static"


def source_of(rung: Literal["stale", "weaker", "simplify"] | Static) -> str:
    """What an answer of that rung is called."""
    return SOURCES[rung] if isinstance(rung, str) else "static"
