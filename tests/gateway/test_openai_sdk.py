"""OpenAI's official SDK against the gateway, over sockets: it cannot tell, except that it fails less."""

import json

import openai
import pydantic
import pytest

from outlast.testing import behaviour, cut, ended, garbled, ok, reset, silent, stall, status, throttled

from .house import timers_for
from .sdks import HI, OPENAI_TOOL, WEATHER

WHOLE = "This is the simulated provider {}, no model at all. You said: hi"
DOWN = {
    "down": status(503),
    "broken": status(500),
    "silent": silent(),
    "rate limited": throttled(30),
    "resetting": reset(),
    "out of money": status(402),
    "without our key": status(401),
    "without the model": behaviour("B8-no-model"),
    "not speaking HTTP": behaviour("A6-random-bytes"),
}


@pytest.fixture
def gateway(open_house):
    """A gateway whose first choice is alpha, its second beta."""
    return open_house()


@pytest.fixture
def sdk(gateway, openai_of):
    """The SDK, with its own retries switched off."""
    return openai_of(gateway)


def test_a_whole_answer(provider, sdk):
    """Text, finish and usage; the id of the request is where the SDK looks for it."""
    provider.script("alpha", ok("Hello there."))
    reply = sdk.whole()
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("Hello there.", "stop")
    assert reply.usage.completion_tokens == 2
    assert reply._request_id.startswith("req_")


def test_a_stream(provider, sdk):
    """Piece by piece, with a finish; without usage unless that is asked for, then once, at the end."""
    provider.script("alpha", ok("one two three"), ok("one two three"))
    part = sdk.streamed()
    assert (part.text, part.finish, part.error) == ("one two three", "stop", None)
    assert len(part.pieces) > 3
    chunks = list(sdk.each(sdk.stream(stream_options={"include_usage": True})))
    assert [chunk.usage.completion_tokens for chunk in chunks if chunk.usage] == [3]
    assert chunks[-1].choices == []
    assert len({chunk.id for chunk in chunks}) == 1


