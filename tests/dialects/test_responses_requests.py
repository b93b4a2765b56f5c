"""Requests to the Responses API: what is read of them, what a provider is sent, and what crosses to other dialects."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects import DIALECTS
from outlast.lab.answer import Asked
from outlast.lab.vendors.demands import check
from outlast.model import messages as m
from outlast.model.continuing import Beginning, ask_on
from outlast.model.errors import Caller, Unsupported
from outlast.model.target import Quirks

from .test_crossing import chats, options, said

RESPONSES, OPENAI, ANTHROPIC = (DIALECTS[name] for name in ("responses", "openai", "anthropic"))
GOLDEN = Path(__file__).parent / "golden" / "responses"
WORDS = (
    "input", "instructions", "tools", "tool_choice", "text", "reasoning", "type", "role", "content", "name", "call_id",
    "arguments", "output", "summary", "format", "schema", "image_url", "file_data", "encrypted_content", "conversation",
    "previous_response_id", "max_output_tokens", "stream", "include", "metadata", "function_call_output", "parameters",
)  # fmt: skip
NAMES = ["text", "options", "tools", "media", "schema", "hosted"]
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}
ADDRESS = {"type": "input_image", "image_url": "https://example.test/a.png", "detail": "auto"}


def golden(name):
    return (GOLDEN / f"request_{name}.json").read_bytes()


def parse(body=None, **fields):
    base = {"model": "default", "input": "hi"}
    return RESPONSES.parse("chat", body or json.dumps(base | fields).encode())


def demanded(body):
    """Raises what OpenAI would refuse."""
    check(Asked("responses", "chat", json.loads(body)), {"content-type": "application/json"})


@pytest.mark.parametrize("name", NAMES)
def test_a_documented_request_is_passed_on(wire, name):
    """But for the model, every field is what the caller wrote; and the simulated provider takes it."""
    outgoing = RESPONSES.encode(parse(golden(name)), wire.target("responses"))
    assert outgoing.path == b"/responses"
    assert wire.sent(outgoing) == json.loads(golden(name)) | {"model": "m-1"}
    assert outgoing.dropped == ()
    demanded(outgoing.body)


def test_what_a_target_must_be_able_to_do():
    """Tools, pictures, files and schemas; what only its own dialect has; what one account keeps."""
    needs = {name: parse(golden(name)).needs for name in NAMES}
    assert needs["text"] is m.NOTHING_SPECIAL
    assert needs["tools"] == m.Needs(tools=True, vision=True)
    assert needs["media"] == m.Needs(vision=True, documents=True)
    assert needs["schema"] == m.Needs(schema=True)
    assert needs["hosted"] == m.Needs(tools=True, native=True)


@pytest.mark.parametrize(
    "fields",
    [
        {"previous_response_id": "resp_1"},
        {"previous_response_id": "resp_1", "input": None},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"prompt": {"id": "pmpt_1"}},
        {"background": True},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_an_account_keeps_needs_a_target_that_keeps_it(fields):
    """An earlier answer, a conversation, a stored prompt or file, an answer to be asked for later."""
    assert parse(**fields).needs.state


@pytest.mark.parametrize(
    "given",
    [
        {"type": "custom_tool_call_output", "call_id": "c", "output": "x"},
        {"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot"}},
        {"type": "mcp_approval_response", "approve": True, "approval_request_id": "a"},
    ],
    ids=lambda item: item["type"],
)
def test_items_that_others_cannot_take_stay_in_the_dialect(given):
    """To leave out what a tool gave back would change what is asked."""
    assert parse(input=[{"role": "user", "content": "x"}, given]).needs.native


REFUSED = [
    ({"input": None}, "input is required"),
    ({"input": []}, "input is required"),
    ({"model": ""}, "model must not be empty"),
    ({"max_output_tokens": 0}, "max_output_tokens must be >= 1"),
    ({"input": [{"content": "x"}]}, "a message of the input must have a role"),
    ({"input": [{"type": "function_call", "name": "f"}]}, "must have call_id"),
    ({"input": [{"type": "function_call_output", "output": "x"}]}, "must have a call_id"),
    ({"input": [{"type": "function_call_output", "call_id": "c", "output": 1}]}, "must be a text or a list of parts"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "beside its type"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": {"url": "x"}}]}]}, "image_url must"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED, ids=[row[1] for row in REFUSED])
def test_a_bad_request_is_refused_with_the_mend(fields, message):
    """At the latest when it must be taken apart, in our words."""
    with pytest.raises(Caller, match=message):
        parse(**fields).content()


def test_there_are_no_embeddings_here(wire):
    """Neither for callers nor at providers."""
    with pytest.raises(Caller, match="/v1/embeddings"):
        RESPONSES.parse("embed", b"{}")
    with pytest.raises(Unsupported):
        RESPONSES.encode(OPENAI.parse("embed", b'{"model":"m","input":"x"}'), wire.target("responses"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.sampled_from(["message", "user", "hi"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


@given(fields=st.dictionaries(st.sampled_from(WORDS), JSON, max_size=6))
def test_any_json_is_a_request_or_refused_in_our_words(wire, fields):
    """Nothing else is ever raised, neither when it is read nor when it is written for anybody."""
    try:
        request = parse(**fields)
        sent = [DIALECTS[name].encode(request, wire.target(name)).body for name in ("responses", "openai", "anthropic")]
    except Caller:
        return
    assert all(json.loads(body) for body in sent)


# -- crossing ---------------------------------------------------------------------------------------------------


def crossed(wire, name, body, to, **facts):
    outgoing = DIALECTS[to].encode(parse(body), wire.target(to, **facts))
    return wire.sent(outgoing), outgoing.dropped


def test_a_conversation_with_tools_crosses_to_chat_completions(wire):
    """What the assistant said and asked for is one turn; the results follow it, one by one."""
    sent, dropped = crossed(wire, "tools", golden("tools"), "openai")
    user, assistant, one, two = sent["messages"]
    assert user == {"role": "user", "content": "weather?"}
    assert assistant["content"] == "I look."
    assert [call["id"] for call in assistant["tool_calls"]] == ["call_1", "call_2"]
    assert one == {"role": "tool", "tool_call_id": "call_1", "content": "cold"}
    assert two == {"role": "tool", "tool_call_id": "call_2", "content": "warm"}
    assert sent["tools"][0]["function"]["name"] == "get_weather"
    assert sent["tool_choice"] == "required"
    assert set(dropped) == {"messages.reasoning", "messages.tool_result.media", "input.reasoning.encrypted_content"}


def test_it_crosses_to_anthropic(wire):
    """Pictures in results included."""
    sent, dropped = crossed(wire, "tools", golden("tools"), "anthropic")
    assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "user"]
    assert [block["type"] for block in sent["messages"][1]["content"]] == ["text", "tool_use", "tool_use"]
    assert [block["type"] for block in sent["messages"][2]["content"]] == ["tool_result", "tool_result"]
    assert set(dropped) == {"messages.reasoning", "input.reasoning.encrypted_content"}


def test_options_cross(wire):
    """What both of OpenAI's dialects mean goes over; the rest is named."""
    sent, dropped = crossed(wire, "options", golden("options"), "openai", reasoning=True)
    assert [turn["role"] for turn in sent["messages"]] == ["system", "system", "user"]
    assert (
        sent.items()
        >= {
            "max_completion_tokens": 100,
            "temperature": 0.5,
            "top_p": 0.9,
            "user": "u-1",
            "reasoning_effort": "low",
            "verbosity": "low",
            "metadata": {"team": "a"},
            "service_tier": "flex",
            "safety_identifier": "s-1",
        }.items()
    )
    assert set(dropped) == {"truncation", "include", "reasoning.summary", "text.top_logprobs"}
    check(Asked("openai", "chat", sent), {"content-type": "application/json"})
    sent, dropped = crossed(wire, "options", golden("options"), "anthropic")
    assert {"metadata", "service_tier", "truncation", "include"} <= set(dropped)


