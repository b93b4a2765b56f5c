"""What callers count is what they received: no cut stream is an answer, and what the SDK shows as one is named."""

import asyncio
import time

import anthropic
import httpx2
import openai
import pytest

from outlast.demo.line import NoAnswer, post
from outlast.demo.ways import FIRST, Caller, straight
from outlast.lab.script import (
    cut,
    done_only,
    empty,
    ended,
    error_event,
    garbled,
    hang_up,
    html,
    no_done,
    not_http,
    ok,
    reset,
    silent,
    stall,
    status,
    torn,
    truncated_json,
)

from .conftest import asking

JUNK = b'event: content_block_delta\ndata: {"del\n\n'
STREAMS = {
    "answered": [ok("Well then."), no_done()],
    "truncated": [ended(3), ended(1), done_only(), empty()],
    "broken": [cut(3), cut(3, "rst"), torn(2), garbled(3, JUNK), error_event(3)],
    "failed": [status(503), reset(), hang_up(), error_event(0), not_http(), html(502)],
    "gave_up": [silent(), stall(2)],
}
WHOLE = {
    "answered": [ok("Well then.")],
    "failed": [status(503), cut(3), truncated_json(), empty(), reset(), html(200), error_event(0), not_http()],
    "gave_up": [silent(), stall(2)],
}
EVERY = [
    pytest.param(stream, outcome, behaviour, id=f"{'streamed' if stream else 'whole'}-{outcome}-{behaviour.name}")
    for stream, table in ((True, STREAMS), (False, WHOLE))
    for outcome, behaviours in table.items()
    for behaviour in behaviours
]
ERRORS = (openai.OpenAIError, anthropic.AnthropicError, httpx2.HTTPError, ValueError)
HI = [{"role": "user", "content": "hi"}]


def received(provider, dialect, stream, *behaviours):
    """The tally of a caller that goes straight to a provider that does so."""
    provider.script(FIRST[dialect], *behaviours)
    silent_ones = {played.name for played in STREAMS["gave_up"]}
    patience = 0.2 if behaviours[0].name in silent_ones else 120.0
    caller = Caller(straight(provider.url), time.monotonic, patience=patience)
    asyncio.run(caller.ask(asking(dialect, stream=stream)))
    return caller.tally


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize(("stream", "outcome", "behaviour"), EVERY)
def test_an_answer_is_judged_by_what_came(provider, dialect, stream, outcome, behaviour):
    """Each way to fail has its own name, and only a whole answer with a reason for its end is one."""
    tally = received(provider, dialect, stream, behaviour)
    assert dict(tally.outcomes) == {outcome: 1}
    assert (tally.asked, tally.under_way, tally.answered) == (1, 0, int(outcome == "answered"))
    assert len(tally.whole) == tally.answered
    assert len(tally.first) == (tally.answered if stream else 0)


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize(("stream", "outcome", "behaviour"), [row for row in EVERY if row.values[1] != "gave_up"])
def test_the_sdk_shows_as_success_what_we_say_it_does(provider, dialect, stream, outcome, behaviour):
    """The official SDK raises for what is broken or failed; for what is truncated it says nothing at all."""
    provider.script(FIRST[dialect], behaviour)
    assert sdk_says_nothing(dialect, provider, stream) == (outcome in {"answered", "truncated"})


def sdk_says_nothing(dialect, provider, stream):
    """Does a call of the SDK end without an exception?"""
    base = provider.base_url(FIRST[dialect], vendor=dialect)
    client = (openai.OpenAI if dialect == "openai" else anthropic.Anthropic)(base_url=base, api_key="k", max_retries=0)
    with client:
        try:
            if dialect == "openai":
                answer = client.chat.completions.create(model="demo", messages=HI, stream=stream)
                said = answer if stream else answer.choices[0].message.content
            else:
                answer = client.messages.create(model="demo", messages=HI, max_tokens=50, stream=stream)
                said = answer if stream else answer.content[0].text
            list(said)
        except (*ERRORS, AttributeError, IndexError, TypeError):  # the last ones: what came was no object
            return False
    return True


def test_an_answer_by_another_provider_is_counted(provider):
    """Who answered is read from the header of the answer."""

    async def story():
        caller = Caller(straight(provider.url), time.monotonic)
        provider.script("alpha", elsewhere("beta/demo"), elsewhere("alpha/demo"), ok())
        for _ in range(3):
            await caller.ask(asking())
        return caller.tally

    tally = asyncio.run(story())
    assert (tally.answered, tally.failed_over) == (3, 1)


def elsewhere(target):
    """A good answer that says who gave it."""
    body = '{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
    return status(200, {"outlast-target": target, "content-type": "application/json"}, body)


def test_who_is_interrupted_is_under_way(provider):
    """A caller that is cancelled has neither an answer nor a failure."""

    async def story():
        provider.script("alpha", silent())
        caller = Caller(straight(provider.url), time.monotonic)
        task = asyncio.create_task(caller.ask(asking()))
        await provider.saw(1, "alpha")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await provider.saw(1, "alpha", ended=True)
        return caller.tally

    tally = asyncio.run(story())
    assert (tally.asked, tally.over, tally.under_way, tally.share) == (1, 0, 1, None)


def test_nobody_listens():
    """A port that nobody listens on is no answer, and no exception of the system's."""
    with pytest.raises(NoAnswer):
        asyncio.run(post("http://127.0.0.1:1", "/v1/messages", {}, b"{}"))
