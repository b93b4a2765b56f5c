"""Targets, requests and provider bytes that the tests of the wire formats share."""

import json

import pytest

from outlast.dialects import DIALECTS
from outlast.model.messages import Batch, Chunk, Request, Usage
from outlast.model.target import Provider, Quirks, Secret, Target


class Wire:
    """Builds what comes over the wire, and reads it."""

    def target(self, dialect="openai", model="m-1", quirks=None, **facts):
        provider = Provider(dialect, dialect, "https://example.test/v1", Secret("sk-canary"), quirks=quirks or Quirks())
        return Target(name=f"{dialect}/{model}", provider=provider, model=model, **facts)

    def ask(self, dialect="openai", **fields) -> Request:
        if dialect == "gemini":
            return self.ask_gemini(**fields)
        base = {"model": "default", "messages": [{"role": "user", "content": "hi"}]}
        if dialect == "anthropic":
            base["max_tokens"] = 100
        return DIALECTS[dialect].parse("chat", json.dumps(base | fields).encode())

    def ask_gemini(self, *, stream=False, model="default", **fields) -> Request:
        """What Google's callers send; the model and the way of answering stand in the path."""
        base = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        body = json.dumps(base | fields).encode()
        return DIALECTS["gemini"].parse("chat", body, f"/v1beta/models/{model}:{method}")

    def sent(self, outgoing):
        return json.loads(outgoing.body)

    def reply(self, message=None, finish="stop", **fields):
        choice = {"index": 0, "message": {"role": "assistant", "content": "hello"} | (message or {})}
        base = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 7,
            "model": "m-1",
            "choices": [choice | {"logprobs": None, "finish_reason": finish}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        }
        return json.dumps(base | fields).encode()

    def message(self, content=None, stop="end_turn", **fields):
        base = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m-1",
            "content": [{"type": "text", "text": "hello"}] if content is None else content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 2},
        }
        return json.dumps(base | fields).encode()

    def chunk(self, delta=None, finish=None, index=0, **fields):
        base = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 7,
            "model": "m-1",
            "choices": [{"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": finish}],
        }
        return b"data: " + json.dumps(base | fields).encode() + b"\n\n"

    def stream(self, *words, usage=True, done=True):
        events = [self.chunk({"role": "assistant", "content": ""}), *(self.chunk({"content": word}) for word in words)]
        events.append(self.chunk(finish="stop"))
        if usage:
            events.append(self.chunk(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2}))
        return b"".join(events) + (b"data: [DONE]\n\n" if done else b"")

    def event(self, kind, **fields):
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind} | fields).encode())

    def said(self, index=0, **delta):
        return self.event("content_block_delta", index=index, delta=delta)

    def messages(self, *words, stop="end_turn"):
        block = {"type": "text", "text": ""}
        head = {"id": "msg_1", "model": "m-1", "content": [], "usage": {"input_tokens": 3, "output_tokens": 1}}
        events = [
            self.event("message_start", message=head),
            self.event("content_block_start", index=0, content_block=block),
            *(self.said(type="text_delta", text=word) for word in words),
            self.event("content_block_stop", index=0),
            self.event("message_delta", delta={"stop_reason": stop}, usage={"output_tokens": 2}),
            self.event("message_stop"),
        ]
        return b"".join(events)

    def candidate(self, *parts, finish="STOP", **fields):
        """One answer of Google's, or an event of one; plain words are a part of text."""
        told = [{"text": part} if isinstance(part, str) else part for part in parts]
        content = {"content": {"role": "model", "parts": told}} if told else {}
        base = {
            "candidates": [content | ({"finishReason": finish} if finish else {}) | {"index": 0}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
            "modelVersion": "m-1",
            "responseId": "r-1",
        }
        return json.dumps(base | fields).encode()

    def candidates(self, *events):
        """A stream of Google's, with the line ends that it has."""
        return b"".join(b"data: %b\r\n\r\n" % event for event in events)

    def read(self, dialect, data, request=None, size=None, target=None):
        """Everything a reader makes of these bytes, in pieces of `size`: one batch, and the reader."""
        asked = request or self.ask(dialect, stream=True)
        reader = DIALECTS[dialect].reader(asked, target or self.target(dialect))
        pieces = [data] if size is None else [data[at : at + size] for at in range(0, len(data), size)]
        return self.drain(reader, pieces), reader

    def drain(self, reader, pieces):
        whole = Batch(b"", [])
        for piece in pieces:
            batch = reader.feed(piece)
            whole.raw += batch.raw
            whole.chunks += batch.chunks
            whole.last = whole.last or batch.last
        if not whole.last:
            batch = reader.close()
            whole.raw += batch.raw
            whole.chunks += batch.chunks
            whole.last = batch.last
        return whole

    def text(self, chunks: list[Chunk]):
        return "".join(chunk.text for chunk in chunks)

    def usage(self, chunks: list[Chunk]) -> Usage:
        found = [chunk.usage for chunk in chunks if chunk.usage is not None]
        assert len(found) == 1, "usage must be told once"
        return found[0]


@pytest.fixture(scope="session")
def wire():
    return Wire()
