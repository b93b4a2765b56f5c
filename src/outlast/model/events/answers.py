"""What became of an answer that was not whole, or not as it was asked for."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Then = Literal["asked again", "next target", "given up"]


class StreamBroke(Struct, frozen=True):
    """A stream broke after `said` characters; `reason` says why nobody goes on with it, "" while somebody may."""

    call: str
    target: str
    said: int
    stalled: bool
    reason: str = ""


class StreamResumed(Struct, frozen=True):
    """Another target goes on with a stream that broke after `said` characters.

    `way` is how: it took them as the beginning of its answer (prefill), was asked to go on (asking), began with the
    same words from the top (restart), or gives another answer, as nothing but thoughts had been said or the route wants
    it so (anew). `seconds` is how long the caller got nothing new because of it, since the break was noticed.
    """

    call: str
    from_target: str
    to_target: str
    said: int
    way: Literal["prefill", "asking", "restart", "anew"]
    seconds: float


class ReplyRejected(Struct, frozen=True):
    """An answer does not match the schema of its request, and what comes of that.

    `reason` is that it held no JSON, was cut off, or does not match; `faults` are the keywords that it breaks, and
    where, in names that the schema has.
    """

    call: str
    target: str
    reason: Literal["no json", "cut off", "mismatch"]
    faults: tuple[str, ...] = ()
    then: Then = "given up"


class Rewritten(Struct, frozen=True):
    """A call begins anew in other words, since `target` refused its own for reasons of content."""

    call: str
    target: str


OfAnswers = StreamBroke | StreamResumed | ReplyRejected | Rewritten
