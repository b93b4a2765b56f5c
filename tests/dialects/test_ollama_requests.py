"""Ollama's requests: as documented, what crosses from and to others, the laws of both directions, and embeddings."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects import DIALECTS
from outlast.model import messages as m
from outlast.model.errors import BadResponse, Caller, Failure, Unsupported
from outlast.model.messages import Usage
from outlast.model.target import Quirks

from .ollama_wire import ANTHROPIC, ARGUMENTS, HI, JSON, NAMES, OLLAMA, OPENAI, WORDS, ask, golden, of, sent


def full():
    """The documented request, in our words."""
    request = OLLAMA.parse("chat", golden("request.json"))
    return request, request.content()


def test_a_request_is_read():
    """Every field that has a place in ours."""
    request, chat = full()
    assert (request.model, request.stream, request.max_tokens, request.json) == ("qwen3", True, 64, True)
    assert request.needs == m.Needs(tools=True, vision=True, schema=True)
    system, user, assistant, snow, sun, last = chat.messages
    assert (system.role, system.parts) == ("system", (m.Text("be brief"),))
    pictures = (
        m.Image(data="iVBORw0KGgoAAA", media_type="image/png"),
        m.Image(data="/9j/AAAA", media_type="image/jpeg"),
    )
    assert user.parts == (m.Text("what is this?"), *pictures)
    assert assistant.parts == (
        m.Reasoning("two cities"),
        m.ToolCall("call_a", "get_weather", '{"city":"Oslo"}'),
        m.ToolCall("call_b", "get_weather", '{"city":"Rome"}'),
    )
    assert snow.parts == (m.ToolResult("call_a", (m.Text("snow"),)),)
    assert sun.parts == (m.ToolResult("call_b", (m.Text("sun"),)),)
    assert last.parts == (m.Text("so?"),)
    assert (chat.max_tokens, chat.temperature, chat.top_p, chat.seed, chat.stop) == (64, 0.5, 0.9, 7, ("END",))
    assert (chat.effort, chat.schema.schema["required"], chat.tools[0].name) == ("high", ["answer"], "get_weather")
    assert chat.extra == {"truncate": False, "top_k": 40, "min_p": 0.1}


def test_a_request_is_written_as_documented(wire):
    """From ours, byte for byte."""
    _, chat = full()
    outgoing = OLLAMA.encode(of(chat, stream=True), wire.target("ollama", model="qwen3", reasoning=True))
    assert outgoing.body == golden("request.json").rstrip()
    assert (outgoing.path, outgoing.dropped) == (b"/api/chat", ())


def test_the_caller_s_own_request_is_passed_on(wire):
    """Only the model is another one; and whether to stream is always said."""
    request, _ = full()
    body, dropped = sent(wire, request)
    assert body == json.loads(golden("request.json")) | {"model": "m-1"}
    assert dropped == ()
    assert sent(wire, ask(keep_alive="5m", logprobs=True))[0] == {
        "model": "m-1", "messages": HI, "stream": True, "keep_alive": "5m", "logprobs": True,
    }  # fmt: skip


@pytest.mark.parametrize(("fields", "stream"), [({}, True), ({"stream": None}, True), ({"stream": False}, False)])
def test_streams_are_the_default(wire, fields, stream):
    """A caller who says nothing is streamed to, and a target is always told."""
    request = ask(**fields)
    assert request.stream is stream
    assert sent(wire, request)[0]["stream"] is stream
    assert sent(wire, of(request.content()))[0]["stream"] is False


@pytest.mark.parametrize(
    "body",
    [
        {"model": ""}, {"messages": []}, {"messages": [{"role": "developer", "content": "x"}]}, {"stream": "yes"},
        {"format": "yaml"}, {"options": {"temperature": "hot"}}, {"options": {"num_predict": 1.5}},
        {"tools": [{"type": "function", "function": {}}]}, {"think": 3},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]},
    ],
)  # fmt: skip
def test_bad_requests_are_refused(body):
    """With a message that names the field, before anything is sent."""
    with pytest.raises(Caller) as refused:
        ask(**body).content()
    assert any(
        name in str(refused.value) for name in ("model", "messages", "stream", "format", "options", "name", "think")
    )


@pytest.mark.parametrize(
    "fields",
    [
        ({}, {}),
        ({"tool_name": "g"}, {"tool_name": "f"}),
        ({"tool_call_id": "call_1"}, {"tool_call_id": "call_0"}),
    ],
)
def test_results_find_their_calls(fields):
    """By id, by the tool's name, or in their order: few callers keep ids."""
    calls = [{"function": {"name": name, "arguments": {}}} for name in ("f", "g")]
    results = [{"role": "tool", "content": "x"} | more for more in fields]
    turns = ask(messages=[*HI, {"role": "assistant", "tool_calls": calls}, *results]).content().messages
    assert [part.id for part in turns[1].parts] == ["call_0", "call_1"]
    expected = ["call_0", "call_1"] if fields == ({}, {}) else ["call_1", "call_0"]
    assert [turn.parts[0].id for turn in turns[2:]] == expected


