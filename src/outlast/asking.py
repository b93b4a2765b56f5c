"""What a library call asks of the engine, made of what its caller wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from outlast.dialects import DIALECTS
from outlast.edge.deadline import smaller
from outlast.edge.ids import new_id
from outlast.engine import Asked
from outlast.model.caller import LIBRARY, PRIORITIES, Priority
from outlast.model.freshness import wishes_of
from outlast.model.messages import Operation, Reply, Request
from outlast.model.target import FITS, Fit

Messages = str | Sequence[Mapping[str, object]]
"""A prompt, or messages as OpenAI's chat completions have them."""


class Answered(NamedTuple):
    """An answer and what it is: primary, fallback, cache, stale, weaker, simplified or static."""

    response: Reply
    source: str


def messages_of(messages: Messages) -> object:
    """As OpenAI's chat completions have them."""
    return [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)


def request_of(operation: Operation, body: Mapping[str, object]) -> Request:
    """The request that this body is, in OpenAI's words. Raises `Caller`."""
    request = DIALECTS["openai"].parse(operation, msgspec.json.encode(body))
    request.restarts = True
    return request


def asked_by(
    timeout: float | None, priority: Priority, cache: str = "", fit: Fit | None = None, key: str = ""
) -> Asked:
    """Who asks, and how: the caller of the library, inside the deadline that is set around the call."""
    _demand("priority", priority, PRIORITIES)
    _demand("fit", fit, (None, *FITS))
    asked = Asked(new_id(), LIBRARY, PRIORITIES.index(priority), smaller(timeout), fit=fit, key=key)
    if cache:
        asked.wishes = wishes_of(cache)
    return asked


def _demand(name: str, said: str | None, known: tuple[str | None, ...]) -> None:
    """Raise `ValueError` for a word that means nothing."""
    if said not in known:
        raise ValueError(f"{name} must be one of {', '.join(word for word in known if word)}, not {said!r}")
