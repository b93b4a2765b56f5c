"""Cohere's official SDK against the gateway, over sockets, and Cohere behind it for everybody else's."""

import cohere
import httpx
import pytest
from cohere.core.api_error import ApiError

from outlast.testing import cut, ended, error_event, ok, pings, stall, status, throttled

from .house import timers_for
from .sdks import CLAUDE_TOOL, HI, OPENAI_TOOL, WEATHER, Part, Sdk
from .test_openai_sdk import DOWN, WHOLE

THEIRS = {"alpha": "cohere", "beta": "cohere"}
FORMAT = {"type": "json_object", "json_schema": WEATHER}


class Cohere(Sdk):
    """Cohere's."""

    def whole(self, messages=HI, *, model="default", **fields):
        return self.do(self.client.chat(model=model, messages=messages, **fields))

    def stream(self, messages=HI, *, model="default", **fields):
        return self.client.chat_stream(model=model, messages=messages, **fields)

    def streamed(self, messages=HI, **fields):
        """All of a stream; an error is how it ends."""
        part = Part()
        for event in self.each(self.stream(messages, **fields)):
            part.items.append(event)
            if event.type == "content-delta":
                part.pieces.append(event.delta.message.content.text or "")
            if event.type == "message-end":
                part.finish, part.error = event.delta.finish_reason, event.delta.error
        return part

    def close(self):
        self.do(self.http.close() if isinstance(self.http, httpx.Client) else self.http.aclose())


@pytest.fixture
def cohere_of(fashion, driven):
    """Makes Cohere's client of a gateway, without retries of its own."""
    kind = cohere.ClientV2 if fashion == "blocking" else cohere.AsyncClientV2

    def made(house, **options):
        http = httpx.Client(timeout=60) if fashion == "blocking" else httpx.AsyncClient(timeout=60)
        options = {"base_url": house.url, "api_key": "any", "max_retries": 0, "httpx_client": http} | options
        sdk = driven(Cohere, kind(**options))
        sdk.http = http
        return sdk

    return made


@pytest.fixture
def gateway(open_house):
    """A gateway whose providers speak Cohere's dialect."""
    return open_house(dialects=THEIRS)


@pytest.fixture
def sdk(gateway, cohere_of):
    """The SDK, with its own retries switched off."""
    return cohere_of(gateway)


@pytest.fixture(params=["cohere", "openai", "anthropic"])
def any_house(request, open_house):
    """Gateways whose only provider speaks this dialect."""
    return open_house(providers=("alpha",), dialects={"alpha": request.param})


def test_a_whole_answer(provider, sdk):
    """Text, finish reason, usage; also against the base URL with a slash."""
    provider.script("alpha", ok("Hello there."))
    reply = sdk.whole()
    assert (reply.message.content[0].text, reply.finish_reason) == ("Hello there.", "COMPLETE")
    assert (reply.usage.tokens.output_tokens, reply.usage.billed_units.output_tokens) == (2.0, 2.0)


def test_a_stream(provider, sdk):
    """Piece by piece; comments on the way do no harm."""
    provider.script("alpha", ok("one two three"), pings(after=1, every=0.001, count=3, text="one two three"))
    for _ in range(2):
        part = sdk.streamed()
        assert (part.text, part.finish, part.error) == ("one two three", "COMPLETE", None)
        assert [event.type for event in part.items if event.type != "content-delta"] == [
            "message-start", "content-start", "content-end", "message-end",
        ]  # fmt: skip


def test_what_only_cohere_has(provider, sdk):
    """Documents and what is cited of them, likelihoods, sampling by k: nothing is lost in its own dialect."""
    documents = ["penguins", {"id": "d", "data": {"text": "swim"}}]
    reply = sdk.whole(documents=documents, logprobs=True, k=3, citation_options={"mode": "FAST"}, seed=1, priority=2)
    assert reply.message.citations[0].sources[0].id == "doc:0"
    assert reply.logprobs[0].logprobs == [-0.25]
    sent = provider.requests("alpha")[-1]
    assert (sent.path, sent.json["documents"], sent.json["k"]) == ("/alpha/v2/chat", documents, 3)
    part = sdk.streamed(documents=documents)
    assert [event.type for event in part.items][-4:-2] == ["citation-start", "citation-end"]


