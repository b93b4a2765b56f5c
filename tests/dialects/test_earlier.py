"""Earlier answers in OpenAI's words: what refers to them, what stands in its place, what of an answer is remembered."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from outlast.dialects.responses import earlier
from outlast.dialects.responses.earlier import Item, Turn
from outlast.model.errors import Caller

MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]}
CALL = {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
SEARCH = {"id": "ws_1", "type": "web_search_call", "status": "completed"}
OUTPUT = [MESSAGE, CALL, SEARCH]


def raw(value):
    return Raw(json.dumps(value).encode())


def plain(items):
    return [json.loads(bytes(item)) for item in items]


def reference(id_):
    return {"type": "item_reference", "id": id_}


def response(output=OUTPUT, **fields):
    return json.dumps({"id": "resp_1", "object": "response", "output": output, **fields}).encode()


def event(kind, **fields):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def test_an_input_is_items_or_a_text():
    """A mere text is a message of the user; nothing is nothing."""
    assert earlier.items_in(raw("")) == earlier.items_in(raw(None)) == earlier.items_in(raw([])) == []
    (item,) = plain(earlier.items_in(raw("hi")))
    assert (item["role"], item["content"]) == ("user", [{"type": "input_text", "text": "hi"}])
    assert plain(earlier.items_in(raw([MESSAGE]))) == [MESSAGE]
    with pytest.raises(Caller):
        earlier.items_in(Raw(b"[1"))


def test_references_are_found():
    """Each once; what only speaks of one, or names nothing, is none."""
    given = [reference("a"), {"role": "user", "content": "item_reference"}, reference("b"), reference("a")]
    assert earlier.referred([raw(item) for item in [*given, reference(None), reference(7)]]) == ["a", "b"]


def test_what_was_found_stands_in_place():
    """Without the ids of messages and calls, which others would look for; what was not found stays."""
    found = {item["id"]: Item(raw(item)) for item in OUTPUT}
    given = [raw(reference(name)) for name in ("msg_1", "gone", "fc_1", "ws_1")]
    message, gone, call, search = plain(earlier.in_place(given, found))
    assert message == {key: value for key, value in MESSAGE.items() if key != "id"}
    assert call == {key: value for key, value in CALL.items() if key != "id"}
    assert (gone, search) == (reference("gone"), SEARCH)
    assert plain(earlier.in_place(given, {})) == plain(given)


@pytest.mark.parametrize(("keeper", "sealed", "stays"), [("", None, True), ("a", None, False), ("a", "xyz", True)])
def test_thoughts_go_where_they_can_be_read(keeper, sealed, stays):
    """Those that their keeper alone can look up stay behind."""
    thought = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": sealed}
    placed = earlier.in_place([raw(reference("rs_1"))], {"rs_1": Item(raw(thought), keeper)})
    assert plain(placed) == ([thought] if stays else [])


def test_a_request_is_filled_in():
    """Its other fields are as they were; it goes on from another answer, or from none."""
    body = json.dumps({"model": "m", "previous_response_id": "resp_2", "input": "hi", "odd": [1, 2]}).encode()
    for previous, left in (("", {}), ("resp_1", {"previous_response_id": "resp_1"})):
        sent = json.loads(earlier.filled(body, [raw(MESSAGE)], previous))
        assert sent == {"model": "m", "odd": [1, 2], "input": [MESSAGE]} | left


@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete"])
def test_the_end_of_a_stream_is_the_answer(kind):
    """Whatever stands before it in the last piece, or behind."""
    done = event(kind, response={"id": "resp_1", "output": []})
    for piece in (done, event("response.output_text.delta", delta="a") + done, done + event("ping")):
        assert json.loads(earlier.response_in(piece)) == {"id": "resp_1", "output": []}


@pytest.mark.parametrize(
    "piece",
    [b"", event("response.output_text.delta", delta="a"), event("response.failed", response={}), b"data: {\n\n"],
)
def test_what_is_no_end_is_no_answer(piece):
    """There is nothing to remember."""
    assert earlier.response_in(piece) == b""


@pytest.mark.parametrize("body", [b"", b"{}", response(status="queued"), response(id=7), response(output=None)])
def test_what_is_no_answer_is_not_remembered(body):
    """Nor is one that is still being made."""
    assert earlier.output_of(body) == ("", [])


def test_items_are_known_by_their_ids():
    """Those that have one."""
    items = [raw(item) for item in [*OUTPUT, {"type": "message"}, {"id": 7}, 1]]
    assert [name for name, _ in earlier.names_of(items)] == ["msg_1", "fc_1", "ws_1"]


def test_a_turn_survives_being_written_down():
    """With all that was asked and answered in it; other bytes are none."""
    turn = Turn(Raw(response()), raw("hi"), "resp_0", "openai")
    back = earlier.turn_in(earlier.wire.dumps(turn))
    assert (back.previous, back.keeper) == ("resp_0", "openai")
    question, *answered = plain(earlier.said_in(back))
    assert question["role"] == "user"
    assert [item["type"] for item in answered] == ["message", "function_call", "web_search_call"]
    item = earlier.item_in(earlier.wire.dumps(Item(raw(MESSAGE), "openai")))
    assert (plain([item.item]), item.keeper) == ([MESSAGE], "openai")
    assert earlier.turn_in(b"\x80") is earlier.item_in(b'{"version": 2}') is None


@given(st.binary(max_size=60))
def test_any_bytes_are_something_or_nothing(data):
    """What a provider or a store gives never raises."""
    earlier.response_in(data)
    earlier.output_of(data)
    earlier.turn_in(data)
    earlier.item_in(data)
