"""All of it for one application, in one line."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import FastAPI

from outlast.fastapi.admission import Admission
from outlast.fastapi.answers import Errors, handlers
from outlast.ports import Sink


def install(
    app: FastAPI,
    *,
    errors: Errors = "native",
    concurrency: int | None = None,
    queue: int = 100,
    wait: float = 2.0,
    deadline: float | None = None,
    sinks: Iterable[Sink] = (),
) -> None:
    """Failures of `outlast` become honest answers; requests get an id and a deadline, and are shed when it is too many.

    Args:
        app: your application, before it serves.
        errors: whose words are used: our own, OpenAI's or Anthropic's.
        concurrency: requests under way at once; None for no bound.
        queue: requests that may wait for a slot.
        wait: seconds that none of them waits longer than.
        deadline: seconds that a request has which does not say otherwise; None: as long as it takes.
        sinks: who hears of what was refused.

    Raises:
        ValueError: there are no such words.
    """
    for kind, handler in handlers(errors).items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(
        Admission, errors=errors, concurrency=concurrency, queue=queue, wait=wait, deadline=deadline, sinks=sinks
    )
