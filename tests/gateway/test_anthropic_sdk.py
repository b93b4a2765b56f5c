"""Anthropic's official SDK against the gateway, over sockets: it cannot tell, except that it fails less."""

import anthropic
import pydantic
import pytest

from outlast.testing import behaviour, cut, ended, error_event, ok, pings, stall, status, throttled

from .house import timers_for
from .sdks import CLAUDE_TOOL, HI
from .test_openai_sdk import DOWN, WHOLE

THEIRS = {"alpha": "anthropic", "beta": "anthropic"}


@pytest.fixture
def gateway(open_house):
    """A gateway whose providers speak Anthropic's dialect."""
    return open_house(dialects=THEIRS)


@pytest.fixture
def sdk(gateway, claude_of):
    """The SDK, with its own retries switched off."""
    return claude_of(gateway)


def test_a_whole_answer(provider, sdk):
    """Text, stop reason, usage, and the id of the request where the SDK looks for it."""
    provider.script("alpha", ok("Hello there."))
    reply = sdk.whole()
    assert (reply.content[0].text, reply.stop_reason) == ("Hello there.", "end_turn")
    assert reply.usage.output_tokens == 2
    assert reply._request_id.startswith("req_")


def test_a_stream(provider, sdk):
    """Piece by piece; pings on the way do no harm."""
    provider.script("alpha", ok("one two three"), pings(after=1, every=0.001, count=3, text="one two three"))
    for _ in range(2):
        part = sdk.streamed()
        assert (part.text, part.finish, part.error) == ("one two three", "end_turn", None)


def test_tools(provider, sdk):
    """A tool call whole and streamed, and the answer to its result."""
    forced = {"type": "tool", "name": "get_weather"}
    reply = sdk.whole(tools=[CLAUDE_TOOL], tool_choice=forced)
    assert (reply.stop_reason, reply.content[0].input) == ("tool_use", {"city": "text"})
    pieces = [
        event.delta.partial_json
        for event in sdk.each(sdk.stream(tools=[CLAUDE_TOOL], tool_choice=forced))
        if event.type == "content_block_delta" and event.delta.type == "input_json_delta"
    ]
    assert "".join(pieces) == '{"city": "text"}'
    result = {"type": "tool_result", "tool_use_id": reply.content[0].id, "content": "sunny"}
    told = [*HI, {"role": "assistant", "content": reply.content}, {"role": "user", "content": [result]}]
    assert sdk.whole(told, tools=[CLAUDE_TOOL]).stop_reason == "end_turn"


def test_a_schema(provider, sdk):
    """The SDK's parser takes what comes back."""

    class Weather(pydantic.BaseModel):
        city: str

    parsed = sdk.do(sdk.client.messages.parse(model="default", messages=HI, max_tokens=100, output_format=Weather))
    assert parsed.parsed_output == Weather(city="text")


def test_models(provider, sdk):
    """Listed and looked up in Anthropic's shape."""
    assert "default" in {model.id for model in sdk.do(sdk.client.models.list()).data}
    assert sdk.do(sdk.client.models.retrieve("alpha/m")).id == "alpha/m"
    with pytest.raises(anthropic.NotFoundError):
        sdk.do(sdk.client.models.retrieve("none"))


@pytest.mark.parametrize("how", DOWN)
@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_the_first_provider_fails_and_nobody_notices(provider, open_house, claude_of, how, kind):
    """The second one answers; the SDK has asked once."""
    sdk = claude_of(open_house(dialects=THEIRS, timers={"alpha": timers_for(DOWN[how])}))
    provider.script("alpha", default=DOWN[how])
    provider.script("beta", default=ok("from beta"))
    assert (sdk.whole().content[0].text if kind == "whole" else sdk.streamed().text) == "from beta"
    assert len(provider.requests("beta")) == 1


BREAKS = pytest.mark.parametrize(
    "how",
    [cut(3), cut(3, "rst"), ended(3), stall(3), error_event(3, "overloaded_error")],
    ids=["fin", "rst", "silently", "stall", "told"],
)


@BREAKS
def test_a_stream_that_breaks_is_gone_on_with(provider, open_house, claude_of, how):
    """The SDK sees one message with one block, one start and one end; the usage is that of both pieces."""
    gateway = open_house(dialects=THEIRS, timers={"alpha": timers_for(how)})
    sdk = claude_of(gateway)
    provider.script("alpha", how)
    part = sdk.streamed()
    assert (part.text, part.finish, part.error) == (WHOLE.format("beta"), "end_turn", None)
    kinds = [event.type for event in part.items if event.type not in {"content_block_delta", "ping"}]
    assert kinds == ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]
    ended = gateway.heard()[0]
    assert (ended.kind, ended.resumed) == ("ok", 1)
    assert ended.usage == ended.history[0].usage + ended.history[1].usage


