"""Answers that were made already, are being made, or are less than what was asked for."""

from __future__ import annotations

from msgspec import Struct


class CacheLooked(Struct, frozen=True):
    """A request was looked for among the answers that were kept.

    `found` is what was there is good for: "fresh", "renew" (given, and renewed), "spare" (for when nobody answers) or
    "none". `age` and `left` are how old it is, and for how long it is fresh still; `reason` why it was not given.
    """

    call: str
    route: str
    found: str
    age: float | None = None
    left: float = 0.0
    reason: str = ""


class CacheKept(Struct, frozen=True):
    """An answer was kept for `seconds`, in `size` bytes; or `reason` says why it was not."""

    call: str
    route: str
    seconds: float = 0.0
    size: int = 0
    reason: str = ""


class CacheRenewed(Struct, frozen=True):
    """What a request was given from the cache has been asked for anew, by a call of its own; `of` is that request.

    `kind` is "ok" or why there is no new answer; `target` who answered, and `cost` what that cost in US dollars.
    """

    call: str
    of: str
    route: str
    kind: str
    target: str = ""
    seconds: float = 0.0
    cost: float | None = None


class StoreTrouble(Struct, frozen=True):
    """The store did not do what it was asked (`doing`), or not in time; the request went on without it."""

    call: str
    doing: str
    error: str


class Joined(Struct, frozen=True):
    """A call waits for what the same request brings, that is under way already as `other`."""

    call: str
    route: str
    other: str


class Degraded(Struct, frozen=True):
    """A request failed by `kind`, and less was tried: the `rung` of its route's ladder, which gave an answer or not.

    `reason` says why it gave none.
    """

    call: str
    route: str
    rung: str
    kind: str
    reason: str = ""


class KeyFound(Struct, frozen=True):
    """A request with an idempotency key: what was `found` under it.

    "nothing" (it is made now), "answer" or "refusal" (given again), "running" (it waits for that; `elsewhere`: another
    process makes it), "busy" (another process makes it, of which this store brings no news), "other" (the key belongs
    to another request), "spent" (it was answered, and that was too large to be kept), or "dead" (the process that made
    the call is dead, so nobody knows whether it was carried out: it is made again, or refused).
    """

    call: str
    route: str
    found: str
    elsewhere: bool = False


class KeyKept(Struct, frozen=True):
    """What came of a request is kept under its idempotency key for `seconds`; or `reason` says why it is not."""

    call: str
    route: str
    seconds: float = 0.0
    size: int = 0
    reason: str = ""


class RanOn(Struct, frozen=True):
    """A call with an idempotency key went on after its callers had left, to an end that none of them was told.

    `kind` is "ok" or why there is no answer; `target` who answered, and `cost` what that cost in US dollars.
    """

    call: str
    route: str
    kind: str
    target: str = ""
    seconds: float = 0.0
    cost: float | None = None


OfKept = CacheLooked | CacheKept | CacheRenewed | StoreTrouble | Joined | Degraded | KeyFound | KeyKept | RanOn
