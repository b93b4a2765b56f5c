"""Ollama's answers: as documented, whole and streamed, the laws of both directions, and what is wrong with them."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.model import messages as m
from outlast.model.errors import BadResponse, Failure
from outlast.model.messages import Chunk, Usage

from .ollama_wire import ARGUMENTS, JSON, NAMES, OLLAMA, WORDS, ask, golden

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


def test_answers_are_told_apart_by_their_time(wire):
    """Ollama gives no ids; without a time, there is none."""

    def read(moment):
        said = {"model": "m", "message": {"role": "assistant", "content": "hi"}, "done": True, "done_reason": "stop"}
        data = json.dumps(said | ({"created_at": moment} if moment else {})).encode()
        _, reader = wire.read("ollama", data + b"\n", ask(stream=True))
        whole = OLLAMA.decode(data, ask(), wire.target("ollama"))
        assert reader.opening.id == whole.id
        return whole.id

    one, other = (read(f"2026-11-22T03:00:00.{nanos:09}Z") for nanos in (1, 2))
    assert one != other
    assert one == read("2026-11-22T03:00:00.000000001Z")
    assert read("") == ""


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
