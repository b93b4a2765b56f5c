"""Responses, whole and streamed: the documented ones, broken ones, and what callers of this dialect get."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects import DIALECTS
from outlast.model import messages as m
from outlast.model.errors import BadResponse, Caller, ContentFilter, Failure, Throttled, Transient
from outlast.model.messages import Chunk, Opening, ToolDelta, Usage
from outlast.ports import Facts

RESPONSES, OPENAI, ANTHROPIC = (DIALECTS[name] for name in ("responses", "openai", "anthropic"))
GOLDEN = Path(__file__).parent / "golden" / "responses"
USAGE = Usage(36, 12, cached=8, reasoning=4)
OSLO, ROME = (m.ToolCall(f"call_{n}", "get_weather", f'{{"city":"{c}"}}') for n, c in ((1, "Oslo"), (2, "Rome")))
STREAMS = ["text", "tools", "reasoning", "refusal", "cut", "searched"]


def asked(**fields):
    return RESPONSES.parse("chat", json.dumps({"model": "default", "input": "hi", "stream": True} | fields).encode())


def answer(name):
    return (GOLDEN / f"answer_{name}.json").read_bytes()


def stream(name):
    return (GOLDEN / f"stream_{name}.sse").read_bytes()


def decode(wire, body, request=None):
    return RESPONSES.decode(body, request or asked(), wire.target("responses"))


def read(wire, data, size=None, request=None):
    return wire.read("responses", data, request or asked(), size, wire.target("responses"))


def event(kind, **fields):
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind} | fields).encode())


def changed(name, **fields):
    return json.dumps(json.loads(answer(name)) | fields).encode()


def events(data):
    """The data of rendered events: each has the name of its type, and they are numbered without a gap."""
    blocks = [block.split("\n") for block in data.decode().split("\n\n") if block]
    parsed = [(name.removeprefix("event: "), json.loads(text.removeprefix("data: "))) for name, text in blocks]
    assert [name for name, _ in parsed] == [one["type"] for _, one in parsed]
    first = parsed[0][1]["sequence_number"]
    assert [one["sequence_number"] for _, one in parsed] == list(range(first, first + len(parsed)))
    return [one for _, one in parsed]


# -- whole ------------------------------------------------------------------------------------------------------

WHOLE = [
    ("text", "stop", (m.Text("Hello there."),)),
    ("tools", "tool_calls", (OSLO, ROME)),
    ("reasoning", "stop", (m.Reasoning("Simple.\n\nSum."), m.Text("4"))),
    ("refusal", "stop", (m.Refusal("I will not."),)),
    ("cut", "length", (m.Text("Once upon"),)),
    ("filtered", "content_filter", (m.Text("Once"),)),
    ("logprobs", "stop", (m.Text("Hi"),)),
    ("searched", "stop", (m.Text("News."),)),
]


@pytest.mark.parametrize(("name", "finish", "parts"), WHOLE, ids=[row[0] for row in WHOLE])
def test_a_documented_answer_is_read(wire, name, finish, parts):
    """Words, thoughts, calls and the reason; the provider's own tools are passed over; its bytes are passed on."""
    reply = decode(wire, answer(name))
    assert (reply.id, reply.model, reply.created) == ("resp_67cc", "gpt-6.1-sol", 1741408624)
    assert (reply.finish, reply.parts, reply.usage) == (finish, parts, USAGE)
    assert RESPONSES.render(reply, asked()) == answer(name)


@pytest.mark.parametrize("name", [row[0] for row in WHOLE])
def test_an_answer_written_anew_says_the_same(wire, name):
    """decode(render(x)) == x."""
    reply = decode(wire, answer(name))
    reply.dialect = ""
    again = decode(wire, RESPONSES.render(reply, asked()))
    assert (again.id, again.finish, again.parts, again.usage) == (reply.id, reply.finish, reply.parts, reply.usage)


TEXT = st.builds(m.Text, st.text(min_size=1))
PARTS = st.lists(TEXT | st.builds(m.Reasoning, st.text(min_size=1), st.text("ab")), max_size=3)
CALLS = st.lists(st.builds(m.ToolCall, st.text("ab1", min_size=1), st.text("fg", min_size=1), st.just("{}")))


