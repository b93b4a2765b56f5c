"""Asking for the rest of an answer, and rendering it: in both dialects, from the caller's own bytes or written anew."""

import json

import pytest

from outlast.dialects import DIALECTS
from outlast.model.continuing import Beginning, ask_on
from outlast.model.messages import Chunk, Opening, Usage
from outlast.model.target import Provider, Quirks, Target

SAID = "This is the"
HI = {"role": "user", "content": "hi"}
BODIES = {
    "openai": {"model": "m", "messages": [HI], "max_tokens": 50, "response_format": {"type": "json_object"}, "x": 1},
    "anthropic": {
        "model": "m", "messages": [HI], "max_tokens": 50, "thinking": {"type": "adaptive"}, "top_k": 3,
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    },
}  # fmt: skip


def target_of(dialect, *, prefill, quirks=None):
    return Target("a/m", Provider("a", dialect, "http://x", quirks=quirks or Quirks()), "m", prefill=prefill)


def asked(body, spoken, target, *, prefill=True):
    """The body that asks this target for the rest."""
    request = DIALECTS[spoken].parse("chat", json.dumps(body).encode())
    rest = request.going_on(Beginning(SAID, prefill), 10)
    return json.loads(DIALECTS[target.provider.dialect].encode(rest, target).body)


@pytest.mark.parametrize("spoken", ["openai", "anthropic"])
@pytest.mark.parametrize("to", ["openai", "anthropic"])
def test_a_target_that_takes_it_is_prefilled(spoken, to):
    """The last turn is what was said; neither a format for a whole answer nor thinking goes with it."""
    body = asked(BODIES[spoken], spoken, target_of(to, prefill=True))
    assert body["messages"][-1] == {"role": "assistant", "content": SAID}
    assert body.get("max_tokens") or body.get("max_completion_tokens") == 40
    assert not {"response_format", "output_config", "thinking"} & body.keys()


@pytest.mark.parametrize("spoken", ["openai", "anthropic"])
@pytest.mark.parametrize("to", ["openai", "anthropic"])
@pytest.mark.parametrize("able", [True, False])
def test_others_are_asked_to_go_on(spoken, to, able):
    """Those that do not take a prefill, and those that have refused it."""
    body = asked(BODIES[spoken], spoken, target_of(to, prefill=able), prefill=not able)
    assert body["messages"][-2:] == [{"role": "assistant", "content": SAID}, {"role": "user", "content": ask_on(SAID)}]


@pytest.mark.parametrize("to", ["openai", "anthropic"])
@pytest.mark.parametrize("spoken", ["openai", "anthropic"])
def test_the_caller_s_own_beginning_becomes_one_with_it(spoken, to):
    """The answer began with it."""
    body = BODIES[spoken] | {"messages": [HI, {"role": "assistant", "content": "Well. "}]}
    last = asked(body, spoken, target_of(to, prefill=True))["messages"][-1]
    assert last["role"] == "assistant"
    assert last["content"].startswith("Well.")
    assert last["content"].endswith(SAID)


def test_what_stands_beside_passes_untouched():
    """Fields that nobody knows, and turns as they were written."""
    turns = [{"role": "user", "content": [{"type": "text", "text": "hi"}], "odd": 12345678901234567890123}]
    body = asked(BODIES["openai"] | {"messages": turns}, "openai", target_of("openai", prefill=False))
    assert body["messages"][0] == turns[0]
    assert body["x"] == 1


def test_a_beginning_never_shows_itself():
    """In a log, a repr says how long it is."""
    assert repr(Beginning("secret")) == "Beginning(6 characters, prefill=True)"


EVENTS = {
    "message_start": {"message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}}},
    "content_block_start": {"index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    "content_block_delta": {"index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
}


def rendered(events):
    """Events as the provider sends them."""
    return b"".join(
        f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode() for kind, fields in events
    )


def parsed(data):
    """Their data."""
    return [json.loads(line[6:]) for line in data.decode().splitlines() if line.startswith("data: ")]


def test_a_reader_knows_which_block_is_open():
    """So that a writer can go on where the provider's bytes have ended."""
    request = DIALECTS["anthropic"].parse("chat", json.dumps(BODIES["anthropic"]).encode())
    reader = DIALECTS["anthropic"].reader(request, target_of("anthropic", prefill=False))
    reader.feed(rendered(EVENTS.items()))
    assert (reader.opening.id, reader.opening.blocks, reader.opening.block) == ("msg_1", 1, "thinking")
    reader.feed(rendered([("content_block_stop", {"index": 0})]))
    assert (reader.opening.blocks, reader.opening.block) == (1, "")


@pytest.mark.parametrize(
    ("blocks", "block", "kinds"),
    [
        (1, "text", ["content_block_delta"]),
        (1, "thinking", ["content_block_stop", "content_block_start", "content_block_delta"]),
        (2, "", ["content_block_start", "content_block_delta"]),
        (0, "", ["content_block_start", "content_block_delta"]),
    ],
)
def test_anthropic_s_writer_goes_on_in_the_open_block(blocks, block, kinds):
    """Words in their block, everything else in a new one; no second start, one end with the usage of all."""
    request = DIALECTS["anthropic"].parse("chat", json.dumps(BODIES["anthropic"]).encode())
    writer = DIALECTS["anthropic"].writer(request)
    said = writer.go_on(Opening("msg_1", "m", blocks=blocks, block=block)) + writer.write([Chunk(" rest")])
    events = parsed(said)
    assert [event["type"] for event in events] == kinds
    assert events[-1]["index"] == (blocks - 1 if block == "text" else blocks)
    writer.write([Chunk(finish="stop", usage=Usage(9, 8))])
    ended = parsed(writer.end())
    assert [event["type"] for event in ended] == ["content_block_stop", "message_delta", "message_stop"]
    assert ended[1]["usage"]["output_tokens"] == 8


def test_openai_s_writer_says_no_role_again():
    """The same id goes on."""
    request = DIALECTS["openai"].parse("chat", json.dumps({"model": "m", "messages": [HI], "stream": True}).encode())
    writer = DIALECTS["openai"].writer(request)
    said = writer.go_on(Opening("chatcmpl-1", "m", 7)) + writer.write([Chunk(" rest"), Chunk(finish="stop")])
    first, last = parsed(said)
    assert (first["id"], first["choices"][0]["delta"]) == ("chatcmpl-1", {"content": " rest"})
    assert last["choices"][0]["finish_reason"] == "stop"
