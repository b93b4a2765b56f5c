"""How far a broken stream is gone on with."""

from __future__ import annotations

from msgspec import Struct

from outlast.flow.bounds import AtLeastOne


class ResumeConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How far a broken stream is gone on with. Sizes in characters."""

    enabled: bool = True
    longest: AtLeastOne = 200_000
    """So much of an answer is remembered; one that breaks after more ends with an error."""
    least_overlap: AtLeastOne = 8
    """Fewer repeated characters, from the beginning of a word on, are a coincidence, and stay."""
    most_overlap: AtLeastOne = 400
    """How much of the end a target may repeat unasked, and still be understood."""
    introduction: AtLeastOne = 200
    """How much a target may say before it goes on, and still be understood."""