def test_text_in_every_dialect(provider, any_house, cohere_of):
    """Whole and streamed, whoever answers."""
    sdk = cohere_of(any_house)
    reply = sdk.whole(max_tokens=100)
    assert (reply.message.content[0].text, reply.finish_reason) == (WHOLE.format("alpha"), "COMPLETE")
    assert reply.usage.tokens.output_tokens > 5
    part = sdk.streamed(max_tokens=100)
    assert (part.text, part.finish, part.error) == (WHOLE.format("alpha"), "COMPLETE", None)
    assert part.items[-1].delta.usage.tokens.output_tokens > 5
    assert sdk.whole(max_tokens=2).finish_reason == "MAX_TOKENS"


def test_tools_in_every_dialect(provider, any_house, cohere_of):
    """A call whole and streamed, and the answer to its result."""
    sdk = cohere_of(any_house)
    asked = {"tools": [OPENAI_TOOL], "tool_choice": "REQUIRED", "max_tokens": 100}
    reply = sdk.whole(**asked)
    call = reply.message.tool_calls[0]
    assert (reply.finish_reason, call.function.name) == ("TOOL_CALL", "get_weather")
    assert call.function.arguments.replace(" ", "") == '{"city":"text"}'
    part = sdk.streamed(**asked)
    started = next(event for event in part.items if event.type == "tool-call-start")
    assert started.delta.message.tool_calls.function.name == "get_weather"
    pieces = [
        event.delta.message.tool_calls.function.arguments for event in part.items if event.type == "tool-call-delta"
    ]
    assert "".join(pieces).replace(" ", "") == '{"city":"text"}'
    assert part.finish == "TOOL_CALL"
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    told = [*HI, {"role": "assistant", "tool_calls": [call]}, result]
    assert sdk.whole(told, tools=[OPENAI_TOOL], max_tokens=100).finish_reason == "COMPLETE"


def test_schemas_in_every_dialect(provider, any_house, cohere_of):
    """Whole and streamed."""
    sdk = cohere_of(any_house)
    reply = sdk.whole(response_format=FORMAT, max_tokens=100)
    assert reply.message.content[0].text.replace(" ", "") == '{"city":"text"}'
    assert sdk.streamed(response_format=FORMAT, max_tokens=100).text.replace(" ", "") == '{"city":"text"}'


def test_pictures_in_every_dialect(provider, any_house, cohere_of):
    """The simulated vendors look at how they are told."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    turns = [{"role": "user", "content": [{"type": "text", "text": "look"}, image]}]
    assert cohere_of(any_house).whole(turns, max_tokens=100).finish_reason == "COMPLETE"


@pytest.mark.parametrize("dialect", ["cohere", "openai"])
def test_embeddings(provider, open_house, cohere_of, dialect):
    """As numbers and packed, from Cohere and from others."""
    sdk = cohere_of(open_house(providers=("alpha",), dialects={"alpha": dialect}))
    asked = {"model": "default", "input_type": "search_query", "texts": ["a", "b"]}
    reply = sdk.do(sdk.client.embed(**asked, embedding_types=["float", "base64"]))
    assert [len(row) for row in reply.embeddings.float_] == [8, 8]
    assert len(reply.embeddings.base64) == 2
    assert reply.meta.billed_units.input_tokens > 0


def test_openai_s_embeddings_from_cohere(provider, open_house, openai_of):
    """Which its SDK asks for packed."""
    sdk = openai_of(open_house(providers=("alpha",), dialects=THEIRS))
    rows = sdk.do(sdk.client.embeddings.create(model="default", input=["a", "b"])).data
    assert [len(row.embedding) for row in rows] == [8, 8]
    assert provider.requests("alpha")[-1].json["input_type"] == "search_document"


def test_ranking_is_passed_on(provider, open_house, cohere_of):
    """Unread, to those who speak Cohere's dialect, with the same failover."""
    sdk = cohere_of(open_house(dialects={"alpha": "openai", "beta": "cohere"}))
    reply = sdk.do(sdk.client.rerank(model="default", query="penguins", documents=["a", "b"], top_n=2))
    assert [one.index for one in reply.results] == [0, 1]
    assert [seen.path for seen in provider.requests()] == ["/beta/v2/rerank"]


