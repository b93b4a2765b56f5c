"""What a type checker knows of a queue: `test_typing` has mypy read this file, errors expected included."""

from typing import assert_type

from outlast import AsyncQueue, Queue, Ticket
from outlast.queue import Leftover, QueueState


def length(text: str, times: int = 1) -> int:
    """Plain."""
    return len(text) * times


async def slowly(text: str) -> bytes:
    """A coroutine function."""
    return text.encode()


def told(ticket: Ticket[object]) -> None:
    """A callback."""


def blocking(queue: Queue) -> None:
    """For threads."""
    assert_type(queue.submit("normal", length, "four", 2), Ticket[int])
    assert_type(queue.submit("high", slowly, "four", callback=told), Ticket[bytes])
    assert_type(queue.submit("high", slowly, "four").result(), bytes)
    assert_type(queue.drain(), bool)
    assert_type(queue.stop(1.0), Leftover)
    assert_type(queue.state, QueueState)
    queue.submit("urgent", length, "four")  # type: ignore[call-overload]
    queue.submit("normal", length, 4)  # type: ignore[call-overload]
    queue.submit("normal", "four")  # type: ignore[call-overload]


async def on_a_loop(queue: AsyncQueue) -> None:
    """With a loop."""
    assert_type(await queue.submit("low", slowly, "four"), bytes)
    assert_type(await queue.submit("low", length, "four"), int)
    assert_type(await queue.drain(2.0), bool)
    assert_type(await queue.stop(), Leftover)