@pytest.mark.parametrize(
    ("message", "id_"), [({"tool_name": "f"}, "call_f"), ({"tool_call_id": "mine"}, "mine"), ({}, "call_")]
)
def test_a_result_of_no_known_call_keeps_its_name(message, id_):
    """The call may have been left out of the conversation."""
    turns = ask(messages=[*HI, {"role": "tool", "content": "x"} | message]).content().messages
    assert turns[1].parts == (m.ToolResult(id_, (m.Text("x"),)),)


@pytest.mark.parametrize(
    ("think", "effort", "reasoning", "sent_as", "dropped"),
    [
        (False, "none", True, False, ()),
        ("low", "low", True, "low", ()),
        ("high", "high", False, None, ("reasoning_effort",)),
        (False, "none", False, None, ()),
    ],
)
def test_thinking_crosses_as_an_effort(wire, think, effort, reasoning, sent_as, dropped):
    """A model that does not reason refuses to be asked to, so it is not."""
    chat = ask(think=think).content()
    assert chat.effort == effort
    body, named = sent(wire, of(chat), reasoning=reasoning)
    assert (body.get("think"), named) == (sent_as, dropped)


@pytest.mark.parametrize(("effort", "think"), [("minimal", "low"), ("medium", "medium"), ("xhigh", "high")])
def test_efforts_of_others_are_told_in_its_words(wire, effort, think):
    """It has three."""
    assert (
        sent(wire, of(m.Chat((m.Message("user", (m.Text("x"),)),), effort=effort)), reasoning=True)[0]["think"] == think
    )


def test_to_think_without_saying_how_much_is_kept_for_its_own(wire):
    """Others have no word for it, and the caller is told."""
    request = ask(think=True)
    assert sent(wire, request)[0]["think"] is True
    assert sent(wire, of(request.content(), dialect="ollama"))[0]["think"] is True
    assert OPENAI.encode(request, wire.target()).dropped == ("think",)


TOOLS = (m.Tool("f", "d", {"type": "object"}, strict=True), m.Tool("g"))
SAID = (m.Message("user", (m.Text("x"),)),)


@pytest.mark.parametrize(
    ("choice", "shown", "dropped"),
    [
        (None, ["f", "g"], {"tools.strict"}),
        ("auto", ["f", "g"], {"tools.strict"}),
        ("none", None, {"tools"}),
        ("any", ["f", "g"], {"tool_choice", "tools.strict"}),
        ("g", ["g"], {"tool_choice"}),
    ],
)
def test_tools_are_shown_not_forced(wire, choice, shown, dropped):
    """None, all, or the one that is wanted; that it must be called cannot be said, and is named."""
    body, named = sent(wire, of(m.Chat(SAID, tools=TOOLS, tool_choice=choice)))
    names = [tool["function"]["name"] for tool in body["tools"]] if "tools" in body else None
    assert (names, set(named)) == (shown, dropped)


