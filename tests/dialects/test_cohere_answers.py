"""Cohere's answers, whole and streamed: the documented ones, broken ones, and what callers of this dialect get."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects import DIALECTS
from outlast.model import messages as m
from outlast.model.errors import (
    BadResponse,
    Caller,
    ContentFilter,
    ContextLength,
    Credential,
    Failure,
    Quota,
    Throttled,
    TimedOut,
    Transient,
    Unsupported,
)
from outlast.model.messages import Chunk, ToolDelta, Usage
from outlast.ports import Facts

COHERE, OPENAI = DIALECTS["cohere"], DIALECTS["openai"]
GOLDEN = Path(__file__).parent / "golden" / "cohere"
ASK = json.dumps({"model": "default", "messages": [{"role": "user", "content": "hi"}], "stream": True}).encode()
STREAMS = ["text", "tools", "reasoning", "cited"]
ID = "c14c80c3-18eb-4519-9460-6c92edd8cfb4"
OSLO, ROME = (m.ToolCall(f"get_weather_{n}", "get_weather", f'{{"city":"{c}"}}') for n, c in ((1, "Oslo"), (2, "Rome")))


def asked():
    return COHERE.parse("chat", ASK)


def answer(name):
    return (GOLDEN / f"answer_{name}.json").read_bytes()


def stream(name):
    return (GOLDEN / f"stream_{name}.sse").read_bytes()


def decode(wire, body, request=None):
    return COHERE.decode(body, request or asked(), wire.target("cohere"))


def read(wire, data, size=None):
    return wire.read("cohere", data, asked(), size, wire.target("cohere"))


def event(kind, **fields):
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind} | fields).encode())


def end(reason="COMPLETE", **delta):
    return event("message-end", delta={"finish_reason": reason} | delta)


def events(data):
    """The data of rendered events; each has the name of its type."""
    blocks = [block.split("\n") for block in data.decode().split("\n\n") if block]
    parsed = [(name.removeprefix("event: "), json.loads(text.removeprefix("data: "))) for name, text in blocks]
    assert [name for name, _ in parsed] == [one["type"] for _, one in parsed]
    return [one for _, one in parsed]


WHOLE = [
    ("text", "stop", (m.Text("Hello there."),), Usage(5, 3, 2)),
    ("tools", "tool_calls", (m.Reasoning("I will look up both cities."), OSLO, ROME), Usage(40, 20, 2)),
    ("reasoning", "stop", (m.Reasoning("Simple sum."), m.Text("4")), Usage(9, 8, 2)),
    ("cited", "stop", (m.Text("In Antarctica."),), Usage(30, 4, 2)),
    ("cut", "length", (m.Text("Once upon"),), Usage(4, 2, 2)),
]


@pytest.mark.parametrize(("name", "finish", "parts", "usage"), WHOLE, ids=[row[0] for row in WHOLE])
def test_a_documented_answer_is_read(wire, name, finish, parts, usage):
    """Words, thoughts, plans, calls, the reason, and the billed tokens."""
    reply = decode(wire, answer(name))
    assert (reply.id, reply.model, reply.finish, reply.parts, reply.usage) == (ID, "m-1", finish, parts, usage)
    assert COHERE.render(reply, asked()) == answer(name)


@pytest.mark.parametrize("name", ["text", "tools", "reasoning", "cut"])
def test_an_answer_written_anew_says_the_same(wire, name):
    """decode(render(x)) == x."""
    reply = decode(wire, answer(name))
    reply.dialect = ""
    again = decode(wire, COHERE.render(reply, asked()))
    assert (again.id, again.finish, again.parts, again.usage) == (reply.id, reply.finish, reply.parts, reply.usage)


PARTS = st.lists(st.builds(m.Text, st.text(min_size=1)) | st.builds(m.Reasoning, st.text(min_size=1)), max_size=3)
CALLS = st.lists(st.builds(m.ToolCall, st.text("ab1", min_size=1), st.text("fg", min_size=1), st.just("{}")))


@given(
    parts=st.builds(lambda said, calls: (*said, *calls), PARTS, CALLS),
    finish=st.sampled_from(["stop", "length", "tool_calls"]),
    usage=st.builds(Usage, st.integers(9, 10**9), st.integers(0, 10**9), st.integers(0, 9)),
)
def test_whatever_is_rendered_reads_the_same(wire, parts, finish, usage):
    """decode(render(x)) == x, for anybody's answer."""
    reply = m.Reply(model="x", finish=finish, usage=usage, read=lambda: parts, raw=b"1")
    again = decode(wire, COHERE.render(reply, asked()))
    assert (again.finish, again.usage, len(again.id)) == (finish, usage, 36)
    assert again.parts == parts


