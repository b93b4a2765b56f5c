"""Ollama's official client against the gateway, over sockets: it cannot tell, except that it fails less."""

import json

import ollama
import pytest

from outlast.testing import behaviour, cut, ended, error_event, garbled, ok, stall, status, throttled

from .house import chat, timers_for
from .sdks import CLAUDE_TOOL, HI, OPENAI_TOOL, WEATHER, Part, Sdk
from .test_openai_sdk import DOWN, WHOLE

THEIRS = {"alpha": "ollama", "beta": "ollama"}
MIXED = [{"alpha": "ollama"}, {"alpha": "openai"}, {"alpha": "anthropic"}]


class Llama(Sdk):
    """Ollama's, in one of the two fashions."""

    def whole(self, messages=HI, *, model="default", **fields):
        return self.do(self.client.chat(model, messages, **fields))

    def streamed(self, messages=HI, *, model="default", **fields):
        """All of a stream."""
        part = Part()
        try:
            for row in self.each(self.do(self.client.chat(model, messages, stream=True, **fields))):
                part.items.append(row)
                part.pieces.append(row.message.content or "")
                part.finish = row.done_reason if row.done else part.finish
        except ollama.ResponseError as error:
            part.error = error
        return part


def asked_for(sdk, kind):
    """The text of an answer, whole or streamed; raises what went wrong in either."""
    if kind == "whole":
        return sdk.whole().message.content
    part = sdk.streamed()
    if part.error is not None:
        raise part.error
    return part.text


@pytest.fixture
def llama_of(fashion, driven):
    """Makes Ollama's client of a gateway."""
    kind = ollama.Client if fashion == "blocking" else ollama.AsyncClient
    return lambda house, **options: driven(Llama, kind(house.url, trust_env=False, **options))


@pytest.fixture
def gateway(open_house):
    """A gateway whose providers speak Ollama's dialect."""
    return open_house(dialects=THEIRS)


@pytest.fixture
def sdk(gateway, llama_of):
    return llama_of(gateway)


@pytest.fixture(params=MIXED, ids=lambda dialects: dialects["alpha"])
def mixed(request, open_house):
    """A gateway with one target, in each of three dialects."""
    return open_house(providers=("alpha",), dialects=request.param)


def test_a_whole_answer(provider, mixed, llama_of):
    """Text, reason and tokens, whatever dialect the provider speaks."""
    provider.script("alpha", ok("Hello there."))
    reply = llama_of(mixed).whole()
    assert (reply.message.role, reply.message.content) == ("assistant", "Hello there.")
    assert (reply.done, reply.done_reason, reply.eval_count) == (True, "stop", 2)
    assert reply.prompt_eval_count > 0
    assert reply.model == "m"


def test_a_stream(provider, mixed, llama_of):
    """Piece by piece, and one last line with the reason and the tokens."""
    provider.script("alpha", ok("one two three"))
    part = llama_of(mixed).streamed()
    assert (part.text, part.finish, part.error) == ("one two three", "stop", None)
    assert [row.done for row in part.items] == [False] * 3 + [True]
    assert part.items[-1].eval_count == 3


def test_streams_are_what_who_says_nothing_gets(provider, gateway):
    """By its own media type, line by line; an answer that is wanted whole is JSON."""
    answer = gateway.post("/api/chat", chat())
    assert answer.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    rows = [json.loads(line) for line in answer.body.splitlines()]
    assert [row["done"] for row in rows] == [False] * (len(rows) - 1) + [True]
    whole = gateway.post("/api/chat", chat(stream=False))
    assert whole.headers["content-type"] == "application/json"
    assert whole.json["message"]["content"] == WHOLE.format("alpha")


