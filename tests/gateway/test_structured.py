"""Schemas through the gateway, to models that no provider holds to one: the official SDKs parse what comes back.

Each story is told towards targets of several dialects, which check what they are sent against their documents.
"""

import json
import urllib.request

import anthropic
import openai
import pydantic
import pytest

from outlast.model.events import AttemptEnded, ReplyRejected, RequestEnded
from outlast.testing import bad_json, ok

from .house import chat
from .sdks import HI

DIALECTS = ["openai", "anthropic"]
MANNERS = ["fences", "talks", "learns"]
IN_WORDS = "".join(f"[providers.{name}.models.m]\nschema = false\n" for name in ("alpha", "beta"))


class Line(pydantic.BaseModel):
    name: str
    price: float


class Invoice(pydantic.BaseModel):
    customer: str
    paid: bool
    lines: list[Line]


class Wrapped(pydantic.BaseModel):
    invoice: Invoice


SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "weather", "schema": SCHEMA, "strict": True}}


@pytest.fixture(params=DIALECTS)
def gateway(request, open_house):
    """A gateway whose targets must be asked in words, in each dialect."""
    return open_house(IN_WORDS, dialects=dict.fromkeys(("alpha", "beta"), request.param))


@pytest.fixture
def gpt(gateway, openai_of):
    return openai_of(gateway)


@pytest.fixture
def claude(gateway, claude_of):
    return claude_of(gateway)


# -- the SDKs' own parsers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("manner", MANNERS)
def test_openais_parser_takes_what_any_target_says(provider, gateway, gpt, manner):
    """`parse` gives the model's instance, although the target is bad at JSON."""
    provider.script("alpha", default=bad_json(manner))
    made = gpt.client.chat.completions.parse(model="default", messages=HI, response_format=Wrapped)
    reply = gpt.do(made)
    assert reply.choices[0].message.parsed == Wrapped(
        invoice=Invoice(customer="text", paid=False, lines=reply.choices[0].message.parsed.invoice.lines)
    )
    json.loads(reply.choices[0].message.content)
    asked = provider.requests("alpha")
    assert len(asked) == (2 if manner == "learns" else 1)
    assert not {"response_format", "output_config"} & set(asked[0].json)
    used = [event.usage for event in gateway.ear.wait(AttemptEnded, len(asked))]
    assert reply.usage.completion_tokens == sum(usage.output for usage in used)


@pytest.mark.parametrize("manner", MANNERS)
def test_anthropics_parser_takes_what_any_target_says(provider, claude, manner):
    """`output_format` of its SDK is a schema like any other."""
    provider.script("alpha", default=bad_json(manner))
    made = claude.client.messages.parse(model="default", messages=HI, max_tokens=500, output_format=Invoice)
    assert claude.do(made).parsed_output.customer == "text"


