"""A world without a network: every request is answered at once by the same bytes. What is left is the engine's cost.

It does less than `outlast.testing.ScriptedIo`, which can fail in every way and keeps what it saw: here each line is
measured.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from bench.inprocess.work import TEXT
from outlast.edge.race import TaskRace
from outlast.edge.waiting import Wait
from outlast.model.events import Event
from outlast.model.target import Target
from outlast.ports import Outgoing, Sink, Timed

T = TypeVar("T")

BODY = json.dumps(
    {
        "id": "chatcmpl-0123456789",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": TEXT, "refusal": None}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 12, "completion_tokens": 11, "total_tokens": 23},
    }
).encode()
"""A whole answer as an OpenAI-compatible provider gives it."""
HEADERS = {b"content-type": b"application/json"}


class NoopExchange:
    """An answer that is there. Implements `Exchange`."""

    __slots__ = ("status",)

    def __init__(self) -> None:
        self.status = 200

    def header(self, name: bytes) -> bytes | None:
        """The value of a header."""
        return HEADERS.get(name)

    def lighten(self) -> None:
        """There is nothing to let go of."""

    async def read(self, due: float) -> bytes:  # noqa: ARG002
        """All of it."""
        return BODY

    async def whole(self, due: float) -> bytes:  # noqa: ARG002
        """All of it."""
        return BODY

    def release(self) -> None:
        """There is no connection to keep."""

    def abort(self) -> None:
        """There is no connection to close."""


class NoopIo:
    """The real clock and dice, and an upstream that answers at once. Implements `Io`; `done` counts what was sent.

    Args:
        sinks: who hears of every event.
    """

    __slots__ = ("_sinks", "done")

    now = staticmethod(time.monotonic)
    random = staticmethod(random.random)

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self._sinks = tuple(sinks)
        self.done = 0

    def emit(self, event: Event) -> None:
        """Tell the sinks."""
        for sink in self._sinks:
            sink(event)

    async def sleep(self, seconds: float) -> None:
        """Nothing here makes a call wait."""
        raise RuntimeError(f"a call without failures wants to sleep for {seconds} s")

    async def send(
        self,
        target: Target,  # noqa: ARG002
        outgoing: Outgoing,  # noqa: ARG002
        connect_due: float,  # noqa: ARG002
        due: float,  # noqa: ARG002
    ) -> NoopExchange:
        """The answer."""
        self.done += 1
        return NoopExchange()

    def watch(self, timed: Timed, due: float) -> None:
        """Nothing here is ever late."""

    def on_loop(self, callback: Callable[[], None]) -> None:
        """There is one thread."""
        callback()

    def waiter(self) -> Wait:
        """Nothing here makes a call wait."""
        raise RuntimeError("a call without failures wants to wait")

    def race(self, decides: Callable[[BaseException], bool], late: Callable[[T], None]) -> TaskRace[T]:
        """A new race, for who measures hedging."""
        return TaskRace(asyncio.get_running_loop(), decides, late)
