"""What we write is what the official SDKs read: their own clients, on our bytes, without a socket."""

import json

import anthropic
import httpx2
import openai
import pytest

from outlast.dialects import DIALECTS
from outlast.model import errors as e
from outlast.model.messages import Chunk, Opening, Reasoning, Reply, Text, ToolCall, ToolDelta, Usage

PARTS = (Reasoning("hm", "sig"), Text("hello"), ToolCall("call_1", "f", '{"a":1}'))
CHUNKS = [
    Chunk(reasoning="hm"),
    Chunk("hel"),
    Chunk("lo"),
    Chunk(tool=ToolDelta(0, "call_1", "f")),
    Chunk(tool=ToolDelta(1, "call_2", "g", '{"b"')),
    Chunk(tool=ToolDelta(0, arguments='{"a"')),
    Chunk(tool=ToolDelta(1, arguments=":2}")),
    Chunk(tool=ToolDelta(0, arguments=":1}")),
    Chunk(finish="tool_calls"),
    Chunk(usage=Usage(9, 4, 5)),
]
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def answering(status, body, kind):
    return httpx2.MockTransport(lambda _: httpx2.Response(status, content=body, headers={"content-type": kind}))


def openai_client(body, status=200, kind="application/json"):
    http = httpx2.Client(transport=answering(status, body, kind))
    return openai.OpenAI(api_key="k", base_url="http://t/v1", http_client=http, max_retries=0)


def anthropic_client(body, status=200, kind="application/json"):
    http = httpx2.Client(transport=answering(status, body, kind))
    return anthropic.Anthropic(api_key="k", base_url="http://t", http_client=http, max_retries=0)


def reply():
    return Reply(id="x", model="m", finish="tool_calls", usage=Usage(9, 4, 5), created=5, read=lambda: PARTS)


def written(wire, name, chunks=CHUNKS, failure=None):
    asked = wire.ask(name, stream=True, **({"stream_options": {"include_usage": True}} if name == "openai" else {}))
    writer = DIALECTS[name].writer(asked)
    data = writer.start(Opening("x", "m", 5)) + writer.write(chunks[:4]) + writer.write(chunks[4:])
    return data + (writer.fail(failure, "req-1") if failure else writer.end())


def test_the_openai_sdk_reads_a_whole_answer(wire):
    """Words, tool calls, usage."""
    with openai_client(DIALECTS["openai"].render(reply(), wire.ask())) as client:
        got = client.chat.completions.create(**ASK)
    choice = got.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("hello", "tool_calls")
    assert choice.message.tool_calls[0].function.arguments == '{"a":1}'
    assert (got.usage.prompt_tokens, got.usage.total_tokens, got.usage.prompt_tokens_details.cached_tokens) == (
        9,
        13,
        5,
    )
    assert got.id.startswith("chatcmpl-")


def test_the_anthropic_sdk_reads_a_whole_answer(wire):
    """Thinking, words, tool use, usage without the cached tokens."""
    with anthropic_client(DIALECTS["anthropic"].render(reply(), wire.ask("anthropic"))) as client:
        got = client.messages.create(max_tokens=9, **ASK)
    assert [block.type for block in got.content] == ["thinking", "text", "tool_use"]
    assert (got.content[2].input, got.stop_reason) == ({"a": 1}, "tool_use")
    assert (got.usage.input_tokens, got.usage.cache_read_input_tokens, got.usage.output_tokens) == (4, 5, 4)
    assert got.id.startswith("msg_")


def test_the_openai_sdk_reads_a_stream(wire):
    """Its accumulating helper puts mixed tool calls together as they were meant."""
    with (
        openai_client(written(wire, "openai"), kind="text/event-stream") as client,
        client.chat.completions.stream(**ASK) as stream,
    ):
        got = stream.get_final_completion()
    message = got.choices[0].message
    assert message.content == "hello"
    assert [call.function.arguments for call in message.tool_calls] == ['{"a":1}', '{"b":2}']
    assert got.choices[0].finish_reason == "tool_calls"
    assert got.usage.completion_tokens == 4


