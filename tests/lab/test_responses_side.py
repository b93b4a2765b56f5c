"""The simulated Responses API, asked by OpenAI's own SDK: answers, streams, tools, records, limits and errors."""

import json

import openai
import pytest

from outlast.lab.conduct import Conduct
from outlast.lab.provider import SimulatedProvider
from outlast.lab.quotas import Limits
from outlast.testing import cut, error_event, ok, status

SAYS = "This is the simulated provider, no model at all. You said: hi"
TOOL = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "required": ["city"]}}
TOOL["parameters"]["properties"] = {"city": {"type": "string"}}
CALL = {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{}"}


@pytest.fixture
def provider():
    with SimulatedProvider() as running:
        yield running


@pytest.fixture
def sdk(provider):
    with openai.OpenAI(base_url=provider.base_url(), api_key="any", max_retries=0) as client:
        yield client.responses


def test_it_answers(sdk):
    """Whole and streamed alike, with the usage, and with what was asked."""
    whole = sdk.create(model="m", input="hi", instructions="be kind", metadata={"a": "b"})
    assert (whole.output_text, whole.status, whole.instructions) == (SAYS, "completed", "be kind")
    assert whole.usage.total_tokens == whole.usage.input_tokens + 12
    with sdk.stream(model="m", input="hi") as stream:
        numbers = [event.sequence_number for event in stream]
        assert stream.get_final_response().output_text == SAYS
    assert numbers == list(range(len(numbers)))


def test_it_stops_where_it_is_told_to(sdk, provider):
    """By the limit, or by a filter."""
    cut_short = sdk.create(model="m", input="one two three four five six seven", max_output_tokens=16)
    assert (cut_short.status, cut_short.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    provider.script("", ok(finish="content_filter"))
    assert sdk.create(model="m", input="hi").incomplete_details.reason == "content_filter"


def test_it_calls_tools_and_hears_of_their_results(sdk, provider):
    """One that is forced, and none behind its result."""
    (call,) = sdk.create(model="m", input="hi", tools=[TOOL], tool_choice="required").output
    assert json.loads(call.arguments) == {"city": "text"}
    result = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}
    given = [{"role": "user", "content": "use the tool"}, CALL, result]
    assert sdk.create(model="m", input=given, tools=[TOOL]).output_text.endswith("You said: sunny")
    with sdk.stream(model="m", input="hi", tools=[TOOL], tool_choice="required") as stream:
        assert stream.get_final_response().output[0].name == "get_weather"
    seen = provider.requests()[-1]
    assert (seen.meter.pieces, seen.meter.tokens, seen.meter.finished) == (3, 2, True)


def test_what_went_out_is_recorded(sdk, provider):
    """Pieces and tokens of a stream that was cut, and of one that was not."""
    provider.script("", cut(3), ok())
    with pytest.raises(openai.APIConnectionError):
        list(sdk.create(model="m", input="hi", stream=True))
    list(sdk.create(model="m", input="hi", stream=True))
    first, second = provider.wait(2, ended=True)
    assert (first.meter.pieces, first.meter.finished) == (3, False)
    assert (second.meter.tokens, second.meter.finished) == (12, True)


def test_limits_are_told_in_headers_and_enforced(sdk, provider):
    """As for chat completions."""
    provider.conduct("", Conduct(limits=Limits(requests_per_minute=1)))
    raw = sdk.with_raw_response.create(model="m", input="hi", max_output_tokens=100)
    assert raw.headers["x-ratelimit-remaining-requests"] == "0"
    with pytest.raises(openai.RateLimitError):
        sdk.create(model="m", input="hi")


def test_errors_have_openais_envelope(sdk, provider):
    """Whole, and in the stream in the form of these streams."""
    provider.script("", status(500), error_event(2, code="server_error"))
    with pytest.raises(openai.InternalServerError):
        sdk.create(model="m", input="hi")
    events = list(sdk.create(model="m", input="hi", stream=True))
    assert (events[-1].type, events[-1].code) == ("error", "server_error")