def test_what_cannot_be_said_is_named(wire):
    """Callers of OpenAI's and of Anthropic's, with what Ollama has no words for."""
    request = wire.ask(
        n=2, user="u", logprobs=True, logit_bias={"1": 2}, top_p=0.5, frequency_penalty=0.5, presence_penalty=0.0,
        parallel_tool_calls=False, tools=[{"type": "function", "function": {"name": "f"}}], metadata={"a": "b"},
        messages=[{"role": "user", "name": "bob", "content": "x"}], response_format={"type": "json_object"},
    )  # fmt: skip
    body, dropped = sent(wire, request)
    assert set(dropped) == {"n", "user", "logprobs", "logit_bias", "parallel_tool_calls", "metadata", "messages.name"}
    assert (body["options"], body["format"]) == (
        {"top_p": 0.5, "frequency_penalty": 0.5, "presence_penalty": 0.0},
        "json",
    )
    blocks = [{"type": "redacted_thinking", "data": "x"}, {"type": "thinking", "thinking": "hm", "signature": "s"},
              {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}]  # fmt: skip
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    result = {"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": [picture]}
    turns = [*HI, {"role": "assistant", "content": blocks}, {"role": "user", "content": [result]}]
    body, dropped = sent(wire, wire.ask("anthropic", messages=turns, top_k=3, max_tokens=10))
    assert set(dropped) == {"messages.reasoning", "messages.tool_result.is_error"}
    assert body["options"] == {"num_predict": 10, "top_k": 3}
    assert body["messages"][1:] == [
        {"role": "assistant", "content": "", "thinking": "hm",
         "tool_calls": [{"id": "t", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}]},
        {"role": "tool", "content": "", "images": ["AAAA"], "tool_call_id": "t", "tool_name": "f"},
    ]  # fmt: skip


def test_arguments_that_are_no_object_are_kept_as_text(wire):
    """A model may have written them wrongly; the conversation goes on."""
    chat = m.Chat((*SAID, m.Message("assistant", (m.ToolCall("c", "f", "[1"),))))
    body, dropped = sent(wire, of(chat))
    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"arguments": "[1"}
    assert dropped == ("messages.tool_calls.arguments",)


def test_a_call_without_arguments_has_none(wire):
    """An empty text stands for none."""
    chat = m.Chat((*SAID, m.Message("assistant", (m.ToolCall("c", "f", ""),))))
    assert sent(wire, of(chat))[0]["messages"][1]["tool_calls"][0]["function"]["arguments"] == {}


def test_tools_of_other_kinds_are_named(wire):
    """They are the server's own, and pass to it alone."""
    request = ask(tools=[{"type": "web_search", "function": {}}])
    assert OPENAI.encode(request, wire.target()).dropped == ("tools.web_search",)
    assert sent(wire, request)[0]["tools"] == [{"type": "web_search", "function": {}}]


@pytest.mark.parametrize("created", [0, 10**18, -(10**18)])
def test_a_time_is_always_told(wire, created):
    """Clients want one, whatever the provider said."""
    reply = m.Reply(model="m", finish="stop", usage=Usage(), created=created, read=tuple)
    assert json.loads(OLLAMA.render(reply, ask()))["created_at"] == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize("said", ["", "yesterday", "9999-99-99T00:00:00Z", "1900-01-01T00:00:00Z"])
def test_a_time_that_is_none_is_zero(wire, said):
    """Nothing rests on it."""
    body = json.dumps({"created_at": said, "message": {"content": "a"}, "done": True}).encode()
    assert OLLAMA.decode(body, ask(), wire.target("ollama")).created == 0


def test_limits_are_heard_where_a_proxy_tells_them():
    """The server has none."""
    told = {b"x-ratelimit-remaining-requests": b"3"}
    assert OLLAMA.quota(told.get).requests_left == 3
    assert OLLAMA.quota({}.get) is None


