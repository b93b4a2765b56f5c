"""What is remembered of answers to callers of OpenAI's Responses API, for how long, and how much of it."""

from __future__ import annotations

from msgspec import Struct

from outlast.flow.bounds import AboveZero, AtLeastOne


class ResponsesConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[responses]`: answers that are remembered, so that a later request may refer to them. Times in seconds.

    They are kept where `store` says, for each caller (key and user) its own. Who says `store: false` is not remembered.
    """

    enabled: bool = True
    """Remember them; else only what a provider keeps itself can be referred to."""
    lifetime: AboveZero = 86400.0
    """So long after it was last referred to, an answer is forgotten."""
    largest: AtLeastOne = 4 * 1024 * 1024
    """Bytes of one answer and what it answers; more is not remembered."""
    turns: AtLeastOne = 500
    """A chain of `previous_response_id` may be so long, and a request refer to so many items."""
    patience: AboveZero = 0.25
    """A store beyond this process's memory is waited for no longer than this, each time."""