def test_what_is_not_there_is_told_as_cohere_would(gateway):
    """Below its own version."""
    answer = gateway.post("/v2/tokenize", b"{}")
    assert answer.status == 404
    assert "there is nothing at this path" in answer.json["message"]


@pytest.mark.parametrize("how", DOWN)
@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_the_first_provider_fails_and_nobody_notices(provider, open_house, cohere_of, how, kind):
    """The second one answers; the SDK has asked once."""
    sdk = cohere_of(open_house(dialects=THEIRS, timers={"alpha": timers_for(DOWN[how])}))
    provider.script("alpha", default=DOWN[how])
    provider.script("beta", default=ok("from beta"))
    assert (sdk.whole().message.content[0].text if kind == "whole" else sdk.streamed().text) == "from beta"
    assert len(provider.requests("beta")) == 1


BREAKS = pytest.mark.parametrize(
    "how", [cut(3), cut(3, "rst"), ended(3), stall(3), error_event(3)], ids=["fin", "rst", "silently", "stall", "told"]
)


@BREAKS
@pytest.mark.parametrize("second", ["cohere", "openai"])
def test_a_stream_that_breaks_is_gone_on_with(provider, open_house, cohere_of, how, second):
    """The SDK sees one message with one block, one start and one end, whoever goes on with it."""
    house = open_house(dialects={"alpha": "cohere", "beta": second}, timers={"alpha": timers_for(how)})
    provider.script("alpha", how)
    part = cohere_of(house).streamed()
    assert (part.text, part.finish, part.error) == (WHOLE.format("beta"), "COMPLETE", None)
    kinds = [event.type for event in part.items if event.type != "content-delta"]
    assert kinds == ["message-start", "content-start", "content-end", "message-end"]
    assert house.heard()[0].resumed == 1


@BREAKS
def test_a_stream_that_breaks_is_never_taken_for_whole(provider, open_house, cohere_of, how):
    """With nobody left what came is kept, then it ends with an error, as Cohere's do."""
    gateway = open_house(dialects=THEIRS, timers={"alpha": timers_for(how)})
    sdk = cohere_of(gateway)
    provider.script("alpha", default=how)
    provider.script("beta", default=status(401))
    part = sdk.streamed()
    assert part.text == "This is the"
    assert part.finish in {"ERROR", "TIMEOUT"}
    assert part.error
    assert gateway.heard()[0].kind == "broken_stream"