def test_tools(provider, mixed, llama_of):
    """A tool call whole and streamed, arguments as an object; and the answer to its result, which no id names."""
    sdk = llama_of(mixed)
    asking = [{"role": "user", "content": "use the weather tool"}]
    reply = sdk.whole(asking, tools=[OPENAI_TOOL])
    (call,) = reply.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_weather", {"city": "text"})
    assert reply.done_reason == "stop"
    rows = sdk.streamed(asking, tools=[OPENAI_TOOL]).items
    calls = [call for row in rows for call in row.message.tool_calls or ()]
    assert [(call.function.name, call.function.arguments) for call in calls] == [("get_weather", {"city": "text"})]
    told = [*asking, reply.message, {"role": "tool", "content": "sunny", "tool_name": "get_weather"}]
    assert sdk.whole(told, tools=[OPENAI_TOOL]).message.content.startswith("This is the simulated")


def test_a_schema(provider, mixed, llama_of):
    """An instance of it, whole and streamed."""
    sdk = llama_of(mixed)
    assert json.loads(sdk.whole(format=WEATHER).message.content) == {"city": "text"}
    assert json.loads(sdk.streamed(format=WEATHER).text) == {"city": "text"}


def test_options_reach_the_provider(provider, mixed, llama_of):
    """In its own words; what it has no words for is named."""
    reply = llama_of(mixed).whole(options={"num_predict": 3, "temperature": 0.5, "stop": ["END"], "num_ctx": 4096})
    assert (reply.done_reason, reply.eval_count) == ("length", 3)
    sent = provider.requests("alpha")[0].json
    assert sent.get("options", sent)["temperature"] == 0.5


def test_thoughts(provider, gateway, llama_of):
    """Are passed on where the provider tells them."""
    assert llama_of(gateway).whole(think="low").message.thinking == "Let me see."
    rows = llama_of(gateway).streamed(think=True).items
    assert "".join(row.message.thinking or "" for row in rows) == "Let me see."


@pytest.mark.parametrize("dialect", ["ollama", "openai"])
def test_a_prompt(provider, open_house, llama_of, dialect):
    """The older path, whole and streamed; pictures and a system go along."""
    provider.script("alpha", ok("one two"), ok("one two"))
    sdk = llama_of(open_house(providers=("alpha",), dialects={"alpha": dialect}))
    reply = sdk.do(sdk.client.generate("default", "hi", system="be brief"))
    assert (reply.response, reply.done, reply.done_reason, reply.eval_count) == ("one two", True, "stop", 2)
    rows = list(sdk.each(sdk.do(sdk.client.generate("default", "hi", stream=True))))
    assert "".join(row.response for row in rows) == "one two"
    assert rows[-1].done
    first = provider.requests("alpha")[0]
    assert [message["role"] for message in first.json["messages"]] == ["system", "user"]
    with pytest.raises(ollama.ResponseError, match="whole text") as refused:
        sdk.do(sdk.client.generate("default", "def f(", suffix="return 1"))
    assert refused.value.status_code == 400


@pytest.mark.parametrize("dialect", ["ollama", "openai"])
def test_embeddings(provider, open_house, llama_of, dialect):
    """A row for each text, as many numbers as wanted; and the older path, which has one."""
    sdk = llama_of(open_house(providers=("alpha",), dialects={"alpha": dialect}))
    rows = sdk.do(sdk.client.embed("default", ["a", "b"], dimensions=4)).embeddings
    assert [len(row) for row in rows] == [4, 4]
    assert list(sdk.do(sdk.client.embeddings("default", "a")).embedding)
    with pytest.raises(ollama.ResponseError, match="input"):
        sdk.do(sdk.client.embed("default", ""))


def test_openai_s_callers_get_embeddings_of_it(provider, gateway, openai_of):
    """Packed as their SDK asks for them."""
    rows = openai_of(gateway).do(openai_of(gateway).client.embeddings.create(model="default", input=["a", "b"])).data
    assert [len(row.embedding) for row in rows] == [8, 8]
    assert provider.requests("alpha")[0].json == {"model": "m", "input": ["a", "b"], "truncate": False}


