"""The official SDKs against the simulated provider, over sockets: they must not be able to tell."""

import asyncio
import http.client
import json

import anthropic
import httpx2
import openai
import pytest

from outlast.lab.provider import SimulatedProvider
from outlast.lab.script import cut, ended, error_event, ok, pings, status, throttled

HI = [{"role": "user", "content": "hi"}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture
def provider():
    with SimulatedProvider(models=("sim-ok", "sim-other")) as running:
        yield running


@pytest.fixture
def chat(provider):
    with openai.OpenAI(base_url=provider.base_url("alpha"), api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(provider):
    url = provider.base_url("beta", vendor="anthropic")
    with anthropic.Anthropic(base_url=url, api_key="any", max_retries=0) as client:
        yield client


def test_openai_gets_a_whole_answer(provider, chat):
    """The scripted words, a finish and a usage that adds up."""
    provider.script("alpha", ok("Hello there."))
    reply = chat.chat.completions.create(model="m", messages=HI)
    assert reply.choices[0].message.content == "Hello there."
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.completion_tokens == 2
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + 2


def test_openai_gets_as_many_choices_as_it_asks_for(provider, chat):
    """n=3 gives three choices, and so does its stream, each with one finish."""
    provider.script("alpha", ok("a b"), ok("a b"))
    assert [choice.index for choice in chat.chat.completions.create(model="m", messages=HI, n=3).choices] == [0, 1, 2]
    chunks = list(chat.chat.completions.create(model="m", messages=HI, n=3, stream=True))
    texts = dict.fromkeys(range(3), "")
    for chunk in chunks:
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == {0: "a b", 1: "a b", 2: "a b"}
    assert sorted(c.choices[0].index for c in chunks if c.choices[0].finish_reason) == [0, 1, 2]


def test_openai_streams_without_usage_unless_asked(provider, chat):
    """Without include_usage every chunk has a choice and none a usage; with it the last one has only the usage."""
    provider.script("alpha", ok("one two"), ok("one two"))
    plain = list(chat.chat.completions.create(model="m", messages=HI, stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in plain)
    assert len({chunk.id for chunk in plain}) == 1
    asked = list(
        chat.chat.completions.create(model="m", messages=HI, stream=True, stream_options={"include_usage": True})
    )
    assert asked[-1].choices == []
    assert asked[-1].usage.completion_tokens == 2
    assert "".join(chunk.choices[0].delta.content or "" for chunk in asked[:-1]) == "one two"


def test_openai_usage_is_null_on_the_other_chunks(provider):
    """On the wire, chunks before the last say `"usage":null` when the usage is asked for, and nothing otherwise."""
    bodies = []
    for options in ({}, {"stream_options": {"include_usage": True}}):
        link = http.client.HTTPConnection(provider.url.removeprefix("http://"))
        body = json.dumps({"model": "m", "messages": HI, "stream": True, **options})
        link.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        bodies.append(link.getresponse().read())
        link.close()
    without, with_usage = bodies
    assert b'"usage"' not in without
    assert with_usage.count(b'"usage":null') == with_usage.count(b"data: {") - 1


def test_openai_gets_a_tool_call_and_then_words(provider, chat):
    """A question that names the tool gets a call with valid arguments, its result an answer in words."""
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
    asking = [{"role": "user", "content": "What is the weather?"}]
    reply = chat.chat.completions.create(model="m", messages=asking, tools=[tool]).choices[0]
    assert reply.finish_reason == "tool_calls"
    call = reply.message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "text"}')
    told = [*asking, reply.message.to_dict(), {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    assert chat.chat.completions.create(model="m", messages=told, tools=[tool]).choices[0].finish_reason == "stop"


def test_openai_accumulates_a_streamed_tool_call(chat):
    """The SDK's own helper puts the pieces of the arguments together."""
    tool = {"type": "function", "function": {"name": "get_weather", "strict": True, "parameters": WEATHER}}
    with chat.chat.completions.stream(model="m", messages=HI, tools=[tool], tool_choice="required") as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.arguments == '{"city": "text"}'


def test_openai_gets_an_instance_of_its_schema(chat):
    """A JSON schema is answered with the smallest value that it accepts."""
    wanted = {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}}
    reply = chat.chat.completions.create(model="m", messages=HI, response_format=wanted)
    assert reply.choices[0].message.content == '{"city": "text"}'


def test_openai_stops_at_the_limit_of_tokens(chat):
    """max_completion_tokens cuts the answer and says so."""
    reply = chat.chat.completions.create(model="m", messages=HI, max_completion_tokens=3)
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("This is the", "length")


def test_openai_embeds_texts_and_tokens(chat):
    """One vector for each input, alike in both encodings, and of the size asked for."""
    packed = chat.embeddings.create(model="m", input=["a", "b"], dimensions=4)
    plain = chat.embeddings.create(model="m", input=["a", "b"], dimensions=4, encoding_format="float")
    assert [row.embedding for row in packed.data] == [row.embedding for row in plain.data]
    assert [len(row.embedding) for row in packed.data] == [4, 4]
    assert len(chat.embeddings.create(model="m", input=[1, 2, 3]).data) == 1


def test_both_sdks_list_the_models(chat, claude):
    """The same path answers each vendor in its own shape."""
    assert [model.id for model in chat.models.list().data] == ["sim-ok", "sim-other"]
    assert [model.id for model in claude.models.list().data] == ["sim-ok", "sim-other"]
    assert chat.models.retrieve("sim-other").id == "sim-other"
    with pytest.raises(openai.NotFoundError):
        chat.models.retrieve("sim-none")


def test_openai_raises_what_the_status_says(provider, chat):
    """Errors carry the vendor's type and code, and their headers."""
    provider.script("alpha", throttled(2), status(401), status(503))
    with pytest.raises(openai.RateLimitError) as limited:
        chat.chat.completions.create(model="m", messages=HI)
    assert limited.value.code == "rate_limit_exceeded"
    assert limited.value.response.headers["retry-after"] == "2"
    with pytest.raises(openai.AuthenticationError) as refused:
        chat.chat.completions.create(model="m", messages=HI)
    assert refused.value.code == "invalid_api_key"
    with pytest.raises(openai.InternalServerError) as down:
        chat.chat.completions.create(model="m", messages=HI)
    assert down.value.code == "server_is_overloaded"


def test_openai_sees_an_error_inside_a_stream(provider, chat):
    """Two words, then the SDK raises."""
    provider.script("alpha", error_event(after=2, type="server_error"))
    words = []
    with pytest.raises(openai.APIError, match="simulation failed"):  # noqa: PT012
        for chunk in chat.chat.completions.create(model="m", messages=HI, stream=True):
            words.append(chunk.choices[0].delta.content)  # noqa: PERF401
    assert words == ["", "This", " is"]


def test_openai_does_not_see_a_stream_that_ends_too_early(provider, chat):
    """A clean end without a finish reason is taken for a whole answer: why a gateway must look."""
    provider.script("alpha", ended(after=2))
    chunks = list(chat.chat.completions.create(model="m", messages=HI, stream=True))
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, None, None]


def test_anthropic_gets_a_whole_answer(provider, claude):
    """The scripted words, a stop reason and a usage."""
    provider.script("beta", ok("Hello there."))
    reply = claude.messages.create(model="m", max_tokens=100, messages=HI)
    assert reply.content[0].text == "Hello there."
    assert (reply.stop_reason, reply.usage.output_tokens) == ("end_turn", 2)


def test_anthropic_streams(provider, claude):
    """The helper puts the message together; pings on the way do no harm."""
    provider.script("beta", pings(after=1, every=0.001, count=3, text="one two three"))
    with claude.messages.stream(model="m", max_tokens=100, messages=HI) as stream:
        assert list(stream.text_stream) == ["one", " two", " three"]
        final = stream.get_final_message()
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 3)


def test_anthropic_gets_a_tool_call_and_then_words(claude):
    """A forced tool comes as a block with an object, whole and streamed; its result is answered in words."""
    tools = [{"name": "get_weather", "input_schema": WEATHER}]
    forced = {"type": "tool", "name": "get_weather"}
    reply = claude.messages.create(model="m", max_tokens=100, messages=HI, tools=tools, tool_choice=forced)
    assert (reply.stop_reason, reply.content[0].input) == ("tool_use", {"city": "text"})
    with claude.messages.stream(model="m", max_tokens=100, messages=HI, tools=tools, tool_choice=forced) as stream:
        assert stream.get_final_message().content[0].input == {"city": "text"}
    result = {"type": "tool_result", "tool_use_id": reply.content[0].id, "content": "sunny"}
    told = [*HI, {"role": "assistant", "content": reply.content}, {"role": "user", "content": [result]}]
    assert claude.messages.create(model="m", max_tokens=100, messages=told, tools=tools).stop_reason == "end_turn"


def test_anthropic_raises_what_the_status_and_the_stream_say(provider, claude):
    """An overloaded status and an error event both become the SDK's errors."""
    provider.script("beta", status(529), error_event(after=1, type="overloaded_error"))
    with pytest.raises(anthropic.APIStatusError) as busy:
        claude.messages.create(model="m", max_tokens=100, messages=HI)
    assert (busy.value.status_code, busy.value.type) == (529, "overloaded_error")
    with (
        pytest.raises(anthropic.APIStatusError) as broken,
        claude.messages.stream(model="m", max_tokens=100, messages=HI) as stream,
    ):
        stream.get_final_message()
    assert broken.value.type == "overloaded_error"


def test_anthropic_counts_tokens(claude):
    """The token count endpoint answers."""
    assert claude.messages.count_tokens(model="m", messages=HI).input_tokens > 0


def test_the_async_sdks_work_in_the_loop_of_the_provider():
    """`async with` serves in the loop at hand: whole, streamed, cut, for both vendors."""

    async def story():
        async with (
            SimulatedProvider() as provider,
            openai.AsyncOpenAI(base_url=provider.base_url("alpha"), api_key="any", max_retries=0) as chat,
            anthropic.AsyncAnthropic(
                base_url=provider.base_url("beta", vendor="anthropic"), api_key="any", max_retries=0
            ) as claude,
        ):
            provider.script("alpha", ok("one two"), cut(after=2))
            provider.script("beta", ok("one two"), cut(after=2, how="rst"))
            reply = await chat.chat.completions.create(model="m", messages=HI)
            message = await claude.messages.create(model="m", max_tokens=10, messages=HI)
            with pytest.raises(openai.APIConnectionError):
                async for _ in await chat.chat.completions.create(model="m", messages=HI, stream=True):
                    pass
            with pytest.raises(httpx2.ReadError):
                async with claude.messages.stream(model="m", max_tokens=10, messages=HI) as stream:
                    await stream.get_final_message()
            return reply.choices[0].message.content, message.content[0].text

    assert asyncio.run(story()) == ("one two", "one two")
