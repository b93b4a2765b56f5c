"""Who asks: the name that limits, queues and metrics know a caller by."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

UserType = Literal["anonymous", "key", "user", "operator"]

Priority = Literal["critical", "high", "normal", "low", "batch"]

PRIORITIES: tuple[Priority, ...] = ("critical", "high", "normal", "low", "batch")
"""The five classes, best first; a priority is an index into them."""

NORMAL = PRIORITIES.index("normal")


class Caller(Struct, frozen=True):
    """One caller of the gateway or the library.

    Attributes:
        key: name of the API key it came with; "anonymous" without one, "library" in-process.
        user: the user behind the key, when a trusted key or a token names one.
        user_type: what `rate_limit_hits_total` is labelled with.
        priority: the best class that it may ask for.
    """

    key: str = "anonymous"
    user: str = ""
    user_type: UserType = "anonymous"
    priority: int = NORMAL

    @property
    def name(self) -> str:
        """Whom fairness and limits count: the user where one is named, else the key."""
        return f"{self.key}/{self.user}" if self.user else self.key


LIBRARY = Caller(key="library", user_type="operator", priority=0)
