"""What was left out of a request so that it fits."""

from __future__ import annotations

from msgspec import Struct


class Cut(Struct, frozen=True):
    """What a target was not shown of a conversation.

    Attributes:
        fit: how it was shortened: "drop_oldest" or "middle_out".
        messages: how many messages were left out.
        of: how many there were.
        before: estimated tokens of the whole request, and `after`, of what was sent.
    """

    fit: str
    messages: int
    of: int
    before: int
    after: int

    def __str__(self) -> str:
        return f"{self.messages} of {self.of} messages; {self.fit}"
