"""From one dialect to the other: what is carried over, and what is named because it cannot be."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects import DIALECTS
from outlast.model import messages as m
from outlast.model.errors import Unsupported
from outlast.model.target import Quirks

OPENAI, ANTHROPIC = DIALECTS["openai"], DIALECTS["anthropic"]
PDF = base64.b64encode(b"%PDF").decode()


def chat_of(wire, name, chat, **facts):
    """What a provider of this dialect is sent for a chat, and what is named as dropped."""
    asked = m.Request(model="x", read=lambda _: chat)
    outgoing = DIALECTS[name].encode(asked, wire.target(name, **facts))
    return wire.sent(outgoing), outgoing.dropped


def to_anthropic(wire, *, target=None, **fields):
    outgoing = ANTHROPIC.encode(wire.ask(**fields), target or wire.target("anthropic"))
    return wire.sent(outgoing), outgoing.dropped


def to_openai(wire, *, target=None, **fields):
    outgoing = OPENAI.encode(wire.ask("anthropic", **fields), target or wire.target())
    return wire.sent(outgoing), outgoing.dropped


TOOLS = [
    {
        "type": "function",
        "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
    }
]
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def test_a_whole_conversation_crosses_to_anthropic(wire):
    """System, picture, file, parallel tool calls and their results, in Anthropic's order."""
    sent, dropped = to_anthropic(
        wire,
        tools=TOOLS,
        messages=[
            {"role": "system", "content": "be kind"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
                    {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"}},
                ],
            },
            {"role": "assistant", "content": "", "tool_calls": [CALL, CALL | {"id": "call_2"}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "one"},
            {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "two"}]},
            {"role": "user", "content": "go on"},
        ],
    )
    assert dropped == ()
    assert sent["system"] == "be kind"
    assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "user"]
    user, assistant, results = (turn["content"] for turn in sent["messages"])
    assert user == [
        {"type": "text", "text": "look"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            "title": "a.pdf",
        },
    ]
    assert assistant == [{"type": "tool_use", "id": f"call_{n}", "name": "f", "input": {"a": 1}} for n in (1, 2)]
    assert results == [
        {"type": "tool_result", "tool_use_id": "call_1", "content": "one"},
        {"type": "tool_result", "tool_use_id": "call_2", "content": "two"},
        {"type": "text", "text": "go on"},
    ]
    assert sent["tools"] == [{"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True}]


def test_a_whole_conversation_crosses_to_openai(wire):
    """The same the other way."""
    sent, dropped = to_openai(
        wire,
        system=[{"type": "text", "text": "be kind"}],
        tools=[{"name": "f", "input_schema": {"type": "object"}}],
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    {
                        "type": "document",
                        "source": {"type": "text", "media_type": "text/plain", "data": "hi"},
                        "title": "t",
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I look"},
                    {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "one"},
                    {"type": "text", "text": "go on"},
                ],
            },
        ],
    )
    assert dropped == ()
    assert sent["max_completion_tokens"] == 100
    system, user, assistant, result, last = sent["messages"]
    assert system == {"role": "system", "content": "be kind"}
    text = f"data:text/plain;base64,{base64.b64encode(b'hi').decode()}"
    assert user["content"][1:] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "file", "file": {"file_data": text, "filename": "t"}},
    ]
    assert json.loads(assistant["tool_calls"][0]["function"]["arguments"]) == {"a": 1}
    assert assistant["content"] == "I look"
    assert result == {"role": "tool", "tool_call_id": "t1", "content": "one"}
    assert last == {"role": "user", "content": "go on"}


