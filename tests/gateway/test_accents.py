"""Providers that speak OpenAI's dialect each in its own way, behind the gateway: they are sent nothing they refuse."""

import pytest

from outlast.testing import Conduct, cut, ok, pings

from .house import House
from .sdks import CLAUDE_TOOL, HI, OPENAI_TOOL, WEATHER
from .test_openai_sdk import WHOLE

ACCENTS = ["mistral", "deepseek", "groq", "together"]


@pytest.fixture(params=ACCENTS)
def accent(request):
    """Which of them answers."""
    return request.param


@pytest.fixture
def spoken(provider, tmp_path, accent):
    """A gateway whose only provider speaks so, and is as strict as it is known to be."""
    prefill = "prefix" if accent in {"mistral", "deepseek"} else "none"
    provider.conduct(accent, Conduct(accent=accent, prefill=prefill))
    account = f'[providers.{accent}]\nbase_url = "{provider.url}/{accent}/v1"\nkey = "sk-accent-0123456789"'
    route = f'[routes.default]\ntargets = ["{accent}/m", "{accent}/n"]\n[server]\nport = 0\ndrain = 0.0'
    with House(f"{account}\n{route}", tmp_path) as house:
        yield house
    refused = [(seen.status, seen.json) for seen in provider.requests(accent) if seen.status != 200]
    assert refused == []


def test_openai_s_callers_are_answered(provider, spoken, accent, openai_of):
    """With whatever they send: limits by either name, seeds, users, likelihoods, names."""
    sdk = openai_of(spoken)
    turns = [{"role": "user", "name": "bob", "content": "hi"}]
    reply = sdk.whole(turns, seed=1, max_completion_tokens=50, user="u", n=1, store=False)
    assert reply.choices[0].message.content == WHOLE.format(accent)
    part = sdk.streamed(stream_options={"include_usage": True}, max_tokens=50)
    assert part.text == WHOLE.format(accent)
    assert part.items[-1].usage.completion_tokens > 5
    schema = {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER, "strict": True}}
    assert sdk.whole(response_format=schema).choices[0].message.content == '{"city": "text"}'


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
def test_tools_and_what_came_of_them(provider, spoken, openai_of, choice):
    """The message goes back as the SDK repeats it, with its empty fields, and its thoughts where it had any."""
    sdk = openai_of(spoken)
    message = sdk.whole(tools=[OPENAI_TOOL], tool_choice=choice).choices[0].message
    assert message.tool_calls[0].function.arguments == '{"city": "text"}'
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
    for echoed in (message, message.model_dump(), message.model_dump(exclude={"reasoning_content"})):
        last = sdk.whole([*HI, echoed, result], tools=[OPENAI_TOOL]).choices[0].message
        assert sdk.whole([*HI, echoed, result, last, *HI], tools=[OPENAI_TOOL]).choices[0].message.content


def test_anthropic_s_callers_are_answered(provider, spoken, accent, claude_of):
    """Text, stream and tools; finish reasons in their own words."""
    sdk = claude_of(spoken)
    reply = sdk.whole()
    assert (reply.content[-1].text, reply.stop_reason) == (WHOLE.format(accent), "end_turn")
    part = sdk.streamed()
    assert (part.text, part.finish, part.error) == (WHOLE.format(accent), "end_turn", None)
    assert (reply.content[0].type == "thinking") is (accent == "deepseek")
    reply = sdk.whole(tools=[CLAUDE_TOOL], tool_choice={"type": "any"})
    assert reply.stop_reason == "tool_use"
    result = {"type": "tool_result", "tool_use_id": reply.content[-1].id, "content": "sunny"}
    told = [*HI, {"role": "assistant", "content": reply.content}, {"role": "user", "content": [result]}]
    assert sdk.whole(told, tools=[CLAUDE_TOOL]).stop_reason == "end_turn"
    assert spoken.heard(4)[0].usage.output > 5


def test_a_stream_that_breaks_is_gone_on_with(provider, spoken, accent, openai_of):
    """By a prefill, marked and at the path that they want, or by asking."""
    provider.script(accent, cut(3))
    part = openai_of(spoken).streamed()
    assert (part.text, part.error) == (WHOLE.format(accent), None)
    first, second = provider.requests(accent)
    prefilled = second.json["messages"][-1]["role"] == "assistant"
    assert prefilled is (accent in {"mistral", "deepseek"})
    assert ("beta" in second.path, "beta" in first.path) == (accent == "deepseek", False)


def test_waiting_their_turn_is_no_answer(provider, spoken, accent, openai_of):
    """Comments in a stream and blank lines before a whole answer, as DeepSeek sends them."""
    sdk = openai_of(spoken)
    beats = pings(every=0.001, count=3, text="one two")
    provider.script(accent, beats, beats, ok("one two"))
    assert sdk.whole().choices[0].message.content == "one two"
    assert sdk.streamed().text == "one two"
