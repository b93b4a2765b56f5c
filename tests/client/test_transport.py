"""`outlast.transport()` under both official SDKs: the engine in-process, with no socket in between."""

import asyncio
import contextlib
import inspect
import json
import subprocess
import sys

import anthropic
import openai
import pytest

import outlast
from outlast.model.events import RequestEnded
from outlast.testing import RecordingSink, behaviour, cut, ended, ok, silent, stall, status, throttled

HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "w", "parameters": {"type": "object", "properties": {}}}}


class Under:
    """Both SDKs over one transport, blocking or async, with the retries that they come with."""

    def __init__(self, transport, fashion, runner):
        self.transport = transport
        self._runner = runner
        if fashion == "blocking":
            self.chat = openai.OpenAI(api_key="-", http_client=transport.http_client)
            self.claude = anthropic.Anthropic(api_key="-", http_client=transport.http_client)
        else:
            self.chat = openai.AsyncOpenAI(api_key="-", http_client=transport.async_http_client)
            self.claude = anthropic.AsyncAnthropic(api_key="-", http_client=transport.async_http_client)

    def do(self, made):
        async def awaiting():
            return await made

        return self._runner.run(awaiting()) if inspect.isawaitable(made) else made

    def each(self, stream):
        if not hasattr(stream, "__aiter__"):
            yield from stream
            return
        items = aiter(stream)

        async def step():
            return await anext(items, None)

        while (item := self._runner.run(step())) is not None:
            yield item

    def ask(self, **fields):
        return self.do(self.chat.chat.completions.create(model="default", messages=HI, **fields))

    def ask_claude(self, **fields):
        return self.do(self.claude.messages.create(model="default", messages=HI, max_tokens=50, **fields))


@pytest.fixture
def sink():
    return RecordingSink()


@pytest.fixture(params=["blocking", "async"])
def under(request, config, sink):
    """Makes both SDKs over a transport."""
    with asyncio.Runner() as runner, contextlib.ExitStack() as ends:

        def made(*args, **options):
            transport = outlast.transport(config(*args, **options), sinks=[sink])
            sdks = Under(transport, request.param, runner)
            ends.callback(lambda: sdks.do(sdks.chat.close()))
            return sdks

        yield made


def test_whole_answers_of_both(provider, under):
    """One provider, two SDKs: each in its own words."""
    sdks = under()
    assert sdks.ask().choices[0].message.content.endswith("You said: hi")
    assert sdks.ask_claude().content[0].text.endswith("You said: hi")


def test_streams_of_both(provider, under):
    """Piece by piece, with a finish."""
    provider.script("alpha", ok("one two three"), ok("one two three"))
    sdks = under()
    chunks = [chunk.choices[0] for chunk in sdks.each(sdks.ask(stream=True))]
    assert "".join(choice.delta.content or "" for choice in chunks) == "one two three"
    assert chunks[-1].finish_reason == "stop"
    events = list(sdks.each(sdks.ask_claude(stream=True)))
    assert "".join(e.delta.text for e in events if e.type == "content_block_delta") == "one two three"
    assert events[-1].type == "message_stop"


def test_tools_and_embeddings(provider, under):
    """The rest of what an application asks."""
    sdks = under()
    call = sdks.ask(tools=[TOOL], tool_choice="required").choices[0].message.tool_calls[0]
    assert json.loads(call.function.arguments) == {}
    rows = sdks.do(sdks.chat.embeddings.create(model="default", input=["a", "b"], dimensions=4)).data
    assert [len(row.embedding) for row in rows] == [4, 4]
    assert "default" in {model.id for model in sdks.do(sdks.chat.models.list()).data}


def test_failover_is_not_noticed(provider, under):
    """The first provider is down; the SDK hears of nothing."""
    provider.script("alpha", default=status(503))
    provider.script("beta", default=ok("from beta"))
    sdks = under()
    assert sdks.ask().choices[0].message.content == "from beta"
    assert "".join(c.choices[0].delta.content or "" for c in sdks.each(sdks.ask(stream=True))) == "from beta"