def test_other_vendors_answers_are_rendered(wire):
    """An OpenAI provider answers, a caller of Cohere's dialect reads; an id looks like Cohere's."""
    reply = OPENAI.decode(wire.reply({"refusal": "no"}, finish="content_filter"), wire.ask(), wire.target())
    told = json.loads(COHERE.render(reply, asked()))
    assert [block["text"] for block in told["message"]["content"]] == ["hello", "no"]
    assert told["finish_reason"] == "ERROR_TOXIC"
    assert told["usage"]["tokens"] == {"input_tokens": 3.0, "output_tokens": 2.0}
    assert told["id"] != ID
    nothing = m.Reply(model="x", finish="stop", usage=Usage(), read=tuple)
    assert json.loads(COHERE.render(nothing, asked()))["message"] == {"role": "assistant", "content": []}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"tokens": {"input_tokens": 7, "output_tokens": 2}}, Usage(7, 2)),
        ({"billed_units": {"search_units": 1.0}, "tokens": {"input_tokens": 7.0}}, Usage(7, 0)),
        ({"billed_units": {"input_tokens": 3, "output_tokens": 1}, "cached_tokens": 99}, Usage(3, 1, 3)),
    ],
)
def test_usage_is_read_as_far_as_it_is_told(wire, usage, expected):
    """What is billed comes first; no more is cached than was asked."""
    body = json.loads(answer("text")) | {"usage": usage}
    assert decode(wire, json.dumps(body).encode()).usage == expected


@pytest.mark.parametrize("usage", [None, {}, {"tokens": None}, {"tokens": {"input_tokens": -1}}, [1], "x"])
def test_unusable_usage_is_counted_by_us(wire, usage):
    """And marked so; in a stream as well."""
    counted = decode(wire, json.dumps(json.loads(answer("tools")) | {"usage": usage}).encode()).usage
    assert counted.estimated
    assert counted.output > 5
    batch, _ = read(
        wire, event("content-delta", index=0, delta={"message": {"content": {"text": "hello there"}}}) + end()
    )
    assert wire.usage(batch.chunks) == Usage(asked().tokens, 3, estimated=True)


NONE = [
    b"", b"null", b"[]", b'{"id":"x"', b"<html>", b'{"id":"x"}', b'{"message":null,"finish_reason":"COMPLETE"}',
    b'{"message":{"role":"assistant"},"finish_reason":"COMPLETE"}', b'{"message":{"content":[]}}',
    b'{"message":{"content":[{"type":"text","text":"\xff"}]},"finish_reason":"COMPLETE"}',
    b'{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}',
    b'{"type":"message","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn"}',
]  # fmt: skip