def test_tools(provider, sdk):
    """A tool call whole and streamed, and the answer to its result."""
    forced = {"type": "function", "function": {"name": "get_weather"}}
    choice = sdk.whole(tools=[OPENAI_TOOL], tool_choice=forced).choices[0]
    call = choice.message.tool_calls[0]
    assert (choice.finish_reason, call.function.name) == ("tool_calls", "get_weather")
    assert json.loads(call.function.arguments) == {"city": "text"}
    pieces = [
        delta.tool_calls[0].function.arguments or ""
        for chunk in sdk.each(sdk.stream(tools=[OPENAI_TOOL], tool_choice=forced))
        for delta in (chunk.choices[0].delta,)
        if delta.tool_calls
    ]
    assert len(pieces) > 1
    assert json.loads("".join(pieces)) == {"city": "text"}
    told = [*HI, choice.message.to_dict(), {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    assert sdk.whole(told, tools=[OPENAI_TOOL]).choices[0].finish_reason == "stop"


def test_a_schema(provider, sdk):
    """response_format reaches the provider, and the SDK's parser takes what comes back."""

    class Weather(pydantic.BaseModel):
        city: str

    wanted = {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}}
    assert sdk.whole(response_format=wanted).choices[0].message.content == '{"city": "text"}'
    parsed = sdk.do(sdk.client.chat.completions.parse(model="default", messages=HI, response_format=Weather))
    assert parsed.choices[0].message.parsed == Weather(city="text")


def test_embeddings(provider, sdk):
    """The SDK asks for base64 by itself, and gets the same numbers as in plain."""
    create = sdk.client.embeddings.create
    packed = sdk.do(create(model="default", input=["a", "b"], dimensions=4))
    plain = sdk.do(create(model="default", input=["a", "b"], dimensions=4, encoding_format="float"))
    assert [row.embedding for row in packed.data] == [row.embedding for row in plain.data]
    assert [len(row.embedding) for row in packed.data] == [4, 4]
    assert len(sdk.do(create(model="default", input=[1, 2, 3])).data) == 1
    assert packed.usage.prompt_tokens > 0


def test_models(provider, sdk):
    """Listed and looked up; one that does not exist is a NotFoundError."""
    assert "default" in {model.id for model in sdk.do(sdk.client.models.list()).data}
    assert sdk.do(sdk.client.models.retrieve("alpha/m")).id == "alpha/m"
    with pytest.raises(openai.NotFoundError) as missing:
        sdk.do(sdk.client.models.retrieve("none"))
    assert missing.value.code == "model_not_found"


@pytest.mark.parametrize("how", DOWN)
@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_the_first_provider_fails_and_nobody_notices(provider, open_house, openai_of, how, kind):
    """The second one answers; the SDK has asked once."""
    sdk = openai_of(open_house(timers={"alpha": timers_for(DOWN[how])}))
    provider.script("alpha", default=DOWN[how])
    provider.script("beta", default=ok("from beta"))
    text = sdk.whole().choices[0].message.content if kind == "whole" else sdk.streamed().text
    assert text == "from beta"
    assert len(provider.requests("beta")) == 1


BREAKS = pytest.mark.parametrize(
    "how", [cut(3), cut(3, "rst"), ended(3), stall(3), garbled(3)], ids=["fin", "rst", "silently", "stall", "garbled"]
)


@BREAKS
def test_a_stream_that_breaks_is_gone_on_with(provider, open_house, openai_of, how):
    """The SDK sees one answer, under one id, with one role and one finish; the usage is that of both pieces."""
    gateway = open_house(timers={"alpha": timers_for(how)})
    sdk = openai_of(gateway)
    provider.script("alpha", how)
    part = sdk.streamed(stream_options={"include_usage": True})
    assert (part.text, part.finish, part.error) == (WHOLE.format("beta"), "stop", None)
    assert len({chunk.id for chunk in part.items}) == 1
    assert len({chunk.model for chunk in part.items}) == 1
    roles = [choice.delta.role for chunk in part.items for choice in chunk.choices if choice.delta.role]
    finishes = [choice.finish_reason for chunk in part.items for choice in chunk.choices if choice.finish_reason]
    assert (roles, finishes) == (["assistant"], ["stop"])
    ended = gateway.heard()[0]
    assert (ended.kind, ended.resumed) == ("ok", 1)
    assert part.items[-1].usage.completion_tokens == ended.usage.output
    assert ended.usage == ended.history[0].usage + ended.history[1].usage


@BREAKS
def test_a_stream_that_breaks_is_never_taken_for_whole(provider, open_house, openai_of, how):
    """With nobody left what came is kept, then the SDK raises; also where the provider would have deceived it."""
    gateway = open_house(timers={"alpha": timers_for(how)})
    sdk = openai_of(gateway)
    provider.script("alpha", default=how)
    provider.script("beta", default=status(401))
    part = sdk.streamed()
    assert (part.text, part.finish) == ("This is the", None)
    assert isinstance(part.error, openai.APIError)
    assert part.error.code == "broken_stream"
    assert gateway.heard()[0].kind == "broken_stream"


def test_errors_are_of_the_sdks_classes(provider, open_house, openai_of):
    """What an application catches is what it would catch from OpenAI."""
    house = open_house("[retry]\nenabled = false", providers=("alpha",))
    sdk = openai_of(house)
    for played, kind, code in (
        (status(400), openai.BadRequestError, None),
        (behaviour("B2-context-length"), openai.BadRequestError, "context_length_exceeded"),
        (status(403), openai.PermissionDeniedError, "provider_permission"),
        (status(409), openai.ConflictError, None),
        (status(503), openai.InternalServerError, None),
        (throttled(86400), openai.RateLimitError, "rate_limit_exceeded"),
    ):
        provider.script("alpha", played)
        with pytest.raises(kind) as raised:
            sdk.whole()
        assert raised.value.request_id.startswith("req_")
        assert code is None or raised.value.code == code
    with pytest.raises(openai.NotFoundError) as missing:
        sdk.whole(model="none")
    assert missing.value.code == "model_not_found"


def test_the_context_error_has_the_words_that_frameworks_look_for(provider, open_house, openai_of):
    """langchain tells it by its text alone."""
    sdk = openai_of(open_house(providers=("alpha",)))
    provider.script("alpha", behaviour("B2-context-length"))
    with pytest.raises(openai.BadRequestError, match="Input tokens exceed the configured limit"):
        sdk.whole()


def test_a_wrong_key_is_an_authentication_error(provider, open_house, openai_of):
    """And a provider that refuses ours is not: a 401 would blame the caller."""
    house = open_house('[keys.app]\nkey = "sk-caller-0123456789abcdef"', providers=("alpha",))
    with pytest.raises(openai.AuthenticationError):
        openai_of(house, api_key="sk-wrong").whole()
    provider.script("alpha", default=status(401))
    with pytest.raises(openai.InternalServerError) as ours:
        openai_of(house, api_key="sk-caller-0123456789abcdef").whole()
    assert (ours.value.status_code, ours.value.code) == (502, "provider_authentication")


@pytest.mark.parametrize("played", [status(400), status(401), throttled(86400)], ids=["400", "401", "a day"])
def test_an_sdk_with_retries_repeats_nothing_that_cannot_help(provider, open_house, openai_of, played):
    """Its own retries would multiply ours: x-should-retry: false stops them."""
    house = open_house(providers=("alpha",))
    provider.script("alpha", default=played)
    with pytest.raises(openai.APIStatusError):
        openai_of(house, max_retries=2).whole()
    assert len(house.heard()) == 1
    assert len(provider.requests()) == 1


def test_leaving_a_stream_stops_the_provider(provider, sdk, gateway):
    """Closing the SDK's stream is leaving."""
    provider.script("alpha", stall(after=3))
    stream = sdk.stream()
    next(sdk.each(stream))
    sdk.do(stream.close())
    (seen,) = provider.wait(1, ended=True)
    assert seen.hung_up == "caller"
    assert gateway.heard()[0].kind == "cancelled"


def test_the_sdks_timeout_is_the_deadline(provider, open_house, openai_of):
    """The gateway gives up, with an answer, before an SDK with a shorter patience would hang up on it."""
    sdk = openai_of(open_house(providers=("alpha",)), timeout=1.0)
    provider.script("alpha", default=silent())
    with pytest.raises((openai.InternalServerError, openai.APITimeoutError)):
        sdk.whole()


def test_an_anthropic_provider_behind_it(provider, open_house, openai_of):
    """Whole, streamed, tools and errors, rendered in OpenAI's words."""
    house = open_house(dialects={"alpha": "anthropic"}, providers=("alpha",))
    sdk = openai_of(house)
    provider.script("alpha", ok("Hello there."), ok("one two three"))
    reply = sdk.whole()
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("Hello there.", "stop")
    part = sdk.streamed()
    assert (part.text, part.finish) == ("one two three", "stop")
    choice = sdk.whole(tools=[OPENAI_TOOL], tool_choice="required").choices[0]
    assert json.loads(choice.message.tool_calls[0].function.arguments) == {"city": "text"}
    provider.script("alpha", cut(3), 400)
    part = sdk.streamed()
    assert (part.text, part.finish, type(part.error)) == ("This is the", None, openai.APIError)
    provider.script("alpha", cut(3), ok())
    part = sdk.streamed()
    assert (part.text, part.finish, part.error) == (WHOLE.format("alpha"), "stop", None)
    assert {seen.path for seen in provider.requests()} == {"/alpha/v1/messages"}
