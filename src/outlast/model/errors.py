"""The tree of failures. An attempt that fails is classified once, where the bytes are; afterwards it is one of these.

    Failure
    ├── Connect        no connection, or reset before a byte     ├── ContextLength  the prompt does not fit
    ├── Transient      the provider says: try again              ├── ContentFilter  the provider will not say it
    ├── BadResponse    what came is no answer                    ├── Legal          451
    ├── TimedOut       one of our own timers                     ├── InvalidOutput  not what the schema asks for
    ├── Throttled      too fast                                  ├── BrokenStream   cut after content was handed over
    ├── Quota          the money is gone                         ├── Cancelled      the caller has left
    ├── Credential     the provider's key is refused             ├── Rejected       our own breaker, limiter or queue
    ├── Permission     any other 403                             │   └── Unauthorized   the caller's own key is refused
    ├── Missing        no such model there                       └── Internal       a fault of our own
    ├── Unsupported    405, 501
    ├── Conflict       409
    └── Caller         the request is wrong

What the layers need to know of a class is data on it: may the same target be asked again (`again`), may the next
one (`onward`), what does a gate learn from it (`outcome`), may a lesser answer stand in for it (`replaceable`), and
which HTTP status tells it best (`status`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal, Self

if TYPE_CHECKING:
    from outlast.model.events import AttemptEnded
    from outlast.model.messages import Usage

Outcome = Literal["success", "failure", "throttled", "neutral"]
"""What a gate (breaker, limiter, slot) learns from the end of an attempt."""

Again = Literal["never", "at_once", "backoff", "pause", "once", "last"]
"""May the same target be asked again: never; at once the first time, then after a backoff; after a backoff; when its
pause is over; once after a backoff; only when no other target is left."""


class Failure(Exception):  # noqa: N818  (a failure class is the term of the field)
    """An attempt, or a whole request, that gave no answer.

    Attributes:
        message: our own words; never the provider's text, a key or a prompt.
        code: the provider's error code, when it is a plain word; else None.
        status: the HTTP status that tells it on the native surface.
        again: may the same target be asked again.
        onward: may another target be asked.
        outcome: what breakers and limiters learn from it.
        replaceable: may the caller get a lesser answer instead; not where the request itself is what was wrong.
        retry_after: seconds to wait as the provider or our own gate says; None when nobody said.
        overloaded: the provider said that it has too much to do, which calls for a longer backoff.
        until: monotonic time at which the target's pause ends, where this failure paused it.
        again_at: monotonic time from which its target is worth coming back to, where the call moved on for patience.
        target: "provider/model" where it happened; empty when no target was asked.
        attempts: the attempts made for the request, oldest first; filled on the error that reaches the caller.
        call: the id of the request that it ended, filled likewise; what a `Journal` is asked with.
        usage: tokens of the answers that were of no use, and `cost` their US dollars; None where there were none.
    """

    kind: ClassVar[str] = "internal"
    status: int = 500
    again: Again = "never"
    onward: bool = False
    outcome: Outcome = "neutral"
    replaceable: bool = True
    usage: Usage | None = None
    cost: float | None = None

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
        again: Again | None = None,
        overloaded: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.retry_after = retry_after
        self.overloaded = overloaded
        self.target = ""
        self.until: float | None = None
        self.again_at: float | None = None
        self.attempts: tuple[AttemptEnded, ...] = ()
        self.call = ""
        if status is not None:
            self.status = status
        if again is not None:
            self.again = again

    def __reduce__(self) -> tuple[Callable[..., Failure], tuple[object, ...]]:
        return _restored, (type(self), self.args, self.__dict__)

    @property
    def retryable(self) -> bool:
        """May the same request, sent again later, succeed?"""
        return self.again != "never" or self.retry_after is not None


class Connect(Failure):
    """No connection: name, refusal, TLS, or a reset before the first byte of an answer."""

    kind = "connect"
    status = 503
    again: Again = "at_once"
    onward = True
    outcome: Outcome = "failure"


class Transient(Failure):
    """The provider says that it cannot answer just now."""

    kind = "transient"
    status = 503
    again: Again = "backoff"
    onward = True
    outcome: Outcome = "failure"


class BadResponse(Failure):
    """What came back is no answer: not parsable, cut, empty, or another protocol."""

    kind = "bad_response"
    status = 502
    again: Again = "backoff"
    onward = True
    outcome: Outcome = "failure"


class TimedOut(Failure):
    """One of our own timers ran out; `phase` says where it was met, `timer` which it was and `limit` its seconds."""

    kind = "timeout"
    status = 504
    again: Again = "last"
    onward = True
    outcome: Outcome = "failure"

    def __init__(self, message: str, *, phase: str = "deadline") -> None:
        super().__init__(message)
        self.phase = phase
        self.timer = ""
        self.limit: float | None = None


class Throttled(Failure):
    """The provider says that we ask too often; the target pauses and the breaker does not count it."""

    kind = "throttled"
    status = 429
    again: Again = "pause"
    onward = True
    outcome: Outcome = "throttled"


class Quota(Failure):
    """The credential has no money or allowance left."""

    kind = "quota"
    status = 503
    onward = True


class Credential(Failure):
    """The provider refuses our key."""

    kind = "credential"
    status = 401
    onward = True

    def __init__(self, message: str, *, code: str | None = "provider_authentication") -> None:
        super().__init__(message, code=code or "provider_authentication")


class Permission(Failure):
    """The provider refuses this model, region or caller."""

    kind = "permission"
    status = 403
    onward = True

    def __init__(self, message: str, *, code: str | None = "provider_permission") -> None:
        super().__init__(message, code=code or "provider_permission")


class Missing(Failure):
    """The provider does not have this model."""

    kind = "missing"
    status = 404
    onward = True


class Unsupported(Failure):
    """The provider does not do this at all."""

    kind = "unsupported"
    status = 503
    onward = True


class Conflict(Failure):
    """The provider says that something else is under way."""

    kind = "conflict"
    status = 409
    again: Again = "once"


SCHEMA_REFUSED = "schema_refused"
"""The code of a `Caller` where the provider does not take the JSON schema, though another way to ask may do."""


class Caller(Failure):
    """The request itself is wrong, and would be so anywhere; `param` names the field, where a vendor would."""

    kind = "caller"
    replaceable = False
    status = 400
    param: str | None = None

    def about(self, param: str) -> Self:
        """The same, told of this field."""
        self.param = param
        return self


class ContextLength(Failure):
    """The prompt does not fit into the model's window."""

    kind = "context_length"
    replaceable = False
    status = 413