@pytest.mark.parametrize("body", NONE)
def test_what_is_no_answer_is_a_bad_response(wire, body):
    """Never an exception of another kind, and never a cut answer as a whole one."""
    with pytest.raises(BadResponse):
        decode(wire, body)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"message":"internal server error"}', Transient, 503),
        (b'{"message":"too many tokens: size limit exceeded by 11 tokens"}', ContextLength, 413),
        (b'{"error":{"type":"rate_limit_error"}}', Throttled, 429),
        (b'{"message":{"content":[]},"finish_reason":"ERROR"}', Transient, 503),
        (b'{"message":{"content":[]},"finish_reason":"TIMEOUT"}', Transient, 504),
    ],
)
def test_an_error_in_a_200_is_classified(wire, body, kind, status):
    """An envelope, or an answer that was given up."""
    with pytest.raises(kind) as caught:
        decode(wire, body)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "invalid request: prompt must be at least 1 token long.", Caller),
        (400, "too many tokens: size limit exceeded by 11326 tokens.", ContextLength),
        (400, "too many tokens: max tokens must be less than or equal to 4096.", Caller),
        (401, "invalid api token", Credential),
        (402, "Please add or update your payment method", Quota),
        (422, "unknown field: parameter 'strict' is not a valid field.", Caller),
        (429, "You are using a Trial key, which is limited to 40 API calls / minute.", Throttled),
        (429, "You are using a Trial key, which is limited to 1000 API calls / month.", Quota),
        (498, "invalid token", Credential),
        (498, "the request was blocked because it may violate our Usage Guidelines", ContentFilter),
        (499, "the request was cancelled", Transient),
        (503, "service unavailable", Transient),
    ],
)  # fmt: skip
def test_errors_are_told_apart_by_their_words(wire, status, message, kind):
    """Cohere has no codes."""
    body = json.dumps({"id": "x", "message": message}).encode()
    failure = COHERE.classify(status, lambda _: None, body, wire.target("cohere"))
    assert type(failure) is kind
    assert message not in failure.message


# Streams


READ = {
    "text": [Chunk("Hel"), Chunk("lo, Wörld"), Chunk(" 語!"), Chunk(finish="stop", usage=Usage(5, 4, 2))],
    "tools": [
        Chunk(reasoning="I will"), Chunk(reasoning=" look."),
        Chunk(tool=ToolDelta(0, "get_weather_1", "get_weather")), Chunk(tool=ToolDelta(0, arguments='{"city":')),
        Chunk(tool=ToolDelta(0, arguments='"Oslo"}')), Chunk(tool=ToolDelta(1, "now_2", "now")),
        Chunk(tool=ToolDelta(1, arguments="{}")), Chunk(finish="tool_calls", usage=Usage(40, 20, 2)),
    ],
    "reasoning": [
        Chunk(reasoning="Simple "), Chunk(reasoning="sum."), Chunk("4"), Chunk(finish="stop", usage=Usage(9, 8, 2)),
    ],
    "cited": [Chunk("In "), Chunk("Antarctica."), Chunk(finish="length", usage=Usage(30, 4, 2))],
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_a_documented_stream_is_read(wire, name):
    """Every chunk, one finish, one usage, the id, the end; callers of this dialect get the provider's bytes."""
    batch, reader = read(wire, stream(name))
    assert (batch.chunks, batch.last, reader.opening.id) == (READ[name], True, ID)
    assert batch.raw + COHERE.writer(asked()).end() == stream(name)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_cuts_change_nothing(wire, name, size):
    """In pieces of any size, chunks and passed bytes are the same."""
    assert read(wire, stream(name), size)[0] == read(wire, stream(name))[0]


@given(
    words=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), max_size=5),
    size=st.integers(1, 99),
    line_end=st.sampled_from([b"\n", b"\r", b"\r\n"]),
    extra=st.sampled_from([b"", b": ping\n\n", b"id: 1\n", b"retry: 3\n\n"]),
)
def test_framing_changes_nothing(wire, words, size, line_end, extra):
    """Line ends, comments, fields without data, and wherever the bytes are cut; callers get canonical events."""
    writer = COHERE.writer(asked())
    data = writer.start(m.Opening(ID)) + writer.write([Chunk(word) for word in words])
    data += writer.write([Chunk(finish="stop", usage=Usage(5, 2))]) + writer.end()
    once, _ = read(wire, data)
    assert (wire.text(once.chunks), once.raw, once.last) == ("".join(words), data, True)
    odd = (extra + data.replace(b"\n\n", b"\n\n" + extra, 2)).replace(b"\n", line_end)
    assert read(wire, odd, size)[0] == once


@pytest.mark.parametrize("tail", [b"data: [DONE]\n\n", b": ping\n\n", b'event: new\ndata: {"type":"new"}\n\n'])
def test_what_follows_the_end_is_no_matter(wire, tail):
    """`[DONE]` is tolerated, in the same read or another."""
    whole = read(wire, stream("text"))[0]
    assert read(wire, stream("text") + tail)[0] == whole
    assert read(wire, stream("text") + tail, 5)[0] == whole


