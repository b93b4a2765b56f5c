"""Google's documented wire format, file by file: what Google is asked, what its callers ask, and what it answers."""

import json
from pathlib import Path

import pytest

from outlast.dialects import DIALECTS
from outlast.model.messages import Chunk, Reasoning, Text, ToolCall, ToolDelta, Usage

GEMINI = DIALECTS["gemini"]
GOLDEN = Path(__file__).parent / "golden" / "gemini"


def files(kind):
    """Each file of that kind, by its name."""
    found = sorted((GOLDEN / kind).glob("*.json"))
    assert found
    return [pytest.param(json.loads(path.read_text("utf-8")), id=path.stem) for path in found]


@pytest.mark.parametrize("it", files("asked"))
def test_what_google_is_asked(wire, it):
    """A request of another dialect, written for Google; what cannot be carried over is named, and nothing else."""
    asked = DIALECTS[it["from"]].parse("chat", json.dumps(it["body"]).encode())
    outgoing = GEMINI.encode(asked, wire.target("gemini", **it.get("target", {})))
    assert wire.sent(outgoing) == it["sent"]
    assert list(outgoing.dropped) == it["dropped"]
    assert outgoing.path == b"/v1beta/models/m-1:generateContent"


@pytest.mark.parametrize("it", files("heard"))
def test_what_google_s_callers_ask(wire, it):
    """A request of Google's, written for another provider."""
    outgoing = DIALECTS[it["to"]].encode(wire.ask_gemini(**it["body"]), wire.target(it["to"], **it.get("target", {})))
    assert wire.sent(outgoing) == it["sent"]
    assert list(outgoing.dropped) == it["dropped"]


@pytest.mark.parametrize("it", files("answers"))
def test_what_google_answers(wire, it):
    """A whole answer: what was said, why it ended, what it took."""
    reply = GEMINI.decode(json.dumps(it["answer"]).encode(), wire.ask(), wire.target("gemini"))
    assert [told(part) for part in reply.parts] == it["parts"]
    assert reply.finish == it["finish"]
    if "usage" in it:
        assert reply.usage == Usage(**it["usage"])


def told(part):
    match part:
        case Text(text):
            return ["text", text]
        case Reasoning(text, signature):
            return ["reasoning", text, signature]
        case ToolCall(id_, name, arguments):
            return ["tool_call", id_, name, json.dumps(json.loads(arguments), separators=(",", ":"))]
    return [part]


@pytest.mark.parametrize("it", files("errors"))
def test_what_google_refuses(wire, it):
    """An error, by its class, and when to come back."""
    failure = GEMINI.classify(it["status"], lambda _: None, json.dumps(it["body"]).encode(), wire.target("gemini"))
    assert (failure.kind, failure.retry_after) == (it["kind"], it.get("retry_after"))


@pytest.mark.parametrize("size", [None, 1, 7, 100])
@pytest.mark.parametrize("path", sorted((GOLDEN / "streams").glob("*.sse")), ids=lambda path: path.stem)
def test_what_google_streams(wire, path, size):
    """A stream, however it is cut: the chunks, the usage once, and the bytes for Google's own callers."""
    it = json.loads(path.with_suffix(".json").read_text("utf-8"))
    data = path.read_bytes()
    batch, reader = wire.read("gemini", data, size=size)
    assert batch.last
    assert wire.usage(batch.chunks) == Usage(**it["usage"])
    assert [chunk for chunk in batch.chunks if chunk.usage is None] == [chunk_of(row) for row in it["chunks"]]
    assert batch.raw == data.replace(b"\r\n", b"\n")
    assert reader.opening.model == "gemini-x"


def chunk_of(row):
    if "tool" not in row:
        return Chunk(**row)
    index, id_, name, arguments = row["tool"]
    return Chunk(tool=ToolDelta(index, id_, name, json.dumps(arguments)))
