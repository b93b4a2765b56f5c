"""Upstream calls and requests that are over."""

from __future__ import annotations

from msgspec import Struct

from outlast.model.messages import Usage


class AttemptEnded(Struct, frozen=True, gc=False):
    """One upstream call is over. `kind` is "ok" or the failure class; `first` the seconds to the first content.

    `timer` names the timer that ended it, if one did (connect, first_content, whole, stall, max_stream, or the caller's
    deadline), and `limit` its seconds; `hint` the seconds that the provider asks to be left alone; `cost` is in US
    dollars, None when nobody knows.
    """

    call: str
    target: str
    provider: str
    model: str
    number: int
    kind: str
    seconds: float
    first: float | None = None
    status: int = 0
    code: str | None = None
    message: str = ""
    usage: Usage | None = None
    maybe_billed: bool = False
    cost: float | None = None
    timer: str = ""
    limit: float | None = None
    hint: float | None = None


class RequestEnded(Struct, frozen=True, gc=False):
    """A caller's request is over. `kind` is "ok" or the failure class; `target` who answered.

    `deadline` is how many seconds it had for its answer, or for the first content of a stream; `code` and `retry_after`
    are what a failure told the caller.
    `resumed` is how often another target went on with its stream; `instead_of` the failure class that a lesser answer
    stands in for; `fit`, where the request was too long, what was to happen to such. `key` is what became of its
    idempotency key: "first" (it is answered for that), "again" (the same, after a process died over it), "attached" (it
    is being answered for that already), "replayed" (it was); empty where it has none.
    """

    call: str
    route: str
    operation: str
    caller: str
    user_type: str
    stream: bool
    kind: str
    status: int
    target: str
    source: str
    attempts: int
    seconds: float
    first: float | None = None
    usage: Usage | None = None
    cost: float | None = None
    message: str = ""
    history: tuple[AttemptEnded, ...] = ()
    deadline: float = 0.0
    code: str | None = None
    retry_after: float | None = None
    resumed: int = 0
    instead_of: str = ""
    fit: str = ""
    key: str = ""


Ended = AttemptEnded | RequestEnded
