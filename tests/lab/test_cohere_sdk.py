"""Cohere's official SDK against the simulated provider, over sockets: it must not be able to tell."""

import cohere
import httpx
import pytest

from outlast.lab.provider import SimulatedProvider
from outlast.lab.script import error_event, ok, status, throttled

HI = [{"role": "user", "content": "hi"}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "w", "parameters": WEATHER}}


@pytest.fixture
def provider():
    with SimulatedProvider() as running:
        yield running


@pytest.fixture
def co(provider):
    with httpx.Client(timeout=120) as http:
        yield cohere.ClientV2(
            "any", base_url=provider.base_url("alpha", vendor="cohere"), max_retries=0, httpx_client=http
        )


def test_whole_answers(provider, co):
    """Words, a call, a schema, thoughts, citations and likelihoods."""
    provider.script("alpha", ok("Hello there."))
    assert co.chat(model="m", messages=HI).message.content[0].text == "Hello there."
    reply = co.chat(model="m", messages=HI, tools=[TOOL], tool_choice="REQUIRED", strict_tools=True)
    assert (reply.finish_reason, reply.message.tool_calls[0].function.arguments) == ("TOOL_CALL", '{"city": "text"}')
    assert reply.message.tool_plan
    result = cohere.ToolChatMessageV2(tool_call_id=reply.message.tool_calls[0].id, content="sunny")
    said = cohere.AssistantChatMessageV2(tool_calls=reply.message.tool_calls, tool_plan=reply.message.tool_plan)
    assert co.chat(model="m", messages=[*HI, said, result], tools=[TOOL]).finish_reason == "COMPLETE"
    wanted = cohere.JsonObjectResponseFormatV2(json_schema=WEATHER)
    assert co.chat(model="m", messages=HI, response_format=wanted).message.content[0].text == '{"city": "text"}'
    reply = co.chat(model="m", messages=HI, documents=["x"], logprobs=True, thinking=cohere.Thinking(type="enabled"))
    assert [block.type for block in reply.message.content] == ["thinking", "text"]
    assert (reply.message.citations[0].text, len(reply.logprobs[0].logprobs)) == ("This", 1)


def test_streams(provider, co):
    """Every event is one that the SDK knows."""
    provider.script("alpha", ok("one two"), error_event(1))
    kinds = [event.type for event in co.chat_stream(model="m", messages=HI)]
    assert kinds == ["message-start", "content-start", "content-delta", "content-delta", "content-end", "message-end"]
    *_, last = co.chat_stream(model="m", messages=HI)
    assert (last.type, last.delta.finish_reason, last.delta.error) == ("message-end", "ERROR", "The simulation failed.")


def test_vectors_and_ranking(provider, co):
    """By type; and documents in order."""
    reply = co.embed(model="e", input_type="search_query", texts=["a", "b"], embedding_types=["float", "int8"])
    assert (len(reply.embeddings.float_), len(reply.embeddings.int8[0])) == (2, 8)
    assert [one.index for one in co.rerank(model="r", query="q", documents=["a", "b"]).results] == [0, 1]


@pytest.mark.parametrize(
    ("played", "kind"),
    [
        (status(400), cohere.BadRequestError), (status(401), cohere.UnauthorizedError),
        (status(498), cohere.errors.InvalidTokenError), (throttled(3), cohere.TooManyRequestsError),
        (status(500), cohere.InternalServerError),
    ],
)  # fmt: skip
def test_errors_are_of_the_sdks_classes(provider, co, played, kind):
    """With the words where an application looks for them."""
    provider.script("alpha", played)
    with pytest.raises(kind) as raised:
        co.chat(model="m", messages=HI)
    assert raised.value.body["message"] == "The simulated provider was told to fail."


def test_what_it_would_refuse(provider, co):
    """Unknown fields, with 422."""
    with pytest.raises(cohere.UnprocessableEntityError):
        co.chat(model="m", messages=HI, request_options={"additional_body_parameters": {"top_p": 1}})