def test_media_and_schemas_cross(wire):
    """In the words of chat completions."""
    sent, dropped = crossed(wire, "media", golden("media"), "openai")
    kinds = [part["type"] for part in sent["messages"][0]["content"]]
    assert (kinds, dropped) == (["text", "image_url", "image_url", "file"], ("messages.document.url",))
    sent, dropped = crossed(wire, "schema", golden("schema"), "openai")
    assert sent["response_format"]["json_schema"]["name"] == "weather"
    assert dropped == ()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"tools": [TOOL], "tool_choice": {"type": "web_search"}}, "tool_choice.web_search"),
        ({"tools": [TOOL | {"defer_loading": True}]}, "tools.defer_loading"),
        ({"text": {"odd": 1}}, "text.odd"),
        ({"text": {"format": {"type": "json_object", "description": "a city"}}}, "text.format.description"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format.grammar"),
        (
            {"input": [{"role": "user", "content": "x"}, {"type": "web_search_call", "id": "w"}]},
            "input.web_search_call",
        ),
        ({"input": [{"role": "user", "content": "x", "weight": 1}]}, "input.weight"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "x", "odd": 1}]}]},
            "input.content.odd",
        ),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input.content.input_audio"),
        ({"background": True}, "background"),
    ],
)
def test_what_cannot_cross_is_named(wire, fields, name):
    """Nothing is dropped in silence."""
    body = json.dumps({"model": "x", "input": "hi"} | fields).encode()
    assert crossed(wire, name, body, "openai")[1] == (name,)