def test_openai_s_callers_are_answered_by_it(provider, gateway, openai_of):
    """Text, stream, tools and schema."""
    sdk = openai_of(gateway)
    assert sdk.whole().choices[0].message.content == WHOLE.format("alpha")
    part = sdk.streamed()
    assert (part.text, part.finish, part.error) == (WHOLE.format("alpha"), "stop", None)
    asking = [{"role": "user", "content": "use the weather tool"}]
    choice = sdk.whole(asking, tools=[OPENAI_TOOL]).choices[0]
    (call,) = choice.message.tool_calls
    assert (choice.finish_reason, call.function.arguments) == ("tool_calls", '{"city":"text"}')
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    told = [*asking, choice.message.model_dump(exclude_none=True), result]
    assert sdk.whole(told, tools=[OPENAI_TOOL]).choices[0].finish_reason == "stop"
    chunks = list(sdk.each(sdk.stream(asking, tools=[OPENAI_TOOL])))
    pieces = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    assert "".join(piece.function.arguments for piece in pieces) == '{"city":"text"}'
    wanted = {"type": "json_schema", "json_schema": {"name": "weather", "schema": WEATHER}}
    assert json.loads(sdk.whole(response_format=wanted).choices[0].message.content) == {"city": "text"}
    assert json.loads(sdk.streamed(response_format=wanted).text) == {"city": "text"}


def test_anthropic_s_callers_are_answered_by_it(provider, gateway, claude_of):
    """Text, stream, tools and schema."""
    sdk = claude_of(gateway)
    assert sdk.whole().content[0].text == WHOLE.format("alpha")
    part = sdk.streamed()
    assert (part.text, part.finish, part.error) == (WHOLE.format("alpha"), "end_turn", None)
    asking = [{"role": "user", "content": "use the weather tool"}]
    reply = sdk.whole(asking, tools=[CLAUDE_TOOL])
    assert (reply.stop_reason, reply.content[0].input) == ("tool_use", {"city": "text"})
    result = {"type": "tool_result", "tool_use_id": reply.content[0].id, "content": "sunny"}
    told = [*asking, {"role": "assistant", "content": reply.content}, {"role": "user", "content": [result]}]
    assert sdk.whole(told, tools=[CLAUDE_TOOL]).stop_reason == "end_turn"
    pieces = [
        event.delta.partial_json
        for event in sdk.each(sdk.stream(asking, tools=[CLAUDE_TOOL]))
        if event.type == "content_block_delta" and event.delta.type == "input_json_delta"
    ]
    assert "".join(pieces) == '{"city":"text"}'
    wanted = {"format": {"type": "json_schema", "schema": WEATHER}}
    assert json.loads(sdk.whole(output_config=wanted).content[0].text) == {"city": "text"}


@pytest.mark.parametrize("how", DOWN)
@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_the_first_provider_fails_and_nobody_notices(provider, open_house, llama_of, how, kind):
    """The second one answers; the client has asked once."""
    sdk = llama_of(open_house(dialects=THEIRS, timers={"alpha": timers_for(DOWN[how])}))
    provider.script("alpha", default=DOWN[how])
    assert asked_for(sdk, kind) == WHOLE.format("beta")


@pytest.mark.parametrize(
    "how", ["E63-whole-answer", "E63-whole-answer-unsaid", "E63-as-plain-text", "E63-events-as-json", "E9-byte-by-byte"]
)
def test_a_stream_is_known_by_what_it_says(provider, sdk, how):
    """Not by its label: lines under any name, and a whole answer, which is a stream of one line."""
    provider.script("alpha", behaviour(how))
    part = sdk.streamed()
    assert (part.text, part.finish, part.error) == (WHOLE.format("alpha"), "stop", None)


@pytest.mark.parametrize("how", ["E21-zero-events", "D1-empty", "E62-other-vendor", "html"])
def test_what_is_no_stream_is_no_answer(provider, sdk, how):
    """An empty body, another protocol, a web page: the second provider answers."""
    provider.script("alpha", default=behaviour(how))
    assert asked_for(sdk, "stream") == WHOLE.format("beta")


