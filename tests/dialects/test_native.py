"""Our own surface, and embeddings."""

import json

import pytest

from outlast.dialects import DIALECTS
from outlast.model.cut import Cut
from outlast.model.errors import BadResponse, Caller, Failure, Throttled, TimedOut
from outlast.model.messages import Chunk, Embed, Message, Opening, Reply, Request, Text, ToolCall, ToolDelta, Usage
from outlast.model.target import Quirks
from outlast.ports import Facts

NATIVE = DIALECTS["native"]


def test_a_prompt_is_enough():
    """The least that asks."""
    asked = NATIVE.parse("chat", b'{"prompt":"hi"}')
    assert (asked.model, asked.stream, asked.dialect) == ("default", False, "native")
    assert asked.content().messages == (Message("user", (Text("hi"),)),)


def test_messages_may_be_sent(wire):
    """A conversation with parts of all kinds, written for both providers."""
    asked = NATIVE.parse(
        "chat",
        json.dumps(
            {
                "model": "fast",
                "system": "be kind",
                "max_tokens": 9,
                "stream": True,
                "schema": {"type": "object"},
                "stop": "END",
                "tools": [{"name": "f", "parameters": {"type": "object"}}],
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "text", "text": "look"}, {"type": "image", "url": "https://x"}],
                    },
                    {
                        "role": "assistant",
                        "content": [{"type": "tool_call", "id": "c", "name": "f", "arguments": "{}"}],
                    },
                    {
                        "role": "tool",
                        "content": [{"type": "tool_result", "id": "c", "parts": [{"type": "text", "text": "1"}]}],
                    },
                ],
            }
        ).encode(),
    )
    assert (asked.stream, asked.max_tokens, asked.needs.vision, asked.needs.tools) == (True, 9, True, True)
    for name, turns in (("openai", 4), ("anthropic", 3)):
        outgoing = DIALECTS[name].encode(asked, wire.target(name))
        assert len(wire.sent(outgoing)["messages"]) == turns
        assert outgoing.dropped == ()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", "prompt or messages"),
        (b'{"prompt":"a","messages":[{"role":"user","content":"b"}]}', "prompt or messages"),
        (b'{"prompt":""}', "prompt must not be empty"),
        (b'{"prompt":5}', "prompt must be str"),
        (b'{"messages":[]}', "messages must not be empty"),
        (b'{"messages":[{"role":"tool","content":"x"}]}', "tool_result"),
        (b'{"messages":[{"role":"user","content":[{"type":"song"}]}]}', "messages[0].content[0].type"),
        (b'{"messages":[{"role":"user","content":[{"type":"image","data":"AAAA"}]}]}', "media_type"),
        (b'{"messages":[{"role":"user","content":[{"type":"document"}]}]}', "document must have either url or data"),
        (b'{"messages":[{"role":"user","content":[{"type":"image","url":"x","data":"AAAA"}]}]}', "either url or data"),
        (b"[]", "object"),
    ],
)
def test_wrong_requests_are_refused(body, words):
    """What is wrong is named."""
    with pytest.raises(Caller) as caught:
        NATIVE.parse("chat", body)
    assert words in caught.value.message


def test_an_answer_tells_all_that_is_known():
    """Who answered, from where, at what cost, after how many attempts."""
    reply = Reply(
        id="x", model="m", finish="stop", usage=Usage(3, 2), read=lambda: (Text("hi"), ToolCall("c", "f", "{}"))
    )
    reply.target, reply.source, reply.cost, reply.attempts, reply.dropped = "a/m", "fallback", 0.5, 2, ("seed",)
    told = json.loads(NATIVE.render(reply, NATIVE.parse("chat", b'{"prompt":"x"}')))
    assert (
        told.items()
        >= {
            "text": "hi",
            "source": "fallback",
            "degraded": False,
            "target": "a/m",
            "cost": 0.5,
            "attempts": 2,
            "dropped": ["seed"],
            "finish": "stop",
        }.items()
    )
    assert told["usage"]["input"] == 3
    assert told["tool_calls"] == [{"id": "c", "name": "f", "arguments": "{}"}]


def test_a_stream_ends_with_all_facts():
    """Words as they come; everything else in the last event."""
    writer = NATIVE.writer(NATIVE.parse("chat", b'{"prompt":"x"}'))
    data = writer.start(Opening("id", "m")) + writer.write(
        [Chunk("he"), Chunk("llo"), Chunk(tool=ToolDelta(0, "c", "f"))]
    )
    data += writer.write([Chunk(finish="length", usage=Usage(3, 2))])
    writer.note(Facts("a/m", "stale", None, 3, Cut("drop_oldest", 2, 5, 900, 400), ("seed",)))
    events = [json.loads(line[6:]) for line in (data + writer.end()).split(b"\n\n") if line]
    assert [event.get("text") for event in events] == ["he", "llo", None, None]
    assert events[2]["tool_call"]["name"] == "f"
    assert (
        events[3].items()
        >= {
            "done": True,
            "finish": "length",
            "target": "a/m",
            "source": "stale",
            "degraded": True,
            "attempts": 3,
            "model": "m",
            "dropped": ["seed"],
        }.items()
    )
    assert events[3]["usage"]["output"] == 2
    assert events[3]["cut"] == {"fit": "drop_oldest", "messages": 2, "of": 5, "before": 900, "after": 400}


