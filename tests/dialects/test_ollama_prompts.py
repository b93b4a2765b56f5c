"""Prompts and old embeddings as Ollama's callers send them, and failures as it tells them."""

import json
from pathlib import Path

import pytest

from outlast.dialects import DIALECTS
from outlast.model import errors as e
from outlast.model import messages as m
from outlast.model.messages import Chunk, Opening, ToolDelta, Usage

PROMPTS, OLLAMA, OPENAI = DIALECTS["ollama-prompts"], DIALECTS["ollama"], DIALECTS["openai"]
GOLDEN = Path(__file__).with_name("golden") / "ollama"


def ask(**fields):
    return PROMPTS.parse("chat", json.dumps({"model": "m", "prompt": "hi"} | fields).encode())


def test_a_prompt_becomes_a_chat(wire):
    """With its system, pictures, options and format; who answers is asked for a chat."""
    request = ask(
        system="be brief", images=["AAAA"], options={"num_predict": 5, "top_k": 2}, format="json", think="low"
    )
    assert (request.stream, request.max_tokens, request.json) == (True, 5, True)
    assert request.needs == m.Needs(vision=True)
    sent = wire.sent(OLLAMA.encode(request, wire.target("ollama", reasoning=True)))
    assert sent == {
        "model": "m-1",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hi", "images": ["AAAA"]},
        ],
        "stream": True,
        "truncate": False,
        "think": "low",
        "format": "json",
        "options": {"num_predict": 5, "top_k": 2},
    }
    assert ask(stream=False, format={"type": "object"}).needs == m.Needs(schema=True)
    assert OPENAI.encode(ask(keep_alive="5m"), wire.target()).dropped == ("keep_alive",)


@pytest.mark.parametrize(
    ("fields", "mend"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"suffix": "x"}, "whole text"),
        ({"template": "{{ .Prompt }}"}, "/api/chat"),
        ({"context": [1, 2]}, "/api/chat"),
        ({"raw": True}, "leave raw out"),
        ({"format": "xml"}, "json"),
    ],
)
def test_what_would_mean_something_else_is_refused(fields, mend):
    """With the mend; what says nothing is no reason to."""
    with pytest.raises(e.Caller, match=mend):
        ask(**fields)
    ask(suffix="", template="", context=[], raw=False)


def test_a_whole_answer_is_rendered(wire):
    """As documented, thoughts apart; also where the provider spoke Ollama's own chat."""
    parts = (m.Reasoning("hm"), m.Text("Hello there."))
    reply = m.Reply(model="llama3.2", finish="stop", usage=Usage(26, 298), created=7, read=lambda: parts)
    assert PROMPTS.render(reply, ask()) == (GOLDEN / "generate.json").read_bytes().rstrip()
    native = OLLAMA.decode((GOLDEN / "thinking.json").read_bytes(), ask(), wire.target("ollama"))
    told = json.loads(PROMPTS.render(native, ask()))
    assert (told["response"], told["thinking"], "message" in told) == ("Four.", "two and two", False)


def test_a_stream_is_rendered():
    """Line by line as documented; tool calls have no place, and nobody asked for any."""
    writer = PROMPTS.writer(ask())
    chunks = [Chunk(reasoning="hm"), Chunk("Hel"), Chunk("lo"), Chunk(tool=ToolDelta(0, "c", "f", "{}"))]
    written = writer.start(Opening(model="llama3.2", created=7)) + writer.write(chunks)
    written += writer.write([Chunk(finish="length", usage=Usage(3, 2))])
    assert written + writer.end() == (GOLDEN / "generate.ndjson").read_bytes()