@given(
    said=PARTS,
    calls=CALLS,
    ended=st.sampled_from(["stop", "length", "content_filter"]),
    usage=st.builds(Usage, st.integers(9, 10**9), st.integers(0, 10**9), st.integers(0, 9)),
)
def test_whatever_is_rendered_reads_the_same(wire, said, calls, ended, usage):
    """decode(render(x)) == x, for anybody's answer."""
    finish = "tool_calls" if calls and ended == "stop" else ended
    reply = m.Reply(model="x", finish=finish, usage=usage, read=lambda: (*said, *calls), raw=b"1")
    again = decode(wire, RESPONSES.render(reply, asked()))
    assert (again.finish, again.usage) == (finish, usage)
    assert again.parts == (*said, *calls)


def test_a_rendered_answer_repeats_what_was_asked(wire):
    """As OpenAI's do."""
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    request = asked(instructions="be kind", tools=[tool], metadata={"a": "b"}, temperature=0.5, stream=False)
    told = json.loads(RESPONSES.render(OPENAI.decode(wire.reply(), wire.ask(), wire.target()), request))
    assert (told["instructions"], told["tools"], told["metadata"]) == ("be kind", [tool], {"a": "b"})
    assert (told["temperature"], told["id"], told["object"]) == (0.5, "resp_1", "response")


BROKEN = [
    ({"output": None}, BadResponse),
    ({"output": []}, BadResponse),
    ({"status": "in_progress"}, BadResponse),
    ({"status": "queued", "output": []}, BadResponse),
    ({"status": "cancelled"}, BadResponse),
    ({"object": "chat.completion"}, BadResponse),
    ({"object": "error", "message": "x", "type": "BadRequestError", "code": 400}, Caller),
    ({"status": "failed", "error": None}, Transient),
    ({"error": {"code": "server_error", "message": "x"}}, Transient),
    ({"error": {"code": "rate_limit_exceeded", "message": "x"}}, Throttled),
    ({"error": {"code": "invalid_prompt", "message": "x"}}, ContentFilter),
    ({"error": {"code": "invalid_image_url", "message": "x"}}, Caller),
]


@pytest.mark.parametrize(("fields", "kind"), BROKEN)
def test_what_is_no_answer_is_a_failure(wire, fields, kind):
    """Half of one, one that failed, one of another protocol."""
    with pytest.raises(kind):
        decode(wire, changed("text", **fields))


def test_a_documented_failure_is_one(wire):
    """The provider could not; it may be asked again."""
    with pytest.raises(Transient):
        decode(wire, answer("failed"))


def test_an_answer_in_the_background_may_be_under_way(wire):
    """Its caller asks for it later."""
    request = asked(background=True, stream=False)
    reply = decode(wire, changed("text", status="queued", output=[]), request)
    assert (reply.parts, reply.finish) == ((), "queued")


@pytest.mark.parametrize("usage", [None, {"input_tokens": -1}, [1]])
def test_unusable_usage_is_counted_by_us(wire, usage):
    """And marked so."""
    reply = decode(wire, changed("tools", usage=usage))
    assert reply.usage.estimated
    assert reply.usage.output > 0


# -- streamed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STREAMS)
def test_a_documented_stream_says_what_the_whole_answer_says(wire, name):
    """Chunk by chunk, with the usage and the reason at the end; its bytes are passed on as they came."""
    batch, reader = read(wire, stream(name))
    whole = decode(wire, answer(name))
    assert "".join(chunk.text for chunk in batch.chunks) == whole.text
    thoughts = [part.text for part in whole.parts if isinstance(part, m.Reasoning)]
    assert [chunk.reasoning for chunk in batch.chunks if chunk.reasoning] == (
        ["Simple.", "\n\n", "Sum."] if thoughts else []
    )
    assert "".join(chunk.refusal for chunk in batch.chunks) == ("I will not." if name == "refusal" else "")
    assert (batch.chunks[-1].finish, batch.chunks[-1].usage) == (whole.finish, USAGE)
    assert (reader.opening.id, reader.opening.model, reader.opening.created) == ("resp_67cc", "gpt-6.1-sol", 1741408624)
    assert batch.raw == stream(name)
    assert batch.last


