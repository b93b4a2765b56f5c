"""The gateway in somebody else's server: the same answers, and the same care for callers who leave."""

import asyncio
import contextlib
import os
import sys

import pytest
import uvicorn

from outlast.build import Outlast
from outlast.config import parse
from outlast.gateway.app import App
from outlast.gateway.exchange import Outbound
from outlast.gateway.server import assemble, listen
from outlast.lab.script import steps
from outlast.lab.steps import Body, Fin, Head
from outlast.telemetry.outlet import Outlet
from outlast.testing import ScriptedIo, VirtualLoop, endless, ok, silent, stall

from .house import House, chat, toml_of

PATH = "/v1/chat/completions"


class Stock(uvicorn.Server):
    """uvicorn as it comes, with the handles of our own server that a `House` turns."""

    def __init__(self, config, outlast, listening):
        super().__init__(config)
        self.outlast = outlast
        self._listening = listening

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self._listening(f"http://127.0.0.1:{sockets[0].getsockname()[1]}")

    def stop(self, _drain):
        self.should_exit = True


class Mounted(House):
    """A gateway that knows its callers by ASGI alone."""

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        fd = os.open(self._log, os.O_CREAT | os.O_WRONLY)
        self.outlet = Outlet(fd)
        ours = assemble(self.config, self.outlet, lambda _: None, sinks=[self.ear])
        self.outlast, self.app = ours.outlast, ours.config.app
        config = uvicorn.Config(self.app, http="httptools", ws="none", lifespan="on", log_config=None, access_log=False)
        self.server = Stock(config, self.outlast, self._ready.set_result)
        await self.server.serve(await listen(self.config))
        self.outlet.close()
        os.close(fd)
        await asyncio.sleep(0)
        return asyncio.all_tasks() - {asyncio.current_task()}


@pytest.fixture
def mount(provider, tmp_path):
    """Makes mounted gateways with one target, alpha/m; `more` is further configuration."""
    with contextlib.ExitStack() as houses:

        def mounted(more=""):
            return houses.enter_context(Mounted(toml_of(provider.url, more, providers=("alpha",)), tmp_path))

        yield mounted


def test_whole_answers_and_streams_are_given(provider, mount):
    """One after the other on one connection, the stream with its end mark."""
    provider.script("alpha", ok("well"), ok("one two"))
    with mount().caller() as caller:
        caller.post(PATH, chat())
        assert caller.answer().json["choices"][0]["message"]["content"] == "well"
        caller.post(PATH, chat(stream=True))
        assert caller.answer().body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("script", [silent(), stall(after=3)])
def test_a_caller_who_leaves_stops_the_provider(provider, mount, script):
    """Before the first content and in the middle: the provider's connection closes, and the request is told as 499."""
    house = mount()
    provider.script("alpha", script)
    with house.caller() as caller:
        caller.post(PATH, chat(stream=True))
        provider.wait(1)
        caller.leave()
        (seen,) = provider.wait(1, ended=True)
    (ended,) = house.heard()
    assert (seen.hung_up, ended.kind, ended.status) == ("caller", "cancelled", 499)


def test_a_caller_who_leaves_while_it_is_sending_is_forgotten(provider, mount):
    """A body that never becomes whole is nobody's request."""
    house = mount()
    with house.caller() as caller:
        caller.send(caller.head("POST", PATH, "content-length: 1000") + b"{")
        house.until(lambda: house.app.under_way == 1)
        caller.leave()
        house.until(lambda: house.app.under_way == 0)
    assert provider.requests() == []


def test_a_body_that_comes_in_pieces_is_put_together(provider, mount):
    """The provider gets what the caller sent."""
    body = chat("in pieces")
    with mount().caller() as caller:
        caller.send(caller.head("POST", PATH, f"content-length: {len(body)}") + body[:10])
        caller.send(body[10:])
        assert caller.answer().status == 200
    assert provider.requests()[0].json["messages"][0]["content"] == "in pieces"


def test_a_body_over_the_cap_is_refused_and_the_connection_closed(provider, mount):
    """With a length and without one; nothing is forwarded."""
    house = mount("[server]\nmax_body = 1000")
    for headers, body in ((["content-length: 1001"], b""), (["transfer-encoding: chunked"], b"7d0\r\n" + b"x" * 2000)):
        with house.caller() as caller:
            caller.send(caller.head("POST", PATH, *headers) + body)
            answer = caller.answer()
            assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert provider.requests() == []


