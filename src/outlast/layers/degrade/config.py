"""How a request that nobody answered is answered with less."""

from __future__ import annotations

from msgspec import Struct

from outlast.flow.bounds import AtLeastOne, BelowOne


class SimplifyConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What is left of a request on the rung "simplify": one message, its pictures and the form of its answer."""

    system: str = "Answer briefly."
    """The system message, in place of the caller's; `{system}` in it stands for the beginning of that."""
    longest_system: int = 500
    """Characters of the caller's own system message that `{system}` stands for."""
    prompt: str = "{prompt}"
    """The message; `{prompt}` in it stands for the words of the caller's last one."""
    max_tokens: AtLeastOne = 256
    """The answer is no longer than this, nor than the caller allows."""


class DegradeConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How a request that nobody answered is answered with less. Which rungs there are, each route says for itself."""

    enabled: bool = True
    reserve: BelowOne = 0.25
    """This share of a request's time is kept for the rungs that ask a model, where its route has such."""
    reserve_most: float = 30.0
    """But no more than so many seconds."""
    simplify: SimplifyConfig = SimplifyConfig()
    """What is left of a request on the rung "simplify"."""