@pytest.mark.parametrize("how", [cut(after=3), ended(after=3), garbled(after=3), error_event(after=3)])
def test_a_stream_that_breaks_is_gone_on_with(provider, sdk, how):
    """By the other server, to its end, without a word twice."""
    provider.script("alpha", how)
    part = sdk.streamed()
    assert (part.text, part.finish, part.error) == (WHOLE.format("beta"), "stop", None)
    assert part.text.count("simulated") == 1


@pytest.mark.parametrize("how", [cut(after=3), ended(after=3), garbled(after=3), error_event(after=3)])
def test_a_broken_stream_never_looks_whole(provider, open_house, llama_of, how):
    """Where nobody can go on, an error line is the last one."""
    provider.script("alpha", how, default=503)
    part = llama_of(open_house(providers=("alpha",), dialects=THEIRS)).streamed()
    assert part.finish is None
    assert "stream" in str(part.error)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        (status(503), 503), (status(404), 404), (throttled(90), 429), (status(402), 402), (status(401), 502),
        (status(400, message="the input length exceeds the context length"), 400), (stall(), 504),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_errors(provider, open_house, llama_of, how, code, kind):
    """With the status that its clients know, and a text of ours, before any answer has begun."""
    provider.script("alpha", default=how)
    sdk = llama_of(open_house(providers=("alpha",), dialects=THEIRS, timers={"alpha": timers_for(how)}))
    with pytest.raises(ollama.ResponseError) as failed:
        asked_for(sdk, kind)
    assert failed.value.status_code == code
    assert failed.value.error
    assert "{" not in failed.value.error


def test_wrong_requests(provider, gateway, sdk):
    """Are refused before anything is sent, with the field; a model that nobody has, with what there is."""
    wrong = gateway.post("/api/chat", chat(format="yaml"))
    assert (wrong.status, wrong.error) == (400, 'format must be "json" or a JSON schema')
    assert wrong.headers["x-should-retry"] == "false"
    with pytest.raises(ollama.ResponseError, match="role") as refused:
        sdk.whole([{"role": "stranger", "content": "x"}])
    assert refused.value.status_code == 400
    with pytest.raises(ollama.ResponseError, match="default") as refused:
        sdk.whole(model="none")
    assert refused.value.status_code == 404
    assert provider.requests() == []


def test_models(provider, sdk, fashion):
    """What there is, what is ready, what one can do."""
    listed = sdk.do(sdk.client.list()).models
    assert {"default", "alpha/m", "beta/m"} <= {model.model for model in listed}
    running = {model.model for model in sdk.do(sdk.client.ps()).models}
    assert running == {model.model for model in listed}
    shown = sdk.do(sdk.client.show("default"))
    assert {"completion", "tools", "vision", "embedding"} <= set(shown.capabilities)
    assert shown.modelinfo["general.architecture"] == "m"
    with pytest.raises(ollama.ResponseError) as unknown:
        sdk.do(sdk.client.show("none"))
    assert unknown.value.status_code == 404


def test_nothing_is_changed_from_here(provider, sdk):
    """Pulling, pushing, copying, making and deleting are refused with the reason."""
    client = sdk.client
    for change in (
        lambda: client.pull("x"),
        lambda: client.push("x"),
        lambda: client.create("x", from_="y"),
        lambda: client.copy("x", "y"),
        lambda: client.delete("x"),
    ):
        with pytest.raises(ollama.ResponseError, match="at the server that has them") as refused:
            sdk.do(change())
        assert refused.value.status_code == 403


def test_pages(gateway):
    """By their methods; the version of the API; nothing else lives there."""
    assert gateway.get("/api/version").json == {"version": "0.12.6"}
    wrong = gateway.post("/api/tags", b"{}")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD")
    wrong = gateway.get("/api/show")
    assert (wrong.status, wrong.headers["allow"], wrong.error) == (405, "POST", "this path takes POST")
    nothing = gateway.get("/api/nothing")
    assert (nothing.status, "/api/tags" in nothing.error) == (404, True)


