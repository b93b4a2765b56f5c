"""Somebody else's retry code, tested against a provider that fails on demand. A program, and a test file for pytest.

The client below is written by hand around the official SDK. `careless` has two mistakes that look fine until a bad day:
it does not wait as long as it is told, and it takes a stream that breaks off quietly for a whole answer.
"""

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from outlast.testing import Behaviour, Conduct, Price, SimulatedProvider, cut, ended, ok, stall, throttled

pytest_plugins = ["outlast.testing.fixtures"]


class IncompleteError(Exception):
    """The stream ended before the answer did."""


def asking(words: str) -> list[ChatCompletionMessageParam]:
    """The messages of a question."""
    return [{"role": "user", "content": words}]


def ask(client: openai.OpenAI, words: str, *, tries: int = 3, careless: bool = False) -> str | None:
    """A whole answer, with retries."""
    for left in reversed(range(tries)):
        try:
            return client.chat.completions.create(model="m", messages=asking(words)).choices[0].message.content
        except (openai.RateLimitError, openai.InternalServerError) as error:
            if not left:
                raise
            told = error.response.headers.get("retry-after", "0.05")
            time.sleep(0.05 if careless else float(told))
    raise AssertionError("unreachable")


def read(client: openai.OpenAI, words: str, *, most: int | None = None, careless: bool = False) -> str:
    """A streamed answer, or its first pieces."""
    finish = None
    pieces = []
    with client.chat.completions.create(model="m", messages=asking(words), stream=True) as stream:
        for chunk in itertools.islice((chunk for chunk in stream if chunk.choices), most and most + 1):
            pieces.append(chunk.choices[0].delta.content or "")
            finish = chunk.choices[0].finish_reason or finish
    if not (finish or careless or most):
        raise IncompleteError
    return "".join(pieces)


@pytest.fixture
def client(simulated_provider: SimulatedProvider) -> Iterator[openai.OpenAI]:
    """The SDK, with its own retries switched off."""
    with openai.OpenAI(base_url=simulated_provider.base_url("alpha"), api_key="any", max_retries=0) as made:
        yield made


def test_it_waits_as_long_as_it_is_told(simulated_provider: SimulatedProvider, client: openai.OpenAI) -> None:
    """Two refusals and an answer are one call of three attempts, none of which comes too early."""
    simulated_provider.script("alpha", throttled(0.2), throttled(0.4), ok("Hello"))
    assert ask(client, "hi") == "Hello"
    simulated_provider.expect(
        "alpha", calls=1, attempts=3, statuses=[429, 429, 200], gaps=[(0.2, None), (0.4, None)], at_once=1
    )


def test_the_careless_client_is_found_out(simulated_provider: SimulatedProvider, client: openai.OpenAI) -> None:
    """It gets its answer, and would be banned in real life: the error shows what the provider saw."""
    simulated_provider.script("alpha", throttled(20), ok("Hello"))
    assert ask(client, "hi", careless=True) == "Hello"
    with pytest.raises(AssertionError, match=r"gaps: wanted 20, saw \[") as found:
        simulated_provider.expect("alpha", within=0, gaps=20)
    print(found.value)


@pytest.mark.parametrize("broken", [cut(after=2), ended(after=2)], ids=["loudly", "quietly"])
def test_a_broken_stream_is_no_answer(
    simulated_provider: SimulatedProvider, client: openai.OpenAI, broken: Behaviour
) -> None:
    """However the stream breaks, the caller is told; two tokens were generated, and are billed."""
    simulated_provider.conduct("alpha", Conduct(price=Price(input=1.0, output=2.0)))
    simulated_provider.script("alpha", broken)
    with pytest.raises((IncompleteError, openai.APIError)):
        read(client, "hi")
    simulated_provider.expect("alpha", requests=1, streams_ended=False, completion_tokens=2, billed_below=0.0001)


def test_half_an_answer_looks_whole_to_the_careless(
    simulated_provider: SimulatedProvider, client: openai.OpenAI
) -> None:
    """The SDK does not complain of a stream that ends in order but without a finish."""
    simulated_provider.script("alpha", ended(after=2))
    assert read(client, "hi", careless=True) == "This is"


def test_leaving_stops_the_meter(simulated_provider: SimulatedProvider, client: openai.OpenAI) -> None:
    """Who has read enough hangs up, and pays for no more than he read."""
    simulated_provider.script("alpha", stall(after=3))
    assert read(client, "hi", most=3) == "This is the"
    simulated_provider.expect("alpha", within=10, hung_up="caller", completion_tokens=3)


def test_it_fails_for_good_after_three(simulated_provider: SimulatedProvider, client: openai.OpenAI) -> None:
    """A provider that stays down is asked three times and no more."""
    simulated_provider.script("alpha", default=503)
    with pytest.raises(openai.InternalServerError):
        ask(client, "hi")
    simulated_provider.expect("alpha", attempts=3, statuses=[503, 503, 503], no_more_than_per_second=3)


if __name__ == "__main__":
    command = [sys.executable, "-m", "pytest", __file__, "-q", "-rP", "-p", "no:cacheprovider"]
    sys.exit(subprocess.run(command, check=False).returncode)
