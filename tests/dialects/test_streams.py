"""Streamed answers, read: whole, odd, broken, and however they are cut."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects import DIALECTS
from outlast.model.errors import BadResponse, ContextLength, Failure, Transient
from outlast.model.messages import Chunk, ToolDelta, Usage

CHATS = ["openai", "anthropic"]
WORDS = ["Hel", "lo ", "wörld", " 語", "!"]


def whole(wire, dialect, *words):
    return wire.messages(*words) if dialect == "anthropic" else wire.stream(*words)


@pytest.mark.parametrize("dialect", CHATS)
def test_a_stream_is_read(wire, dialect):
    """Words, one finish, one usage, the opening, and the end."""
    batch, reader = wire.read(dialect, whole(wire, dialect, *WORDS))
    assert wire.text(batch.chunks) == "".join(WORDS)
    assert [chunk.finish for chunk in batch.chunks if chunk.finish] == ["stop"]
    assert wire.usage(batch.chunks) == Usage(3, 2)
    assert reader.opening.model == "m-1"
    assert batch.last


@pytest.mark.parametrize("dialect", CHATS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_e9_cuts_change_nothing(wire, dialect, size):
    """E9: in pieces of any size, one byte included, chunks and passed bytes are the same."""
    data = whole(wire, dialect, *WORDS)
    once, _ = wire.read(dialect, data)
    pieces, _ = wire.read(dialect, data, size=size)
    assert pieces == once


@pytest.mark.parametrize("dialect", CHATS)
def test_a_cut_at_every_byte_changes_nothing(wire, dialect):
    """Two reads, whatever the first one ends with."""
    data = whole(wire, dialect, "a", "ö")
    once, _ = wire.read(dialect, data)
    for at in range(1, len(data)):
        reader = DIALECTS[dialect].reader(wire.ask(dialect, stream=True), wire.target(dialect))
        assert wire.drain(reader, [data[:at], data[at:]]) == once


@pytest.mark.parametrize("dialect", CHATS)
@given(
    words=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), max_size=5),
    size=st.integers(1, 99),
    end=st.sampled_from([b"\n", b"\r", b"\r\n"]),
    extra=st.sampled_from([b"", b": ping\n\n", b"id: 1\n", b"retry: 3\n\n"]),
)
def test_framing_changes_nothing(wire, dialect, words, size, end, extra):
    """E1, E4: line ends, comments and fields without data make no difference, and are not passed on."""
    data = whole(wire, dialect, *words)
    once, _ = wire.read(dialect, data)
    odd = (extra + data.replace(b"\n\n", b"\n\n" + extra, 2)).replace(b"\n", end)
    assert wire.read(dialect, odd, size=size)[0] == once


@pytest.mark.parametrize("dialect", CHATS)
def test_nothing_is_kept_of_what_was_handed_on(wire, dialect):
    """A stream may wait long for its next event, and many may wait at once: none keeps the last read."""
    data = b"\n\n".join([*whole(wire, dialect, *WORDS).split(b"\n\n")[:4], b""])
    reader = DIALECTS[dialect].reader(wire.ask(dialect, stream=True), wire.target(dialect))
    before = sys.getrefcount(data)
    assert reader.feed(data).raw == data
    assert sys.getrefcount(data) == before


@pytest.mark.parametrize("dialect", CHATS)
def test_bytes_are_passed_on_as_they_came(wire, dialect):
    """A caller of the same dialect gets the provider's own bytes, without the end marker that the writer adds."""
    data = whole(wire, dialect, *WORDS)
    asked = wire.ask(
        dialect, stream=True, **({} if dialect == "anthropic" else {"stream_options": {"include_usage": True}})
    )
    raw = wire.read(dialect, data, asked)[0].raw
    writer = DIALECTS[dialect].writer(asked)
    assert raw + writer.end() == data


def test_usage_that_we_asked_for_is_not_passed_on(wire):
    """A caller who did not ask for usage gets no chunk without choices; we get the usage."""
    batch, _ = wire.read("openai", wire.stream("hi"))
    assert b'"choices": []' not in batch.raw
    assert wire.usage(batch.chunks) == Usage(3, 2)
    assert batch.raw == wire.stream("hi", usage=False, done=False)


