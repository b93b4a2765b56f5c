"""OpenAI's SDK asks for responses, blocking and async: whole, streamed, parsed, with tools, and in every trouble.

`also` is a provider of chat completions that serves responses too, as OpenAI does; it answers these callers natively.
"""

import json
import time

import openai
import pytest
from pydantic import BaseModel

import outlast
from outlast.config import parse
from outlast.lab.answer import SimEvent
from outlast.lab.script import body as body_of
from outlast.lab.script import edited
from outlast.lab.steps import Fin
from outlast.model.events import AttemptEnded, StreamResumed, TargetSkipped
from outlast.testing import cut, error_event, garbled, ok, status, throttled

from .house import House, chat, toml_of
from .sdks import WEATHER, Part

ALSO = 'also = ["responses"]\nkeeps_state = true'
FAST = "[retry]\nbase = 0.01"
TOOL = {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": False}
SAYS = "This is the simulated provider {}, no model at all. You said: hi"


class Weather(BaseModel):
    """What is asked for."""

    city: str


@pytest.fixture
def opened(open_house):
    """Makes gateways whose providers speak these dialects; `also` is chat completions and responses beside them."""

    def made(*dialects, more=FAST):
        names = ("alpha", "beta")[: len(dialects)]
        spoken = {
            name: "openai" if dialect == "also" else dialect for name, dialect in zip(names, dialects, strict=True)
        }
        tables = [
            f"[providers.{name}.quirks]\n{ALSO}" for name, kind in zip(names, dialects, strict=True) if kind == "also"
        ]
        return open_house("\n".join([*tables, more]), providers=names, dialects=spoken)

    return made


@pytest.fixture(params=["responses", "openai", "anthropic", "also"])
def sdk(request, opened, openai_of):
    """A client of a gateway with one provider, of each kind."""
    made = openai_of(opened(request.param))
    made.kind = request.param
    return made


def whole(sdk, given="hi", **fields):
    return sdk.do(sdk.client.responses.create(**{"model": "default", "input": given} | fields))


def streamed(sdk, given="hi", **fields):
    """All of a stream."""
    part = Part()
    try:
        stream = sdk.do(sdk.client.responses.create(**{"model": "default", "input": given, "stream": True} | fields))
        for event in sdk.each(stream):
            part.items.append(event)
            if event.type == "response.output_text.delta":
                part.pieces.append(event.delta)
            if event.type in {"response.completed", "response.incomplete"}:
                part.finish = event.response
    except openai.APIError as error:
        part.error = error
    return part


def numbered(part):
    """Are the events numbered without a gap?"""
    return [event.sequence_number for event in part.items] == list(range(len(part.items)))


def paths(provider):
    return [seen.path for seen in provider.requests()]


def test_a_response_from_any_provider(sdk, provider):
    """Text, usage, and the provider's own path; unknown to the caller but for the headers."""
    response = whole(sdk, instructions="be kind", max_output_tokens=100)
    assert (response.output_text, response.status, response.error) == (SAYS.format("alpha"), "completed", None)
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0
    native = {"anthropic": "/alpha/v1/messages", "openai": "/alpha/v1/chat/completions"}
    assert paths(provider) == [native.get(sdk.kind, "/alpha/v1/responses")]


def test_a_stream_from_any_provider(sdk):
    """Numbered events, and the whole response at the end."""
    part = streamed(sdk)
    assert part.text == part.finish.output_text == SAYS.format("alpha")
    assert part.finish.usage.output_tokens > 0
    assert numbered(part)


def test_an_answer_is_of_today(sdk):
    """Also where its provider does not say when it was made; to callers of chat completions too."""
    before = int(time.time())
    chats = sdk.whole(), sdk.streamed().items[0]
    told = [whole(sdk).created_at, streamed(sdk).finish.created_at, *(answer.created for answer in chats)]
    assert all(before - 1 <= moment <= time.time() + 1 for moment in told)


def test_an_answer_that_is_cut_short_says_so(sdk):
    """By the limit that the caller gave."""
    response = whole(sdk, "one two three four five six seven eight nine ten", max_output_tokens=16)
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    part = streamed(sdk, "one two three four five six seven eight nine ten", max_output_tokens=16)
    assert (part.items[-1].type, part.finish.incomplete_details.reason) == ("response.incomplete", "max_output_tokens")


def test_tools_and_their_results(sdk):
    """Asked for, called, answered: the whole loop, with the items sent back as they came."""
    response = whole(sdk, tools=[TOOL], tool_choice="required")
    (call,) = response.output
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "get_weather", {"city": "text"})
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    given = [{"role": "user", "content": "hi"}, *(item.to_dict() for item in response.output), result]
    assert "simulated provider alpha" in whole(sdk, given, tools=[TOOL]).output_text
    part = streamed(sdk, tools=[TOOL], tool_choice="required")
    pieces = [event.delta for event in part.items if event.type == "response.function_call_arguments.delta"]
    assert json.loads("".join(pieces)) == {"city": "text"}
    assert part.finish.output[0].call_id