def test_unknown_events_pass(wire):
    """Their bytes go on to callers of this dialect."""
    data = event("debug", prompt="x") + stream("text")
    batch, _ = read(wire, data)
    assert (batch.chunks, batch.raw) == (READ["text"], data)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_was_cut_is_not_complete(wire, name):
    """Wherever it was cut: never a truncated answer as a whole one."""
    blocks = stream(name).split(b"\n\n")
    for count in range(len(blocks) - 1):
        batch, reader = read(wire, b"".join(block + b"\n\n" for block in blocks[:count]))
        assert not batch.last
        assert not reader.finished


BROKEN = [
    (stream("error"), Transient),
    (end("TIMEOUT"), Transient),
    (event("message-end", delta={"error": "too many tokens: x", "finish_reason": None}), ContextLength),
    (event("message-end", delta={}), BadResponse),
    (event("message-end"), BadResponse),
    (b"data: [DONE]\n\n", BadResponse),
    (b'data: {"message":"invalid api token"}\n\n', Failure),
    (b'data: {"error":{"type":"rate_limit_error"}}\n\n', Throttled),
    (event("error", message="overloaded"), Transient),
    (b'event: content-delta\ndata: {"type":"content-delta","delta":{"mess\n\n', BadResponse),
    (event("content-delta", delta={"message": {"content": {"text": 5}}}), BadResponse),
    (b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n', BadResponse),
    (b"<html>\n\n", BadResponse),
]


@pytest.mark.parametrize(("data", "kind"), BROKEN)
def test_a_broken_stream_fails(wire, data, kind):
    """After what came before it has been handed over; an answer that was given up is no answer."""
    reader = COHERE.reader(asked(), wire.target("cohere"))
    with pytest.raises(kind):
        wire.drain(reader, [data, b""])


def test_a_reader_knows_which_block_is_open(wire):
    """So that a writer can go on where the provider's bytes have ended."""
    blocks = stream("reasoning").split(b"\n\n")
    reader = COHERE.reader(asked(), wire.target("cohere"))
    seen = []
    for block in blocks[:6]:
        reader.feed(block + b"\n\n")
        seen.append((reader.opening.blocks, reader.opening.block))
    assert seen == [(0, ""), (1, "thinking"), (1, "thinking"), (1, "thinking"), (1, ""), (2, "text")]


# Streams, written


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_written_anew_says_the_same(wire, name):
    """reader(writer(x)) == x, but for plans, which are thoughts like others."""
    batch, reader = read(wire, stream(name))
    writer = COHERE.writer(asked())
    data = writer.start(reader.opening) + writer.write(batch.chunks) + writer.end()
    again, opened = read(wire, data)
    assert (again.chunks, again.last, opened.opening.id) == (batch.chunks, True, ID)


def test_the_events_stand_as_documented(wire):
    """Each block and each call between its start and its end."""
    batch, reader = read(wire, stream("tools"))
    writer = COHERE.writer(asked())
    told = events(writer.start(reader.opening) + writer.write(batch.chunks) + writer.end())
    assert [one["type"] for one in told] == [
        "message-start", "content-start", "content-delta", "content-delta", "content-end",
        "tool-call-start", "tool-call-delta", "tool-call-delta", "tool-call-end",
        "tool-call-start", "tool-call-delta", "tool-call-end", "message-end",
    ]  # fmt: skip
    assert [one.get("index") for one in told] == [None, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, None]


def test_mixed_pieces_are_put_in_order(wire):
    """Two calls and words between them: the first call is streamed, the rest follows; nothing is lost."""
    chunks = [
        Chunk(tool=ToolDelta(0, "a", "f", "{")), Chunk(tool=ToolDelta(1, "b", "g", "[")), Chunk("hm", choice=1),
        Chunk("so"), Chunk(tool=ToolDelta(0, arguments="}")), Chunk(tool=ToolDelta(1, arguments="]")),
        Chunk(finish="tool_calls"),
    ]  # fmt: skip
    writer = COHERE.writer(asked())
    data = writer.start(m.Opening("chatcmpl-1")) + writer.write(chunks) + writer.end()
    assert read(wire, data)[0].chunks[:-1] == [
        Chunk(tool=ToolDelta(0, "a", "f")), Chunk(tool=ToolDelta(0, arguments="{")),
        Chunk(tool=ToolDelta(0, arguments="}")), Chunk(tool=ToolDelta(1, "b", "g")),
        Chunk(tool=ToolDelta(1, arguments="[]")), Chunk("so"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("blocks", "block", "kinds"),
    [
        (1, "text", ["content-delta"]),
        (1, "thinking", ["content-end", "content-start", "content-delta"]),
        (2, "", ["content-start", "content-delta"]),
    ],
)
def test_a_writer_goes_on_in_the_open_block(blocks, block, kinds):
    """No second start; one end."""
    writer = COHERE.writer(asked())
    told = events(writer.go_on(m.Opening(ID, blocks=blocks, block=block)) + writer.write([Chunk(" rest")]))
    assert [one["type"] for one in told] == kinds
    assert told[-1]["index"] == (blocks - 1 if block == "text" else blocks)
    writer.note(Facts("a/m", "primary"))
    writer.write([Chunk(finish="stop", usage=Usage(9, 8))])
    assert [one["type"] for one in events(writer.end())] == ["content-end", "message-end"]


# Errors


@pytest.mark.parametrize(
    ("failure", "status", "message"),
    [
        (Caller("x must be y"), 400, "x must be y"),
        (ContextLength("prompt is too long"), 400, "too many tokens: prompt is too long"),
        (ContentFilter("no"), 422, "blocked by content policy: no"),
        (Credential("x"), 502, "x"),
        (Quota("x"), 402, "x"),
        (Throttled("x"), 429, "x"),
        (Transient("x"), 503, "x"),
        (TimedOut("x"), 504, "x"),
        (Unsupported("x"), 503, "x"),
    ],
)
def test_errors_are_told_as_cohere_would(failure, status, message):
    """A message, and our own fields beside it."""
    told, body = COHERE.error(failure, "req_1")
    said = json.loads(body)
    assert (told, said["message"], said["id"]) == (status, message, "req_1")
    assert {"retryable", "retry_after", "request_id", "attempts"} <= said.keys()
    last = events(COHERE.writer(asked()).fail(failure, "req_1"))[-1]
    assert last["delta"]["finish_reason"] == ("TIMEOUT" if status == 504 else "ERROR")
    assert last["delta"]["error"] == message


# Embeddings


def embed(**fields):
    base = {"model": "default", "input_type": "search_query"}
    return COHERE.parse("embed", json.dumps(base | (fields or {"texts": ["a", "b"]})).encode())


def rows(**embeddings):
    body = {"id": ID, "embeddings": embeddings, "texts": ["a", "b"], "meta": {"billed_units": {"input_tokens": 4.0}}}
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    "body",
    [
        rows(float=[[1, 2], [3, 4]]),
        rows(base64=["AACAPwAAAEA=", "AABAQAAAgEA="]),
        json.dumps({"embeddings": [[1, 2], [3, 4]], "meta": {"billed_units": {"input_tokens": 4}}}).encode(),
    ],
)
def test_vectors_are_read(wire, body):
    """As numbers or packed, by type or in a plain list."""
    request = embed()
    reply = COHERE.decode(body, request, wire.target("cohere"))
    assert (reply.vectors, reply.usage) == ([[1, 2], [3, 4]], Usage(4))
    assert COHERE.render(reply, request) == body


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"embeddings":{}}', rows(float=[[1, 2]]), rows(float=[]), b'{"embeddings":{"float":[1,2]}}'],
)
def test_what_are_no_vectors_is_a_bad_response(wire, body):
    """Also another number of them than asked for."""
    with pytest.raises(BadResponse):
        COHERE.decode(body, embed(), wire.target("cohere")).vectors  # noqa: B018  (read at the first look)