@pytest.mark.parametrize("size", [None, 1, 50])
def test_usage_within_other_chunks_is_told_once(wire, size):
    """Some providers repeat the usage in every chunk, or tell it with the finish."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    data = wire.chunk({"content": "a"}, usage=usage | {"completion_tokens": 1}) + wire.chunk(finish="stop", usage=usage)
    batch, _ = wire.read("openai", data + wire.chunk(choices=[], usage=usage) + b"data: [DONE]\n\n", size=size)
    assert wire.usage(batch.chunks) == Usage(3, 2)


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": -1}, {"prompt_tokens": 1.5}, [1], "x"])
def test_unusable_usage_is_counted_by_us(wire, usage):
    """A stream whose usage is missing or nonsense is complete, and its cost marked estimated."""
    data = wire.chunk({"content": "hello there"}) + wire.chunk(finish="stop", usage=usage) + b"data: [DONE]\n\n"
    told = wire.usage(wire.read("openai", data)[0].chunks)
    assert told.estimated
    assert told.output == 3


def test_anthropics_usage_is_put_together(wire):
    """The head tells the input, cached tokens apart, the end the output; later numbers overwrite."""
    data = wire.event(
        "message_start",
        message={
            "id": "msg_1",
            "model": "m",
            "usage": {"input_tokens": 3, "cache_read_input_tokens": 10, "output_tokens": 1},
        },
    )
    data += wire.event("message_delta", delta={"stop_reason": "max_tokens"}, usage={"output_tokens": 25})
    batch, _ = wire.read("anthropic", data + wire.event("message_stop"))
    assert wire.usage(batch.chunks) == Usage(13, 25, cached=10)


@pytest.mark.parametrize(
    ("tail", "last"),
    [
        pytest.param(b"", True, id="E12-no-marker"),
        pytest.param(b"data: [DONE]", True, id="E11-marker-without-blank-line"),
        pytest.param(b"data: [DO", True, id="half-a-marker"),
        pytest.param(b'data: {"choi', True, id="half-an-event-after-the-end"),
    ],
)
def test_a_stream_that_has_finished_is_complete(wire, tail, last):
    """The end marker is not required, the finish reason is."""
    batch, reader = wire.read("openai", wire.stream("hi", done=False) + tail)
    assert batch.last is last
    assert reader.finished


@pytest.mark.parametrize("dialect", CHATS)
def test_e31_a_cut_stream_is_not_complete(wire, dialect):
    """E31, E32: cut anywhere before the finish reason, even inside a character, the answer is not complete."""
    data = whole(wire, dialect, *WORDS)
    end = data.index(b'"finish_reason": "stop"') if dialect == "openai" else data.index(b'"stop_reason": "end_turn"')
    for at in range(0, end, 5):
        batch, reader = wire.read(dialect, data[:at])
        assert not batch.last
        assert not reader.finished
        assert "\ufffd" not in wire.text(batch.chunks)


def test_an_end_that_the_provider_forgot_is_added(wire):
    """Anthropic's callers wait for message_stop, so bytes that are passed on get it; OpenAI's come from the writer."""
    data = wire.messages("hi").removesuffix(wire.event("message_stop"))
    batch, _ = wire.read("anthropic", data)
    assert batch.last
    assert batch.raw == data + b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def test_every_choice_must_finish(wire):
    """With several answers the stream is complete when all have finished."""
    data = wire.chunk({"content": "a"}) + wire.chunk({"content": "b"}, index=1) + wire.chunk(finish="stop")
    assert not wire.read("openai", data)[0].last
    batch, _ = wire.read("openai", data + wire.chunk(finish="length", index=1))
    assert batch.last
    assert [(chunk.choice, chunk.finish) for chunk in batch.chunks if chunk.finish] == [(0, "stop"), (1, "length")]


@pytest.mark.parametrize("size", [None, 1])
def test_e16_nothing_after_the_marker_is_passed_on(wire, size):
    """E16: data after [DONE] is nobody's."""
    data = wire.stream("hi") + wire.chunk({"content": "FORGED"}) + b"<html>\n\n"
    batch, _ = wire.read("openai", data, size=size)
    assert batch.last
    assert b"FORGED" not in batch.raw
    assert wire.text(batch.chunks) == "hi"
    batch, _ = wire.read("anthropic", wire.messages("hi") + wire.said(type="text_delta", text="FORGED"), size=size)
    assert b"FORGED" not in batch.raw


