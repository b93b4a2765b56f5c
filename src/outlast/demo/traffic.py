"""The traffic of the demo: the same for everybody who is to carry it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

Dialect = Literal["openai", "anthropic"]
Headers = dict[str, str]

QUESTIONS = (
    "Where is my parcel?",
    "Sum up this contract in two sentences.",
    "Write a friendly answer to this complaint.",
    "What is the capital of Australia?",
    "Translate the menu into French.",
    "Why does this test fail?",
)
PRIORITIES = {"critical": 1, "high": 2, "normal": 5, "low": 1, "batch": 1}
"""How often each class of priority is asked for."""
OPENAI = 0.7
"""Share of the callers who speak as OpenAI's SDK does; the others speak as Anthropic's."""
STREAMED = 0.5
"""Share of the answers that are wanted piece by piece."""


class Ask(Struct, frozen=True):
    """One request of one caller; `at` is seconds since the start."""

    number: int
    at: float
    dialect: Dialect
    stream: bool
    priority: str
    question: str


def traffic(seconds: float, rate: float, seed: int) -> Iterator[Ask]:
    """Requests that come as they please, `rate` in a second on average, for so many seconds."""
    lot = random.Random(f"traffic {seed}")  # noqa: S311  (a lot, no secret)
    classes, weights = list(PRIORITIES), list(PRIORITIES.values())
    number, at = 0, lot.expovariate(rate)
    while at < seconds:
        yield Ask(
            number=number,
            at=at,
            dialect="openai" if lot.random() < OPENAI else "anthropic",
            stream=lot.random() < STREAMED,
            priority=lot.choices(classes, weights)[0],
            question=lot.choice(QUESTIONS),
        )
        number, at = number + 1, at + lot.expovariate(rate)


def written(ask: Ask, model: str) -> tuple[str, Headers, bytes]:
    """Path, headers and body, as the official SDK of the dialect writes them."""
    body: dict[str, object] = {"model": model, "messages": [{"role": "user", "content": ask.question}]}
    if ask.stream:
        body["stream"] = True
    if ask.dialect == "openai":
        return "/v1/chat/completions", {"authorization": "Bearer sk-demo"}, json.dumps(body).encode()
    headers = {"x-api-key": "sk-demo", "anthropic-version": "2023-06-01"}
    return "/v1/messages", headers, json.dumps(body | {"max_tokens": 200}).encode()
