"""Cohere's requests: the documented ones, what crosses to and from other dialects, and what is named."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects import DIALECTS
from outlast.model import messages as m
from outlast.model.continuing import Beginning, ask_on
from outlast.model.errors import Caller, Unsupported
from outlast.model.target import Quirks

from .test_crossing import ARGUMENTS, IDS, IMAGE, TEXT, TOOLS, WORDS, said

COHERE, OPENAI, ANTHROPIC = DIALECTS["cohere"], DIALECTS["openai"], DIALECTS["anthropic"]
GOLDEN = Path(__file__).parent / "golden" / "cohere"
HI = [{"role": "user", "content": "hi"}]
ONES = [{"type": "text", "text": "hi"}]


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text())


def ask(**fields):
    return COHERE.parse("chat", json.dumps({"model": "default", "messages": HI} | fields).encode())


def sent(request, target):
    outgoing = DIALECTS[target.provider.dialect].encode(request, target)
    return json.loads(outgoing.body), outgoing.dropped


def written(wire, chat, **facts):
    """What Cohere is sent for a chat of ours."""
    return sent(m.Request(model="x", read=lambda _: chat), wire.target("cohere", **facts))


def from_openai(wire, *, facts=None, **fields):
    return sent(wire.ask(**fields), wire.target("cohere", **(facts or {})))


@pytest.mark.parametrize("name", ["text", "options", "tools", "images", "schema", "reasoning"])
def test_a_documented_request_is_read_and_written_the_same(wire, name):
    """Field by field, through our own words."""
    asked = golden(f"request_{name}")
    request = COHERE.parse("chat", json.dumps(asked).encode())
    again = m.Request(model="x", dialect="cohere", stream=request.stream, read=lambda _: request.content())
    body, dropped = sent(again, wire.target("cohere", model=asked["model"], reasoning=name == "reasoning"))
    assert (body, dropped) == (asked, ())


@pytest.mark.parametrize("name", ["text", "options", "tools", "images", "schema", "reasoning", "documents"])
def test_a_documented_request_passes_untouched(wire, name):
    """In its own dialect only the model is replaced."""
    asked = golden(f"request_{name}")
    body, dropped = sent(COHERE.parse("chat", json.dumps(asked).encode()), wire.target("cohere", model="other"))
    assert (body, dropped) == (asked | {"model": "other"}, ())


def test_documents_become_words_for_others(wire):
    """Those beside the turns before the last question, those in it at their place; citations are named."""
    request = COHERE.parse("chat", json.dumps(golden("request_documents")).encode())
    body, dropped = sent(request, wire.target())
    words = [part["text"] for part in body["messages"][1]["content"]]
    assert words == [
        "<document>\nPenguins live in the south.\n</document>",
        '<document id="doc-1">\ntitle: Habitat\nsnippet: Emperor penguins only live in Antarctica.\n</document>',
        "Where do the tallest penguins live?",
        '<document id="doc-2">\ntitle: Penguins\nsnippet: Emperor penguins are the tallest.\n</document>',
    ]
    assert set(dropped) == {"citation_options", "documents.citations"}


def test_documents_without_a_question_are_one(wire):
    """A conversation that ends otherwise gets them all the same."""
    request = ask(messages=[{"role": "system", "content": "x"}], documents=[{"data": {"n": 1}}])
    assert sent(request, wire.target())[0]["messages"][1]["content"] == "<document>\nn: 1\n</document>"


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({}, m.NOTHING_SPECIAL),
        ({"tools": golden("request_tools")["tools"]}, m.Needs(tools=True)),
        ({"messages": golden("request_images")["messages"]}, m.Needs(vision=True)),
        ({"response_format": golden("request_schema")["response_format"]}, m.Needs(schema=True)),
        ({"response_format": {"type": "json_object"}}, m.NOTHING_SPECIAL),
        ({"documents": ["x"]}, m.NOTHING_SPECIAL),
    ],
)
def test_what_a_target_must_be_able_to_do(fields, needs):
    """So that a request is only sent where it can be answered."""
    assert ask(**fields).needs == needs


def test_pictures_are_not_counted_by_their_bytes():
    """A picture is so many tokens, however many bytes it has."""
    url = f"data:image/png;base64,{'A' * 100_000}"
    assert ask(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]).tokens < 1000


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty; send a JSON object"),
        (b'{"messages":[{"role":"user","content":"x"}]}', "model is required"),
        (b'{"model":"m","messages":[]}', "messages must not be empty"),
        (b'{"model":"m","messages":[{"role":"bot","content":"x"}]}', "messages[0].role: the value is not known"),
        (b'{"model":"m","messages":[{"role":"user","content":1}]}', "messages[0].content must be"),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}],"tool_choice":"auto"}', "tool_choice"),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":0}', "max_tokens must be >= 1"),
    ],
)
def test_a_wrong_request_is_refused_with_the_field(body, message):
    """In our words, with the place."""
    with pytest.raises(Caller) as caught:
        COHERE.parse("chat", body)
    assert message in caught.value.message


def test_a_tool_s_result_names_its_call():
    """Else nobody knows what it answers."""
    with pytest.raises(Caller, match="tool_call_id"):
        ask(messages=[*HI, {"role": "tool", "content": "x"}]).content()


# From OpenAI's words


def test_a_whole_conversation_crosses(wire):
    """System first, pictures, texts as documents, parallel calls and their results."""
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    text = base64.b64encode(b"wise words").decode()
    file = {"type": "file", "file": {"file_data": f"data:text/plain;base64,{text}", "filename": "a.txt"}}
    body, dropped = from_openai(
        wire,
        tools=TOOLS,
        messages=[
            {"role": "user", "content": [*ONES, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}, file]},
            {"role": "developer", "content": "be kind"},
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "hm",
                "tool_calls": [call, call | {"id": "c2"}],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "one"},
            {"role": "tool", "tool_call_id": "c2", "content": ""},
            {"role": "assistant", "content": "so", "refusal": "no"},
            {"role": "assistant", "content": " "},
        ],
    )
    assert dropped == ()
    system, user, assistant, first, second, last = body["messages"]
    assert system == {"role": "system", "content": "be kind"}
    assert user["content"] == [
        *ONES,
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        {"type": "document", "document": {"data": {"title": "a.txt", "text": "wise words"}}},
    ]
    assert assistant == {"role": "assistant", "tool_plan": "hm", "tool_calls": [call, call | {"id": "c2"}]}
    assert first == {"role": "tool", "tool_call_id": "call_1", "content": "one"}
    assert second == {"role": "tool", "tool_call_id": "c2", "content": " "}
    assert last["content"] == [{"type": "text", "text": "so"}, {"type": "text", "text": "no"}]
    assert body["strict_tools"] is True
    assert "strict" not in body["tools"][0]["function"]


@pytest.mark.parametrize(
    ("choice", "told", "offered"),
    [
        (None, None, ["f", "g"]),
        ("auto", None, ["f", "g"]),
        ("none", "NONE", ["f", "g"]),
        ("required", "REQUIRED", ["f", "g"]),
        ({"type": "function", "function": {"name": "g"}}, "REQUIRED", ["g"]),
    ],
)
def test_tool_choices_cross(wire, choice, told, offered):
    """A tool that must be called is the only one that is offered."""
    tools = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
    body, dropped = from_openai(wire, tools=tools, **({"tool_choice": choice} if choice else {}))
    assert (body.get("tool_choice"), dropped) == (told, ())
    assert [tool["function"]["name"] for tool in body["tools"]] == offered
    assert all(tool["function"]["parameters"]["type"] == "object" for tool in body["tools"])


def test_options_cross(wire):
    """Under Cohere's names."""
    body, dropped = from_openai(
        wire, max_tokens=9, temperature=0.5, top_p=0.9, stop="END", seed=3, n=1, frequency_penalty=0.5, stream=True
    )
    told = {"max_tokens": 9, "temperature": 0.5, "p": 0.9, "stop_sequences": ["END"], "seed": 3, "stream": True}
    assert dropped == ()
    assert body.items() >= (told | {"frequency_penalty": 0.5}).items()


SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}


def test_formats_cross(wire):
    """With a schema and without."""
    assert from_openai(wire, response_format=SCHEMA)[0]["response_format"] == {
        "type": "json_object",
        "json_schema": {"type": "object"},
    }
    assert from_openai(wire, response_format={"type": "json_object"})[0]["response_format"] == {"type": "json_object"}
    assert "response_format" not in from_openai(wire, response_format={"type": "text"})[0]
    back, dropped = sent(ask(response_format={"type": "json_object", "json_schema": {"type": "object"}}), wire.target())
    assert back["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert dropped == ()


def test_a_format_does_not_go_with_tools(wire):
    """Cohere would refuse it, and leaving out either would change the answer: somebody else is asked."""
    with pytest.raises(Unsupported, match="ask for one"):
        from_openai(wire, response_format=SCHEMA, tools=TOOLS)


@pytest.mark.parametrize(
    ("fields", "facts", "told", "dropped"),
    [
        ({"reasoning_effort": "low"}, {"reasoning": True}, {"type": "enabled", "token_budget": 2048}, ()),
        ({"reasoning_effort": "high", "max_tokens": 1000}, {"reasoning": True},
         {"type": "enabled", "token_budget": 500}, ()),
        ({"reasoning_effort": "none"}, {"reasoning": True}, {"type": "disabled"}, ()),
        ({"reasoning_effort": "none"}, {}, None, ()),
        ({"reasoning_effort": "high"}, {}, None, ("reasoning_effort",)),
        ({"reasoning_effort": "odd"}, {"reasoning": True}, None, ("reasoning_effort",)),
    ],
)  # fmt: skip
def test_efforts_become_budgets(wire, fields, facts, told, dropped):
    """At most half of the answer's tokens; a model that does not think is not asked to."""
    body, named = from_openai(wire, facts=facts, **fields)
    assert (body.get("thinking"), named) == (told, dropped)


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [
        ({"type": "disabled"}, "none"), ({"type": "enabled"}, None), ({"type": "enabled", "token_budget": 100}, "low"),
        ({"type": "enabled", "token_budget": 9000}, "medium"), ({"type": "enabled", "token_budget": 50_000}, "high"),
    ],
)  # fmt: skip
def test_budgets_become_efforts(thinking, effort):
    """As far as OpenAI's words go."""
    assert ask(thinking=thinking).content().effort == effort