@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize("dialect", CHATS)
def test_e17_one_finish_goes_out(wire, dialect, size):
    """E17: a second finish is dropped, usage is told once."""
    data = whole(wire, dialect, "hi")
    again = wire.event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
    if dialect == "openai":
        again = wire.chunk(finish="stop")
    at = data.index(b"data: [DONE]") if dialect == "openai" else data.index(b"event: message_stop")
    once, _ = wire.read(dialect, data)
    assert wire.read(dialect, data[:at] + again + data[at:], size=size)[0] == once


def test_e24_the_marker_alone_is_no_answer(wire):
    """E24: [DONE] without anything is a bad response."""
    with pytest.raises(BadResponse):
        wire.read("openai", b"data: [DONE]\n\n")
    with pytest.raises(BadResponse):
        wire.read("anthropic", wire.event("message_stop"))


@pytest.mark.parametrize("dialect", CHATS)
def test_e21_no_events_are_no_answer(wire, dialect):
    """E21: a clean end without events is not complete."""
    assert not wire.read(dialect, b"")[0].last
    assert not wire.read(dialect, b": ping\n\n")[0].last


GARBLED = [
    pytest.param(b'data: {"choices":[{"delta":{"content":"x"\n\n', id="cut-json"),
    pytest.param(b"data: hello\n\n", id="no-json"),
    pytest.param(b'data: {"id":"x"}\n\n', id="another-protocol"),
    pytest.param(b'data: {"choices":5,"type":5}\n\n', id="wrong-types"),
    pytest.param(b'data: {"choices":[{"delta":{"content":"\\ud800"}}],"type":"\\ud800"}\n\n', id="surrogate"),
    pytest.param(b"<html><body>oops</body></html>\n\n", id="E34-html"),
    pytest.param(b"data: <html>\n\n", id="html-as-data"),
    pytest.param(b"data: " + b"[" * 100_000 + b"\n\n", id="deep"),
    pytest.param(b"data: " + b"x" * (1 << 20) + b"\n\n", id="E36-long"),
]


@pytest.mark.parametrize("dialect", CHATS)
@pytest.mark.parametrize("bad", GARBLED)
def test_a_garbled_event_is_a_bad_response(wire, dialect, bad):
    """A garbled event means that a token may be lost: never silent."""
    with pytest.raises(BadResponse):
        wire.read(dialect, bad)


@pytest.mark.parametrize("bad", GARBLED)
def test_what_came_before_a_bad_event_is_not_lost(wire, bad):
    """The good events of a read are given first, the failure waits where it can be seen."""
    good = wire.chunk({"content": "a"}) + wire.chunk({"content": "b"})
    reader = DIALECTS["openai"].reader(wire.ask(stream=True), wire.target())
    batch = reader.feed(good + bad)
    assert wire.text(batch.chunks) == "ab"
    assert batch.raw == good
    assert isinstance(reader.failure, BadResponse)
    with pytest.raises(BadResponse):
        reader.feed(b"")


@pytest.mark.parametrize("dialect", CHATS)
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        pytest.param({"type": "rate_limit_error", "message": "x"}, "throttled", id="E26-rate"),
        pytest.param({"type": "invalid_request_error", "message": "x"}, "caller", id="E26-invalid"),
        pytest.param({"type": "overloaded_error", "message": "x"}, "transient", id="overloaded"),
        pytest.param({"message": "x"}, "transient", id="no-type"),
        pytest.param("something", "transient", id="text"),
    ],
)
def test_error_events_are_classified(wire, dialect, error, kind):
    """E26: the class comes from the error's type, not from the 200."""
    event = (
        wire.event("error", error=error)
        if dialect == "anthropic"
        else b"data: %b\n\n" % json.dumps({"error": error}).encode()
    )
    unnamed = b"data: %b\n\n" % json.dumps({"error": error}).encode()
    for data in (event, event.rstrip(b"\n"), unnamed, json.dumps({"type": "error", "error": error}).encode()):
        with pytest.raises(Failure) as caught:
            wire.read(dialect, data)
        assert caught.value.kind == kind


