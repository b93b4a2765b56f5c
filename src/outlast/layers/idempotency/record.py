"""What a store knows of a key: that a call is under way, and whose; or how it ended.

    (nothing) ── claim ──▶ running ── swap ──▶ done      the answer, whole or as a stream
        ▲                   │    ▲  └─ swap ──▶ refused   a failure that a second try would meet as well
        │                   │    │  └─ swap ──▶ spent     an answer that is too large to be kept
        └── may be tried ───┘    └── swap: renewed by its owner, or taken over when that is dead
            again: forgotten

Every step but the first is a swap of exactly what was there, so whoever has lost a key changes nothing of it. A record
tells for how many seconds it was kept; its age is that, less what is left of it by the store's own clock.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from outlast.flow.entry import Entry
from outlast.layers.idempotency.told import Opened, Streamed
from outlast.model.errors import Caller, ContentFilter, ContextLength, Failure, Legal
from outlast.ports import Stored

State = Literal["running", "done", "refused", "spent"]

REFUSALS: dict[str, type[Failure]] = {kind.kind: kind for kind in (Caller, ContextLength, ContentFilter, Legal)}
"""What a second try would meet as well; everything else may be tried again, and is not kept."""


class Refused(Struct, frozen=True, omit_defaults=True):
    """A failure that is kept."""

    kind: str
    message: str
    status: int
    code: str | None = None
    target: str = ""


class Record(Struct, frozen=True, omit_defaults=True):
    """What is known of one key.

    Attributes:
        state: how far it is.
        body: what its request is known by.
        life: seconds for which this was kept.
        owner: who makes the call; a new word for each call.
        lease: seconds for which its owner may be silent.
        beat: how often it was renewed.
        lost: calls for it whose process died: nobody knows whether they were carried out.
        source: what the answer is, as on `Reply`.
        entry: a whole answer; `head` of one that was passed on unread.
        stream: a streamed one.
        refused: why there is none.
    """

    state: State
    body: str
    life: float
    owner: str = ""
    lease: float = 0.0
    beat: int = 0
    lost: int = 0
    source: str = "primary"
    entry: Entry | None = None
    head: Opened | None = None
    stream: Streamed | None = None
    refused: Refused | None = None

    def age(self, left: float) -> float:
        """Seconds since it was written, when so many are left of its life."""
        return max(0.0, self.life - left)

    def silence(self, left: float) -> float:
        """Seconds until its owner counts as dead; 0 when it does."""
        return max(0.0, self.lease - self.age(left))


_DECODER = msgspec.json.Decoder(Record)


def packed(record: Record) -> bytes:
    """It as bytes."""
    return msgspec.json.encode(record)


def unpacked(stored: Stored) -> Record | None:
    """The record in these bytes; None where they are none of this version's."""
    try:
        return _DECODER.decode(stored.value)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def refused(failure: Failure) -> Refused | None:
    """What is kept of a failure; None where another try may succeed."""
    if failure.kind not in REFUSALS or failure.retryable:
        return None
    return Refused(failure.kind, failure.message, failure.status, failure.code, failure.target)


def failure_of(said: Refused) -> Failure:
    """The failure again."""
    failure = REFUSALS.get(said.kind, Caller)(said.message, code=said.code, status=said.status)
    failure.target = said.target
    return failure