def test_an_embedding_is_asked_for_and_rendered(wire):
    """One text, one row."""
    request = PROMPTS.parse("embed", b'{"model":"m","prompt":"hi","options":{"num_ctx":9},"keep_alive":3}')
    assert request.content() == m.Embed(("hi",))
    assert wire.sent(OLLAMA.encode(request, wire.target("ollama")))["input"] == ["hi"]
    reply = m.Vectors(model="m", usage=Usage(1), read_vectors=lambda: [[0.5, 1.0]])
    assert PROMPTS.render(reply, request) == b'{"embedding":[0.5,1.0]}'
    with pytest.raises(e.Caller, match="prompt"):
        PROMPTS.parse("embed", b'{"model":"m","prompt":""}')


def test_no_provider_is_asked_for_a_prompt(wire):
    """A configuration that says so meets a fault with a name, not an answer."""
    target = wire.target("ollama-prompts")
    for ask_it in (PROMPTS.encode, PROMPTS.reader):
        with pytest.raises(e.Internal):
            ask_it(ask(), target)
    with pytest.raises(e.Internal):
        PROMPTS.decode(b"{}", ask(), target)
    assert PROMPTS.classify(500, lambda _: None, b"", target).kind == "internal"
    assert PROMPTS.quota(lambda _: None) is None


FAILURES = [
    (e.Connect("x"), 503), (e.Transient("x"), 503), (e.Transient("x", status=504), 504), (e.TimedOut("x"), 504),
    (e.BadResponse("x"), 502), (e.Throttled("x"), 429), (e.Quota("x"), 402), (e.Credential("x"), 502),
    (e.Permission("x"), 403), (e.Missing("x"), 404), (e.Caller("x", status=415), 415), (e.ContextLength("x"), 400),
    (e.ContentFilter("x"), 400), (e.Internal("x"), 500), (e.Rejected("x", gate="g", status=429), 429),
]  # fmt: skip


@pytest.mark.parametrize("dialect", [OLLAMA, PROMPTS])
@pytest.mark.parametrize(("failure", "status"), FAILURES)
def test_failures_are_told_its_way(dialect, failure, status):
    """A text under `error`, which its clients show; beside it what ours tell everywhere."""
    told, body = dialect.error(failure, "req-1")
    said = json.loads(body)
    assert (told, said["error"], said["type"], said["request_id"]) == (status, "x", failure.kind, "req-1")
    assert {"code", "retryable", "retry_after", "attempts"} <= said.keys()
    assert dialect.writer(ask()).fail(failure, "req-1") == body + b"\n"


REFUSALS = [
    (404, '{"error":"model \\"m-1\\" not found, try pulling it first"}', "missing"),
    (404, "{\"error\":\"model 'm-1' not found\"}", "missing"),
    (400, '{"error":"\\"m-1\\" does not support tools"}', "unsupported"),
    (400, '{"error":"registry.ollama.ai/library/m-1:latest does not support thinking"}', "unsupported"),
    (400, '{"error":"the input length exceeds the context length"}', "context_length"),
    (400, '{"error":"the prompt is longer than the context length currently available"}', "context_length"),
    (400, json.dumps({"error": json.dumps({"error": {
        "code": 400, "type": "exceed_context_size_error",
        "message": "request (8889 tokens) exceeds the available context size (4096 tokens), try increasing it"}})}),
     "context_length"),
    (400, '{"error":"invalid character in request"}', "caller"),
    (401, '{"error":"unauthorized"}', "credential"),
    (429, '{"error":"you have reached your hourly usage limit"}', "throttled"),
    (500, '{"error":"model requires more system memory (8.4 GiB) than is available (2.1 GiB)"}', "transient"),
    (502, '{"error":"upstream unreachable"}', "transient"),
    (503, '{"error":"server busy, please try again.  maximum pending requests exceeded"}', "transient"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind"), REFUSALS)
def test_what_it_refuses_is_understood(wire, status, body, kind):
    """By status and words, for it has no codes."""
    failure = OLLAMA.classify(status, lambda _: None, body.encode(), wire.target("ollama"))
    assert failure.kind == kind
    if "8889" in body:
        assert str(failure) == "prompt is too long: 8889 tokens > 4096 maximum"