def test_the_first_delta_says_who_speaks(wire):
    """One role, in the first chunk; one id in all."""
    with openai_client(written(wire, "openai"), kind="text/event-stream") as client:
        chunks = list(client.chat.completions.create(stream=True, **ASK))
    assert [chunk.choices[0].delta.role for chunk in chunks[:2]] == ["assistant", None]
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].choices == []


def test_usage_is_written_only_for_who_asks(wire):
    """Old clients look at choices[0] of every chunk."""
    writer = DIALECTS["openai"].writer(wire.ask(stream=True))
    data = writer.start(Opening()) + writer.write(CHUNKS) + writer.end()
    assert b"usage" not in data
    assert b'"choices":[]' not in data


def test_the_anthropic_sdk_reads_a_stream(wire):
    """Its accumulating helper: blocks one behind the other, each tool with its own arguments."""
    with (
        anthropic_client(written(wire, "anthropic"), kind="text/event-stream") as client,
        client.messages.stream(max_tokens=9, **ASK) as stream,
    ):
        got = stream.get_final_message()
    assert [block.type for block in got.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert (got.content[0].thinking, got.content[1].text) == ("hm", "hello")
    assert [block.input for block in got.content[2:]] == [{"a": 1}, {"b": 2}]
    assert [block.name for block in got.content[2:]] == ["f", "g"]
    assert (got.stop_reason, got.usage.input_tokens, got.usage.output_tokens) == ("tool_use", 4, 4)


def test_words_after_a_tool_call_are_not_lost(wire):
    """What comes while a tool call is being written waits for its end."""
    chunks = [*CHUNKS[3:6], Chunk("after"), *CHUNKS[6:]]
    with (
        anthropic_client(written(wire, "anthropic", chunks), kind="text/event-stream") as client,
        client.messages.stream(max_tokens=9, **ASK) as stream,
    ):
        got = stream.get_final_message()
    assert {block.type: getattr(block, "text", None) for block in got.content}["text"] == "after"
    assert [block.input for block in got.content if block.type == "tool_use"] == [{"a": 1}, {"b": 2}]


def test_a_signature_ends_its_thinking(wire):
    """Signed thinking reaches a caller who must send it back."""
    chunks = [Chunk(reasoning="hm"), Chunk(signature="sig"), Chunk("hi"), Chunk(finish="stop")]
    with (
        anthropic_client(written(wire, "anthropic", chunks), kind="text/event-stream") as client,
        client.messages.stream(max_tokens=9, **ASK) as stream,
    ):
        got = stream.get_final_message()
    assert (got.content[0].thinking, got.content[0].signature, got.stop_reason) == ("hm", "sig", "end_turn")


def test_a_provider_passed_on_is_read(wire):
    """The bytes of a stream that is passed on, with the end that we add."""
    asked = wire.ask(stream=True)
    batch, _ = wire.read("openai", wire.stream("hel", "lo"), asked, size=11)
    data = batch.raw + DIALECTS["openai"].writer(asked).end()
    with openai_client(data, kind="text/event-stream") as client:
        got = list(client.chat.completions.create(stream=True, **ASK))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in got) == "hello"
    batch, _ = wire.read("anthropic", wire.messages("hel", "lo"), size=11)
    data = batch.raw + DIALECTS["anthropic"].writer(wire.ask("anthropic")).end()
    with (
        anthropic_client(data, kind="text/event-stream") as client,
        client.messages.stream(max_tokens=9, **ASK) as stream,
    ):
        assert stream.get_final_text() == "hello"


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (e.Throttled("slow"), openai.RateLimitError),
        (e.Quota("money"), openai.RateLimitError),
        (e.Unauthorized("key"), openai.AuthenticationError),
        (e.Missing("model"), openai.NotFoundError),
        (e.ContextLength("long"), openai.BadRequestError),
        (e.Conflict("busy"), openai.ConflictError),
        (e.Caller("wrong", status=422), openai.UnprocessableEntityError),
        (e.Transient("down"), openai.InternalServerError),
    ],
)
def test_openai_errors_are_read(failure, kind):
    """Each status and body gives the SDK's own exception, with our words and code."""
    status, body = DIALECTS["openai"].error(failure, "req-1")
    with openai_client(body, status) as client, pytest.raises(kind) as caught:
        client.chat.completions.create(**ASK)
    assert caught.value.body["request_id"] == "req-1"
    assert caught.value.code == json.loads(body)["error"]["code"]