def test_an_error_among_vectors_is_classified(wire):
    """The envelope counts, not the 200."""
    with pytest.raises(Credential):
        COHERE.decode(b'{"message":"invalid api key"}', embed(), wire.target("cohere"))


def test_embeddings_cross_to_cohere(wire):
    """OpenAI's callers do not say what the vectors are for; base64 is packed for them here."""
    body = {"model": "m", "input": ["a", "b"], "dimensions": 256, "encoding_format": "base64", "user": "u"}
    request = OPENAI.parse("embed", json.dumps(body).encode())
    outgoing = COHERE.encode(request, wire.target("cohere"))
    assert (outgoing.path, outgoing.dropped) == (b"/v2/embed", ("user",))
    assert json.loads(outgoing.body) == {
        "model": "m-1", "texts": ["a", "b"], "input_type": "search_document", "embedding_types": ["float"],
        "output_dimension": 256,
    }  # fmt: skip
    reply = COHERE.decode(rows(float=[[1, 2], [3, 4]]), request, wire.target("cohere"))
    assert json.loads(OPENAI.render(reply, request))["data"][0]["embedding"] == "AACAPwAAAEA="


def test_embeddings_cross_from_cohere(wire):
    """Texts, or inputs that are texts; the purpose is named."""
    pieces = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    request = embed(inputs=[{"content": pieces}], output_dimension=8, embedding_types=["float", "base64"])
    outgoing = OPENAI.encode(request, wire.target())
    assert json.loads(outgoing.body) == {"model": "m-1", "input": ["a\nb"], "dimensions": 8}
    assert outgoing.dropped == ("embedding_types", "input_type")
    reply = m.Vectors(model="m", usage=Usage(4), read_vectors=lambda: [[1.0, 2.0]])
    told = json.loads(COHERE.render(reply, request))
    assert told["embeddings"] == {"float": [[1.0, 2.0]], "base64": ["AACAPwAAAEA="]}
    assert told["meta"]["billed_units"] == {"input_tokens": 4.0}


