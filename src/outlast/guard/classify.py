"""What an exception of any library means, as one of the failure classes that all layers read.

    an outlast Failure                             itself
    an HTTP status on it, or on its `response`     429: throttled; 408, 425, 5xx: transient, as providers mean them;
                                                   409: conflict; other 4xx, 501, 505: the request is wrong
    TimeoutError                                   timeout
    OSError                                        connect; but a file that is missing or not ours is a mistake
    mistakes of a program: TypeError, ValueError,  caller: neutral. They say nothing of what is guarded, and a
    LookupError, AttributeError, AssertionError …  repetition changes nothing
    any other Exception                            transient
    CancelledError, KeyboardInterrupt, …           cancelled: neutral, permits go back

`retry_after` on the exception, or the headers of its response, are a hint, with which the class is filled in.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from outlast.guard.policies import Matching
from outlast.model.errors import (
    Caller,
    Cancelled,
    Conflict,
    Connect,
    Failure,
    Outcome,
    Throttled,
    TimedOut,
    Transient,
)
from outlast.ports import Header

Classify = Callable[[Exception], "Outcome | None"]
"""Takes an exception and says failure, throttled or neutral; None: as usual."""

MISTAKES = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    NameError,
    AssertionError,
    ArithmeticError,
    ImportError,
    NotImplementedError,
    SyntaxError,
    MemoryError,
    StopIteration,
    StopAsyncIteration,
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
"""What a program does wrong by itself."""

TRANSIENT = frozenset({408, 425})
NEVER_BETTER = frozenset({501, 505})


def matches(on: Matching, error: Exception) -> bool:
    """Is it one of those?"""
    if isinstance(on, (type, tuple)):
        return isinstance(error, on)
    return bool(on(error))


def classified(error: BaseException, classify: Classify | None = None) -> Failure:
    """What it means. What is no outlast Failure is told by one; the error itself stays as it is."""
    if not isinstance(error, Exception):
        return Cancelled("the call was given up")
    outcome = classify(error) if classify is not None else None
    if outcome is not None:
        return _asked_for(outcome, error)
    return error if isinstance(error, Failure) else _foreign(error)


def _asked_for(outcome: Outcome, error: Exception) -> Failure:
    hint = hint_of(error)
    match outcome:
        case "failure":
            return Transient("a failure, by the guard's own classification", retry_after=hint)
        case "throttled":
            return Throttled("throttled, by the guard's own classification", retry_after=hint)
        case "neutral":
            return Caller("neutral, by the guard's own classification")
        case _:
            raise ValueError(f"classify= gave {outcome!r}: use failure, throttled, neutral or None")


def _foreign(error: Exception) -> Failure:
    status = status_of(error)
    if status is not None:
        return _by_status(status, hint_of(error))
    if isinstance(error, TimeoutError):
        timed_out = TimedOut("it timed out")
        timed_out.again = "backoff"  # who guards a function says by `attempts` how often
        return timed_out
    if isinstance(error, MISTAKES):
        return Caller("a mistake of the program")
    if isinstance(error, OSError):
        return Connect("an error of the system", again="backoff", retry_after=hint_of(error))
    return Transient("it failed", retry_after=hint_of(error))


def _by_status(status: int, hint: float | None) -> Failure:
    if status == 429:
        return Throttled("status 429", status=status, retry_after=hint)
    if status in TRANSIENT or (status >= 500 and status not in NEVER_BETTER):
        return Transient(f"status {status}", status=status, retry_after=hint, overloaded=status == 529)
    if status == 409:
        return Conflict("status 409", retry_after=hint)
    return Caller(f"status {status}", status=status)


def status_of(error: Exception) -> int | None:
    """The HTTP status that it carries, if it does: 400 and above."""
    response = getattr(error, "response", None)
    for holder, name in (
        (error, "status_code"),
        (response, "status_code"),
        (error, "status"),
        (response, "status"),
        (error, "code"),
    ):
        status = getattr(holder, name, None)
        if type(status) is int and 400 <= status <= 599:
            return status
    return None


def hint_of(error: BaseException) -> float | None:
    """Seconds that whoever failed asks to be left alone; None when nobody said."""
    said = getattr(error, "retry_after", None)
    if isinstance(said, (int, float)) and isfinite(said) and said > 0:
        return float(said)
    headers = getattr(error, "headers", None) or getattr(getattr(error, "response", None), "headers", None)
    if headers is None:
        return None
    from outlast.dialects.hints import wait_asked  # noqa: PLC0415  (who meets no such error does not pay for it)

    return wait_asked(header_of(headers))


def header_of(headers: object) -> Header:
    """Asks for one header of any HTTP library's response; there is none where these are no headers."""
    get = getattr(headers, "get", None)

    def header(name: bytes) -> bytes | None:
        value = get(name.decode()) if get is not None else None
        return value.encode("latin-1", "replace") if isinstance(value, str) else None

    return header