def test_a_caller_who_stops_reading_is_given_up(provider, mount):
    """The stream ends with the write timeout, although the other server would wait for ever."""
    house = mount("[server]\nwrite_timeout = 0.3")
    provider.script("alpha", endless("word " * 200))
    with house.caller(receive_buffer=4096) as caller:
        caller.post(PATH, chat(stream=True))
        caller.until(b"word")
        (ended,) = house.heard()
        (seen,) = provider.wait(1, ended=True)
    assert (ended.kind, seen.hung_up) == ("cancelled", "caller")


MB = 1024 * 1024
FORM = "content-type: multipart/form-data; boundary=mark"
UPLOAD = (
    b'--mark\r\ncontent-disposition: form-data; name="model"\r\n\r\ndefault\r\n'
    b'--mark\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    + b"\x00\xff" * MB
    + b"\r\n--mark--\r\n"
)


def test_uploads_are_handed_on_while_they_come(provider, mount):
    """The other server is asked for no more than is taken."""
    with mount().caller() as caller:
        caller.post("/v1/audio/transcriptions", UPLOAD, FORM)
        assert caller.answer().json["text"] == f"{2 * MB} bytes of sound"
    assert provider.requests()[0].body == UPLOAD.replace(b"\r\ndefault\r\n", b"\r\nm\r\n")


def test_who_leaves_an_upload_takes_the_upstream_connection_along(provider, mount):
    """Noticed by whoever reads the body."""
    house = mount()
    with house.caller() as caller:
        head = caller.head("POST", "/v1/audio/transcriptions", FORM, f"content-length: {len(UPLOAD)}")
        caller.send(head + UPLOAD[: -MB // 2])
        house.until(lambda: any(guest.inbound.feed is not None for guest in house.app._under_way))
        caller.leave()
        house.until(lambda: house.app.under_way == 0)
    assert [ended.kind for ended in house.heard()] == ["cancelled"]


def test_paths_are_looked_at_as_they_were_sent(provider, mount):
    """Escapes are refused, queries go along."""
    house = mount()
    assert house.get("/v1/%66iles").status == 400
    assert house.get("/v1/files?limit=1").status == 200
    assert [seen.path for seen in provider.requests()] == ["/alpha/v1/files?limit=1"]


def test_a_download_that_breaks_is_cut(provider, mount, caplog):
    """The other server closes, for the answer has no end."""
    head = Head(200, (("content-type", "audio/mpeg"),), framing="chunked")
    provider.script("alpha", steps("cut", head, Body(b"some sound"), Fin()))
    with mount().caller() as caller:
        caller.post("/v1/audio/speech", b'{"model": "default", "input": "x", "voice": "y"}')
        assert caller.answer_head().status == 200
        assert caller.chunk() == b"some sound"
        assert caller.rest() == b""


class Pieces:
    """A surface that answers with one large piece and one small, and a flow that counts who has the large one."""

    draining = False
    over = False

    def __init__(self):
        self.large = bytes(1 << 20)
        self.holders = []

    def refusal(self, _inbound):
        """Nobody is refused."""

    def window(self, _inbound):
        """Every body is wanted whole."""

    async def answer(self, _inbound):
        """The stream."""
        return Outbound(200, [], flow=self)

    async def next(self):
        """The large piece, then the small one."""
        self.holders.append(sys.getrefcount(self.large))
        self.over = len(self.holders) > 1
        return b"end" if self.over else self.large

    def abort(self):
        """Nothing is held."""


def test_no_piece_is_kept_while_the_next_one_is_awaited():
    """Streams may be open for long, and there may be many: what was sent is not held until more comes."""
    surface, sent = Pieces(), []

    async def receive():
        return {"type": "http.disconnect" if sent else "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(len(message.get("body", b"")))

    async def story():
        outlast = Outlast(parse(toml_of("http://127.0.0.1:1"), {}), io=ScriptedIo(0))
        await App(surface, outlast)({"type": "http", "method": "POST", "path": PATH, "headers": []}, receive, send)

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(0)) as runner:
        runner.run(story())
    assert sent == [0, 1 << 20, 3]
    assert surface.holders[0] == surface.holders[1]
