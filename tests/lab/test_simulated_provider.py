"""The simulated provider byte by byte: ends of connections, strictness, keys, scripts, and what it records."""

import asyncio
import json
import socket
import ssl

import pytest
import trustme
import uvloop

from outlast.lab.provider import SimulatedProvider
from outlast.lab.script import cut, ok, reset, silent, stall

HI = [{"role": "user", "content": "hi"}]
BODY = {"model": "m", "messages": HI}


@pytest.fixture
def provider():
    with SimulatedProvider() as running:
        yield running


class Link:
    """A raw connection that speaks just enough HTTP."""

    def __init__(self, provider):
        host, _, port = provider.url.removeprefix("http://").partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=120)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, body=BODY, *, path="/v1/chat/completions", method="POST", headers=(), kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "host: x", f"content-type: {kind}", f"content-length: {len(data)}"]
        self.socket.sendall("\r\n".join([*lines, *headers, "", ""]).encode() + data)
        return self

    def head(self):
        got = b""
        while b"\r\n\r\n" not in got:
            got += self.socket.recv(1)
        return got

    def answer(self):
        head = self.head()
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = b""
        while len(body) < length:
            body += self.socket.recv(length - len(body))
        return int(head[9:12]), json.loads(body)

    def rest(self):
        """All that comes until the other side ends the connection in order."""
        got = b""
        while data := self.socket.recv(65536):
            got += data
        return got


def test_a_reset_gives_no_byte(provider):
    """The connection is reset, not closed."""
    provider.script("", reset())
    with Link(provider).ask() as link, pytest.raises(ConnectionResetError):
        link.socket.recv(1)
    seen = provider.wait(1, ended=True)[0]
    assert (seen.behaviour, seen.sent, seen.hung_up) == ("reset", 0, "provider")


def test_a_cut_by_fin_ends_in_order_without_the_last_chunk(provider):
    """Four words arrive, then the end of the connection instead of the end of the body."""
    provider.script("", cut(after=4))
    with Link(provider).ask({**BODY, "stream": True}) as link:
        got = link.rest()
    assert got.count(b'"delta":{"content"') == 4
    assert not got.endswith(b"0\r\n\r\n")
    assert provider.wait(1, ended=True)[0].sent == len(got)


def test_a_cut_by_reset_delivers_what_came_before_it(provider):
    """Four words arrive, then a reset."""
    provider.script("", cut(after=4, how="rst"))
    got = b""
    with Link(provider).ask({**BODY, "stream": True}) as link, pytest.raises(ConnectionResetError):  # noqa: PT012
        while data := link.socket.recv(65536):
            got += data
    assert got.count(b'"delta":{"content"') == 4


def test_a_whole_answer_is_cut_half_way(provider):
    """The promised length never comes."""
    provider.script("", cut(after=4))
    with Link(provider).ask() as link:
        head = link.head()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        assert len(link.rest()) == length // 2


def test_silence_lasts_until_the_caller_leaves(provider):
    """Nothing is sent on an open connection; the record says that the caller hung up."""
    provider.script("", silent())
    with Link(provider).ask() as link:
        provider.wait(1)
        link.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            link.socket.recv(1)
        assert provider.requests()[0].ended is None
    seen = provider.wait(1, ended=True)[0]
    assert (seen.hung_up, seen.sent, seen.status) == ("caller", 0, 0)


def test_a_stall_stops_after_the_words_it_was_told(provider):
    """Two words and silence; who leaves is recorded, with how much was sent."""
    provider.script("", stall(after=2))
    with Link(provider).ask({**BODY, "stream": True}) as link:
        got = b""
        while got.count(b'"delta":{"content"') < 2 or not got.endswith(b"\r\n"):
            got += link.socket.recv(65536)
    seen = provider.wait(1, ended=True)[0]
    assert (seen.hung_up, seen.sent, seen.status) == ("caller", len(got), 200)


def test_a_connection_serves_many_requests(provider):
    """Keep-alive works, also after an error, and the record tells one connection from another."""
    provider.script("", ok("one"), 503, ok("two"))
    with Link(provider) as link:
        statuses = [link.ask().answer()[0] for _ in range(3)]
    with Link(provider) as link:
        link.ask().answer()
    seen = provider.wait(4, ended=True)
    assert statuses == [200, 503, 200]
    assert [one.connection for one in seen] == [1, 1, 1, 2]
    assert [one.number for one in seen] == [1, 2, 3, 4]


def test_the_script_goes_before_the_model_name_and_that_before_the_default(provider):
    """Queue first, then "sim-…", then what the provider does otherwise."""
    provider.script("", 500, default=429)
    with Link(provider) as link:
        scripted = link.ask({**BODY, "model": "sim-status-503"}).answer()[0]
        named = link.ask({**BODY, "model": "sim-status-503"}).answer()[0]
        otherwise = link.ask().answer()[0]
    assert (scripted, named, otherwise) == (500, 503, 429)