@pytest.mark.parametrize(
    "part",
    [
        m.Image(url="https://x/y.png"),
        m.Document(data="JVBERi0=", media_type="application/pdf"),
        m.Document(url="https://x/a.txt"),
        m.Document(data="no base64!", media_type="text/plain"),
    ],
)
def test_what_would_change_the_question_goes_elsewhere(wire, part):
    """A picture by address or a file is not left out: another target may take it."""
    with pytest.raises(Unsupported, match="send"):
        sent(wire, of(m.Chat((m.Message("user", (m.Text("what is this?"), part)),))))


def test_files_of_text_are_read_out(wire):
    """Under their name, if they have one."""
    files = (
        m.Document(data="aGk=", media_type="text/plain", name="a.txt"),
        m.Document(data="aG8=", media_type="text/x"),
    )
    body, dropped = sent(wire, of(m.Chat((m.Message("user", (m.Text("see"), *files)),))))
    assert (body["messages"][0]["content"], dropped) == ("see\na.txt:\nhi\nho", ())


@pytest.mark.parametrize(("window", "size"), [(0, 16384), (8192, 8192), (131072, 16384)])
def test_the_context_that_is_wanted_is_asked_for(wire, window, size):
    """By the quirk, never more than the model has; a caller of its own decides alone."""
    quirks = Quirks(num_ctx=16384)
    assert sent(wire, of(m.Chat(SAID)), quirks=quirks, window=window)[0]["options"] == {"num_ctx": size}
    assert sent(wire, ask(), quirks=quirks, window=window)[0]["options"] == {"num_ctx": size}
    own = ask(options={"num_ctx": 512})
    assert sent(wire, own, quirks=quirks, window=window)[0]["options"] == {"num_ctx": 512}
    assert "options" not in sent(wire, of(m.Chat(SAID)), window=window)[0]


def test_a_prompt_is_never_cut_without_a_word(wire):
    """The server is told to refuse what does not fit; a caller of its own may want it cut."""
    assert sent(wire, wire.ask())[0]["truncate"] is False
    assert "truncate" not in sent(wire, ask())[0]
    assert sent(wire, of(ask(truncate=True).content(), dialect="ollama"))[0]["truncate"] is True


def test_a_row_s_quirks_and_a_model_s_bounds_count(wire):
    """Refused fields and options are taken out, limits are cut, both are named; in both ways of writing."""
    facts = {"quirks": Quirks(drops=("seed", "think")), "max_output": 50, "sampling": False}
    options = {"num_predict": 99, "temperature": 0.5, "seed": 3, "top_k": 4}
    own = ask(options=options, think=True, base_url="x")
    body, dropped = sent(wire, own, **facts)
    assert body == {"model": "m-1", "messages": HI, "stream": True, "options": {"num_predict": 50}}
    assert set(dropped) == {"seed", "think", "max_tokens above 50", "temperature", "top_k", "base_url"}
    chat = m.Chat(SAID, max_tokens=99, temperature=0.5, seed=3)
    body, dropped = sent(wire, of(chat), **facts)
    assert (body["options"], set(dropped)) == ({"num_predict": 50}, {"seed", "max_tokens above 50", "temperature"})


def test_a_changed_chat_keeps_its_own_fields(wire):
    """A request whose bytes no longer hold keeps all fields and options of its dialect; another dialect names them."""
    request = ask(keep_alive="5m", options={"num_ctx": 512, "mirostat": 2, "top_k": 5})
    body, dropped = sent(wire, of(request.content(), dialect="ollama"))
    assert (body["options"], body["keep_alive"], dropped) == ({"num_ctx": 512, "mirostat": 2, "top_k": 5}, "5m", ())
    assert set(OPENAI.encode(request, wire.target()).dropped) == {
        "keep_alive", "options.num_ctx", "options.mirostat", "top_k",
    }  # fmt: skip
    assert "top_k" not in ANTHROPIC.encode(request, wire.target("anthropic")).dropped


IMAGES = st.builds(m.Image, data=st.just("iVBORw0KGgoAAA"), media_type=st.just("image/png"))
STRIPPED = WORDS.filter(str.strip)