def test_the_helpers_of_the_sdk(sdk):
    """`parse` gives an object, `stream` one at its end."""
    parsed = sdk.do(sdk.client.responses.parse(model="default", input="weather?", text_format=Weather))
    assert parsed.output_parsed == Weather(city="text")
    kind = sdk.client.responses.stream(model="default", input="weather?", text_format=Weather)
    if hasattr(kind, "__enter__"):
        with kind as stream:
            final = stream.get_final_response()
    else:

        async def read():
            async with kind as stream:
                return await stream.get_final_response()

        final = sdk.do(read())
    assert final.output_parsed == Weather(city="text")


def test_items_and_options_of_all_kinds(sdk):
    """Pictures, earlier turns and options: strictly checked by the provider."""
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}
    given = [
        {"role": "developer", "content": "be short"},
        {"role": "user", "content": [{"type": "input_text", "text": "see"}, picture]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "a dog"}]},
        {"role": "user", "content": "and?"},
    ]
    response = whole(
        sdk,
        given,
        metadata={"team": "a"},
        store=False,
        include=["reasoning.encrypted_content"],
        truncation="auto",
        text={"verbosity": "low"},
    )
    assert response.output_text.endswith("and?")


@pytest.mark.parametrize(
    ("played", "error"),
    [
        (status(400), openai.BadRequestError),
        (status(403), openai.PermissionDeniedError),
        (status(404), openai.NotFoundError),
        (throttled(), openai.RateLimitError),
        (status(500), openai.InternalServerError),
        (error_event(code="server_error"), openai.InternalServerError),
    ],
    ids=["400", "403", "404", "429", "500", "in-band"],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_those_of_openai(sdk, provider, played, error, stream):
    """Whole and before the first words of a stream."""
    provider.script("alpha", default=played)
    with pytest.raises(error) as told:
        whole(sdk, stream=stream)
    assert {"message", "type", "param", "code"} <= told.value.body.keys()


@pytest.mark.parametrize(
    "played", [cut(3), error_event(3), garbled(3, b'data: {"type":"response.output_text.delta","del\n\n')]
)
def test_a_stream_that_breaks_is_an_error(sdk, provider, played):
    """Never an end: the SDK raises, and the numbers have no gap until then."""
    provider.script("alpha", played, default=status(400))
    part = streamed(sdk)
    assert part.text == "This is the"
    assert (part.finish, type(part.error)) == (None, openai.APIError)
    assert numbered(part)
    assert part.error.code in {"broken_stream", "server_error"}


@pytest.mark.parametrize("second", ["responses", "openai", "anthropic", "also"])
def test_another_provider_goes_on_with_a_stream(sdk_pair, provider, second):
    """One message under one id, numbered without a gap; and the response at the end has all of it."""
    house, sdk = sdk_pair(second)
    provider.script("alpha", cut(3))
    part = streamed(sdk)
    assert part.error is None
    assert part.text == part.finish.output_text
    assert part.text.startswith("This is the simulated provider")
    assert len({event.item_id for event in part.items if event.type == "response.output_text.delta"}) == 1
    assert numbered(part)
    house.ear.wait(StreamResumed)


@pytest.fixture
def sdk_pair(opened, openai_of):
    """A gateway whose first provider speaks responses, and a client of it."""

    def made(second):
        house = opened("responses", second)
        return house, openai_of(house)

    return made


def test_one_account_serves_both_dialects(opened, openai_of, provider):
    """Each caller is passed on in its own; circuit, slots and limits are those of one target."""
    house = opened("also")
    sdk = openai_of(house)
    assert whole(sdk).output_text == SAYS.format("alpha")
    assert house.chat().status == 200
    assert paths(provider) == ["/alpha/v1/responses", "/alpha/v1/chat/completions"]
    assert {event.target for event in house.ear.of(AttemptEnded)} == {"alpha/m"}


def test_a_passed_response_is_untouched(opened, openai_of, provider):
    """What nobody here knows reaches the provider, and what it answers the caller."""
    sdk = openai_of(opened("also"))
    response = whole(sdk, top_logprobs=2, extra_body={"background_options": {"completion_window": "2h"}})
    (seen,) = provider.requests()
    assert seen.json["background_options"] == {"completion_window": "2h"}
    assert (response.service_tier, response.top_p) == ("default", 1.0)


# -- state ------------------------------------------------------------------------------------------------------


def test_an_answer_is_gone_on_with_where_it_is_kept(opened, openai_of, provider):
    """At the one provider that has it, wherever that stands in the route."""
    house = opened("anthropic", "also")
    sdk = openai_of(house)
    response = whole(sdk, previous_response_id="resp_sim1")
    assert response.previous_response_id == "resp_sim1"
    assert paths(provider) == ["/beta/v1/responses"]
    (skipped,) = house.ear.of(TargetSkipped)
    assert skipped.target == "alpha/m"
    assert "send the whole conversation" in skipped.reason


def test_it_never_goes_where_it_is_not_kept(opened, openai_of, provider):
    """Neither to another dialect nor to another account; the failure is told instead."""
    sdk = openai_of(opened("also", "also"))
    provider.script("alpha", default=status(503))
    with pytest.raises(openai.InternalServerError):
        whole(sdk, previous_response_id="resp_sim1")
    assert {path.split("/")[1] for path in paths(provider)} == {"alpha"}


def test_without_a_keeper_the_mend_is_told(opened, openai_of):
    """As a 400 of OpenAI's, and nothing is sent."""
    sdk = openai_of(opened("responses", "anthropic"))
    for fields in ({"previous_response_id": "resp_1"}, {"conversation": "conv_1"}, {"background": True}):
        with pytest.raises(openai.BadRequestError, match="send the whole conversation as input"):
            whole(sdk, **fields)


def test_what_the_provider_has_forgotten_is_a_clear_400(opened, openai_of):
    """With its code."""
    sdk = openai_of(opened("also"))
    with pytest.raises(openai.BadRequestError) as told:
        whole(sdk, previous_response_id="resp_other")
    assert told.value.code == "previous_response_not_found"


def test_a_conversation_goes_on_by_its_last_answer(sdk, provider):
    """Whole and streamed, with the SDK's words alone; whoever keeps answers itself goes on as it always did."""
    first = whole(sdk, "I am Ann")
    second = streamed(sdk, "I like tea", previous_response_id=first.id).finish
    third = whole(sdk, "who am I?", previous_response_id=second.id)
    assert third.output_text.endswith("who am I?")
    sent = provider.requests()[-1].json
    if sdk.kind == "also":
        assert (sent["previous_response_id"], sent["input"]) == (second.id, "who am I?")
    else:
        turns = json.dumps(sent.get("messages") or sent["input"])
        assert all(words in turns for words in ("I am Ann", first.output_text, "I like tea", second.output_text))


def test_an_answer_is_had_again_listed_and_deleted(sdk):
    """What the SDK offers for answers that are kept."""
    first = whole(sdk, "hi")
    kept = sdk.client.responses
    assert sdk.do(kept.retrieve(first.id)).to_dict() == first.to_dict()
    (item,) = sdk.do(kept.input_items.list(first.id)).data
    assert (item.role, item.content[0].text) == ("user", "hi")
    if sdk.kind == "also":
        with pytest.raises(openai.NotFoundError, match="pass_through"):
            sdk.do(kept.delete(first.id))
    else:
        sdk.do(kept.delete(first.id))
    with pytest.raises(openai.NotFoundError):
        sdk.do(kept.retrieve(first.id))


def test_what_is_not_known_is_openais_own_error(opened, openai_of):
    """With its code and the field, and what to do."""
    sdk = openai_of(opened("openai"))
    with pytest.raises(openai.BadRequestError, match="send the whole conversation as input") as told:
        whole(sdk, previous_response_id="resp_other")
    assert (told.value.code, told.value.param) == ("previous_response_not_found", "previous_response_id")
    with pytest.raises(openai.NotFoundError) as missing:
        whole(sdk, [{"type": "item_reference", "id": "msg_other"}])
    assert missing.value.param == "input"


def test_kept_answers_are_not_to_be_had_here(opened, openai_of):
    """Asking for one says why, and what to do instead."""
    sdk = openai_of(opened("also"))
    for call in ("retrieve", "delete", "cancel"):
        with pytest.raises(openai.NotFoundError, match="pass_through"):
            sdk.do(getattr(sdk.client.responses, call)("resp_1"))


def test_they_are_asked_of_their_provider_where_that_is_wanted(opened, openai_of, provider):
    """Passed on unread; requests for new ones are read as ever."""
    sdk = openai_of(opened("also", more='[pass_through]\npaths = ["/v1/responses"]'))
    assert whole(sdk).output_text == SAYS.format("alpha")
    with pytest.raises(openai.NotFoundError):
        sdk.do(sdk.client.responses.retrieve("resp_sim1"))
    seen = provider.requests()[-1]
    assert (seen.method, seen.path) == ("GET", "/alpha/v1/responses/resp_sim1")


# -- the provider's own tools -----------------------------------------------------------------------------------


def test_hosted_tools_go_where_they_are(opened, openai_of, provider):
    """Others are passed by, with the reason."""
    house = opened("openai", "also")
    sdk = openai_of(house)
    assert whole(sdk, tools=[{"type": "web_search"}]).output_text
    assert paths(provider) == ["/beta/v1/responses"]
    assert "caller's dialect" in house.ear.of(TargetSkipped)[0].reason
    sdk = openai_of(opened("openai", "anthropic"))
    with pytest.raises(openai.BadRequestError, match="no target of the route"):
        whole(sdk, tools=[{"type": "web_search"}])


# -- callers of other dialects ----------------------------------------------------------------------------------


def test_chat_callers_of_a_provider_that_speaks_responses(opened, openai_of, claude_of, provider):
    """Whole, streamed, tools and schemas; strictly checked by the provider."""
    house = opened("responses")
    sdk = openai_of(house)
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
    provider.script("alpha", ok("Hello there."), ok("one two three"))
    reply = sdk.whole(max_tokens=5, stop=["x"])
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("Hello there.", "stop")
    part = sdk.streamed()
    assert (part.text, part.finish, part.error) == ("one two three", "stop", None)
    choice = sdk.whole(tools=[tool], tool_choice="required").choices[0]
    assert json.loads(choice.message.tool_calls[0].function.arguments) == {"city": "text"}
    schema = {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}}
    assert json.loads(sdk.whole(response_format=schema).choices[0].message.content) == {"city": "text"}
    claude = claude_of(house)
    assert claude.whole().content[0].text == claude.streamed().text == SAYS.format("alpha")
    assert (
        claude.whole(tools=[{"name": "f", "input_schema": WEATHER}], tool_choice={"type": "any"}).content[0].name == "f"
    )
    assert set(paths(provider)) == {"/alpha/v1/responses"}