def test_embeddings_of_a_library_call_say_nothing_more(wire):
    """The fields of this dialect, where it is the caller's own and was changed."""
    asked = m.Embed(("a",), None, {"input_type": "clustering", "api_key": "x"})
    changed = m.Request(model="x", operation="embed", dialect="cohere", read=lambda _: asked)
    outgoing = COHERE.encode(changed, wire.target("cohere"))
    assert (json.loads(outgoing.body)["input_type"], outgoing.dropped) == ("clustering", ("api_key",))


def test_pictures_are_embedded_by_cohere_alone(wire):
    """Their own bytes pass; nobody else is asked."""
    picture = "data:image/png;base64,AAAA"
    for fields in (
        {"images": [picture]},
        {"inputs": [{"content": [{"type": "image_url", "image_url": {"url": picture}}]}]},
    ):
        request = embed(**fields)
        assert json.loads(COHERE.encode(request, wire.target("cohere")).body).items() >= fields.items()
        assert COHERE.decode(rows(int8=[[1]]), request, wire.target("cohere")).vectors == [[1]]
        with pytest.raises(Unsupported, match="pictures"):
            OPENAI.encode(request, wire.target())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"texts": ["a"], "images": ["b"]}, "send one of texts, images and inputs"),
        ({"input_type": "x"}, "send one of texts, images and inputs"),
        ({"texts": []}, "texts must not be empty"),
        ({"texts": ["a"], "embedding_types": ["int4"]}, "embedding_types"),
    ],
)
def test_a_wrong_embeddings_request_is_refused(fields, message):
    """With the mend."""
    with pytest.raises(Caller, match=message):
        embed(**fields)


def test_what_cohere_does_not_embed_goes_to_others(wire):
    """Token numbers, too many texts; kinds of vectors that only it has do not go to others."""
    for inputs in ([[1, 2]], ["x"] * 97):
        request = OPENAI.parse("embed", json.dumps({"model": "m", "input": inputs}).encode())
        with pytest.raises(Unsupported):
            COHERE.encode(request, wire.target("cohere"))
    with pytest.raises(Unsupported, match="embedding_types"):
        OPENAI.encode(embed(texts=["a"], embedding_types=["int8"]), wire.target())