def test_providers_on_one_port_do_not_mix(provider):
    """Each has its own script, its own count and its own key."""
    provider.script("alpha", 503)
    provider.script("beta", key="secret")
    with Link(provider) as link:
        assert link.ask(path="/beta/v1/chat/completions").answer()[0] == 401
        assert link.ask(path="/alpha/v1/chat/completions").answer()[0] == 503
        assert link.ask(path="/beta/v1/chat/completions", headers=["authorization: Bearer secret"]).answer()[0] == 200
        assert link.ask(path="/beta/v1/chat/completions", headers=["x-api-key: secret"]).answer()[0] == 200
    assert [seen.number for seen in provider.requests("beta")] == [1, 2, 3]
    assert len(provider.requests("alpha")) == 1


ANTHROPIC = ["anthropic-version: 2023-06-01"]
MESSAGES = {"model": "m", "max_tokens": 10, "messages": HI}
USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
CALLING = {
    "role": "assistant",
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        ({"messages": HI}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": []}, "messages"),
        ({**BODY, "temprature": 1}, None),
        ({**BODY, "temperature": 3}, "temperature"),
        ({**BODY, "n": 0}, "n"),
        ({**BODY, "max_tokens": "many"}, "max_tokens"),
        ({**BODY, "max_tokens": 1, "max_completion_tokens": 1}, None),
        ({**BODY, "stream": "yes"}, "stream"),
        ({**BODY, "stream_options": {"include_usage": True}}, "stream_options"),
        ({**BODY, "tools": [{"type": "function"}]}, "tools[0].function"),
        ({**BODY, "response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"model": "m", "messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role"),
        ({"model": "m", "messages": [{"role": "user"}]}, "messages[0].content"),
        ({"model": "m", "messages": [*HI, {"role": "tool", "tool_call_id": "c1", "content": "x"}]}, "messages[1]"),
        ({"model": "m", "messages": [*HI, CALLING]}, "messages"),
        ({"model": "m", "messages": [*HI, CALLING, *HI]}, "messages[2]"),
    ],
)
def test_openai_refuses_a_wrong_request(provider, body, param):
    """Its envelope has all four keys, and names the field."""
    provider.script("", ok())
    with Link(provider).ask(body) as link:
        code, answer = link.answer()
    assert code == 400
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert (answer["error"]["type"], answer["error"]["param"]) == ("invalid_request_error", param)
    assert provider.waiting() == 1  # the script is for good requests


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        (MESSAGES, [], "anthropic-version: header is required"),
        ({"model": "m", "messages": HI}, ANTHROPIC, "max_tokens: Field required"),
        ({**MESSAGES, "n": 2}, ANTHROPIC, "n: Extra inputs are not permitted"),
        ({**MESSAGES, "temperature": 1.5}, ANTHROPIC, "temperature: Input should be less than or equal to 1"),
        ({**MESSAGES, "temperature": 0.5}, ["anthropic-version: 2026-10-21"], "temperature: This parameter"),
        ({**MESSAGES, "messages": [{"role": "assistant", "content": "hi"}]}, ANTHROPIC, "messages: first message"),
        ({**MESSAGES, "messages": [{"role": "user", "content": ""}]}, ANTHROPIC, "messages.0: content must be"),
        ({**MESSAGES, "messages": [{"role": "tool", "content": "x"}]}, ANTHROPIC, "messages.0.role"),
        ({**MESSAGES, "tools": [{"name": "f"}]}, ANTHROPIC, "tools.0.input_schema: Field required"),
        (
            {**MESSAGES, "messages": [*HI, {"role": "assistant", "content": [USE]}, *HI]},
            ANTHROPIC,
            "messages.2: each `tool_use` block",
        ),
        (
            {**MESSAGES, "messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
            ANTHROPIC,
            "non-empty",
        ),
    ],
)
def test_anthropic_refuses_a_wrong_request(provider, body, headers, words):
    """Its envelope names the field before the words."""
    with Link(provider).ask(body, path="/v1/messages", headers=headers) as link:
        code, answer = link.answer()
    assert (code, answer["type"], answer["error"]["type"]) == (400, "error", "invalid_request_error")
    assert words in answer["error"]["message"]


def test_a_wrong_content_type_or_path_is_refused(provider):
    """415 for what is not JSON, 404 for what is not there."""
    with Link(provider) as link:
        assert link.ask(kind="text/plain").answer()[0] == 415
        assert link.ask(path="/v1/nothing").answer()[0] == 404
        assert link.ask(path="/v1/chat/completions", method="PUT").answer()[0] == 404


def test_what_is_no_http_ends_the_connection(provider):
    """Bytes that are no request are not answered."""
    with Link(provider) as link:
        link.socket.sendall(b"\x00\x01 nonsense\r\n\r\n")
        assert link.rest() == b""


def test_the_request_is_recorded_as_it_came(provider):
    """Path, headers by lower-case name, body and its meaning; a repr shows no key and no words."""
    with Link(provider) as link:
        link.ask(path="/alpha/v1/messages?beta=true", body=MESSAGES, headers=[*ANTHROPIC, "X-Api-Key: s3cret"]).answer()
    seen = provider.wait(1, "alpha", ended=True)[0]
    assert (seen.method, seen.path) == ("POST", "/alpha/v1/messages?beta=true")
    assert (seen.headers["x-api-key"], seen.headers["host"]) == ("s3cret", "x")
    assert seen.json == MESSAGES
    assert json.loads(seen.body) == MESSAGES
    assert seen.ended >= seen.started
    assert "s3cret" not in repr(seen)
    assert "hi" not in repr(seen).split("path")[0]


def test_the_control_pages_script_show_and_reset(provider):
    """A test in any language can do over HTTP what Python can; keys are blacked out."""
    wanted = {"provider": "alpha", "behaviours": [503, "cut-4", {"ok": {"text": "one"}}], "default": "status-429"}
    with Link(provider) as link:
        assert link.ask(wanted, path="/_sim/script").answer() == (200, {"provider": "alpha", "waiting": 3})
        link.ask(path="/alpha/v1/chat/completions", headers=["authorization: Bearer s3cret"]).answer()
        code, shown = link.ask(b"", path="/_sim/requests?provider=alpha", method="GET").answer()
        assert code == 200
        assert [one["status"] for one in shown["requests"]] == [503]
        assert shown["requests"][0]["headers"]["authorization"] == "***"
        link.ask(b"", path="/_sim/reset").answer()
        assert link.ask(b"", path="/_sim/requests", method="GET").answer()[1] == {"requests": []}
        assert link.ask(path="/alpha/v1/chat/completions").answer()[0] == 200
        assert "E31-fin-after-4" in link.ask(b"", path="/_sim", method="GET").answer()[1]["faults"]


@pytest.mark.parametrize(
    "wrong", [b"{", {"behaviours": ["no-such-thing"]}, {"behaviours": [{"ok": {"x": 1}}]}, {"y": 1}]
)
def test_the_control_page_refuses_what_it_does_not_know(provider, wrong):
    """A wrong script changes nothing and says why."""
    with Link(provider) as link:
        code, answer = link.ask(wrong, path="/_sim/script").answer()
    assert code == 400
    assert answer["error"]["message"]
    assert provider.waiting() == 0


def test_an_early_refusal_comes_before_the_body(provider):
    """C12: the answer is there while the upload is still under way."""
    provider.script("", "C12-early-413")
    with Link(provider) as link:
        head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        link.socket.sendall(head.encode() + b"content-length: 1000000\r\n\r\n{")
        assert link.answer()[0] == 413
        assert link.rest() == b""
    assert len(provider.wait(1, ended=True)[0].body) <= 1


def test_back_pressure_holds_an_endless_stream(provider):
    """A caller who does not read makes the provider wait, and leaving ends it."""
    with Link(provider).ask({**BODY, "model": "sim-endless", "stream": True}) as link:
        link.head()
    seen = provider.wait(1, ended=True)[0]
    assert seen.hung_up == "caller"


def test_it_serves_in_the_loop_at_hand_and_closes_everything():
    """With `async with`, a silent request that is under way ends with the provider."""

    async def story():
        async with SimulatedProvider() as provider:
            provider.script("", silent())
            host, _, port = provider.url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            data = json.dumps(BODY).encode()
            head = (
                f"POST /v1/chat/completions HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {len(data)}"
            )
            writer.write(head.encode() + b"\r\n\r\n" + data)
            (seen,) = await provider.saw(1)
            open_before = provider.open_connections
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        return open_before, seen.behaviour, provider.open_connections, len(asyncio.all_tasks())

    assert asyncio.run(story()) == (1, "silent", 0, 1)


def test_a_port_that_is_taken_is_an_error(provider):
    """Starting on a port in use raises in the caller's thread."""
    port = int(provider.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"), SimulatedProvider(port=port):
        pass


def test_it_speaks_tls():
    """With a context, everything goes over TLS, cuts included."""
    authority = trustme.CA()
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(own)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trusting)
    with SimulatedProvider(tls=own) as provider:
        provider.script("", ok("one"), cut(after=1))
        port = int(provider.url.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port), timeout=120) as plain,
            trusting.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            link = Link.__new__(Link)
            link.socket = secured
            assert link.ask().answer()[0] == 200
            assert link.ask({**BODY, "stream": True}).rest().count(b'"delta":{"content"') == 1
        assert provider.url.startswith("https://")


def test_a_reset_is_a_reset_on_uvloop_too():
    """The gateway's loop is uvloop, and may have the provider in it."""

    async def story():
        async with SimulatedProvider() as provider:
            provider.script("", reset(), ok("one"))
            link = await asyncio.to_thread(lambda: Link(provider).ask())
            with link, pytest.raises(ConnectionResetError):
                await asyncio.to_thread(link.socket.recv, 1)
            with await asyncio.to_thread(lambda: Link(provider).ask()) as link:
                return (await asyncio.to_thread(link.answer))[0]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(story()) == 200