@pytest.mark.parametrize(
    "played",
    [status(400), status(401), status(503), status(504), throttled(1), silent()],
    ids=lambda played: played.name,
)
def test_the_sdks_own_retries_are_off(provider, under, sink, played):
    """They come with two; ours are the only ones: one request for one call."""
    provider.script("alpha", default=played)
    timers = "[timers]\nwhole = 0.2" if played.name == "silent" else ""
    sdks = under("[retry]\nenabled = false\n" + timers, providers=("alpha",))
    with pytest.raises(openai.APIStatusError) as raised:
        sdks.ask()
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert len(sink.of(RequestEnded)) == 1
    assert len(provider.wait(1)) == 1


def test_errors_are_of_the_sdks_classes(provider, under):
    """What an application catches is what it would catch from the vendor."""
    sdks = under("[retry]\nenabled = false", providers=("alpha",))
    for played, theirs, claudes in (
        (status(400), openai.BadRequestError, anthropic.BadRequestError),
        (behaviour("B2-context-length"), openai.BadRequestError, anthropic.BadRequestError),
        (status(403), openai.PermissionDeniedError, anthropic.PermissionDeniedError),
        (status(503), openai.InternalServerError, anthropic.OverloadedError),
    ):
        provider.script("alpha", played, played)
        with pytest.raises(theirs):
            sdks.ask()
        with pytest.raises(claudes):
            sdks.ask_claude()


@pytest.mark.parametrize("how", [cut(3), ended(3)], ids=["cut", "ended silently"])
def test_a_stream_that_breaks_raises(provider, under, how):
    """In both SDKs, also where the provider itself would have deceived them."""
    provider.script("alpha", default=how)
    provider.script("beta", default=status(500))  # nobody is left to go on
    sdks = under()
    with pytest.raises(openai.APIError):
        list(sdks.each(sdks.ask(stream=True)))
    with pytest.raises(anthropic.APIStatusError):
        list(sdks.each(sdks.ask_claude(stream=True)))


def test_leaving_a_stream_stops_the_provider(provider, under, sink):
    """The SDK closes its response: the provider's connection is closed, everything given back."""
    provider.script("alpha", stall(after=2))
    sdks = under()
    stream = sdks.ask(stream=True)
    next(sdks.each(stream))
    sdks.do(stream.close())
    assert provider.wait(1, ended=True)[0].hung_up == "caller"
    assert sink.of(RequestEnded)[0].kind == "cancelled"
    assert sdks.transport.outlast.stack.admission.of("gateway").used == 0


def test_what_the_sdk_has_as_key_and_address_goes_nowhere(provider, under):
    """The configuration alone says who is asked, and with which key."""
    sdks = under()
    other = sdks.chat.with_options(api_key="sk-of-the-sdk", base_url="http://192.0.2.1/v1")
    sdks.do(other.chat.completions.create(model="default", messages=HI))
    (seen,) = provider.requests()
    assert seen.headers["authorization"] == "Bearer sk-alpha-0123456789"
    assert "sk-of-the-sdk" not in str(seen.told())


def test_keys_of_callers_are_for_the_gateway(provider, under):
    """Inside of the process nobody needs one."""
    assert under('[keys.app]\nkey = "sk-caller-0123456789abcdef"').ask().choices[0].finish_reason == "stop"


def test_a_second_loop_is_refused_in_words(provider, config):
    """H7 for the transport: a plain error that says what to do."""
    transport = outlast.transport(config())

    async def ask():
        client = openai.AsyncOpenAI(api_key="-", http_client=transport.async_http_client, max_retries=0)
        return await client.chat.completions.create(model="default", messages=HI)

    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(ask())
        with pytest.raises(RuntimeError, match="one for each loop"):
            second.run(ask())
        first.run(transport.aclose())


def test_it_is_a_function_whichever_public_name_is_used_first():
    """Names are imported at their first use; that of its class does not put a module in its place."""
    told = "import outlast; outlast.Transport; print(type(outlast.transport).__name__)"
    said = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "function"