@pytest.mark.parametrize(
    ("failure", "kind", "status"),
    [
        (e.Throttled("slow"), anthropic.RateLimitError, 429),
        (e.Quota("money"), anthropic.APIStatusError, 402),
        (e.Unauthorized("key"), anthropic.AuthenticationError, 401),
        (e.ContextLength("long"), anthropic.BadRequestError, 400),
        (e.Transient("down"), anthropic.APIStatusError, 529),
    ],
)
def test_anthropic_errors_are_read(failure, kind, status):
    """Each status and body gives the SDK's own exception."""
    told, body = DIALECTS["anthropic"].error(failure, "req-1")
    with anthropic_client(body, told) as client, pytest.raises(kind) as caught:
        client.messages.create(max_tokens=9, **ASK)
    assert caught.value.status_code == status


def test_an_error_event_raises_in_both_sdks(wire):
    """After words, an error event is an exception, never a short answer."""
    data = written(wire, "openai", CHUNKS[:3], e.BrokenStream("the stream broke"))
    assert b"[DONE]" not in data
    with openai_client(data, kind="text/event-stream") as client, pytest.raises(openai.APIError) as caught:
        list(client.chat.completions.create(stream=True, **ASK))
    assert caught.value.message == "the stream broke"
    data = written(wire, "anthropic", CHUNKS[:3], e.BrokenStream("the stream broke"))
    assert b"message_stop" not in data
    with anthropic_client(data, kind="text/event-stream") as client, pytest.raises(anthropic.APIStatusError):
        list(client.messages.create(max_tokens=9, stream=True, **ASK))


def sent_by(make, call):
    """The request body that an SDK sends."""
    seen = []

    def catch(request):
        seen.append(request.content)
        return httpx2.Response(400, json={"error": {"message": "x"}})

    client = make(httpx2.Client(transport=httpx2.MockTransport(catch)))
    with client, pytest.raises((openai.APIStatusError, anthropic.APIStatusError)):
        call(client)
    return seen[0]


def test_what_the_sdks_send_is_parsed():
    """Their own requests, embeddings with base64 included."""
    make = lambda http: openai.OpenAI(api_key="k", base_url="http://t/v1", http_client=http, max_retries=0)  # noqa: E731
    asked = DIALECTS["openai"].parse(
        "chat",
        sent_by(
            make,
            lambda client: client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **ASK),
        ),
    )
    assert (asked.model, asked.stream, asked.usage_wanted) == ("m", True, True)
    asked = DIALECTS["openai"].parse(
        "embed", sent_by(make, lambda client: client.embeddings.create(model="e", input=["a", "b"]))
    )
    assert asked.content().extra == {"encoding_format": "base64"}
    make = lambda http: anthropic.Anthropic(api_key="k", base_url="http://t", http_client=http, max_retries=0)  # noqa: E731
    asked = DIALECTS["anthropic"].parse(
        "chat", sent_by(make, lambda client: client.messages.create(max_tokens=9, system="be kind", **ASK))
    )
    assert [message.role for message in asked.content().messages] == ["system", "user"]


def test_the_openai_sdk_reads_embeddings(wire):
    """Rows as the SDK asks for them, packed."""
    asked = DIALECTS["openai"].parse("embed", b'{"model":"e","input":["a","b"],"encoding_format":"base64"}')
    rows = {"data": [{"index": 1, "embedding": [3.0, 4.0]}, {"index": 0, "embedding": [1.0, 2.0]}], "model": "e"}
    vectors = DIALECTS["openai"].decode(json.dumps(rows).encode(), asked, wire.target())
    vectors.raw = b""
    with openai_client(DIALECTS["openai"].render(vectors, asked)) as client:
        got = client.embeddings.create(model="e", input=["a", "b"])
    assert [row.embedding for row in got.data] == [[1.0, 2.0], [3.0, 4.0]]