@st.composite
def chats(draw):
    """Conversations that this dialect can say."""
    messages = [m.Message("system", (m.Text(draw(STRIPPED)),))] if draw(st.booleans()) else []
    for number in range(draw(st.integers(1, 3))):
        messages.append(m.Message("user", (m.Text(draw(STRIPPED)), *draw(st.lists(IMAGES, max_size=2)))))
        calls = tuple(m.ToolCall(f"c{number}{n}", draw(NAMES), draw(ARGUMENTS)) for n in range(draw(st.integers(0, 2))))
        thought = (m.Reasoning(draw(STRIPPED)),) if draw(st.booleans()) else ()
        messages.append(m.Message("assistant", (*thought, m.Text(draw(STRIPPED)), *calls)))
        messages += [m.Message("tool", (m.ToolResult(call.id, (m.Text(draw(STRIPPED)),)),)) for call in calls]
    messages.append(m.Message("user", (m.Text(draw(STRIPPED)),)))
    tools = tuple(draw(st.lists(st.builds(m.Tool, NAMES, STRIPPED, st.just({"type": "object"})), max_size=2)))
    return m.Chat(
        tuple(messages),
        tools=tools,
        max_tokens=draw(st.none() | st.integers(1, 9999)),
        temperature=draw(st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.floats(0, 1)),
        stop=tuple(draw(st.lists(STRIPPED, max_size=3))),
        seed=draw(st.none() | st.integers(-(2**31), 2**31)),
        schema=draw(st.sampled_from([None, m.Schema(), m.Schema({"type": "object"})])),
        effort=draw(st.sampled_from([None, "none", "low", "medium", "high"])),
        extra=draw(st.sampled_from([{}, {"top_k": 3}, {"min_p": 0.5, "frequency_penalty": 0.25}])),
    )


@given(chat=chats(), stream=st.booleans())
def test_chats_survive_being_written(wire, chat, stream):
    """What is written reads the same again, and nothing is named as dropped."""
    outgoing = OLLAMA.encode(of(chat, stream=stream), wire.target("ollama", reasoning=True))
    back = OLLAMA.parse("chat", outgoing.body)
    assert outgoing.dropped == ()
    assert back.stream is stream
    read = back.content()
    assert read.extra.pop("truncate") is False
    assert read == chat


@given(chat=chats())
def test_chats_survive_the_way_through_openai(wire, chat):
    """Ollama's, ours, OpenAI's, ours, Ollama's: the same words, calls and results."""
    there = OLLAMA.parse("chat", OLLAMA.encode(of(chat), wire.target("ollama", reasoning=True)).body)
    over = OPENAI.parse("chat", OPENAI.encode(there, wire.target(reasoning=True)).body)
    back = OLLAMA.parse("chat", OLLAMA.encode(over, wire.target("ollama", reasoning=True)).body).content()
    assert [turn.role for turn in back.messages] == [turn.role for turn in chat.messages]
    words = [[part for part in turn.parts if not isinstance(part, m.Reasoning)] for turn in chat.messages]
    assert [list(turn.parts) for turn in back.messages] == words
    assert (back.tools, back.seed, back.max_tokens, back.schema) == (
        chat.tools,
        chat.seed,
        chat.max_tokens,
        chat.schema,
    )


def embed(**fields):
    return OLLAMA.parse("embed", json.dumps({"model": "m", "input": ["a", "b"]} | fields).encode())


def test_embeddings_are_read_and_rendered(wire):
    """The documented answer, the bytes for a caller of the same dialect, and written anew."""
    reply = OLLAMA.decode(golden("embed.json"), embed(), wire.target("ollama"))
    rows = json.loads(golden("embed.json"))["embeddings"]
    assert (reply.vectors, reply.usage, reply.model) == (rows, Usage(8), "all-minilm")
    assert OLLAMA.render(reply, embed()) == golden("embed.json")
    anew = m.Vectors(model="m", usage=Usage(8), read_vectors=lambda: rows)
    assert json.loads(OLLAMA.render(anew, embed())) == {"model": "m", "embeddings": rows, "prompt_eval_count": 8}
    counted = OLLAMA.decode(b'{"embeddings":[[1],[2]]}', embed(), wire.target("ollama")).usage
    assert counted == Usage(embed().tokens, estimated=True)