NAMED = [
    ({"n": 2}, "n"),
    ({"user": "u"}, "user"),
    ({"logprobs": True}, "logprobs"),
    ({"logit_bias": {"1": 5}}, "logit_bias"),
    ({"brand_new": 1}, "brand_new"),
    ({"seed": -1}, "seed below 0"),
    ({"temperature": 1.5}, "temperature above 1"),
    ({"top_p": 1.0}, "top_p above 0.99"),
    ({"top_p": 0.001}, "top_p below 0.01"),
    ({"presence_penalty": -0.5}, "presence_penalty below 0"),
    ({"frequency_penalty": 0.5, "presence_penalty": 0.5}, "presence_penalty"),
    ({"stop": list("abcdef")}, "stop sequences after the 5th"),
    ({"max_tokens": 9999}, "max_tokens above 4096"),
    ({"parallel_tool_calls": False, "tools": TOOLS}, "parallel_tool_calls"),
    ({"tools": [*TOOLS, {"type": "function", "function": {"name": "loose"}}]}, "tools.strict"),
    ({"messages": [{"role": "user", "name": "bob", "content": "x"}]}, "messages.name"),
    ({"messages": [*HI, {"role": "assistant", "content": "x", "reasoning_content": "hm"}]}, "messages.reasoning"),
    (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        *ONES,
                        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA=="}},
                    ],
                }
            ]
        },
        "messages.document.application/pdf",
    ),
]


@pytest.mark.parametrize(("fields", "name"), NAMED, ids=[row[1] for row in NAMED])
def test_what_cohere_cannot_say_is_named(wire, fields, name):
    """And nothing else is."""
    assert from_openai(wire, facts={"max_output": 4096}, **fields)[1] == (name,)