def test_an_error_after_the_words_waits(wire):
    """Words and the error in one read: the words first."""
    reader = DIALECTS["anthropic"].reader(wire.ask("anthropic", stream=True), wire.target("anthropic"))
    batch = reader.feed(wire.said(type="text_delta", text="hi") + wire.event("error", error={"type": "api_error"}))
    assert wire.text(batch.chunks) == "hi"
    assert isinstance(reader.failure, Transient)
    with pytest.raises(Transient):
        reader.close()


def test_e7_unknown_events_and_keys_pass(wire):
    """E7: what we do not know goes to a caller of the same dialect, and nowhere else."""
    data = wire.event("ping") + wire.event("brand_new", delta="odd", index=None) + wire.messages("hi")
    batch, _ = wire.read("anthropic", data)
    assert batch.raw == data
    assert wire.text(batch.chunks) == "hi"
    data = wire.chunk({"content": "hi", "brand_new": [1]}, obfuscation="xx") + wire.chunk(finish="stop")
    assert wire.read("openai", data)[0].raw == data
    batch, _ = wire.read("openai", b'event: later\ndata: {"type":"later","x":1}\n\n' + data)
    assert (batch.raw, wire.text(batch.chunks)) == (data, "hi"), "what is no chunk would break OpenAI's SDKs"


def test_events_without_a_name_get_one(wire):
    """Anthropic's SDKs skip events without an `event:` line, so a provider's slip is mended."""
    data = wire.messages("hi")
    bare = b"\n".join(line for line in data.split(b"\n") if not line.startswith(b"event:"))
    assert wire.read("anthropic", bare)[0] == wire.read("anthropic", data)[0]


def test_e6_json_over_several_lines(wire):
    """E6: an event whose JSON is broken over lines is one event, passed on as one line."""
    batch, _ = wire.read("openai", b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"hi"}}]}\n\n')
    assert wire.text(batch.chunks) == "hi"
    assert batch.raw == b'data: {"choices":[{"index":0, "delta":{"content":"hi"}}]}\n\n'


def tool(index, id_="", name="", arguments=""):
    call = {"index": index, "function": {"arguments": arguments} | ({"name": name} if name else {})}
    return {"tool_calls": [call | ({"id": id_, "type": "function"} if id_ else {})]}


def test_e39_tool_calls_go_by_their_index(wire):
    """E39: pieces of several calls, mixed."""
    data = b"".join(
        wire.chunk(delta)
        for delta in [
            tool(0, "a", "f"),
            tool(1, "b", "g"),
            tool(0, arguments="{"),
            tool(1, arguments='{"x'),
            tool(0, arguments="}"),
            tool(1, arguments='":1}'),
        ]
    )
    batch, _ = wire.read("openai", data + wire.chunk(finish="tool_calls"))
    assert [chunk.tool for chunk in batch.chunks if chunk.tool] == [
        ToolDelta(0, "a", "f"),
        ToolDelta(1, "b", "g"),
        ToolDelta(0, arguments="{"),
        ToolDelta(1, arguments='{"x'),
        ToolDelta(0, arguments="}"),
        ToolDelta(1, arguments='":1}'),
    ]


def test_calls_without_an_index_go_by_their_id(wire):
    """Where a provider does not number its calls, a new id is a new call."""
    calls = [
        {"id": "a", "function": {"name": "f", "arguments": "1"}},
        {"function": {"arguments": "2"}},
        {"id": "b", "function": {"name": "g", "arguments": {"x": 1}}},
    ]
    data = b"".join(wire.chunk({"tool_calls": [call]}) for call in calls)
    pieces = [chunk.tool for chunk in wire.read("openai", data)[0].chunks]
    assert [(piece.index, piece.arguments) for piece in pieces] == [(0, "1"), (0, "2"), (1, '{"x":1}')]