@pytest.mark.parametrize(
    ("openai", "anthropic"),
    [
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, {"type": "tool", "name": "f"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_tool_choices_cross(wire, openai, anthropic):
    """Both ways, parallel calls included."""
    assert to_anthropic(wire, tools=TOOLS, **openai)[0]["tool_choice"] == anthropic
    back, _ = to_openai(wire, tools=[{"name": "f", "input_schema": {}}], tool_choice=anthropic)
    assert {key: back.get(key) for key in openai} == openai


def test_schemas_cross(wire):
    """A JSON schema is response_format here and output_config there; any JSON has no words at Anthropic."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    sent, dropped = to_anthropic(wire, response_format=wanted)
    assert (sent["output_config"], dropped) == ({"format": {"type": "json_schema", "schema": schema}}, ())
    assert to_openai(wire, output_config=sent["output_config"])[0]["response_format"] == wanted
    assert to_anthropic(wire, response_format={"type": "json_object"})[1] == ("response_format",)
    assert to_anthropic(wire, response_format={"type": "text"})[1] == ()


def test_options_cross(wire):
    """Limits, sampling, stops, the user."""
    sent, dropped = to_anthropic(
        wire, max_tokens=9, temperature=0.5, top_p=0.9, stop="END", user="u1", n=1, store=False
    )
    assert dropped == ()
    assert (
        sent.items()
        >= {
            "max_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "stop_sequences": ["END"],
            "metadata": {"user_id": "u1"},
        }.items()
    )
    sent, dropped = to_openai(wire, stop_sequences=["A", "B"], metadata={"user_id": "u1"}, temperature=0.5, stream=True)
    assert dropped == ()
    assert (
        sent.items()
        >= {
            "stop": ["A", "B"],
            "user": "u1",
            "temperature": 0.5,
            "stream": True,
            "stream_options": {"include_usage": True},
        }.items()
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [({}, 4096), ({"max_output": 8192}, 8192)],
)
def test_anthropic_is_always_told_a_limit(wire, facts, expected):
    """The request's, else the model's, else 4096."""
    assert to_anthropic(wire, target=wire.target("anthropic", **facts))[0]["max_tokens"] == expected


NAMED_TO_ANTHROPIC = [
    ({"seed": 1}, "seed"),
    ({"n": 2}, "n"),
    ({"logit_bias": {"1": 5}}, "logit_bias"),
    ({"presence_penalty": 0.5}, "presence_penalty"),
    ({"brand_new": 1}, "brand_new"),
    ({"messages": [{"role": "user", "content": "x", "weight": 1}]}, "messages.weight"),
    (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"a": 1}}]}]},
        "messages.content.cache_control",
    ),
    ({"metadata": {"a": "b"}}, "metadata"),
    ({"temperature": 1.5}, "temperature above 1"),
    ({"stop": ["\n"]}, "stop sequences of white space"),
    ({"reasoning_effort": "high"}, "reasoning_effort"),
    ({"max_tokens": 9999}, "max_tokens above 8192"),
    ({"messages": [{"role": "user", "name": "bob", "content": "x"}]}, "messages.name"),
    (
        {
            "messages": [
                {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}, {"type": "text", "text": "x"}]}
            ]
        },
        "messages.content.input_audio",
    ),
    (
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x", "detail": "low"}}]}
            ]
        },
        "messages.image.detail",
    ),
    (
        {
            "messages": [
                {"role": "user", "content": "x"},
                {"role": "assistant", "content": "y", "reasoning_content": "hm"},
                {"role": "user", "content": "x"},
            ]
        },
        "messages.reasoning",
    ),
    ({"tools": [{"type": "web_search"}]}, "tools.web_search"),
    ({"tools": TOOLS, "tool_choice": {"type": "allowed_tools"}}, "tool_choice.allowed_tools"),
    (
        {
            "messages": [
                {"role": "user", "content": "x"},
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "no json"}}],
                },
                {"role": "tool", "tool_call_id": "c", "content": ""},
            ]
        },
        "messages.tool_calls.arguments",
    ),
]


@pytest.mark.parametrize(("fields", "name"), [pytest.param(*row, id=row[1]) for row in NAMED_TO_ANTHROPIC])
def test_what_anthropic_cannot_say_is_named(wire, fields, name):
    """Nothing is dropped in silence, and nothing else is named."""
    assert to_anthropic(wire, target=wire.target("anthropic", max_output=8192), **fields)[1] == (name,)


def user(*blocks):
    return {"messages": [{"role": "user", "content": list(blocks)}]}


NAMED_TO_OPENAI = [
    ({"top_k": 5}, "top_k"),
    ({"service_tier": "auto"}, "service_tier"),
    ({"metadata": {"user_id": "u", "team": "x"}}, "metadata.team"),
    ({"tools": [{"name": "f", "input_schema": {}, "defer_loading": True}]}, "tools.defer_loading"),
    ({"stop_sequences": ["a", "b", "c", "d", "e"]}, "stop sequences after the 4th"),
    ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, "reasoning_effort"),
    ({"tools": [{"type": "web_search_20260101", "name": "w"}]}, "tools.web_search_20260101"),
    (user({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}), "messages.cache_control"),
    (user({"type": "search_result"}, {"type": "text", "text": "x"}), "messages.content.search_result"),
    (user({"type": "document", "source": {"type": "url", "url": "https://x"}}), "messages.document.url"),
    (
        user({"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": "x"}),
        "messages.tool_result.is_error",
    ),
    (
        user(
            {
                "type": "tool_result",
                "tool_use_id": "t",
                "content": [{"type": "image", "source": {"type": "url", "url": "https://x"}}],
            }
        ),
        "messages.tool_result.media",
    ),
    (
        {"messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}]}]},
        "messages.reasoning",
    ),
]


@pytest.mark.parametrize(("fields", "name"), [pytest.param(*row, id=row[1]) for row in NAMED_TO_OPENAI])
def test_what_openai_cannot_say_is_named(wire, fields, name):
    """Nothing is dropped in silence, and nothing else is named."""
    assert to_openai(wire, **fields)[1] == (name,)


def test_thinking_crosses(wire):
    """An effort becomes tokens to think with on older models, an effort on newer ones; and back."""
    older, newer = (wire.target("anthropic", reasoning=True, sampling=sampling) for sampling in (True, False))
    sent, dropped = to_anthropic(wire, target=older, reasoning_effort="medium", max_tokens=20_000, temperature=0.5)
    assert (sent["thinking"], dropped) == ({"type": "enabled", "budget_tokens": 8192}, ("temperature",))
    sent, _ = to_anthropic(wire, target=newer, reasoning_effort="medium", max_tokens=20_000)
    assert (sent["thinking"], sent["output_config"]) == ({"type": "adaptive"}, {"effort": "medium"})
    for thinking in ({"thinking": {"type": "enabled", "budget_tokens": 8192}}, {"output_config": {"effort": "medium"}}):
        assert to_openai(wire, target=wire.target(reasoning=True), **thinking)[0]["reasoning_effort"] == "medium"


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"max_tokens": 1500}, id="too-few-tokens"),
        pytest.param({"max_tokens": 9000, "tools": TOOLS, "tool_choice": "required"}, id="forced-tool"),
        pytest.param(
            {
                "max_tokens": 9000,
                "messages": [
                    {"role": "user", "content": "x"},
                    {"role": "assistant", "tool_calls": [CALL]},
                    {"role": "tool", "tool_call_id": "call_1", "content": "1"},
                ],
            },
            id="calls-without-their-thinking",
        ),
    ],
)
def test_thinking_that_would_be_refused_is_not_asked_for(wire, fields):
    """Anthropic refuses thinking in these cases, so it is left out and named."""
    target = wire.target("anthropic", reasoning=True)
    sent, dropped = to_anthropic(wire, target=target, reasoning_effort="high", **fields)
    assert "thinking" not in sent
    assert dropped == ("reasoning_effort",)


def test_old_functions_become_tools(wire):
    """The form from before tools is carried over."""
    sent, dropped = to_anthropic(
        wire,
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call="auto",
        messages=[
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "1"},
        ],
    )
    assert dropped == ()
    assert sent["messages"][1]["content"] == [{"type": "tool_use", "id": "call_f", "name": "f", "input": {}}]
    assert sent["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "call_f", "content": "1"}]


def test_anthropics_laws_are_kept(wire):
    """Turns alternate, no text is empty, ids have only allowed letters, and somebody has asked something."""
    sent, _ = to_anthropic(
        wire,
        messages=[
            {"role": "user", "content": "a"},
            {"role": "user", "content": ""},
            {"role": "user", "content": "b"},
            {"role": "assistant", "content": None, "tool_calls": [CALL | {"id": "call.1:x"}]},
            {"role": "tool", "tool_call_id": "call.1:x", "content": ""},
            {"role": "assistant", "content": "so "},
        ],
    )
    assert sent["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1_x", "name": "f", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1_x"}]},
        {"role": "assistant", "content": "so"},
    ]
    sent, _ = to_anthropic(wire, messages=[{"role": "system", "content": "only this"}])
    assert sent["messages"] == [{"role": "user", "content": "only this"}]
    assert "system" not in sent


def test_a_provider_may_want_developers(wire):
    """System messages are called developer at some."""
    target = wire.target(quirks=Quirks(developer_role=True, max_tokens_name="max_tokens", stream_options=False))
    sent, _ = to_openai(wire, target=target, system="s", stream=True)
    assert sent["messages"][0]["role"] == "developer"
    assert sent["max_tokens"] == 100
    assert "stream_options" not in sent


def test_a_library_call_may_say_more(wire):
    """Extra fields of a call without bytes are sent where they are known, and named where not."""
    chat = m.Chat((m.Message("user", (m.Text("x"),)),), extra={"verbosity": "low", "top_k": 3})
    assert chat_of(wire, "openai", chat)[0].items() >= {"verbosity": "low", "top_k": 3}.items()
    assert chat_of(wire, "anthropic", chat)[1] == ("verbosity",)


def test_a_changed_chat_keeps_its_own_fields(wire):
    """A request whose bytes no longer hold keeps its dialect, and so all fields of its dialect."""
    asked = wire.ask("anthropic", top_k=3, service_tier="auto")
    changed = m.Request(model="x", dialect="anthropic", read=lambda _: asked.content())
    assert (
        wire.sent(ANTHROPIC.encode(changed, wire.target("anthropic"))).items()
        >= {"top_k": 3, "service_tier": "auto"}.items()
    )


def test_embeddings_are_not_anthropics(wire):
    """Another target may have them."""
    with pytest.raises(Unsupported):
        ANTHROPIC.encode(OPENAI.parse("embed", b'{"model":"m","input":"x"}'), wire.target("anthropic"))


WORDS = (
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=9)
    .filter(str.strip)
    .map(lambda text: text.strip() or "x")
)
IDS = st.text("abcXYZ019_-", min_size=1, max_size=12)
TEXT = st.builds(m.Text, WORDS)
IMAGE = st.builds(m.Image, data=st.just("AAAA"), media_type=st.just("image/png")) | st.builds(
    m.Image, url=st.just("https://x/y.png")
)
FILE = st.builds(m.Document, data=st.just(PDF), media_type=st.just("application/pdf"), name=IDS)
ARGUMENTS = st.dictionaries(IDS, st.integers(-9, 9), max_size=2).map(
    lambda value: json.dumps(value, separators=(",", ":"))
)


@st.composite
def chats(draw):
    """Conversations that both dialects can say: a system, then turns of user and assistant, with tools."""
    messages = [m.Message("system", (draw(TEXT),))] if draw(st.booleans()) else []
    for number in range(draw(st.integers(1, 3))):
        parts = draw(st.one_of(st.tuples(TEXT), st.lists(TEXT | IMAGE | FILE, min_size=2, max_size=3).map(tuple)))
        messages.append(m.Message("user", parts))
        calls = tuple(m.ToolCall(f"c{number}{n}", draw(IDS), draw(ARGUMENTS)) for n in range(draw(st.integers(0, 2))))
        messages.append(m.Message("assistant", (draw(TEXT), *calls)))
        messages += [m.Message("tool", (m.ToolResult(call.id, (draw(TEXT),)),)) for call in calls]
    messages.append(m.Message("user", (draw(TEXT),)))
    tools = tuple(draw(st.lists(st.builds(m.Tool, IDS, WORDS, st.just({"type": "object"})), max_size=2)))
    choice = draw(st.sampled_from([None, "auto", "any", "none", "pick"])) if tools else None
    return m.Chat(
        tuple(messages),
        tools=tools,
        tool_choice=choice,
        max_tokens=draw(st.integers(1, 9999)),
        temperature=draw(st.none() | st.floats(0, 1)),
        stop=tuple(draw(st.lists(WORDS, max_size=3))),
        user=draw(st.none() | IDS),
        schema=draw(st.none() | st.just(m.Schema({"type": "object"}))),
        parallel_tools=draw(st.none() | st.booleans()) if tools and choice != "none" else None,
    )


def read_back(name, body):
    """The chat in a body that we wrote, without the neighbours that Anthropic's rules join."""
    return DIALECTS[name].parse("chat", body).content()


def said(chat):
    """Who said what, with neighbouring messages of one role taken together."""
    told = []
    for message in chat.messages:
        if told and told[-1][0] == message.role:
            told[-1][1].extend(message.parts)
        else:
            told.append((message.role, list(message.parts)))
    return told


def options(chat):
    """Everything but the messages; an unsaid choice of tools is `auto` where something was said of parallel calls."""
    choice = chat.tool_choice or ("auto" if chat.parallel_tools is not None else None)
    return (
        chat.tools,
        choice,
        chat.parallel_tools,
        chat.max_tokens,
        chat.temperature,
        chat.stop,
        chat.schema,
        chat.user,
    )


@pytest.mark.parametrize("name", ["openai", "anthropic"])
@given(chat=chats())
def test_chats_survive_being_written(wire, name, chat):
    """What is written for a provider reads the same again, and nothing is named as dropped."""
    sent, dropped = chat_of(wire, name, chat)
    back = read_back(name, json.dumps(sent, separators=(",", ":")).encode())
    assert dropped == ()
    assert said(back) == said(chat)
    assert options(back) == options(chat)


@given(chat=chats())
def test_chats_survive_the_way_there_and_back(wire, chat):
    """OpenAI, ours, Anthropic, ours, OpenAI: the same chat."""
    there = wire.sent(OPENAI.encode(m.Request(model="x", read=lambda _: chat), wire.target()))
    asked = OPENAI.parse("chat", json.dumps(there).encode())
    over = ANTHROPIC.parse("chat", ANTHROPIC.encode(asked, wire.target("anthropic")).body)
    outgoing = OPENAI.encode(over, wire.target())
    back = read_back("openai", outgoing.body)
    assert outgoing.dropped == ()
    assert said(back) == said(chat)
    assert options(back) == options(chat)


def test_a_changed_chat_of_anthropics_keeps_its_blocks(wire):
    """Signed and redacted thinking, files of all sources and tool errors read the same again."""
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "xx"},
        {"type": "text", "text": "so"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
    ]
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    results = [
        {"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": [picture]},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "wörds"}, "title": "n"},
        {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}},
    ]
    turns = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": results},
    ]
    asked = wire.ask("anthropic", messages=turns)
    changed = m.Request(model="x", dialect="anthropic", read=lambda _: asked.content())
    outgoing = ANTHROPIC.encode(changed, wire.target("anthropic"))
    assert wire.sent(outgoing)["messages"] == turns
    assert outgoing.dropped == ()