def test_embedding_requests_are_passed_on_or_written(wire):
    """Texts as they are, in the caller's own fields or anew; a text that is too long is not cut without a word."""
    body, dropped = sent(wire, embed(keep_alive=5, api_base="x"))
    assert (body, dropped) == ({"model": "m-1", "input": ["a", "b"], "keep_alive": 5}, ("api_base",))
    asked = OPENAI.parse("embed", b'{"model":"m","input":"a","dimensions":8,"encoding_format":"base64","user":"u"}')
    body, dropped = sent(wire, asked, quirks=Quirks(drops=("dimensions",)))
    assert (body, dropped) == ({"model": "m-1", "input": ["a"], "truncate": False}, ("user", "dimensions"))
    assert sent(wire, asked)[0]["dimensions"] == 8
    assert OLLAMA.encode(asked, wire.target("ollama")).path == b"/api/embed"


def test_its_own_fields_do_not_reach_openai(wire):
    """They are named instead."""
    outgoing = OPENAI.encode(embed(keep_alive="5m", truncate=True, dimensions=8), wire.target())
    assert wire.sent(outgoing) == {"model": "m-1", "input": ["a", "b"], "dimensions": 8}
    assert set(outgoing.dropped) == {"keep_alive", "truncate"}


@pytest.mark.parametrize("body", [b"{}", b'{"embeddings":[]}', b'{"embeddings":[[1]]}', b"", b'{"embeddings":"x"}'])
def test_what_are_no_embeddings_is_refused(wire, body):
    """Also another number of rows than was asked for."""
    with pytest.raises(BadResponse):
        OLLAMA.decode(body, embed(), wire.target("ollama"))


def test_wrong_requests_for_embeddings_are_refused(wire):
    """Nothing to embed; token numbers, which another target may take; an error in a 200."""
    for nothing in ("", []):
        with pytest.raises(Caller, match="input"):
            embed(input=nothing)
    with pytest.raises(Unsupported):
        OLLAMA.encode(OPENAI.parse("embed", b'{"model":"m","input":[1,2]}'), wire.target("ollama"))
    with pytest.raises(Unsupported):
        OLLAMA.decode(b'{"error":"this model does not support embeddings"}', embed(), wire.target("ollama"))


def test_paths_may_be_the_provider_s_own(wire):
    """By its row."""
    quirks = Quirks(path_chat="/x/{model}/chat", path_embed="/y", query="v=1")
    assert OLLAMA.encode(ask(), wire.target("ollama", model="a/b", quirks=quirks)).path == b"/x/a%2Fb/chat?v=1"
    assert OLLAMA.encode(embed(), wire.target("ollama", quirks=quirks)).path == b"/y?v=1"


def test_what_is_neither_is_a_fault_of_ours(wire):
    """A chat is no embeddings request, nor the other way round."""
    for operation in ("chat", "embed"):
        other = m.Embed(("x",)) if operation == "chat" else m.Chat(SAID)
        with pytest.raises(TypeError):
            OLLAMA.encode(of(other, operation=operation), wire.target("ollama"))


@given(
    fields=st.dictionaries(st.sampled_from(["messages", "options", "format", "tools", "think", "stream", "x"]), JSON)
)
@pytest.mark.parametrize("name", ["ollama", "ollama-prompts"])
def test_whatever_a_caller_asks_is_a_request_or_refused(wire, name, fields):
    """Nothing else is raised, whoever is to answer."""
    base = {"model": "m", "messages": HI} if name == "ollama" else {"model": "m", "prompt": "hi"}
    with contextlib.suppress(Failure):
        request = DIALECTS[name].parse("chat", json.dumps(base | fields).encode())
        for dialect in ("ollama", "openai", "anthropic"):
            DIALECTS[dialect].encode(request, wire.target(dialect))