def test_sampling_is_named_for_models_without(wire):
    """Both where it is written anew and where it passes."""
    facts = {"sampling": False}
    assert from_openai(wire, facts=facts, temperature=0.5, top_p=0.5)[1] == ("temperature", "top_p")
    assert set(sent(ask(k=3, p=0.5, temperature=0.1), wire.target("cohere", **facts))[1]) == {"k", "p", "temperature"}


def test_a_file_at_an_address_is_not_fetched(wire):
    """Nor its name alone sent."""
    document = m.Document(url="https://x/a.txt", media_type="text/plain")
    broken = m.Document(data="no base64!", media_type="text/plain")
    chat = m.Chat((m.Message("user", (m.Text("x"), document, broken)),))
    assert written(wire, chat)[1] == ("messages.document.url", "messages.document.text/plain")


def test_media_and_errors_of_tools_are_named(wire):
    """A result is words."""
    parts = (m.Text("x"), m.Image(url="https://x/y.png"))
    call = m.Message("assistant", (m.ToolCall("c", "f", ""), m.Reasoning(data="sealed")))
    chat = m.Chat((call, m.Message("tool", (m.ToolResult("c", parts, error=True),))))
    body, dropped = written(wire, chat)
    assert body["messages"][0]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert body["messages"][1]["content"] == "x"
    assert set(dropped) == {"messages.tool_result.media", "messages.tool_result.is_error", "messages.reasoning"}


def test_the_system_and_the_assistant_say_words_alone(wire):
    """A picture or a file there would be refused with the whole request; it is left out, and named."""
    file = m.Document(data="aGk=", media_type="text/plain")
    picture = m.Image(url="https://x/y.png")
    turns = (
        m.Message("system", (m.Text("be kind"), file)),
        m.Message("user", (m.Text("draw"),)),
        m.Message("assistant", (picture, m.Text("done"))),
        m.Message("user", (m.Text("more"),)),
    )
    body, dropped = written(wire, m.Chat(turns))
    assert [turn["content"] for turn in body["messages"]] == ["be kind", "draw", "done", "more"]
    assert dropped == ("messages.content",)


def test_a_chat_of_the_system_alone_is_asked(wire):
    """There must be somebody who asks."""
    assert from_openai(wire, messages=[{"role": "system", "content": "x"}])[0]["messages"] == [
        {"role": "user", "content": "x"}
    ]


# Into other words


def test_options_cross_from_cohere(wire):
    """Sampling, stops, seeds; what others do not have is named by the caller's own word for it."""
    request = COHERE.parse("chat", json.dumps(golden("request_options")).encode())
    body, dropped = sent(request, wire.target())
    told = {"max_completion_tokens": 64, "stop": ["END", "\n\n"], "seed": 7, "temperature": 0.3, "top_p": 0.75}
    assert body.items() >= told.items()
    assert "logprobs" not in body
    assert set(dropped) == {"answer.logprobs", "citation_options", "priority", "safety_mode", "top_k"}
    body, dropped = sent(request, wire.target("anthropic"))
    assert (body["top_k"], body["stop_sequences"]) == (40, ["END"])


def test_what_others_do_not_know_is_named(wire):
    """Kinds of blocks, of tools and of formats, citations of earlier answers, fields of turns."""
    turns = [
        {"role": "user", "content": [*ONES, {"type": "audio"}], "odd": 1},
        {"role": "assistant", "content": "x", "citations": [{"start": 0}]},
    ]
    formed = {"type": "xml", "schema": {"type": "object"}}
    _, dropped = sent(ask(messages=turns, tools=[{"type": "web", "odd": 1}], response_format=formed), wire.target())
    assert set(dropped) == {
        "messages.content.audio", "messages.odd", "messages.citations", "tools.web", "tools.odd",
        "response_format.xml", "response_format.schema",
    }  # fmt: skip


def test_no_address_is_passed_on(wire):
    """A caller cannot name one."""
    for target in (wire.target("cohere"), wire.target()):
        body, dropped = sent(ask(base_url="http://evil", api_key="x"), target)
        assert not {"base_url", "api_key"} & body.keys()
        assert {"base_url", "api_key"} <= set(dropped)