@BREAKS
def test_a_stream_that_breaks_is_never_taken_for_whole(provider, open_house, claude_of, how):
    """With nobody left what came is kept, then the SDK raises an error of a type that it knows."""
    gateway = open_house(dialects=THEIRS, timers={"alpha": timers_for(how)})
    sdk = claude_of(gateway)
    provider.script("alpha", default=how)
    provider.script("beta", default=status(401))
    part = sdk.streamed()
    assert (part.text, part.finish) == ("This is the", None)
    assert isinstance(part.error, anthropic.APIStatusError)
    assert part.error.body["error"]["type"] in {"api_error", "overloaded_error"}
    assert gateway.heard()[0].kind == "broken_stream"


def test_errors_are_of_the_sdks_classes(provider, open_house, claude_of):
    """What an application catches is what it would catch from Anthropic."""
    sdk = claude_of(open_house("[retry]\nenabled = false", providers=("alpha",), dialects=THEIRS))
    for played, kind, told in (
        (status(400), anthropic.BadRequestError, "invalid_request_error"),
        (behaviour("B2-context-length"), anthropic.BadRequestError, "invalid_request_error"),
        (status(403), anthropic.PermissionDeniedError, "permission_error"),
        (status(529), anthropic.OverloadedError, "overloaded_error"),
        (throttled(86400), anthropic.RateLimitError, "rate_limit_error"),
    ):
        provider.script("alpha", played)
        with pytest.raises(kind) as raised:
            sdk.whole()
        assert raised.value.body["error"]["type"] == told
        assert raised.value.request_id.startswith("req_")
    with pytest.raises(anthropic.NotFoundError):
        sdk.whole(model="none")


def test_the_context_error_has_the_words_that_frameworks_look_for(provider, open_house, claude_of):
    """They are Anthropic's own."""
    sdk = claude_of(open_house(providers=("alpha",), dialects=THEIRS))
    provider.script("alpha", behaviour("B2-context-length"))
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long"):
        sdk.whole()


def test_a_wrong_key_is_an_authentication_error(provider, open_house, claude_of):
    """Whichever header the SDK uses for it."""
    house = open_house('[keys.app]\nkey = "sk-caller-0123456789abcdef"', dialects=THEIRS)
    with pytest.raises(anthropic.AuthenticationError):
        claude_of(house, api_key="sk-wrong").whole()
    assert claude_of(house, api_key="sk-caller-0123456789abcdef").whole().stop_reason == "end_turn"
    old = {"api_key": "-", "default_headers": {"x-api-key": "sk-caller-0123456789abcdef", "authorization": ""}}
    assert claude_of(house, **old).whole().stop_reason == "end_turn"


def test_both_headers_of_its_versions_are_taken(provider, sdk):
    """anthropic-version of old and new, and beta flags in the path."""
    for version in ("2023-06-01", "2026-10-21"):
        assert sdk.whole(extra_headers={"anthropic-version": version}).stop_reason == "end_turn"
    assert sdk.whole(extra_query={"beta": "true"}).stop_reason == "end_turn"


def test_an_openai_provider_behind_it(provider, open_house, claude_of):
    """Whole, streamed, tools and cuts, rendered in Anthropic's words."""
    sdk = claude_of(open_house(providers=("alpha",)))
    provider.script("alpha", ok("Hello there."), ok("one two three"))
    reply = sdk.whole()
    assert (reply.content[0].text, reply.stop_reason) == ("Hello there.", "end_turn")
    part = sdk.streamed()
    assert (part.text, part.finish) == ("one two three", "end_turn")
    reply = sdk.whole(tools=[CLAUDE_TOOL], tool_choice={"type": "any"})
    assert (reply.stop_reason, reply.content[0].input) == ("tool_use", {"city": "text"})
    provider.script("alpha", cut(3), 400)
    part = sdk.streamed()
    assert (part.text, part.finish) == ("This is the", None)
    assert isinstance(part.error, anthropic.APIStatusError)
    provider.script("alpha", cut(3), ok())
    part = sdk.streamed()
    assert (part.text, part.finish, part.error) == (WHOLE.format("alpha"), "end_turn", None)
    assert {seen.path for seen in provider.requests()} == {"/alpha/v1/chat/completions"}


def test_it_is_served_by_the_other_vendor_while_its_own_is_down(provider, open_house, claude_of):
    """Failover across dialects, before the first word."""
    sdk = claude_of(open_house(dialects={"alpha": "anthropic"}))
    provider.script("alpha", default=status(529))
    provider.script("beta", default=ok("from beta"))
    assert sdk.whole().content[0].text == "from beta"
    assert sdk.streamed().text == "from beta"