@pytest.mark.parametrize(
    ("media_type", "data", "expected"),
    [
        ("text/markdown", "aGk=", {"type": "text", "media_type": "text/plain", "data": "hi"}),
        ("application/pdf", PDF, {"type": "base64", "media_type": "application/pdf", "data": PDF}),
        ("text/plain", "no base64!", None),
        ("application/zip", "aGk=", None),
    ],
)
def test_files_cross_as_far_as_they_can(wire, media_type, data, expected):
    """PDF and text are taken, other files are named."""
    file = {"type": "file", "file": {"file_data": f"data:{media_type};base64,{data}"}}
    ask = [{"type": "text", "text": "read"}, file]
    sent, dropped = to_anthropic(wire, messages=[{"role": "user", "content": ask}])
    if expected is None:
        assert dropped == (f"messages.document.{media_type}",)
    else:
        assert sent["messages"][0]["content"][1]["source"] == expected
        assert dropped == ()


def test_a_refusal_stays_in_the_conversation(wire):
    """What the model declined earlier is part of what was said."""
    turns = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "user", "content": "please"},
    ]
    sent, dropped = to_anthropic(wire, messages=turns)
    assert sent["messages"][1] == {"role": "assistant", "content": "no"}
    assert dropped == ()
    asked = wire.ask(messages=turns)
    changed = m.Request(model="x", dialect="openai", read=lambda _: asked.content())
    assert wire.sent(OPENAI.encode(changed, wire.target()))["messages"][1]["refusal"] == "no"


def test_a_refused_field_is_taken_out_in_both(wire):
    """A provider's row counts for requests that are written anew as well."""
    quirks = Quirks(drops=("stop", "stop_sequences"))
    assert to_anthropic(wire, target=wire.target("anthropic", quirks=quirks), stop="x")[1] == ("stop_sequences",)
    assert to_openai(wire, target=wire.target(quirks=quirks), stop_sequences=["x"])[1] == ("stop",)
    same = ANTHROPIC.encode(wire.ask("anthropic", stop_sequences=["x"]), wire.target("anthropic", quirks=quirks))
    assert same.dropped == ("stop_sequences",)


def test_a_limit_above_the_models_is_cut(wire):
    """Also where the caller's own fields pass through."""
    target = wire.target("anthropic", max_output=50)
    outgoing = ANTHROPIC.encode(wire.ask("anthropic", max_tokens=99), target)
    assert (wire.sent(outgoing)["max_tokens"], outgoing.dropped) == (50, ("max_tokens above 50",))
    sent, dropped = to_openai(wire, target=wire.target(max_output=50, sampling=False), max_tokens=99, temperature=0.5)
    assert (sent["max_completion_tokens"], set(dropped)) == (50, {"max_tokens above 50", "temperature"})