def test_what_says_nothing_is_not_named(wire):
    """Defaults that clients send along."""
    usual = {"truncation": "disabled", "store": False, "metadata": {}, "previous_response_id": None, "include": []}
    body = json.dumps({"model": "x", "input": "hi", "parallel_tool_calls": True} | usual).encode()
    assert crossed(wire, "usual", body, "openai")[1] == ()


# -- written anew -----------------------------------------------------------------------------------------------


@given(chat=chats())
def test_a_chat_reads_the_same_and_is_taken(wire, chat):
    """parse(encode(x)) == x, but for stop sequences, which have no words here; strictly checked by the simulation."""
    outgoing = RESPONSES.encode(m.Request(model="x", read=lambda _: chat), wire.target("responses"))
    back = RESPONSES.parse("chat", outgoing.body).content()
    assert said(back) == said(chat)
    assert [item for place, item in enumerate(options(back)) if place not in {3, 5}] == [
        item for place, item in enumerate(options(chat)) if place not in {3, 5}
    ]
    assert back.max_tokens == max(16, chat.max_tokens)
    named = {"max_tokens below 16"} if chat.max_tokens < 16 else set()
    assert set(outgoing.dropped) == named | ({"stop"} if chat.stop else set())
    if chat.tool_choice != "pick":
        demanded(outgoing.body)


@given(chat=chats())
def test_a_chat_survives_the_way_through_chat_completions(wire, chat):
    """Responses, ours, chat completions, ours: the same."""
    first = RESPONSES.encode(m.Request(model="x", read=lambda _: chat), wire.target("responses"))
    there = OPENAI.encode(RESPONSES.parse("chat", first.body), wire.target())
    assert said(OPENAI.parse("chat", there.body).content()) == said(chat)
    assert there.dropped == ()


def test_a_chat_caller_is_written_anew(wire):
    """Nothing is to be kept, tools are as loose as they were meant, and what has no words here is named."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    turns = [{"role": "system", "content": "be kind"}, {"role": "user", "name": "bob", "content": "hi"}]
    asked = wire.ask(
        messages=turns, tools=[tool], seed=1, stop="x", n=2, verbosity="low", stream=True, metadata={"a": "b"}
    )
    outgoing = RESPONSES.encode(asked, wire.target("responses"))
    assert wire.sent(outgoing) == {
        "model": "m-1",
        "input": [{"role": "user", "content": "hi"}],
        "instructions": "be kind",
        "tools": [{"type": "function", "name": "f", "strict": False, "parameters": {"type": "object"}}],
        "text": {"verbosity": "low"},
        "stream": True,
        "metadata": {"a": "b"},
        "store": False,
    }
    assert set(outgoing.dropped) == {"messages.name", "stop", "seed", "n"}


def test_a_models_limits_and_a_providers_row_hold(wire):
    """Whether the caller's own bytes go out or new ones."""
    quirks = Quirks(drops=("user",), query="api-version=1", path_responses="/x/{model}")
    target = wire.target("responses", quirks=quirks, sampling=False, max_output=50)
    own = RESPONSES.encode(parse(temperature=0.5, max_output_tokens=99, user="u", api_key="k"), target)
    assert wire.sent(own) == {"model": "m-1", "input": "hi", "max_output_tokens": 50}
    assert set(own.dropped) == {"api_key", "user", "temperature", "max_output_tokens above 50"}
    assert own.path == b"/x/m-1?api-version=1"
    new = RESPONSES.encode(wire.ask(temperature=0.5, max_tokens=99, user="u", reasoning_effort="low"), target)
    assert wire.sent(new)["max_output_tokens"] == 50
    assert set(new.dropped) == {"temperature", "max_tokens above 50", "reasoning_effort", "user"}