def test_somebody_is_there(gateway):
    """`HEAD /` is the first thing that Ollama's command asks, and it sends no key with it."""
    with gateway.caller() as caller:
        caller.request("HEAD", "/", b"", "connection: close")
        there = caller.answer_head()
        assert (there.status, there.headers["content-length"], caller.more()) == (200, "19", False)
    assert gateway.get("/").body == b"outlast is running\n"
    assert (gateway.post("/", b"").status, gateway.get("//").status) == (405, 404)


@pytest.mark.parametrize(
    ("more", "reason"), [({}, "load"), ({"keep_alive": "5m"}, "load"), ({"keep_alive": 0}, "unload")]
)
def test_a_model_is_there_at_once(provider, sdk, more, reason):
    """Its command loads a model before it talks to it, and unloads it; here there is nothing to do for either."""
    told = sdk.do(sdk.client.generate("default", **more))
    assert (told.response, told.done, told.done_reason) == ("", True, reason)
    told = sdk.do(sdk.client.chat("default", [], **more))
    assert (told.message.content, told.done, told.done_reason) == ("", True, reason)
    for asking in (sdk.client.generate, lambda model: sdk.client.chat(model, [])):
        with pytest.raises(ollama.ResponseError) as unknown:
            sdk.do(asking("none"))
        assert unknown.value.status_code == 404
    assert provider.requests() == []


def test_what_is_no_question_and_no_load_is_refused(gateway):
    """Without a model, without messages, or of other types."""
    for path, body in (
        ("/api/generate", b"{}"),
        ("/api/generate", b'{"model": "default", "prompt": 5}'),
        ("/api/chat", b'{"model": "default"}'),
        ("/api/chat", b'{"model": "default", "messages": {}}'),
    ):
        assert gateway.post(path, body).status == 400


def test_a_key_is_asked_for(provider, open_house, llama_of):
    """At every path, in the header that the client has for it."""
    keyed = open_house('[keys.app]\nkey = "sk-app-0123456789abcdef"', dialects=THEIRS)
    for asking in (
        lambda sdk: sdk.whole(),
        lambda sdk: sdk.do(sdk.client.list()),
        lambda sdk: sdk.do(sdk.client.generate("default")),
    ):
        with pytest.raises(ollama.ResponseError) as refused:
            asking(llama_of(keyed))
        assert refused.value.status_code == 401
        asking(llama_of(keyed, headers={"authorization": "Bearer sk-app-0123456789abcdef"}))


def test_an_answer_from_memory_is_told_in_its_words(provider, open_house, llama_of, openai_of):
    """Streamed or whole, to its own callers and to others, as a chat or as the answer to a prompt."""
    kept = '[routes.default]\ntargets = ["alpha/m", "beta/m"]\ncache = { fresh = 60 }'
    house = open_house(kept, dialects=THEIRS)
    llama = llama_of(house)
    first = llama.streamed()
    again = llama.streamed()
    assert (again.text, again.finish, again.items[-1].eval_count) == (first.text, "stop", first.items[-1].eval_count)
    assert llama.whole().message.content == first.text
    assert openai_of(house).whole().choices[0].message.content == first.text
    assert llama.do(llama.client.generate("default", "hi")).response == first.text
    assert len(provider.requests()) == 1


def test_a_last_resort_is_told_in_its_words(provider, open_house, llama_of):
    """A fixed reply where nobody answers, whole and streamed."""
    ladder = '[routes.default]\ntargets = ["alpha/m"]\ndegrade = [{ static = "Please come back later." }]'
    house = open_house(ladder, providers=("alpha",), dialects=THEIRS)
    provider.script("alpha", default=503)
    assert llama_of(house).whole().message.content == "Please come back later."
    part = llama_of(house).streamed()
    assert (part.text, part.finish) == ("Please come back later.", "stop")
