"""Ollama's own wire format: its documented answers and requests, the laws of both directions, and what is wrong."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects import DIALECTS
from outlast.model import messages as m
from outlast.model.errors import BadResponse, Caller, Failure, Unsupported
from outlast.model.messages import Chunk, Usage
from outlast.model.target import Quirks

OLLAMA, OPENAI, ANTHROPIC = DIALECTS["ollama"], DIALECTS["openai"], DIALECTS["anthropic"]
GOLDEN = Path(__file__).with_name("golden") / "ollama"
HI = [{"role": "user", "content": "hi"}]


def golden(name):
    """The bytes of a documented message."""
    return (GOLDEN / name).read_bytes()


def ask(**fields):
    return OLLAMA.parse("chat", json.dumps({"model": "m", "messages": HI} | fields).encode())


def of(chat, **fields):
    """A request that no bytes stand for."""
    return m.Request(model="x", read=lambda _: chat, **fields)


def sent(wire, request, **facts):
    outgoing = OLLAMA.encode(request, wire.target("ollama", **facts))
    return wire.sent(outgoing), outgoing.dropped


# -- answers ---------------------------------------------------------------------------------------------------------

WHOLE = [
    ("whole.json", (m.Text("Hello there."),), "stop", Usage(26, 298)),
    ("thinking.json", (m.Reasoning("two and two"), m.Text("Four.")), "stop", Usage(9, 6)),
    ("schema.json", (m.Text('{"age": 22, "available": false}'),), "stop", Usage(34, 14)),
    (
        "tools.json",
        (m.ToolCall("call_p", "get_weather", '{"city":"Oslo"}'), m.ToolCall("call_q", "get_time", "{}")),
        "tool_calls",
        Usage(122, 33),
    ),
]


@pytest.mark.parametrize(("name", "parts", "finish", "usage"), WHOLE)
def test_a_whole_answer_is_read(wire, name, parts, finish, usage):
    """What is said, why it ended, and the usage; a caller of the same dialect gets the bytes as they came."""
    reply = OLLAMA.decode(golden(name), ask(), wire.target("ollama"))
    assert (reply.parts, reply.finish, reply.usage) == (parts, finish, usage)
    assert reply.created == 1795255200
    assert OLLAMA.render(reply, ask()) == golden(name)


STREAMS = [
    ("stream.ndjson", "Hello wörld", "", "stop", Usage(11, 18)),
    ("thinking.ndjson", "Four.", "two and two", "stop", Usage(9, 6)),
    ("logprobs.ndjson", "Hi", "", "length", Usage(3, 1)),
    ("tools.ndjson", "", "", "tool_calls", Usage(169, 15)),
]


@pytest.mark.parametrize(("name", "text", "thoughts", "finish", "usage"), STREAMS)
def test_a_stream_is_read(wire, name, text, thoughts, finish, usage):
    """Words and thoughts, one finish, one usage, the opening and the end; the bytes are passed on as they came."""
    batch, reader = wire.read("ollama", golden(name), ask())
    assert wire.text(batch.chunks) == text
    assert "".join(chunk.reasoning for chunk in batch.chunks) == thoughts
    assert [chunk.finish for chunk in batch.chunks if chunk.finish] == [finish]
    assert wire.usage(batch.chunks) == usage
    assert (batch.last, batch.raw, reader.opening.created) == (True, golden(name), 1795255200)
    assert OLLAMA.writer(ask()).end() == b""


def test_tool_calls_come_whole_and_get_ids_of_their_own(wire):
    """Those that the server does not name differ, also from those of other answers."""
    tools = [chunk.tool for chunk in wire.read("ollama", golden("tools.ndjson"), ask())[0].chunks if chunk.tool]
    assert [(tool.index, tool.name, tool.arguments) for tool in tools] == [
        (0, "get_weather", '{"city":"Oslo"}'),
        (1, "get_weather", '{"city":"Rome"}'),
    ]
    again = golden("tools.ndjson").replace(b"10:00:00", b"10:00:01")
    others = [chunk.tool for chunk in wire.read("ollama", again, ask())[0].chunks if chunk.tool]
    assert len({tool.id for tool in [*tools, *others]}) == 4


@pytest.mark.parametrize("name", [row[0] for row in STREAMS])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_cut_at_every_byte_changes_nothing(wire, name, end):
    """Two reads, whatever the first one ends with; line ends of another system, blank lines and a mark before it."""
    data = golden(name)
    once, _ = wire.read("ollama", data, ask())
    odd = b"\xef\xbb\xbf" + data.replace(b"\n", end + end)
    for text in {data, odd}:
        for at in range(1, len(text)):
            reader = OLLAMA.reader(ask(), wire.target("ollama"))
            assert wire.drain(reader, [text[:at], text[at:]]) == once


@given(words=st.lists(st.text(st.characters(codec="utf-8")), max_size=5), size=st.integers(1, 99))
def test_pieces_of_any_size_change_nothing(wire, words, size):
    """One byte at a time included."""
    rows = [{"model": "m", "message": {"role": "assistant", "content": word}, "done": False} for word in words]
    rows.append({"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"})
    data = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    once, _ = wire.read("ollama", data, ask())
    assert wire.read("ollama", data, ask(), size=size)[0] == once
    assert wire.text(once.chunks) == "".join(words)


@pytest.mark.parametrize("tail", [b"", b"\n"])
def test_a_whole_answer_is_a_stream_of_one_line(wire, tail):
    """A server that does not stream has answered all the same."""
    batch, _ = wire.read("ollama", golden("thinking.json").rstrip() + tail, ask())
    assert batch.last
    assert batch.chunks == [Chunk("Four.", "two and two"), Chunk(finish="stop", usage=Usage(9, 6))]


def test_a_stream_that_is_cut_is_not_complete(wire):
    """Without its last line, or with half of it, the answer is not whole, and no half line is passed on."""
    data = golden("stream.ndjson")
    lines = data.splitlines(keepends=True)
    for cut in [b"".join(lines[:2]), data[:-30]]:
        batch, reader = wire.read("ollama", cut, ask())
        assert not batch.last
        assert not reader.finished
        assert batch.raw == b"".join(lines[:2])


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b'{"model": "m", "mess\n', "bad_response"),
        (b"<html>\n", "bad_response"),
        (b'{"choices":[{"delta":{"content":"lo"}}]}\n', "bad_response"),
        (b'data: {"choices":[]}\n', "bad_response"),
        (b'{"message":{"content":"\xff"}}\n', "bad_response"),
        (b'{"message":{"content":"' + b"a" * (1 << 20) + b'"}}\n', "bad_response"),
        (b"a" * (1 << 21), "bad_response"),
        (b'{"error":"something broke"}\n', "transient"),
        (b'{"error":"server busy, please try again.  maximum pending requests exceeded"}\n', "transient"),
        (b'{"error":"model \\"m\\" not found, try pulling it first"}\n', "missing"),
        (b'{"error":"the input length exceeds the context length"}\n', "context_length"),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_a_bad_line_keeps_nothing_from_good_ones(wire, line, kind, before):
    """Good lines of the same read come first; the failure waits, or is raised where nothing came before."""
    first = golden("stream.ndjson").splitlines(keepends=True)[0]
    reader = OLLAMA.reader(ask(), wire.target("ollama"))
    if before:
        batch = reader.feed(first + line)
        assert (batch.raw, wire.text(batch.chunks)) == (first, "Hel")
        assert reader.failure.kind == kind
        line = b"{}\n"
    with pytest.raises(Failure) as failed:
        reader.feed(line)
    assert failed.value.kind == kind


def test_an_error_at_the_end_without_a_line_end_is_heard(wire):
    """The server hung up right behind it."""
    reader = OLLAMA.reader(ask(), wire.target("ollama"))
    reader.feed(golden("error.ndjson").rstrip())
    with pytest.raises(Failure) as failed:
        reader.close()
    assert failed.value.kind == "transient"


def test_nothing_follows_the_last_line(wire):
    """What comes behind it is neither read nor passed on."""
    data = golden("stream.ndjson")
    batch, _ = wire.read("ollama", data + data, ask())
    assert (batch.raw, wire.text(batch.chunks), batch.last) == (data, "Hello wörld", True)


@pytest.mark.parametrize(
    "fields",
    [{}, {"prompt_eval_count": 5}, {"eval_count": "x"}, {"prompt_eval_count": -1, "eval_count": 4}, {"eval_count": 4}],
)
def test_usage_that_is_not_told_is_counted_by_us(wire, fields):
    """Also where the server leaves out a prompt that it had read before; what it does say stands."""
    body = json.dumps({"model": "m", "message": {"content": "hello there"}, "done": True} | fields).encode()
    request = ask()
    usage = OLLAMA.decode(body, request, wire.target("ollama")).usage
    told = fields.get("eval_count") == 4
    prompt = fields.get("prompt_eval_count", -1)
    assert usage == Usage(prompt if prompt > 0 else request.tokens, 4 if told else 3, estimated=True)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b'{"done":true}', b'{"message":{"content":"a"},"done":false}', b'{"choices":[]}',
     b'{"message":{"content":"\xff"},"done":true}'],
)  # fmt: skip
def test_what_is_no_answer_is_refused(wire, body):
    """Truncated, of another protocol, or said not to be done."""
    with pytest.raises(BadResponse):
        OLLAMA.decode(body, ask(), wire.target("ollama"))


def test_an_error_in_a_200_is_heard(wire):
    """Its words say what it means."""
    with pytest.raises(Failure) as failed:
        OLLAMA.decode(b'{"error":"model \\"m\\" not found, try pulling it first"}', ask(), wire.target("ollama"))
    assert failed.value.kind == "missing"


@pytest.mark.parametrize(
    ("given", "read"),
    [('"{\\"a\\":1}"', '{"a":1}'), ("null", "{}"), ('{"a":1}', '{"a":1}'), ('""', "{}")],
)
def test_arguments_are_read_in_every_form(wire, given, read):
    """As an object, or as text by those who imitate others."""
    body = b'{"message":{"tool_calls":[{"function":{"name":"f","arguments":%b}}]},"done":true}' % given.encode()
    assert OLLAMA.decode(body, ask(), wire.target("ollama")).tool_calls[0].arguments == read


WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=9)
NAMES = st.text("abcXYZ019_-", min_size=1, max_size=12)
ARGUMENTS = st.dictionaries(NAMES, st.integers(-9, 9), max_size=2).map(
    lambda value: json.dumps(value, separators=(",", ":"))
)


@st.composite
def parts(draw):
    """What a model may say here: thoughts, words, calls."""
    said = [m.Reasoning(draw(WORDS))] if draw(st.booleans()) else []
    said += [m.Text(draw(WORDS))] if draw(st.booleans()) else []
    return (*said, *(m.ToolCall(f"c{n}", draw(NAMES), draw(ARGUMENTS)) for n in range(draw(st.integers(0, 3)))))


@given(said=parts(), length=st.booleans(), usage=st.builds(Usage, st.integers(0, 9999), st.integers(0, 9999)))
def test_answers_survive_being_rendered(wire, said, length, usage):
    """Whole and streamed: what is written reads the same again."""
    finish = "length" if length else "tool_calls" if any(isinstance(part, m.ToolCall) for part in said) else "stop"
    reply = m.Reply(model="m", finish=finish, usage=usage, created=7, read=lambda: said)
    back = OLLAMA.decode(OLLAMA.render(reply, ask()), ask(), wire.target("ollama"))
    assert (back.parts, back.finish, back.usage, back.created, back.model) == (said, finish, usage, 7, "m")
    writer = OLLAMA.writer(ask())
    written = writer.start(m.Opening(model="m", created=7))
    calls = [part for part in said if isinstance(part, m.ToolCall)]
    for part in said:
        if isinstance(part, m.Text):
            written += writer.write([Chunk(part.text)])
        elif isinstance(part, m.Reasoning):
            written += writer.write([Chunk(reasoning=part.text)])
    for number, call in enumerate(calls):  # in pieces, which only the writer puts together
        half = len(call.arguments) // 2
        head = m.ToolDelta(number, call.id, call.name, call.arguments[:half])
        written += writer.write([Chunk(tool=head), Chunk(tool=m.ToolDelta(number, arguments=call.arguments[half:]))])
    written += writer.write([Chunk(finish=finish, usage=usage)]) + writer.end()
    batch, _ = wire.read("ollama", written, ask())
    assert wire.text(batch.chunks) == back.text
    assert [(c.tool.id, c.tool.name, c.tool.arguments) for c in batch.chunks if c.tool] == [
        (call.id, call.name, call.arguments) for call in calls
    ]
    assert (batch.chunks[-1].finish, wire.usage(batch.chunks), batch.last) == (finish, usage, True)


# -- requests ----------------------------------------------------------------------------------------------------------


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


# -- embeddings --------------------------------------------------------------------------------------------------------


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


# -- anything at all ---------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["message", "done", "done_reason", "model", "created_at", "prompt_eval_count", "eval_count", "error"]
SAID_BY_SOMEBODY = st.dictionaries(st.sampled_from(["content", "thinking", "tool_calls", "x"]), JSON, max_size=3)


@given(
    rows=st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON | SAID_BY_SOMEBODY, max_size=4) | JSON, max_size=4),
    junk=st.binary(max_size=30),
    size=st.integers(1, 40),
)
def test_whatever_a_server_says_is_an_answer_or_a_failure(wire, rows, junk, size):
    """Nothing else is raised, and what is complete has a reason."""
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows) + junk
    try:
        batch, reader = wire.read("ollama", data, ask(), size=size)
    except Failure:
        return
    assert batch.last is reader.finished
    assert batch.last is any(chunk.finish for chunk in batch.chunks)
    with contextlib.suppress(Failure):
        OLLAMA.decode(data, ask(), wire.target("ollama"))


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