def test_reasoning_that_another_vendor_signed_comes_back_to_it_alone(wire):
    """Callers send items back as they came: Anthropic sees its signature again, OpenAI never does."""
    reply = ANTHROPIC.decode(
        wire.message([{"type": "thinking", "thinking": "hm", "signature": "s1g"}, {"type": "text", "text": "so"}]),
        wire.ask("anthropic"),
        wire.target("anthropic"),
    )
    items = json.loads(RESPONSES.render(reply, parse()))["output"]
    assert items[0]["type"] == "reasoning"
    asked = parse(input=[{"role": "user", "content": "x"}, *items, {"role": "user", "content": "on"}])
    sent = wire.sent(ANTHROPIC.encode(asked, wire.target("anthropic")))
    assert sent["messages"][1]["content"][0] == {"type": "thinking", "thinking": "hm", "signature": "s1g"}
    own = RESPONSES.encode(asked, wire.target("responses"))
    assert [item.get("type") for item in wire.sent(own)["input"]] == [None, "message", None]
    assert own.dropped == ("input.reasoning",)
    demanded(own.body)


def test_thoughts_that_were_blacked_out_come_back_too(wire):
    """What only its maker can read stays whole."""
    thought = {"type": "redacted_thinking", "data": "xyz"}
    reply = ANTHROPIC.decode(
        wire.message([thought, {"type": "text", "text": "so"}]), wire.ask("anthropic"), wire.target("anthropic")
    )
    items = json.loads(RESPONSES.render(reply, parse()))["output"]
    asked = parse(input=[{"role": "user", "content": "x"}, *items])
    sent = wire.sent(ANTHROPIC.encode(asked, wire.target("anthropic")))
    assert sent["messages"][1]["content"][0] == thought


@pytest.mark.parametrize(("mode", "choice"), [("auto", "auto"), ("required", "required")])
def test_only_the_tools_that_are_allowed_are_offered(wire, mode, choice):
    """Where there is no word for that: the others stay for the next turn, since callers list them all each time."""
    tools = [TOOL, TOOL | {"name": "other"}]
    allowed = {"type": "allowed_tools", "mode": mode, "tools": [{"type": "function", "name": TOOL["name"]}]}
    asked = parse(tools=tools, tool_choice=allowed)
    outgoing = OPENAI.encode(asked, wire.target("openai"))
    sent = wire.sent(outgoing)
    assert [tool["function"]["name"] for tool in sent["tools"]] == [TOOL["name"]]
    assert (sent["tool_choice"], outgoing.dropped) == (choice, ())
    assert wire.sent(RESPONSES.encode(asked, wire.target("responses")))["tool_choice"] == allowed


def test_arguments_are_a_text(wire):
    """An object is refused, as by OpenAI, rather than lost."""
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": {"city": "Bonn"}}
    with pytest.raises(Caller, match="must be a text of JSON"):
        parse(input=[call]).content()
    assert parse(input=[call | {"arguments": None}]).content().messages[0].parts[0].arguments == ""


def test_thoughts_without_a_signature_are_marked_too(wire):
    """OpenAI would look for them by their id, and refuse the request; who wants thoughts back gets them."""
    said = {"role": "assistant", "content": "so", "reasoning_content": "hm"}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    body = json.dumps({"id": "x", "model": "m", "choices": [choice]}).encode()
    reply = OPENAI.decode(body, wire.ask("openai"), wire.target("openai"))
    items = json.loads(RESPONSES.render(reply, parse()))["output"]
    assert [item["type"] for item in items] == ["reasoning", "message"]
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    done = {"type": "function_call_output", "call_id": "c", "output": "1"}
    asked = parse(input=[{"role": "user", "content": "x"}, *items, call, done])
    own = RESPONSES.encode(asked, wire.target("responses"))
    assert "reasoning" not in {item.get("type") for item in wire.sent(own)["input"]}
    assert own.dropped == ("input.reasoning",)
    wanting = wire.target("openai", quirks=Quirks(thoughts="with_calls"))
    sent = OPENAI.encode(asked, wanting)
    assert wire.sent(sent)["messages"][1]["reasoning_content"] == "hm"
    assert "input.reasoning.encrypted_content" not in sent.dropped


def test_words_that_only_look_signed_pass(wire):
    """In a text of the caller's."""
    asked = parse(input=[{"role": "user", "content": "what is outlast.signed. for?"}])
    assert RESPONSES.encode(asked, wire.target("responses")).dropped == ()
    assert RESPONSES.encode(parse(input="outlast.signed."), wire.target("responses")).dropped == ()


