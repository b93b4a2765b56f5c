"""What a simulated provider saw, and a way to wait until it has seen enough without asking again and again."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from outlast.lab.calls import number
from outlast.lab.expectation import Expectation, Wanted
from outlast.lab.seen import Seen

__all__ = ["PATIENCE", "Condition", "Ledger", "Seen"]

PATIENCE = 5.0
"""Seconds that an expectation waits for what is still under way."""
_KEPT = 10_000

Condition = Callable[[list[Seen]], bool]
Chooser = Callable[[Seen], bool]


class Ledger:
    """The latest of all that was seen. Written by the provider's thread, read and waited on from any thread or loop."""

    __slots__ = ("_count", "_lock", "_seen", "_waiting", "_writer")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: deque[Seen] = deque(maxlen=_KEPT)
        self._waiting: list[tuple[Chooser, Condition, Future[list[Seen]]]] = []
        self._count = 0
        self._writer = 0

    def add(self, seen: Seen) -> None:
        """Take note of a new request."""
        with self._lock:
            self._count += 1
            self._writer = threading.get_ident()
            seen.id = self._count
            self._seen.append(seen)
        self.changed()

    def changed(self) -> None:
        """Let those go on whose condition has come true."""
        with self._lock:
            self._waiting = [waiting for waiting in self._waiting if not self._served(*waiting)]

    def of(self, provider: str | None = None, *, model: str | None = None, since: int = 0) -> list[Seen]:
        """What was seen so far; of one provider or model, or after the request with the id `since`."""
        with self._lock:
            number(self._seen)
            return self._chosen(_chooser(provider, model, since))

    def when(
        self, condition: Condition, provider: str | None = None, *, model: str | None = None, since: int = 0
    ) -> Future[list[Seen]]:
        """A future of those requests once `condition` holds for them."""
        waiter: Future[list[Seen]] = Future()
        with self._lock:
            self._waiting.append((_chooser(provider, model, since), condition, waiter))
        self.changed()
        return waiter

    def settled(self, expectation: Expectation, provider: str | None, *, since: int = 0) -> Future[list[Seen]]:
        """A future of the requests once all of them are over, and as expected."""

        def settled(found: list[Seen]) -> bool:
            if any(one.ended is None for one in found):
                return False
            number(self._seen)
            return not expectation.broken(found)

        return self.when(settled, provider, since=since)

    def expect(self, provider: str | None, wanted: Wanted, *, within: float = PATIENCE, since: int = 0) -> list[Seen]:
        """The requests of `provider`. Raises `AssertionError` with a table of them unless they are as wanted.

        What is still under way gets `within` seconds to end: a provider knows a little later than its caller that
        an answer is over. In the provider's own thread, where nothing can happen meanwhile, it is looked at once.
        """
        expectation = Expectation(wanted)
        if threading.get_ident() != self._writer:
            waiter = self.settled(expectation, provider, since=since)
            with contextlib.suppress(TimeoutError):
                return waiter.result(within)
            waiter.cancel()
        seen = self.of(provider, since=since)
        expectation.demand(seen, provider)
        return seen

    def clear(self) -> None:
        """Forget all of it."""
        with self._lock:
            self._seen.clear()

    def _served(self, chooser: Chooser, condition: Condition, waiter: Future[list[Seen]]) -> bool:
        """Is this waiter done with?"""
        if waiter.cancelled():
            return True
        found = self._chosen(chooser)
        if not condition(found):
            return False
        if waiter.set_running_or_notify_cancel():
            number(self._seen)
            waiter.set_result(found)
        return True

    def _chosen(self, chooser: Chooser) -> list[Seen]:
        return [seen for seen in self._seen if chooser(seen)]


def _chooser(provider: str | None, model: str | None, since: int) -> Chooser:
    return lambda seen: (
        (provider is None or seen.provider == provider)
        and (model is None or seen.asked.model == model)
        and seen.id > since
    )