def test_calls_are_numbered_in_order(wire):
    """Id and name with the first piece of each."""
    batch, _ = read(wire, stream("tools"))
    assert [chunk.tool for chunk in batch.chunks if chunk.tool] == [
        ToolDelta(0, "call_1", "get_weather"),
        ToolDelta(0, arguments='{"city"'),
        ToolDelta(0, arguments=':"Oslo"}'),
        ToolDelta(1, "call_2", "get_weather"),
        ToolDelta(1, arguments='{"city":"Rome"}'),
    ]


def test_work_of_the_providers_own_tools_is_a_sign_of_life(wire):
    """A search may take longer than any word may."""
    batch, _ = read(wire, stream("searched"))
    assert [chunk.work for chunk in batch.chunks[:4]] == [True] * 4
    assert batch.chunks[0].content


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000])
def test_cuts_change_nothing(wire, name, size):
    """However the network cut the bytes."""
    assert read(wire, stream(name), size)[0] == read(wire, stream(name))[0]


@pytest.mark.parametrize("name", STREAMS)
def test_events_without_a_name_get_one(wire, name):
    """Some servers leave the names out, some clients go by them."""
    bare = b"".join(line + b"\n" for line in stream(name).split(b"\n")[:-1] if not line.startswith(b"event"))
    assert read(wire, bare)[0].raw == stream(name)


@pytest.mark.parametrize("name", STREAMS)
def test_a_cut_stream_is_not_complete(wire, name):
    """Only the finished response completes it."""
    whole = stream(name).split(b"\n\n")
    batch, reader = read(wire, b"\n\n".join(whole[:-2]) + b"\n\n")
    assert not batch.last
    assert not reader.finished


def test_nothing_behind_the_end_is_passed_on(wire):
    """Such as a marker of another dialect."""
    batch, _ = read(wire, stream("text") + b"data: [DONE]\n\n")
    assert batch.raw == stream("text")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (stream("failed"), Throttled),
        (stream("error"), Transient),
        (event("error", error={"type": "overloaded_error", "message": "x"}), Transient),
        (event("response.completed", response={"error": {"code": "server_error"}}), Transient),
        (event("response.cancelled", response={}), BadResponse),
        (b'data: {"error":{"code":"rate_limit_exceeded"}}\n\n', Throttled),
        (b"data: [DONE]\n\n", BadResponse),
        (b"data: {\n\n", BadResponse),
        (b'data: {"choices":[]}\n\n', BadResponse),
        (event("response.output_text.delta", delta=1), BadResponse),
        (event("response.output_item.added", item=1), BadResponse),
        (event("response.completed"), BadResponse),
    ],
)
def test_a_bad_event_is_a_failure_of_its_class(wire, data, kind):
    """What came before it is handed over first."""
    with pytest.raises(kind):
        read(wire, data)
    reader = RESPONSES.reader(asked(), wire.target("responses"))
    batch = reader.feed(stream("text").split(b"event: response.output_text.done")[0] + event("error", code="x"))
    assert "".join(chunk.text for chunk in batch.chunks) == "Hello there."
    assert isinstance(reader.failure, Transient)


def test_unknown_events_pass(wire):
    """There are sixty kinds, and more to come; one with another kind of delta is none of ours."""
    odd = event("keepalive") + event("response.new_thing", delta={"a": 1}) + event("response.audio.delta", delta="UklG")
    batch, _ = read(wire, odd + stream("text"))
    assert batch.raw == odd + stream("text")
    assert batch.chunks[0].content
    batch, reader = read(wire, wire.messages("hi"))
    assert (batch.chunks, batch.last, reader.finished) == ([], False, False)


def item_done(item, place=0):
    return event("response.output_item.done", output_index=place, item=item)


def test_servers_that_leave_out_deltas_are_understood(wire):
    """By what an item says at its end, or the response at its own."""
    output = json.loads(answer("reasoning"))["output"] + json.loads(answer("tools"))["output"]
    output.append(json.loads(answer("refusal"))["output"][0])
    done = event("response.completed", response=json.loads(answer("text")) | {"output": output})
    items = b"".join(item_done(item, place) for place, item in enumerate(output))
    told = [
        Chunk(reasoning="Simple.\n\nSum."),
        Chunk("4"),
        Chunk(tool=ToolDelta(0, "call_1", "get_weather", OSLO.arguments)),
        Chunk(tool=ToolDelta(1, "call_2", "get_weather", ROME.arguments)),
        Chunk(refusal="I will not."),
        Chunk(finish="tool_calls", usage=USAGE),
    ]
    for data in (items + done, done):
        batch, reader = read(wire, data)
        assert batch.chunks == told
        assert reader.opening.id == "resp_67cc"


