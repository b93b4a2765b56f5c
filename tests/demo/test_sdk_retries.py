"""Our copy of the SDKs' retries against the SDKs themselves: as many tries, and waits of the same length."""

import asyncio
import email.utils
import time

import anthropic
import httpx2
import openai
import pytest

from outlast.demo.line import NoAnswer
from outlast.demo.sdk_retries import SdkRetries
from outlast.demo.ways import FIRST, Caller, Way, straight
from outlast.lab.script import cut, ended, hang_up, ok, reset, status, throttled, truncated_json

from .conftest import asking

HI = [{"role": "user", "content": "hi"}]
DATE = email.utils.formatdate(time.time() + 3600, usegmt=True)
PAST = email.utils.formatdate(time.time() - 3600, usegmt=True)
SOON = email.utils.formatdate(time.time() + 90, usegmt=True)
SCRIPTS = {
    "an answer": [ok()],
    "one 503": [status(503), ok()],
    "two 500s": [status(500), status(500), ok()],
    "three 502s": [status(502)] * 3,
    "overloaded": [status(529), ok()],
    "a reset": [reset(), ok()],
    "a dead provider": [reset(), hang_up(), reset()],
    "408": [status(408), ok()],
    "409": [status(409), ok()],
    "400": [status(400)],
    "401": [status(401)],
    "404": [status(404)],
    "422": [status(422)],
    "throttled without a hint": [throttled(), throttled(), ok()],
    "throttled for 7 seconds": [throttled(7), ok()],
    "throttled for 1.5 seconds": [throttled("1.5"), ok()],
    "throttled for 0 seconds": [throttled(0), ok()],
    "throttled for -1 seconds": [throttled(-1), ok()],
    "throttled for nonsense": [throttled("soon"), ok()],
    "throttled for nan": [throttled("nan"), ok()],
    "throttled for 120 seconds": [throttled(120), ok()],
    "throttled for 121 seconds": [throttled(121), ok()],
    "throttled until a date": [throttled(SOON), ok()],
    "throttled until a late date": [throttled(DATE), ok()],
    "throttled until a past date": [throttled(PAST), ok()],
    "milliseconds": [throttled(9, {"retry-after-ms": "250"}), ok()],
    "milliseconds that are nonsense": [throttled(9, {"retry-after-ms": "x"}), ok()],
    "told not to retry": [status(503, {"x-should-retry": "false"})],
    "told to retry": [status(400, {"x-should-retry": "true"}), ok()],
    "told to retry, late": [status(400, {"x-should-retry": "true", "retry-after": "300"}), ok()],
    "cut": [cut(3), ok()],
    "ended early": [ended(3), ok()],
    "half an object": [truncated_json(), ok()],
}


class Waits:
    """Takes the place of sleeping: notes how long it would have been, and goes on at once."""

    def __init__(self):
        self.seconds = []

    async def __call__(self, seconds):
        self.seconds.append(seconds)


def real_sdk(dialect, provider, stream):
    """One call of the official SDK, as it comes: whether it succeeded, and the waits that it has reckoned."""
    parent = openai.OpenAI if dialect == "openai" else anthropic.Anthropic
    waits = []

    class Noting(parent):
        """The SDK itself; only its waits are noted instead of slept."""

        def _calculate_retry_timeout(self, *args, **kwargs):
            waits.append(super()._calculate_retry_timeout(*args, **kwargs))
            return 0.0

    base = provider.base_url(FIRST[dialect], vendor=dialect)
    with Noting(base_url=base, api_key="sk-demo") as client:
        try:
            if dialect == "openai":
                answer = client.chat.completions.create(model="demo", messages=HI, stream=stream)
            else:
                answer = client.messages.create(model="demo", messages=HI, max_tokens=50, stream=stream)
            if stream:
                list(answer)
        except (openai.OpenAIError, anthropic.AnthropicError, httpx2.HTTPError, ValueError):
            return False, waits
        return True, waits


def ours(dialect, provider, stream):
    """The same call of our own."""
    waits = Waits()
    sdk = SdkRetries(dialect, lambda: 0.5, waits)
    bare = straight(provider.url)
    caller = Caller(Way("sdk", "SDK", bare.place, lambda _, once: sdk.send(once)), time.monotonic)
    asyncio.run(caller.ask(asking(dialect, stream=stream)))
    (outcome,) = caller.tally.outcomes.elements()
    return outcome in {"answered", "truncated"}, waits.seconds


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_we_retry_as_the_sdk_does(provider, script, dialect, stream):
    """The same number of tries, the same end, and waits that differ by no more than the jitter does."""
    tries, ends, waits = [], [], []
    for call in (real_sdk, ours):
        provider.reset()
        provider.script(FIRST[dialect], *SCRIPTS[script])
        end, waited = call(dialect, provider, stream)
        tries.append(len(provider.requests()))
        ends.append(end)
        waits.append(waited)
    assert tries[0] == tries[1]
    assert ends[0] == ends[1]
    assert len(waits[0]) == len(waits[1]) == tries[0] - 1
    for theirs, mine in zip(*waits, strict=True):
        assert theirs == pytest.approx(mine, rel=0.15, abs=2.0 if "date" in script else 0.0)


def test_the_jitter_takes_off_up_to_a_quarter():
    """0.5 s and then 1 s, doubling to at most 8 s, less nothing or nearly a quarter."""
    most, least = (SdkRetries("openai", lambda dice=dice: dice, Waits()) for dice in (0.0, 0.999999))
    assert [most.delay(retry, {}) for retry in range(6)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert least.delay(0, {}) == pytest.approx(0.375, rel=1e-5)
    assert least.delay(5, {}) == pytest.approx(6.0, rel=1e-5)


def test_what_failed_last_is_what_the_caller_gets():
    """Three times no connection: two waits, then the failure itself."""
    waits = Waits()
    tried = []

    async def once():
        tried.append(1)
        raise NoAnswer

    with pytest.raises(NoAnswer):
        asyncio.run(SdkRetries("openai", lambda: 0.0, waits).send(once))
    assert (len(tried), waits.seconds) == (3, [0.5, 1.0])
