"""The three ways in which the same request is sent: through outlast, with an SDK's retries, and straight.

Only the sending differs. `Caller` reads, judges and counts for all of them alike.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from msgspec import Struct

from outlast.demo.cast import MODEL
from outlast.demo.line import Answer, NoAnswer, post
from outlast.demo.receipt import Outcome, Reading
from outlast.demo.sdk_retries import SdkRetries
from outlast.demo.tally import Tally
from outlast.demo.traffic import Ask, Dialect, Headers, written

PATIENCE = 8.0
"""Seconds that every caller waits, whatever the way: for a person in front of a screen that is long."""
FIRST = {"openai": "alpha", "anthropic": "beta"}
"""The provider that callers of each dialect are written for: where they go straight, and their first choice."""
ROUTE = {"openai": "assistant", "anthropic": "writer"}
"""What they ask outlast for instead: a route, whose first target is that provider."""

Key = Literal["outlast", "sdk", "straight"]
Once = Callable[[], Awaitable[Answer]]


class Place(Struct, frozen=True):
    """Where a request goes: an address, the model there, and headers beside the usual ones."""

    url: str
    model: str
    headers: Headers


class Way(Struct, frozen=True):
    """One way to send: what it is called, where it leads, and who sends."""

    key: Key
    title: str
    place: Callable[[Ask], Place]
    send: Callable[[Ask, Once], Awaitable[Answer]]


def straight(url: str) -> Way:
    """To the first provider, once; the providers live at `url`."""
    return Way("straight", "straight", lambda ask: _first(url, ask), _once)


def with_sdk_retries(url: str, seed: int) -> Way:
    """To the first provider, with the retries of the official SDKs."""
    lot = random.Random(f"sdk {seed}").random  # noqa: S311  (jitter)
    dialects: tuple[Dialect, ...] = ("openai", "anthropic")
    sdks: Mapping[str, SdkRetries] = {name: SdkRetries(name, lot, asyncio.sleep) for name in dialects}
    return Way("sdk", "SDK retries", lambda ask: _first(url, ask), lambda ask, once: sdks[ask.dialect].send(once))


def through_outlast(url: str) -> Way:
    """To the gateway, which listens at `url`, once."""

    def place(ask: Ask) -> Place:
        headers = {"outlast-priority": ask.priority, "outlast-deadline-ms": str(int(PATIENCE * 1000))}
        return Place(url, ROUTE[ask.dialect], headers)

    return Way("outlast", "outlast", place, _once)


def _first(url: str, ask: Ask) -> Place:
    return Place(f"{url}/{FIRST[ask.dialect]}", MODEL, {})


async def _once(ask: Ask, once: Once) -> Answer:  # noqa: ARG001
    return await once()


class Caller:
    """Sends requests one way, reads what comes, and counts.

    Args:
        way: how they are sent.
        now: seconds, monotonic.
        patience: seconds that a caller waits for the end of its answer.
    """

    __slots__ = ("_now", "_patience", "tally", "way")

    def __init__(self, way: Way, now: Callable[[], float], patience: float = PATIENCE) -> None:
        self.way = way
        self.tally = Tally()
        self._now = now
        self._patience = patience

    async def ask(self, ask: Ask) -> None:
        """One request, from its beginning to whatever end. When cancelled, it counts as asked and not as over."""
        self.tally.asked += 1
        began = self._now()
        try:
            async with asyncio.timeout(self._patience):
                outcome = await self._converse(ask, began)
        except TimeoutError:
            outcome = "gave_up"
        self.tally.outcomes[outcome] += 1

    async def _converse(self, ask: Ask, began: float) -> Outcome:
        try:
            answer = await self.way.send(ask, lambda: self._send(ask))
        except NoAnswer:
            return "failed"
        try:
            return await self._read(ask, answer, began)
        finally:
            answer.close()

    async def _send(self, ask: Ask) -> Answer:
        """One try: to the head of a stream, or to the end of anything else."""
        place = self.way.place(ask)
        path, headers, body = written(ask, place.model)
        answer = await post(place.url, path, headers | place.headers, body)
        try:
            if not (ask.stream and answer.status == 200):
                await answer.load()
        except BaseException:
            answer.close()
            raise
        return answer

    async def _read(self, ask: Ask, answer: Answer, began: float) -> Outcome:
        if answer.status != 200:
            return "failed"
        reading = Reading(ask.dialect)
        first, cut = None, False
        if not ask.stream:
            reading.body(await answer.read())
        try:
            while ask.stream and (data := await answer.read()):
                reading.feed(data)
                first = self._now() - began if first is None and reading.content else first
        except NoAnswer:
            cut = True
        outcome = reading.outcome(stream=ask.stream, cut=cut)
        if outcome == "answered":
            self._note(ask, answer, first, self._now() - began)
        return outcome

    def _note(self, ask: Ask, answer: Answer, first: float | None, whole: float) -> None:
        tally = self.tally
        tally.whole.append(whole)
        if first is not None:
            tally.first.append(first)
        first_choice = FIRST[ask.dialect]
        tally.failed_over += answer.headers.get("outlast-target", first_choice).partition("/")[0] != first_choice
