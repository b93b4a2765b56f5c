"""The compiled upstream looks like OpenAI, to the letter and to the official SDK."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from bench.processes import LOAD_CORE
from bench.upstream import Upstream

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="NO C COMPILER: the upstream is not proven here")

ASKED = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """The upstream, on a free port."""
    running = Upstream(core=LOAD_CORE, folder=Path(tmp_path_factory.mktemp("upstream")))
    yield running
    running.stop()


@pytest.fixture
def sdk(upstream: Upstream) -> Iterator[openai.OpenAI]:
    """The official SDK, pointed at it."""
    with openai.OpenAI(base_url=f"http://127.0.0.1:{upstream.port}/v1", api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def wire(upstream: Upstream) -> Iterator[socket.socket]:
    """A raw connection to it."""
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=120) as sock:
        yield sock


def request(model: str, extra: str = "", header: str = "") -> bytes:
    """A request's bytes."""
    body = f'{{"model":"{model}","messages":[]{extra}}}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n{header}\r\n"
    return (head + body).encode()


def read_until(wire: socket.socket, end: bytes) -> bytes:
    """All that comes, up to these bytes."""
    got = b""
    while not got.endswith(end):
        data = wire.recv(65536)
        assert data, got
        got += data
    return got


@pytest.mark.parametrize("kilobytes", [1, 100, 1000])
def test_a_whole_reply_has_exactly_the_size_that_its_model_names(sdk: openai.OpenAI, kilobytes: int):
    """kb-N answers N * 1024 bytes."""
    raw = sdk.chat.completions.with_raw_response.create(model=f"kb-{kilobytes}", messages=ASKED)
    reply = raw.parse()
    assert len(raw.content) == kilobytes * 1024
    assert reply.model == f"kb-{kilobytes}"
    assert reply.choices[0].finish_reason == "stop"
    assert str(reply.choices[0].message.content).startswith("word after word ")
    assert reply.usage is not None
    assert reply.usage.total_tokens == 300


@pytest.mark.parametrize("model", ["burst-50", "paced-50-1ms"])
def test_a_stream_brings_every_chunk_in_order(sdk: openai.OpenAI, model: str):
    """Fifty words, each in a chunk of its own, then the reason of the end."""
    chunks = [chunk.choices[0] for chunk in sdk.chat.completions.create(model=model, messages=ASKED, stream=True)]
    words = [choice.delta.content for choice in chunks if choice.delta.content]
    assert words == [f"word{number} " for number in range(50)]
    assert [choice.finish_reason for choice in chunks if choice.finish_reason] == ["stop"]


def test_usage_comes_with_a_stream_that_asks_for_it(sdk: openai.OpenAI):
    """The last chunk has no choices then, and the tokens."""
    stream = sdk.chat.completions.create(
        model="burst-5", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    *others, last = list(stream)
    assert all(chunk.usage is None for chunk in others)
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (200, 5, 205)


def test_a_provider_in_front_of_the_model_is_passed_over(sdk: openai.OpenAI):
    """Some peers leave it there."""
    assert sdk.chat.completions.create(model="openai/kb-1", messages=ASKED).model == "kb-1"


def test_a_failing_model_always_answers_500(sdk: openai.OpenAI):
    """With an error in OpenAI's shape."""
    for _ in range(2):
        with pytest.raises(openai.InternalServerError) as caught:
            sdk.chat.completions.create(model="fail", messages=ASKED)
        assert caught.value.type == "server_error"


@pytest.mark.parametrize("model", ["kb-0", "kb-99999", "burst-99999", "nobody"])
def test_an_unknown_model_is_not_found(sdk: openai.OpenAI, model: str):
    """Nothing is answered by mistake."""
    with pytest.raises(openai.NotFoundError):
        sdk.chat.completions.create(model=model, messages=ASKED)


def test_a_held_stream_says_one_word_and_stays_open(wire: socket.socket):
    """Nothing follows the first word until the caller leaves."""
    wire.sendall(request("hold", ',"stream":true'))
    got = read_until(wire, b"\n\n\r\n")
    while b"word0" not in got:
        got += read_until(wire, b"\n\n\r\n")
    assert b"word1" not in got
    assert b"[DONE]" not in got
    wire.setblocking(False)
    with pytest.raises(BlockingIOError):
        wire.recv(1)


def test_the_bytes_of_a_stream_are_these(wire: socket.socket):
    """A head, chunked events, the end mark, the last chunk."""
    wire.sendall(request("burst-1", ',"stream":true'))
    head, _, body = read_until(wire, b"\r\n0\r\n\r\n").partition(b"\r\n\r\n")
    assert head == (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked")
    events = []
    while body != b"0\r\n\r\n":
        size, _, rest = body.partition(b"\r\n")
        events.append(rest[: int(size, 16)])
        body = rest[int(size, 16) + 2 :]
    assert all(event.startswith(b"data: ") and event.endswith(b"\n\n") for event in events)
    *told, end = [event[6:-2] for event in events]
    assert end == b"[DONE]"
    deltas = [json.loads(data)["choices"][0]["delta"] for data in told]
    assert deltas == [{"role": "assistant", "content": ""}, {"content": "word0 "}, {}]


def test_requests_are_answered_in_order_on_one_connection(wire: socket.socket):
    """Two requests in one write get two answers."""
    wire.sendall(request("kb-1") + request("fail"))
    got = b""
    while b"fails always" not in got:
        got += wire.recv(65536)
    assert got.index(b"200 OK") < got.index(b"500 Internal")


def test_a_request_may_come_byte_by_byte(wire: socket.socket):
    """Or in chunks, as some HTTP clients send it."""
    for byte in request("kb-1"):
        wire.sendall(bytes([byte]))
    assert b" 200 OK" in read_until(wire, b"}}")
    body = b'{"model":"fail"}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    wire.sendall(head + b"%x\r\n%s\r\n" % (len(body), body))
    wire.sendall(b"0\r\n\r\n")
    assert b" 500 " in read_until(wire, b"}}")


def test_a_connection_that_asks_for_it_is_closed(wire: socket.socket):
    """After the answer."""
    wire.sendall(request("kb-1", header="connection: close\r\n"))
    got = read_until(wire, b"}}")
    assert got.count(b"HTTP/1.1 200 OK") == 1
    assert wire.recv(1) == b""


def test_a_model_that_thinks_answers_all_the_same(sdk: openai.OpenAI):
    """A kilobyte, later."""
    raw = sdk.chat.completions.with_raw_response.create(model="think-1ms", messages=ASKED)
    assert len(raw.content) == 1024