def test_what_was_dropped_is_named(opened):
    """In the header."""
    house = opened("responses")
    assert house.post("/v1/chat/completions", chat(seed=1)).headers["outlast-dropped"] == "seed"
    body = json.dumps({"model": "default", "input": "hi", "include": ["reasoning.encrypted_content"]}).encode()
    assert "outlast-dropped" not in house.post("/v1/responses", body).headers
    house = opened("openai")
    assert house.post("/v1/responses", body).headers["outlast-dropped"] == "include"


def test_limits_are_told_in_openais_words(open_house):
    """As to callers of chat completions."""
    house = open_house('[keys.app]\nkey = "sk-caller-0123456789abcdef"\nlimits = { rpm = 60 }', providers=("alpha",))
    body = json.dumps({"model": "default", "input": "hi"}).encode()
    answer = house.post("/v1/responses", body, "authorization: Bearer sk-caller-0123456789abcdef")
    assert answer.headers["x-ratelimit-limit-requests"] == "60"
    assert house.post("/v1/responses", body).status == 401
    assert house.get("/v1/responses").status == 405


def test_a_model_may_be_asked_in_a_dialect_of_its_own(open_house, provider):
    """One model of a provider of chat completions serves responses alone."""
    more = '[providers.alpha.models.pro]\ndialect = "responses"\n[routes.default]\ntargets = ["alpha/pro", "alpha/m"]'
    house = open_house(more, providers=("alpha",))
    assert [house.chat(model=name).status for name in ("alpha/pro", "alpha/m")] == [200, 200]
    assert paths(provider) == ["/alpha/v1/responses", "/alpha/v1/chat/completions"]
    assert house.post("/v1/embeddings", b'{"model":"alpha/m","input":"x"}').status == 200