def test_words_that_only_the_end_has_are_not_lost(wire):
    """The response repeats all of them."""
    short = b"\n\n".join(one for one in stream("text").split(b"\n\n") if b'"delta":"."' not in one)
    assert len(short) < len(stream("text"))
    batch, _ = read(wire, short)
    assert "".join(chunk.text for chunk in batch.chunks) == "Hello there."
    assert batch.last


def test_odd_items_of_unknown_kinds_pass(wire):
    """Whole and streamed; what is the model's own must be in order."""
    odd = {"type": "new_tool_call", "id": "n", "content": {"a": 1}, "name": 7}
    output = [odd, *json.loads(answer("text"))["output"]]
    assert decode(wire, changed("text", output=output)).text == "Hello there."
    batch, _ = read(wire, event("response.output_item.added", output_index=0, item=odd) + stream("text"))
    assert batch.chunks[0].work
    with pytest.raises(BadResponse):
        decode(wire, changed("text", output=[odd | {"type": "message"}]))
    with pytest.raises(BadResponse):
        read(wire, event("response.output_item.done", output_index=0))


def test_arguments_that_come_late_are_not_lost(wire):
    """A call that was opened, and has its arguments at the end of its item only; or at its beginning."""
    begun = json.loads(answer("tools"))["output"][0]
    opened = event("response.output_item.added", output_index=0, item=begun | {"arguments": ""})
    batch, _ = read(wire, opened + item_done(begun))
    assert [chunk.tool.arguments for chunk in batch.chunks] == ["", OSLO.arguments]
    batch, _ = read(wire, event("response.output_item.added", output_index=0, item=begun) + item_done(begun))
    assert [chunk.tool.arguments for chunk in batch.chunks] == [OSLO.arguments]


def test_custom_tools_are_tools(wire):
    """Their input stands for arguments."""
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "run", "input": ""}
    data = event("response.output_item.added", output_index=0, item=item)
    data += event("response.custom_tool_call_input.delta", output_index=0, delta="ls")
    batch, _ = read(wire, data + item_done(item | {"input": "ls"}))
    assert [chunk.tool for chunk in batch.chunks] == [ToolDelta(0, "c", "run"), ToolDelta(0, arguments="ls")]
    reply = decode(wire, changed("text", output=[item | {"input": "ls"}]))
    assert reply.tool_calls == (m.ToolCall("c", "run", "ls"),)
    assert reply.finish == "tool_calls"


@given(pieces=st.lists(st.binary(max_size=40) | st.sampled_from(stream("tools").split(b"\n\n")), max_size=8))
def test_any_bytes_are_a_stream_or_a_failure(wire, pieces):
    """Nothing else is ever raised."""
    reader = RESPONSES.reader(asked(), wire.target("responses"))
    try:
        for piece in pieces:
            reader.feed(piece + b"\n\n")
        reader.close()
    except Failure:
        pass
    assert reader.opening is not None


# -- written ----------------------------------------------------------------------------------------------------


def written(chunks, opening=None, request=None):
    """The events of a whole stream with these chunks."""
    writer = RESPONSES.writer(request or asked())
    data = writer.start(opening or Opening("chatcmpl-1", "m", 7)) + writer.write(chunks)
    writer.note(Facts("a/m", "primary"))
    return data + writer.end()