class ContentFilter(Failure):
    """The provider will not answer this."""

    kind = "content_filter"
    replaceable = False
    status = 422


class Legal(Failure):
    """Refused for legal reasons, where this provider stands."""

    kind = "legal"
    replaceable = False
    status = 422
    onward = True


class InvalidOutput(Failure):
    """The answer does not match the schema that was asked for.

    `faults` tells what is wrong with the last one, and may quote it; the message does not. `code` is no_json, cut_off,
    mismatch, or max_tokens where a higher limit of tokens is the mend.
    """

    kind = "invalid_output"
    status = 502
    faults: tuple[str, ...] = ()


class BrokenStream(Failure):
    """The stream broke after content had been handed over.

    Attributes:
        stalled: it brought nothing in time; that it was long is something else.
        bounded: it had come as far as any stream may, in seconds or bytes; going on with it is of no use.
        timer: which, and `limit` its seconds.
    """

    kind = "broken_stream"
    replaceable = False
    status = 502
    outcome: Outcome = "failure"
    stalled = False
    timer = ""
    limit: float | None = None
    bounded = False


class Cancelled(Failure):
    """The caller left, or another attempt was faster."""

    kind = "cancelled"
    replaceable = False
    status = 499


class Rejected(Failure):
    """Never sent: our own breaker, limiter, slots, queue or budget said no.

    `gate` names who said so; `retry_after` says for how long, where it is known.
    """

    kind = "rejected"
    status = 503
    onward = True

    def __init__(
        self, message: str, *, gate: str, code: str | None = None, status: int = 503, retry_after: float | None = None
    ) -> None:
        super().__init__(message, code=code, status=status, retry_after=retry_after)
        self.gate = gate
        self.replaceable = gate not in ASKING


class Unauthorized(Rejected):
    """The caller's own key is missing or wrong."""

    status = 401
    onward = False

    def __init__(self, message: str) -> None:
        super().__init__(message, gate="auth", code="invalid_api_key", status=401)


class Internal(Failure):
    """A fault of our own."""

    kind = "internal"
    status = 500


ASKING = frozenset({"auth", "caller_limits", "cache", "shutdown"})
"""Gates that refuse because of who asks, what for or when; no lesser answer stands in for that."""


def _restored(kind: type[Failure], args: tuple[object, ...], attributes: dict[str, object]) -> Failure:
    """A failure as it was in another process, whatever its class asks for when it is made."""
    failure = kind.__new__(kind, *args)
    failure.args = args
    failure.__dict__.update(attributes)
    return failure


def outcome_of(error: BaseException | None) -> Outcome:
    """What a gate learns from the way a call ended: None is success, what is no `Failure` teaches nothing."""
    if error is None:
        return "success"
    return error.outcome if isinstance(error, Failure) else "neutral"