def test_objects_are_held_to_their_schema_for_these_callers_too(open_house, provider):
    """By a target that no provider holds to one: asked in words, judged, and told as a response."""
    house = open_house("[providers.alpha.models.m]\nschema = false", providers=("alpha",))
    wanted = {"type": "json_schema", "name": "weather", "schema": WEATHER}
    provider.script("alpha", ok('Here it is: {"city": 1}'), ok('```json\n{"city": "Bonn"}\n```'))
    body = json.dumps({"model": "default", "input": "weather?", "text": {"format": wanted}}).encode()
    (message,) = house.post("/v1/responses", body).json["output"]
    assert json.loads(message["content"][0]["text"]) == {"city": "Bonn"}
    assert len(provider.requests()) == 2


def test_a_gateway_behind_a_gateway_is_asked_natively(opened, provider, tmp_path):
    """Another one speaks responses to its callers, whoever answers there."""
    behind = opened("anthropic")
    toml = f'[server]\nport = 0\n[providers.inner]\ntype = "outlast"\nbase_url = "{behind.url}/v1"\n'
    body = json.dumps({"model": "default", "input": "hi", "stream": True}).encode()
    with House(toml + '[routes.default]\ntargets = ["inner/default"]', tmp_path) as front:
        answer = front.post("/v1/responses", body)
    assert b"response.completed" in answer.body
    assert paths(provider) == ["/alpha/v1/messages"]