def test_what_a_provider_refuses_is_taken_out(wire):
    """Its row counts both ways."""
    quirks = Quirks(drops=("seed",))
    assert from_openai(wire, facts={"quirks": quirks}, seed=1)[1] == ("seed",)
    assert sent(ask(seed=1), wire.target("cohere", quirks=quirks))[1] == ("seed",)


def test_a_limit_above_the_model_s_is_cut(wire):
    """Also where the caller's own fields pass; a stream is asked for as the caller wants it."""
    body, dropped = sent(ask(max_tokens=99), wire.target("cohere", max_output=50))
    assert (body["max_tokens"], dropped) == (50, ("max_tokens above 50",))
    streamed = ask(stream=True)
    assert sent(streamed, wire.target("cohere"))[0]["stream"] is True
    streamed.stream = False
    assert "stream" not in sent(streamed, wire.target("cohere"))[0]


# Going on


@pytest.mark.parametrize("spoken", ["cohere", "openai"])
@pytest.mark.parametrize("prefill", [True, False])
def test_the_rest_of_an_answer_is_asked_for(wire, spoken, prefill):
    """By a prefill where the target takes it, without a format or thoughts; else by asking."""
    fields = {"max_tokens": 50, "thinking": {"type": "enabled"}, "response_format": {"type": "json_object"}}
    openai = {"max_tokens": 50, "response_format": {"type": "json_object"}}
    request = ask(**fields) if spoken == "cohere" else wire.ask(**openai)
    rest = request.going_on(Beginning("This is the"), 10)
    body, _ = sent(rest, wire.target("cohere", prefill=prefill))
    assistant = {"role": "assistant", "content": "This is the"}
    asking = [assistant, {"role": "user", "content": ask_on("This is the")}]
    assert body["messages"][1:] == ([assistant] if prefill else asking)
    assert body["max_tokens"] == 40
    assert not prefill or not {"thinking", "response_format"} & body.keys()


# Laws


@st.composite
def chats(draw):
    """Conversations that Cohere can say."""
    messages = [m.Message("system", (draw(TEXT),))] if draw(st.booleans()) else []
    for number in range(draw(st.integers(1, 3))):
        parts = draw(st.one_of(st.tuples(TEXT), st.lists(TEXT | IMAGE, min_size=2, max_size=3).map(tuple)))
        messages.append(m.Message("user", parts))
        calls = tuple(m.ToolCall(f"c{number}{n}", draw(IDS), draw(ARGUMENTS)) for n in range(draw(st.integers(0, 2))))
        thought = draw(st.just(()) | st.tuples(st.builds(m.Reasoning, WORDS)))
        messages.append(m.Message("assistant", (*thought, draw(TEXT), *calls)))
        messages += [m.Message("tool", (m.ToolResult(call.id, (draw(TEXT),)),)) for call in calls]
    messages.append(m.Message("user", (draw(TEXT),)))
    strict = draw(st.none() | st.booleans())
    tool = st.builds(m.Tool, IDS, WORDS, st.just({"type": "object"}), st.just(strict))
    tools = tuple(draw(st.lists(tool, max_size=2)))
    return m.Chat(
        tuple(messages),
        tools=tools,
        tool_choice=draw(st.sampled_from([None, "any", "none"])) if tools else None,
        max_tokens=draw(st.none() | st.integers(1, 9999)),
        temperature=draw(st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.floats(0.01, 0.99)),
        stop=tuple(draw(st.lists(WORDS, max_size=5))),
        seed=draw(st.none() | st.integers(0, 2**63 - 1)),
        schema=draw(st.none() | st.sampled_from([m.Schema(), m.Schema({"type": "object"})])) if not tools else None,
        effort=draw(st.sampled_from([None, "none"])),
    )


@given(chat=chats())
def test_chats_survive_being_written(wire, chat):
    """parse(encode(x)) == x, and nothing is named as dropped."""
    outgoing = COHERE.encode(m.Request(model="x", read=lambda _: chat), wire.target("cohere", reasoning=True))
    assert outgoing.dropped == ()
    back = COHERE.parse("chat", outgoing.body).content()
    assert said(back) == said(chat)
    assert [getattr(back, name) for name in back.__struct_fields__ if name != "messages"] == [
        getattr(chat, name) for name in chat.__struct_fields__ if name != "messages"
    ]