def test_tools_and_a_schema(provider, gpt):
    """The tool call comes as it is; the final answer is what the schema is for."""
    provider.script("alpha", default=bad_json("fences"))
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
    provider.script("alpha", ok())
    first = gpt.whole([{"role": "user", "content": "get_weather please"}], tools=[tool], response_format=FORMAT)
    call = first.choices[0].message.tool_calls[0]
    assert (first.choices[0].finish_reason, call.function.name) == ("tool_calls", "get_weather")
    told = [*HI, first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    last = gpt.whole(told, tools=[tool], response_format=FORMAT)
    assert json.loads(last.choices[0].message.content).keys() == {"city", "days"}


def test_any_object(provider, gpt):
    """`json_object` is asked for in words where the target has no word for it."""
    provider.script("alpha", default=bad_json("talks"))
    reply = gpt.whole(response_format={"type": "json_object"}, messages=[{"role": "user", "content": "JSON please"}])
    assert json.loads(reply.choices[0].message.content) == {}


@pytest.mark.parametrize("manner", ["types", "never", "cut"])
def test_who_never_learns_is_an_error(provider, gateway, gpt, manner):
    """502, once the model has been told twice; the SDK is asked not to repeat it, and the log has the story."""
    provider.script("alpha", default=bad_json(manner))
    with pytest.raises(openai.APIStatusError) as caught:
        gpt.whole(response_format=FORMAT)
    error = caught.value
    assert (error.status_code, error.code) == (502, "invalid_output")
    assert error.response.headers["x-should-retry"] == "false"
    assert len(provider.requests("alpha")) == 3
    thens = [event.then for event in gateway.ear.wait(ReplyRejected, 3)]
    assert thens == ["asked again", "asked again", "given up"]
    ended = gateway.ear.wait(RequestEnded)[0]
    assert (ended.kind, ended.attempts) == ("invalid_output", 3)
    assert ended.usage.output > 0


def test_it_is_anthropics_error_for_anthropics_callers(provider, claude):
    """In the envelope that its SDK knows."""
    provider.script("alpha", default=bad_json("never"))
    with pytest.raises(anthropic.APIStatusError) as caught:
        claude.do(claude.client.messages.parse(model="default", messages=HI, max_tokens=500, output_format=Invoice))
    assert caught.value.status_code == 502


def test_an_answer_at_its_limit_says_so(provider, gpt):
    """It is not asked for again: it would end there again."""
    provider.script("alpha", default=ok('{"city": "Paris", "days": 1, and more words than are allowed'))
    with pytest.raises(openai.APIStatusError, match="max_tokens"):
        gpt.whole(response_format=FORMAT, max_tokens=3)
    assert len(provider.requests("alpha")) == 1


def test_what_is_no_schema_is_a_400(provider, gpt):
    """And nobody is asked."""
    form = {"type": "json_schema", "json_schema": {"name": "w", "schema": {"type": "object", "required": 5}}}
    with pytest.raises(openai.BadRequestError, match="schema"):
        gpt.whole(response_format=form)
    assert provider.requests("alpha") == []


# -- streams -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("manner", MANNERS)
def test_a_held_stream_is_the_json_alone(provider, gpt, manner):
    """Nobody sees what was wrong before."""
    provider.script("alpha", default=bad_json(manner))
    part = gpt.streamed(response_format=FORMAT)
    assert part.error is None
    assert part.finish == "stop"
    assert json.loads(part.text).keys() == {"city", "days"}


def test_the_sdks_stream_helper_parses_it(provider, openai_of, open_house):
    """Its final completion has the instance."""
    provider.script("alpha", default=bad_json("fences"))
    house = open_house(IN_WORDS)
    with openai.OpenAI(base_url=f"{house.url}/v1", api_key="any", max_retries=0) as client:
        helper = client.chat.completions.stream(model="default", messages=HI, response_format=Invoice)
        with helper as stream:
            for _ in stream:
                pass
            final = stream.get_final_completion()
    assert final.choices[0].message.parsed.customer == "text"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_parts_as_they_are_made(provider, open_house, openai_of, dialect):
    """Where the route wants it: without fences, and an error event where they do not match."""
    route = '[routes.default]\ntargets = ["alpha/m"]\nstream_partial = true'
    house = open_house(f"{IN_WORDS}\n{route}", dialects=dict.fromkeys(("alpha", "beta"), dialect))
    gpt = openai_of(house)
    provider.script("alpha", bad_json("fences"), bad_json("types"))
    part = gpt.streamed(response_format=FORMAT)
    assert json.loads(part.text).keys() == {"city", "days"}
    assert len(part.pieces) > 2
    part = gpt.streamed(response_format=FORMAT)
    assert (part.finish, "does not match" in str(part.error)) == (None, True)
    assert len(provider.requests("alpha")) == 2


# -- our own surface ---------------------------------------------------------------------------------------------------


def test_our_own_surface_has_schemas_too(provider, gateway):
    """`/v1/generate`, with what all of it took."""
    provider.script("alpha", default=bad_json("learns"))
    body = json.dumps({"prompt": "hi", "schema": SCHEMA}).encode()
    request = urllib.request.Request(f"{gateway.url}/v1/generate", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        told = json.load(answer)
    assert json.loads(told["text"]).keys() == {"city", "days"}
    assert told["attempts"] == 2


def test_who_leaves_while_a_stream_is_held_stops_it(provider, gateway):
    """The provider is let go at once, and nothing is held (the house looks)."""
    provider.script("alpha", default=bad_json("types", between=5.0))
    with gateway.caller() as caller:
        caller.post("/v1/chat/completions", chat(stream=True, response_format=FORMAT))
        gateway.until(lambda: provider.requests("alpha"))
    ended = gateway.ear.wait(RequestEnded)[0]
    assert ended.kind == "cancelled"
