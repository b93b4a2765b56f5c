"""The retries that the official SDKs of OpenAI and Anthropic make when nothing is set: two, and only before an answer.

again    no connection, a timeout, 408, 409, 429, 5xx; unless `x-should-retry` says otherwise, or the wait that is asked
         for is longer than OpenAI's SDK takes for reasonable (Anthropic's takes any)
wait     what `retry-after-ms` or `retry-after` asks for, else 0.5 s, 1 s, 2 s, … at most 8 s, less up to a quarter

A stream that has begun is never asked for again. Source: `_base_client.py` of the packages openai 3.54 and anthropic
2.12. Tests hold it to the real SDKs.
"""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Awaitable, Callable, Mapping

from outlast.demo.line import Answer, NoAnswer
from outlast.demo.traffic import Dialect

RETRIES = 2
FIRST_DELAY = 0.5
MOST_DELAY = 8.0
MOST_ASKED = {"openai": 120.0, "anthropic": math.inf}
"""Seconds, by dialect: a longer wait that a provider asks for is not waited for, and there is no retry."""
JITTER = 0.25
AGAIN = frozenset({408, 409, 429})


class SdkRetries:
    """Sends as an official SDK sends.

    Args:
        dialect: whose SDK it is.
        random: a number in [0, 1), for the jitter.
        sleep: waits so many seconds.
        clock: seconds since the epoch, for a `Retry-After` that names a date.
    """

    __slots__ = ("_clock", "_most", "_random", "_sleep")

    def __init__(
        self,
        dialect: Dialect,
        random: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._most = MOST_ASKED[dialect]
        self._random = random
        self._sleep = sleep
        self._clock = clock

    async def send(self, once: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to the last try. Raises `NoAnswer` when that had none."""
        for retry in range(RETRIES):
            answer = await _tried(once)
            if answer is not None and not self._again(answer):
                return answer
            if answer is not None:
                answer.close()
            await self._sleep(self.delay(retry, answer.headers if answer else {}))
        return await once()

    def delay(self, retry: int, headers: Mapping[str, str]) -> float:
        """Seconds to wait before the retry of that number, which counts from 0."""
        asked = self._asked(headers)
        if asked is not None and 0 < asked <= self._most:
            return asked
        return min(FIRST_DELAY * 2.0**retry, MOST_DELAY) * (1.0 - JITTER * self._random())

    def _again(self, answer: Answer) -> bool:
        asked = self._asked(answer.headers)
        if asked is not None and asked > self._most:
            return False
        said = answer.headers.get("x-should-retry")
        if said in {"true", "false"}:
            return said == "true"
        return answer.status in AGAIN or answer.status >= 500

    def _asked(self, headers: Mapping[str, str]) -> float | None:
        """The wait that the provider asks for; None when it says nothing that is finite."""
        for name, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
            try:
                seconds = float(headers[name]) / divisor
            except (KeyError, ValueError):
                continue
            return seconds if math.isfinite(seconds) else None
        date = email.utils.parsedate_tz(headers.get("retry-after"))
        return None if date is None else email.utils.mktime_tz(date) - self._clock()


async def _tried(once: Callable[[], Awaitable[Answer]]) -> Answer | None:
    try:
        return await once()
    except NoAnswer:
        return None
