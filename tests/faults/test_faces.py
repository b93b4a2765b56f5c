"""A choice of faults through the library's other faces: the blocking `Client`, and `transport` under official SDKs."""

import asyncio
import threading

import anthropic
import openai
import pytest

import outlast
from outlast.config import parse
from outlast.testing import FAULTS

from .cases import SPARE, cases_of, named, toml_of
from .terms import DIALECTS, USUAL

CHOICE = (
    *("A4-rst-at-once", "B1-invalid-request", "B2-context-length", "B5-key-refused", "B15-server-error"),
    *("B17-html-502", "B34-retry-after-day", "B43-insufficient-quota", "B70-azure-filter", "C16-length-too-long"),
    *("C26-gzip", "D2-truncated-json", "D14-error-in-200", "D16-choices-empty", "E20-stall-after-4"),
    *("E26-first-event-rate-limit", "E28-error-after-4", "E31-fin-after-4", "E33-garbled-after-4"),
    *("E52-finish-never", "E54-reasoning", "E57-ping-storm", "E80-arguments-cut"),
)
"""One of each kind; all of them go through the gateway and `AsyncClient`."""
CASES = [case for row in CHOICE for dialect in DIALECTS for case in cases_of(row, dialect)]
ASKED = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1000}
STATUS_ERRORS = (openai.APIStatusError, anthropic.APIStatusError)


@pytest.fixture(scope="module")
def config(module_provider):
    """An account and a route for every case."""
    return parse(toml_of(module_provider.url, CASES), {})


@pytest.fixture(scope="module")
def blocking(config):
    """The client without a loop of its own."""
    with outlast.Client(config) as client:
        yield client


@pytest.fixture(scope="module")
def sdks(config):
    """Both official SDKs, async, over one transport each, and the loop that they are used in."""
    with asyncio.Runner() as runner:
        chat = openai.AsyncOpenAI(api_key="-", http_client=outlast.transport(config).async_http_client)
        claude = anthropic.AsyncAnthropic(api_key="-", http_client=outlast.transport(config).async_http_client)
        yield runner, {"openai": chat, "anthropic": claude}
        runner.run(chat.close())
        runner.run(claude.close())


@pytest.mark.parametrize("row", CHOICE)
def test_a_fault_through_the_blocking_client(module_provider, blocking, row):
    """The same classes, statuses and texts as from `AsyncClient`, from any thread."""
    for dialect in DIALECTS:
        for case in cases_of(row, dialect):
            module_provider.script(case.name, default=FAULTS[row])
            answer = asked(blocking, case)
            with named(case, answer):
                check(case, *answer)
    assert threading.active_count() < 20


def asked(client, case):
    """Text, target, and the failure that came instead or behind it."""
    text, target = "", ""
    try:
        if not case.streamed:
            reply = client.chat("hi", model=case.model, max_tokens=1000)
            return reply.text, reply.target, None
        with client.stream("hi", model=case.model, max_tokens=1000) as stream:
            target = stream.target
            for chunk in stream:
                text += chunk.text
    except outlast.Failure as failure:
        return text, target, failure
    return text, target, None


def check(case, text, target, failure):
    """The text is exact, or the failure is the table's."""
    if case.resumed:
        assert (text, target, failure) == (case.gone_on, f"{case.name}/m", None)
    elif case.spared:
        assert (target, failure) == (f"{SPARE}/{case.name}", None)
    elif case.kind == "ok":
        assert (text, target, failure) == (case.said, f"{case.name}/m", None)
    else:
        assert text == (case.said if case.kind == "broken_stream" else "")
        assert (failure.kind, failure.status) == (case.kind, case.wanted.native)
        assert not case.echoes(f"{failure!r} {failure.attempts!r}")


@pytest.mark.parametrize("asks", DIALECTS)
@pytest.mark.parametrize("row", CHOICE)
def test_a_fault_under_an_official_sdk(module_provider, sdks, row, asks):
    """Each SDK raises its own error with the vendor's status, whatever provider failed; a cut stream raises too."""
    runner, clients = sdks
    cases = [case for dialect in DIALECTS for case in cases_of(row, dialect)]
    for case in cases:
        module_provider.script(case.name, default=FAULTS[row])

    async def all_of_them():
        return await asyncio.gather(*(SPEAK[asks](clients[asks], case) for case in cases))

    for case, answer in zip(cases, runner.run(all_of_them()), strict=True):
        with named(case, answer):
            check_sdk(case, asks, *answer)


async def chat_with(client, case):
    """Text, and the error that the OpenAI SDK raised."""
    text = ""
    try:
        if not case.streamed:
            reply = await client.chat.completions.create(model=case.model, **ASKED)
            return reply.choices[0].message.content or "", None
        async for chunk in await client.chat.completions.create(model=case.model, stream=True, **ASKED):
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    except openai.APIError as error:
        return text, error
    return text, None


async def message_to(client, case):
    """Text, and the error that the Anthropic SDK raised."""
    text = ""
    try:
        if not case.streamed:
            reply = await client.messages.create(model=case.model, **ASKED)
            return "".join(block.text for block in reply.content if block.type == "text"), None
        async with client.messages.stream(model=case.model, **ASKED) as stream:
            async for piece in stream.text_stream:
                text += piece
    except anthropic.APIError as error:
        return text, error
    return text, None


SPEAK = {"openai": chat_with, "anthropic": message_to}


def check_sdk(case, asks, text, error):
    """The text is exact, or the error is the vendor's."""
    if case.spared or case.kind == "ok":
        assert error is None
        spared = case.gone_on if case.resumed else USUAL.format(provider=SPARE)
        assert text == (spared if case.spared else case.said)
    elif case.kind == "broken_stream":
        assert error is not None
        assert text == case.said
    else:
        assert isinstance(error, STATUS_ERRORS)
        assert error.status_code == getattr(case.wanted, asks)
        assert not case.echoes(error.body)