def test_all_that_was_said_is_written(wire):
    """Refusals in their own part; thoughts have no words here, and pictures beside words are parts."""
    turns = (
        m.Message("user", (m.Text("see"), m.Image(url="https://x/y.png"))),
        m.Message("assistant", (m.Reasoning("hm"), m.Text("so"), m.Refusal("no"))),
        m.Message("user", ()),
        m.Message("system", (m.Text("late"),)),
    )
    chat = m.Chat(turns, schema=m.Schema({"type": "object"}, strict=True), effort="low", extra={"odd.one": 1})
    target = wire.target("responses", quirks=Quirks(developer_role=True), reasoning=True)
    outgoing = RESPONSES.encode(m.Request(model="x", read=lambda _: chat), target)
    sent = wire.sent(outgoing)
    picture = {"type": "input_image", "image_url": "https://x/y.png", "detail": "auto"}
    assert sent["input"] == [
        {"role": "user", "content": [{"type": "input_text", "text": "see"}, picture]},
        {"role": "assistant", "content": "so"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        {"role": "user", "content": ""},
        {"role": "developer", "content": "late"},
    ]
    assert (sent["text"]["format"]["strict"], sent["reasoning"]) == (True, {"effort": "low"})
    assert set(outgoing.dropped) == {"messages.reasoning", "odd.one"}


def test_an_answer_that_is_wanted_whole_is_asked_for_so(wire):
    """Whatever the caller's bytes say of streams."""
    asked = parse(stream=True, stream_options={"include_obfuscation": False})
    assert wire.sent(RESPONSES.encode(asked, wire.target("responses")))["stream_options"]
    whole = m.Request(model="x", dialect="responses", body=asked.body, read=asked.read)
    assert wire.sent(RESPONSES.encode(whole, wire.target("responses"))) == {"model": "m-1", "input": "hi"}


def test_errors_and_limits_are_those_of_openai(wire):
    """One vendor, one envelope, one set of headers."""
    status, body = RESPONSES.error(Caller("no"), "req_1")
    assert (status, json.loads(body)["error"]["type"]) == (400, "invalid_request_error")
    headers = {b"x-ratelimit-remaining-requests": b"3"}
    assert RESPONSES.quota(headers.get).requests_left == 3
    envelope = b'{"error":{"code":"previous_response_not_found","message":"x","type":"invalid_request_error"}}'
    failure = RESPONSES.classify(400, headers.get, envelope, wire.target("responses"))
    assert (failure.kind, failure.code) == ("caller", "previous_response_not_found")


# -- going on ---------------------------------------------------------------------------------------------------


def test_an_earlier_answer_alone_can_be_gone_on_with(wire):
    """There is nothing to ask beside it."""
    earlier = parse(input=None, previous_response_id="resp_1")
    changed = m.Request(model="x", dialect="responses", read=lambda _: earlier.content())
    for asked in (earlier, changed):
        sent = wire.sent(RESPONSES.encode(asked.going_on(Beginning("This is"), 10), wire.target("responses")))
        assert [item["content"] for item in sent["input"]] == ["", "This is", ask_on("This is")]
        assert sent["previous_response_id"] == "resp_1"


@pytest.mark.parametrize("given", ["hi", [{"role": "user", "content": "hi"}]], ids=["text", "items"])
@pytest.mark.parametrize("spoken", ["responses", "openai"])
@pytest.mark.parametrize("able", [True, False])
def test_a_target_is_brought_to_go_on(wire, given, spoken, able):
    """By what was said as the last item, or by asking behind it; a format for a whole answer goes with no prefill."""
    schema = {"type": "json_schema", "name": "a", "schema": {"type": "object"}}
    if spoken == "responses":
        asked = parse(input=given, max_output_tokens=50, text={"format": schema})
    else:
        asked = wire.ask(max_tokens=50, response_format={"type": "json_schema", "json_schema": {"name": "a"}})
    outgoing = RESPONSES.encode(asked.going_on(Beginning("This is"), 10), wire.target("responses", prefill=able))
    sent = wire.sent(outgoing)
    words = [item["content"] for item in sent["input"]]
    assert words == (["hi", "This is"] if able else ["hi", "This is", ask_on("This is")])
    assert sent["max_output_tokens"] == 40
    assert ("text" in sent) == (not able)
