"""How an answer is held to the schema that was asked for."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from outlast.flow.bounds import AtLeastOne

Few = Annotated[int, Meta(ge=0, le=10, description="a whole number from 0 to 10")]


class StructuredConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How an answer is held to the schema that was asked for. Sizes in characters."""

    enabled: bool = True
    """Without it schemas are only passed on, to targets that can be held to one."""
    reprompts: Few = 2
    """A target whose answer does not match is told so at most this often."""
    longest_quote: AtLeastOne = 20_000
    """So much of its own wrong answer a target is shown."""
    most_faults: AtLeastOne = 10
    """It is told so many of its mistakes, ..."""
    longest_fault: AtLeastOne = 300
    """... each in so many characters."""
    longest: AtLeastOne = 1_000_000
    """A longer answer is not searched for JSON, and does not match."""