def test_words_are_a_message(wire):
    """Every event that SDKs build a message of, numbered, and the whole response at the end."""
    del wire
    told = events(written([Chunk("Hel"), Chunk("lo"), Chunk(finish="stop", usage=USAGE)]))
    assert [one["type"].removeprefix("response.") for one in told] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert told[0]["sequence_number"] == 0
    assert (told[0]["response"]["id"], told[0]["response"]["created_at"]) == ("resp_1", 7)
    response = told[-1]["response"]
    assert response["output"] == [told[-2]["item"]]
    assert response["output"][0]["content"] == [
        {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
    ]
    assert response["usage"]["input_tokens_details"]["cached_tokens"] == 8


CHUNKS = [
    Chunk(reasoning="Hm."),
    Chunk(signature="s1g"),
    Chunk("I look."),
    Chunk(tool=ToolDelta(0, "call_1", "get_weather", '{"city"')),
    Chunk(tool=ToolDelta(1, "call_2", "get_weather")),
    Chunk(tool=ToolDelta(0, arguments=':"Oslo"}')),
    Chunk(tool=ToolDelta(1, arguments='{"city":"Rome"}')),
    Chunk(finish="tool_calls"),
    Chunk(usage=USAGE),
]


def test_calls_may_be_mixed(wire):
    """Each event names its item, so that nothing waits; the end has them in order."""
    data = written(CHUNKS)
    response = events(data)[-1]["response"]
    assert [item["type"] for item in response["output"]] == ["reasoning", "message", "function_call", "function_call"]
    batch, _ = read(wire, data)
    assert batch.chunks == [
        Chunk(reasoning="Hm."),
        Chunk(signature="s1g"),
        Chunk("I look."),
        Chunk(tool=ToolDelta(0, "call_1", "get_weather")),
        Chunk(tool=ToolDelta(0, arguments='{"city"')),
        Chunk(tool=ToolDelta(1, "call_2", "get_weather")),
        Chunk(tool=ToolDelta(0, arguments=':"Oslo"}')),
        Chunk(tool=ToolDelta(1, arguments='{"city":"Rome"}')),
        Chunk(finish="tool_calls", usage=USAGE),
    ]
    whole = decode(wire, json.dumps(response).encode())
    assert whole.parts == (m.Reasoning("Hm.", "s1g"), m.Text("I look."), OSLO, ROME)


PIECES = st.lists(
    st.builds(Chunk, st.text(min_size=1))
    | st.builds(lambda text: Chunk(reasoning=text), st.text(min_size=1))
    | st.builds(lambda text: Chunk(refusal=text), st.text(min_size=1)),
    max_size=6,
)


@given(chunks=PIECES, finish=st.sampled_from(["stop", "length", "content_filter"]))
def test_whatever_is_written_reads_the_same(wire, chunks, finish):
    """The stream and the response at its end both say what the chunks said."""
    data = written([*chunks, Chunk(finish=finish, usage=USAGE)])
    batch, _ = read(wire, data, 64)
    for kind in ("text", "reasoning", "refusal"):
        said = "".join(getattr(chunk, kind) for chunk in chunks)
        assert "".join(getattr(chunk, kind) for chunk in batch.chunks).replace("\n\n", "") == said.replace("\n\n", "")
    assert batch.chunks[-1].finish == finish
    response = events(data)[-1]["response"]
    whole = decode(wire, json.dumps(response).encode())
    assert whole.text == "".join(chunk.text for chunk in chunks)
    assert (whole.finish, whole.usage) == (finish, USAGE)


def test_only_the_first_of_several_answers_is_told(wire):
    """A response is one."""
    data = written([Chunk("a"), Chunk("b", choice=1), Chunk(finish="stop")])
    assert "".join(chunk.text for chunk in read(wire, data)[0].chunks) == "a"


@pytest.mark.parametrize("tool", [False, True])
def test_what_was_cut_short_says_so(wire, tool):
    """The last item alone, whole and streamed: nobody may take half a call for one."""
    chunks = [Chunk("one"), Chunk(tool=ToolDelta(0, "c1", "f", '{"a": 1}'))]
    chunks += [Chunk(tool=ToolDelta(1, "c2", "g", '{"b"'))] if tool else [Chunk("two")]
    data = written([*chunks, Chunk(finish="length", usage=Usage(1, 1))])
    whole = events(data)[-1]["response"]
    done = [event["item"] for event in events(data) if event["type"] == "response.output_item.done"]
    assert whole["status"] == "incomplete"
    assert [item["status"] for item in whole["output"]] == ["completed", "completed", "incomplete"]
    assert sorted(item["status"] for item in done) == ["completed", "completed", "incomplete"]
    parts = (m.Text("one"), m.ToolCall("c1", "f", "{}"), m.ToolCall("c2", "g", '{"b"') if tool else m.Text("two"))
    reply = m.Reply(model="m", finish="length", usage=Usage(1, 1), read=lambda: parts)
    output = json.loads(RESPONSES.render(reply, asked()))["output"]
    assert [item["status"] for item in output] == ["completed", "completed", "incomplete"]


def test_an_answer_without_words_has_an_empty_message(wire):
    """So that it is one."""
    batch, _ = read(wire, written([Chunk(finish="stop")]))
    assert [chunk.finish for chunk in batch.chunks] == ["stop"]


def test_an_error_is_an_event_that_sdks_raise(wire):
    """In the form of these streams, and with the envelope that SDKs look for."""
    del wire
    writer = RESPONSES.writer(asked())
    writer.start(Opening("resp_1", "m"))
    (told,) = events(writer.fail(Transient("no luck", code="oops"), "req_1"))
    assert (told["type"], told["sequence_number"], told["message"], told["code"]) == ("error", 2, "no luck", "oops")
    assert told["error"]["request_id"] == "req_1"


def test_nothing_ends_what_was_passed_on(wire):
    """The finished response was its end."""
    del wire
    assert RESPONSES.writer(asked()).end() == b""


# -- going on behind the provider's own bytes -------------------------------------------------------------------


def gone_on(wire, name, until, chunks, clean=None):
    """The events of a stream that was passed on until some event, and gone on with."""
    head = stream(name).split(b"event: " + until)[0]
    reader = RESPONSES.reader(asked(), wire.target("responses"))
    batch = reader.feed(head)
    assert batch.raw == head
    opening = reader.opening
    opening.so_far = opening.so_far.cleaned(clean or bytes)
    writer = RESPONSES.writer(asked())
    data = writer.go_on(opening) + writer.write([*chunks, Chunk(finish="stop", usage=USAGE)]) + writer.end()
    return events(head + data)


def test_words_go_on_in_their_message(wire):
    """One message, one numbering, one response at the end that says it all."""
    told = gone_on(wire, "text", b"response.output_text.done", [Chunk(" Good"), Chunk(" day.")])
    assert [one["type"] for one in told].count("response.output_item.added") == 1
    (message,) = told[-1]["response"]["output"]
    assert (message["id"], message["content"][0]["text"]) == ("msg_0", "Hello there. Good day.")
    assert told[-1]["response"]["id"] == "resp_67cc"


def test_what_was_finished_stays(wire):
    """The provider's own items are repeated as they were."""
    told = gone_on(wire, "reasoning", b"response.completed", [Chunk("So 4.")])
    output = told[-1]["response"]["output"]
    assert output[:2] == json.loads(answer("reasoning"))["output"]
    assert (output[2]["content"][0]["text"], len(output)) == ("So 4.", 3)


def test_thoughts_under_way_end_before_the_words(wire):
    """Words are an item of their own."""
    told = gone_on(wire, "reasoning", b"response.reasoning_summary_text.done", [Chunk("4")])
    output = told[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "message"]
    assert output[0]["summary"] == [{"type": "summary_text", "text": "Simple."}]


def test_what_must_not_be_told_is_not_repeated(wire):
    """A key that the provider echoed is taken out of what is said again at the end."""
    told = gone_on(
        wire, "text", b"response.output_text.done", [Chunk("!")], clean=lambda said: said.replace(b"there", b"***")
    )
    assert told[-1]["response"]["output"][0]["content"][0]["text"] == "Hello ***.!"


def test_readers_for_others_remember_nothing(wire):
    """What was said is kept only for a caller of this dialect."""
    reader = RESPONSES.reader(wire.ask(stream=True), wire.target("responses"))
    reader.feed(stream("text"))
    assert reader.opening.so_far is None


@pytest.mark.parametrize("caller", ["openai", "anthropic"])
def test_callers_of_other_dialects_read_these_streams(wire, caller):
    """Tools and all."""
    request = wire.ask(caller, stream=True)
    reader = RESPONSES.reader(request, wire.target("responses"))
    chunks = reader.feed(stream("tools")).chunks
    writer = DIALECTS[caller].writer(request)
    data = writer.start(reader.opening) + writer.write(chunks) + writer.end()
    again, _ = wire.read(caller, data, request)
    assert "".join(chunk.tool.arguments for chunk in again.chunks if chunk.tool) == OSLO.arguments + ROME.arguments
    assert {chunk.finish for chunk in again.chunks} == {None, "tool_calls"}