def test_an_sdk_over_the_engine_itself(provider):
    """Without a gateway: the same surface in-process."""
    config = parse(toml_of(provider.url, providers=("alpha",), dialects={"alpha": "anthropic"}), {})
    over = outlast.transport(config)
    with openai.OpenAI(api_key="-", base_url="http://outlast/v1", http_client=over.http_client) as client:
        response = client.responses.create(model="default", input="hi")
        assert response.output_text == SAYS.format("alpha")
        with client.responses.stream(model="default", input="hi") as stream:
            assert stream.get_final_response().output_text == SAYS.format("alpha")


def test_own_work_of_a_provider_is_no_silence(opened, openai_of, provider):
    """Its events reach the caller as they come."""
    sdk = openai_of(opened("also"))
    item = {"id": "ws_1", "type": "web_search_call", "status": "in_progress"}
    search = [
        ("response.output_item.added", {"output_index": 0, "item": item}),
        *[("response.web_search_call.searching", {"output_index": 0, "item_id": "ws_1"})] * 3,
    ]

    def searching(events):
        """Events of a search before the words."""
        for kind, fields in search:
            data = json.dumps({"type": kind, "sequence_number": 0, **fields}).encode()
            yield SimEvent(b"event: %b\ndata: %b\n\n" % (kind.encode(), data))
        yield from events[2:]

    provider.script("alpha", edited("searching", searching))
    part = streamed(sdk, tools=[{"type": "web_search"}])
    assert (part.text, part.error) == (SAYS.format("alpha"), None)
    assert [event.type for event in part.items[:4]] == [kind for kind, _ in search]


def test_tokens_are_counted_by_who_counts_them(opened, openai_of, provider):
    """By a provider that serves responses, strictly asked; elsewhere estimated, and told so."""
    sdk = openai_of(opened("openai", "also"))
    counted = sdk.do(sdk.client.responses.input_tokens.count(model="default", input="hi there", tools=[TOOL]))
    assert (counted.object, counted.input_tokens > 0) == ("response.input_tokens", True)
    assert paths(provider) == ["/beta/v1/responses/input_tokens"]
    body = json.dumps({"model": "default", "input": "hi there", "max_output_tokens": 100, "store": False}).encode()
    house = opened("also")
    assert house.post("/v1/responses/input_tokens", body).headers["outlast-source"] == "primary"
    answers = {kind: opened(kind).post("/v1/responses/input_tokens", body) for kind in ("anthropic", "openai")}
    assert {kind: answer.headers["outlast-source"] for kind, answer in answers.items()} == {
        "anthropic": "primary",
        "openai": "estimate",
    }
    assert all(answer.json["object"] == "response.input_tokens" for answer in answers.values())


@pytest.mark.parametrize("said", [b"{}", b'{"error":{"code":"server_error","message":"x"}}'])
def test_a_count_without_a_number_is_estimated(opened, provider, said):
    """It is light: nobody need wait for it."""
    house = opened("also", more="[retry]\nenabled = false")
    provider.script("alpha", body_of(said))
    answer = house.post("/v1/responses/input_tokens", b'{"model":"default","input":"hi"}')
    assert answer.headers["outlast-source"] == "estimate"
    assert answer.json["input_tokens"] > 0


def test_a_key_that_a_provider_echoes_is_not_repeated_at_the_end(opened, openai_of, provider):
    """What was passed on was cleaned; so is what the response says again when somebody else goes on with it."""
    sdk = openai_of(opened("responses", "anthropic"))
    echo = edited("echo", lambda events: events[:9], text="my key is sk-alpha-0123456789 and", then=lambda _: [Fin()])
    provider.script("alpha", echo)
    part = streamed(sdk)
    assert "sk-alpha" not in part.finish.to_json()
    assert "my key is" in part.finish.output_text
