"""What an idempotency key is worth."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from outlast.flow.bounds import AboveZero, AtLeastOne

AfterCrash = Literal["again", "refuse"]


class IdempotencyConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Requests that carry an idempotency key are answered once. Times in seconds."""

    enabled: bool = True
    """Look at the keys of requests; those without a key are not concerned."""
    lifetime: AboveZero = 86400.0
    """An answer is given again to the same key for so long."""
    lease: AboveZero = 30.0
    """A call whose process has not been heard of for so long is taken over by who asks with its key; renewed each third
    of that."""
    after_crash: AfterCrash = "again"
    """When a process has died over a call, nobody knows if it was carried out: make it again, or refuse its key."""
    largest: AtLeastOne = 1024 * 1024
    """Bytes of an answer; of a larger one it is only kept that it was given, and a second request is refused."""
