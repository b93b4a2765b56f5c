"""A failure as an HTTP answer: status, body and headers, as the native surface tells it or as a vendor would.

Failure ─▶ blameless ─▶ the dialect's own error ─▶ JSON, Retry-After, x-should-retry, x-request-id, RateLimit
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from math import isfinite
from typing import Literal

from fastapi import HTTPException, Request
from fastapi.responses import Response
from starlette.types import Scope

from outlast.dialects import DIALECTS
from outlast.edge.ids import new_id
from outlast.flow.call import Allowance
from outlast.gateway import headers as with_headers
from outlast.gateway.exchange import Headers
from outlast.guard.errors import Exhausted
from outlast.model.errors import Credential, Failure, Transient, Unauthorized

Errors = Literal["native", "openai", "anthropic"]
Handler = Callable[[Request, Exception], Awaitable[Response]]

NOTES = "outlast"
"""Where the scope's state keeps our notes of a request."""
BAD_GATEWAY = 502


class Notes:
    """What we know of a request.

    Attributes:
        id: its id.
        allowances: what is left of the limits that it fell under.
    """

    __slots__ = ("allowances", "id")

    def __init__(self, id_: str) -> None:
        self.id = id_
        self.allowances: list[Allowance] = []

    @classmethod
    def of(cls, scope: Scope) -> Notes:
        """The notes of the request with that scope."""
        state = scope.setdefault("state", {})
        notes = state.get(NOTES)
        if not isinstance(notes, Notes):
            notes = state[NOTES] = cls(new_id())
        return notes


class Refused(HTTPException):
    """A dependency's refusal. Told by `outlast`'s handlers where they are installed, by FastAPI's own where not.

    Attributes:
        failure: what is told.
    """

    def __init__(self, failure: Failure, allowances: Sequence[Allowance] = ()) -> None:
        self.failure = failure
        head = [*with_headers.of_failure(failure), *limit_headers(allowances, failure.retry_after)]
        super().__init__(failure.status, failure.message, {name.decode(): value.decode() for name, value in head})


def handlers(errors: Errors = "native") -> dict[type[Exception], Handler]:
    """Exception handlers for `FastAPI(exception_handlers=...)`: every failure of `outlast` becomes an honest answer.

    Args:
        errors: whose words are used: our own, OpenAI's or Anthropic's.

    Raises:
        ValueError: there are no such words.
    """
    if errors not in DIALECTS:
        raise ValueError(f"errors must be one of {', '.join(sorted(DIALECTS))}, not {errors!r}")

    async def handle(request: Request, error: Exception) -> Response:
        failure = error.failure if isinstance(error, Refused) else error
        if not isinstance(failure, Failure):
            raise error
        return answer(failure, Notes.of(request.scope), errors)

    return {Failure: handle, Refused: handle}


def answer(failure: Failure, notes: Notes, errors: Errors) -> Response:
    """The answer that tells a failure."""
    told = blameless(failure, errors)
    status, body = DIALECTS[errors].error(told, notes.id)
    head = [with_headers.JSON, *with_headers.request_id(errors, notes.id), *with_headers.of_failure(told)]
    head += with_headers.of_limits(notes.allowances, errors, told.retry_after)
    if status == 401 and isinstance(told, Unauthorized):
        head.append((b"www-authenticate", b"Bearer"))
    response = Response(body, _not_the_callers(told, status))
    response.raw_headers = [(b"content-length", b"%d" % len(body)), *head]
    return response


def blameless(failure: Failure, errors: Errors) -> Failure:
    """The failure in terms that a caller of this application can do something with."""
    if isinstance(failure, Exhausted):
        failure = _last_of(failure, errors)
    if failure.retry_after is not None and not (isfinite(failure.retry_after) and failure.retry_after > 0):
        failure.retry_after = None
    return failure


def _last_of(exhausted: Exhausted, errors: Errors) -> Failure:
    """What a guard's last error was, with the attempts before it."""
    last: Failure = exhausted
    if isinstance(exhausted.last, Failure):
        last = exhausted.last
    elif errors != "native":  # the vendors know no such word
        last = Transient(exhausted.message, code="exhausted", retry_after=exhausted.retry_after)
    last.attempts = exhausted.attempts
    return last


def _not_the_callers(failure: Failure, status: int) -> int:
    """A 401 says that the caller's own key is wrong; where a provider refused ours, we are the bad gateway."""
    return BAD_GATEWAY if status == 401 and isinstance(failure, Credential) else status


def limit_headers(allowances: Sequence[Allowance], retry_after: float | None = None) -> Headers:
    """The RateLimit headers."""
    return with_headers.of_limits(allowances, "native", retry_after)