@pytest.mark.parametrize(
    ("played", "kind", "told"),
    [
        (status(400), cohere.BadRequestError, "refuses the request"),
        (
            status(400, message="too many tokens: size limit exceeded"),
            cohere.BadRequestError,
            "too many tokens: prompt",
        ),
        (status(402), ApiError, "used up"),
        (status(403), cohere.ForbiddenError, "does not permit"),
        (status(404, message="model 'm' not found"), cohere.NotFoundError, "does not have this model"),
        (status(422), cohere.UnprocessableEntityError, "refuses the request"),
        (status(503), cohere.ServiceUnavailableError, "cannot answer"),
        (throttled(86400), cohere.TooManyRequestsError, "too often"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_errors_are_of_the_sdks_classes(provider, open_house, cohere_of, played, kind, told):
    """What an application catches is what it would catch from Cohere."""
    sdk = cohere_of(open_house("[retry]\nenabled = false", providers=("alpha",), dialects=THEIRS))
    provider.script("alpha", played)
    with pytest.raises(kind) as raised:
        sdk.whole()
    assert told in raised.value.body["message"]
    assert raised.value.body["id"].startswith("req_")
    assert raised.value.headers["x-request-id"] == raised.value.body["id"]


def test_a_wrong_request_is_refused_as_cohere_would(sdk):
    """With the field; a model that there is not is none."""
    with pytest.raises(cohere.NotFoundError):
        sdk.whole(model="none")
    with pytest.raises(cohere.BadRequestError) as raised:
        sdk.whole(k="x")
    assert raised.value.body["message"] == "k must be int or null, not str"


def test_a_key_is_asked_for_and_taken(provider, open_house, cohere_of):
    """As a bearer's, which is how the SDK sends it."""
    digest = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
    house = open_house(f'[keys.me]\nsha256 = "{digest}"', dialects=THEIRS)
    assert cohere_of(house, api_key="foo").whole().finish_reason == "COMPLETE"
    with pytest.raises(cohere.UnauthorizedError):
        cohere_of(house, api_key="bar").whole()


# Cohere behind the gateway, for everybody else


def test_openai_s_callers_are_answered_by_cohere(provider, open_house, openai_of):
    """Text, stream, tools and schema, strictly as Cohere wants them."""
    sdk = openai_of(open_house(providers=("alpha",), dialects=THEIRS))
    assert sdk.whole(seed=1, n=1, temperature=0.3, stop=["END"]).choices[0].message.content == WHOLE.format("alpha")
    part = sdk.streamed(stream_options={"include_usage": True})
    assert (part.text, part.finish) == (WHOLE.format("alpha"), "stop")
    assert part.items[-1].usage.completion_tokens > 5
    forced = {"type": "function", "function": {"name": "get_weather"}}
    message = sdk.whole(tools=[OPENAI_TOOL], tool_choice=forced).choices[0].message
    assert message.tool_calls[0].function.arguments == '{"city": "text"}'
    told = [*HI, message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}]
    assert sdk.whole(told, tools=[OPENAI_TOOL]).choices[0].finish_reason == "stop"
    schema = {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER, "strict": True}}
    assert sdk.whole(response_format=schema).choices[0].message.content == '{"city": "text"}'
    assert {seen.path for seen in provider.requests()} == {"/alpha/v2/chat"}
    assert {seen.status for seen in provider.requests()} == {200}


def test_anthropic_s_callers_are_answered_by_cohere(provider, open_house, claude_of):
    """The same."""
    sdk = claude_of(open_house(providers=("alpha",), dialects=THEIRS))
    assert sdk.whole(system="be kind", extra_body={"top_k": 3}).content[0].text == WHOLE.format("alpha")
    part = sdk.streamed()
    assert (part.text, part.finish, part.error) == (WHOLE.format("alpha"), "end_turn", None)
    reply = sdk.whole(tools=[CLAUDE_TOOL], tool_choice={"type": "any"})
    used = reply.content[-1]
    assert (reply.stop_reason, used.input) == ("tool_use", {"city": "text"})
    result = {"type": "tool_result", "tool_use_id": used.id, "content": "sunny"}
    told = [*HI, {"role": "assistant", "content": [used]}, {"role": "user", "content": [result]}]
    assert sdk.whole(told, tools=[CLAUDE_TOOL]).stop_reason == "end_turn"
    schema = {"format": {"type": "json_schema", "schema": WEATHER}}
    assert sdk.whole(output_config=schema).content[0].text == '{"city": "text"}'
    assert {seen.status for seen in provider.requests()} == {200}


@pytest.mark.parametrize("held", [True, False])
def test_tools_and_a_schema(provider, open_house, openai_of, held):
    """Cohere takes one of them: it is asked for the schema in words, or the next target for both."""
    more = "" if held else "[structured]\nenabled = false"
    sdk = openai_of(open_house(more, dialects={"alpha": "cohere"}))
    schema = {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}}
    answer = sdk.do(
        sdk.client.chat.completions.with_raw_response.create(
            model="default", messages=HI, tools=[OPENAI_TOOL], response_format=schema
        )
    )
    assert answer.headers["outlast-target"] == ("alpha/m" if held else "beta/m")
    assert [set(seen.json) & {"tools", "response_format"} for seen in provider.requests("alpha")] == [{"tools"}] * held
    assert answer.parse().choices[0].message.content == '{"city": "text"}'


def test_what_was_left_out_is_told(provider, open_house, openai_of):
    """In the header, by the caller's words."""
    sdk = openai_of(open_house(providers=("alpha",), dialects=THEIRS))
    raw = sdk.client.chat.completions.with_raw_response
    answer = sdk.do(raw.create(model="default", messages=HI, user="u", logprobs=True, top_p=1.0))
    assert answer.headers["outlast-dropped"] == "user, top_p above 0.99, logprobs"