def test_anthropics_tools_are_numbered_apart_from_its_texts(wire):
    """The second block is the first tool; one without arguments has an empty object."""
    use = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    data = wire.event("content_block_start", index=1, content_block=use)
    data += wire.said(1, type="input_json_delta", partial_json="") + wire.said(
        1, type="input_json_delta", partial_json='{"a":1}'
    )
    data += wire.event("content_block_stop", index=1)
    data += wire.event("content_block_start", index=2, content_block=use | {"id": "u", "name": "g"})
    data += wire.event("content_block_stop", index=2)
    pieces = [chunk.tool for chunk in wire.read("anthropic", data)[0].chunks]
    assert pieces == [
        ToolDelta(0, "t", "f"),
        ToolDelta(0, arguments='{"a":1}'),
        ToolDelta(1, "u", "g"),
        ToolDelta(1, arguments="{}"),
    ]


def test_thinking_has_its_own_place(wire):
    """Reasoning and its signature are not words of the answer; the signature is no content."""
    data = wire.said(type="thinking_delta", thinking="hm") + wire.said(type="signature_delta", signature="s")
    chunks = wire.read("anthropic", data)[0].chunks
    assert chunks == [Chunk(reasoning="hm"), Chunk(signature="s")]
    assert [chunk.content for chunk in chunks] == [True, False]
    for name in ("reasoning", "reasoning_content"):
        assert wire.read("openai", wire.chunk({name: "hm"}))[0].chunks == [Chunk(reasoning="hm")]


def test_refusals_and_sound_are_content(wire):
    """Both stop the timers, though neither is text."""
    chunks = wire.read("openai", wire.chunk({"refusal": "no"}) + wire.chunk({"audio": {"data": "AA=="}}))[0].chunks
    assert [(chunk.refusal, chunk.audio, chunk.content) for chunk in chunks] == [("no", False, True), ("", True, True)]


def test_the_role_is_no_content(wire):
    """E19: a role without words commits to nothing."""
    batch, reader = wire.read("openai", wire.chunk({"role": "assistant", "content": ""}))
    assert not any(chunk.content for chunk in batch.chunks)
    assert not reader.finished


def test_the_window_exceeded_in_a_stream(wire):
    """Without a word it is a context error; after words the answer was cut for its length."""
    end = wire.event(
        "message_delta", delta={"stop_reason": "model_context_window_exceeded"}, usage={"output_tokens": 0}
    )
    with pytest.raises(ContextLength):
        wire.read("anthropic", end)
    batch, _ = wire.read("anthropic", wire.said(type="text_delta", text="hi") + end)
    assert [chunk.finish for chunk in batch.chunks] == [None, "length"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["content_block_delta", "message_start", "message_delta", "content_block_start", "text_delta", "tool_use"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "content",
                    "usage",
                    "error",
                    "type",
                    "finish_reason",
                    "tool_calls",
                    "index",
                    "message",
                    "id",
                    "content_block",
                    "text",
                    "function",
                    "arguments",
                    "stop_reason",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("dialect", CHATS)
@given(pieces=st.lists(st.binary(max_size=30) | JSON.map(lambda value: b"data: %b\n\n" % json.dumps(value).encode())))
def test_any_bytes_are_a_stream_or_a_failure(wire, dialect, pieces):
    """Fuzz: batches or a failure, nothing else, and what came out can be rendered for everybody."""
    asked = wire.ask(dialect, stream=True)
    reader = DIALECTS[dialect].reader(asked, wire.target(dialect))
    try:
        batch = wire.drain(reader, pieces)
    except Failure:
        return
    for other in DIALECTS.values():
        writer = other.writer(asked)
        assert isinstance(writer.start(reader.opening) + writer.write(batch.chunks) + writer.end(), bytes)