def test_errors_are_semantic():
    """The native body has our own class and status, whole and in a stream."""
    status, body = NATIVE.error(Throttled("slow", retry_after=3.0), "req-1")
    error = {
        "type": "throttled",
        "message": "slow",
        "code": None,
        "retryable": True,
        "retry_after": 3.0,
        "request_id": "req-1",
        "attempts": 0,
    }
    assert (status, json.loads(body)) == (429, {"error": error})
    event = NATIVE.writer(NATIVE.parse("chat", b'{"prompt":"x"}')).fail(TimedOut("late"), "req-2")
    assert json.loads(event[6:])["error"]["type"] == "timeout"


def test_no_provider_speaks_it(wire):
    """A provider configured with it is our own fault, told as such."""
    asked = NATIVE.parse("chat", b'{"prompt":"x"}')
    for use in (
        lambda: NATIVE.encode(asked, wire.target()),
        lambda: NATIVE.decode(b"{}", asked, wire.target()),
        lambda: NATIVE.reader(asked, wire.target()),
    ):
        with pytest.raises(Failure) as caught:
            use()
        assert caught.value.kind == "internal"
    with pytest.raises(Caller):
        NATIVE.parse("embed", b'{"input":"x"}')


def embed(**fields):
    return DIALECTS["openai"].parse("embed", json.dumps({"model": "e"} | fields).encode())


@pytest.mark.parametrize(
    ("given", "expected"),
    [("a", ("a",)), (["a", "b"], ("a", "b")), ([1, 2], ((1, 2),)), ([[1], [2, 3]], ((1,), (2, 3)))],
)
def test_embedding_inputs(given, expected):
    """Texts, and texts as token numbers."""
    assert embed(input=given).content().input == expected


@pytest.mark.parametrize("given", ["", [], ["a", 1], 5, None, {"a": 1}, [-1], [[1], "a"]])
def test_wrong_embedding_inputs_are_refused(given):
    """Nothing to embed, or a mixture."""
    with pytest.raises(Caller, match="input"):
        embed(input=given)


def test_embeddings_pass_through(wire):
    """The caller's fields out, the provider's bytes back; rows are unpacked when looked at, in their order."""
    asked = embed(input=["a", "b"], encoding_format="base64", dimensions=2)
    sent = wire.sent(DIALECTS["openai"].encode(asked, wire.target(model="e-1")))
    assert sent == {"model": "e-1", "input": ["a", "b"], "encoding_format": "base64", "dimensions": 2}
    body = json.dumps(
        {
            "data": [{"index": 1, "embedding": "AACAPwAAAEA="}, {"index": 0, "embedding": [0.5, 1]}],
            "usage": {"prompt_tokens": 4, "total_tokens": 4},
        }
    ).encode()
    vectors = DIALECTS["openai"].decode(body, asked, wire.target())
    assert vectors.vectors == [[0.5, 1.0], [1.0, 2.0]]
    assert vectors.usage == Usage(4)
    assert DIALECTS["openai"].render(vectors, asked) is body


@pytest.mark.parametrize("body", [b"", b"{}", b'{"data":[]}', b'{"data":[{"index":0,"embedding":[1]}]}', b"<html>"])
def test_wrong_rows_are_a_bad_response(wire, body):
    """No rows, or fewer than asked for."""
    with pytest.raises(BadResponse):
        DIALECTS["openai"].decode(body, embed(input=["a", "b"]), wire.target())


@pytest.mark.parametrize("row", ["no base64!", "AAA=", {"a": 1}, None])
def test_rows_that_are_no_numbers(wire, row):
    """Found when somebody looks."""
    body = json.dumps({"data": [{"index": 0, "embedding": row}]}).encode()
    vectors = DIALECTS["openai"].decode(body, embed(input="a"), wire.target())
    with pytest.raises(BadResponse):
        _ = vectors.vectors


def test_a_library_call_for_embeddings_is_written(wire):
    """No bytes to pass on: written from what was asked, without what must not go out or is refused."""
    content = Embed(("a", (1, 2)), dimensions=3, extra={"user": "u", "api_key": "k", "encoding_format": "float"})
    asked = Request(operation="embed", model="x", read=lambda _: content)
    outgoing = DIALECTS["openai"].encode(asked, wire.target(model="e", quirks=Quirks(drops=("user",))))
    assert wire.sent(outgoing) == {"model": "e", "input": ["a", [1, 2]], "dimensions": 3, "encoding_format": "float"}
    assert outgoing.dropped == ("api_key", "user")


def test_an_error_instead_of_rows_is_classified(wire):
    """A 200 with an envelope is what the envelope says."""
    with pytest.raises(Throttled):
        DIALECTS["openai"].decode(b'{"error":{"code":"rate_limit_exceeded"}}', embed(input="a"), wire.target())
