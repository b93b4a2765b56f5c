"""Large uploads are handed on while they come: no faster than they are taken, and as often as they can be sent."""

import asyncio
import contextlib
import hashlib
import json
import re
import threading
from pathlib import Path

import pytest
from bench.ports import reserved

from outlast.edge.io import AsyncIo
from outlast.lab.steps import Rst
from outlast.model.errors import Internal
from outlast.model.events import AttemptEnded, RetryRefused
from outlast.model.target import Provider, Target
from outlast.ports import Outgoing
from outlast.testing import Behaviour

from .house import PATIENCE, PROVIDERS, House, Wire, toml_of
from .process import Process
from .sinks import ANSWER, Sink

MB = 1024 * 1024
MARK = "mark"
FORM = f"content-type: multipart/form-data; boundary={MARK}"
START = (
    f'--{MARK}\r\ncontent-disposition: form-data; name="model"\r\n\r\ndefault\r\n'
    f'--{MARK}\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
).encode()
END = f"\r\n--{MARK}--\r\n".encode()
PATH = "/v1/audio/transcriptions"


def form(size):
    """A form with a file of so many bytes."""
    return START + b"\x00\xff" * (size // 2) + END


def renamed(body, model=b"m"):
    """What the provider gets."""
    return body.replace(b"\r\n\r\ndefault\r\n", b"\r\n\r\n" + model + b"\r\n", 1)


@pytest.fixture
def dead():
    """The address of a port where nobody listens."""
    with reserved() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def houses(tmp_path):
    """Makes a gateway over providers at these addresses."""

    def made(*urls, more=""):
        tables = [
            f'[providers.{name}]\ntype = "openai-compatible"\nbase_url = "{url}/v1"\nkey = "sk-{name}-0123456789"'
            for name, url in zip(PROVIDERS, urls, strict=False)
        ]
        targets = json.dumps([f"{name}/m" for name, _ in zip(PROVIDERS, urls, strict=False)])
        server = "" if "[server]" in more else "[server]\nport = 0\ndrain = 0.0"
        return House("\n".join([*tables, f"[routes.default]\ntargets = {targets}", server, more]), tmp_path)

    return made


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_large_upload_arrives_byte_for_byte(provider, house, framing):
    """Framed as the caller framed it, with the length of what is sent."""
    body = form(3 * MB)
    with house.caller() as caller:
        if framing == "length":
            caller.send(caller.head("POST", PATH, FORM, f"content-length: {len(body)}") + body)
        else:
            caller.send(caller.head("POST", PATH, FORM, "transfer-encoding: chunked"))
            for start in range(0, len(body), 100_000):
                piece = body[start : start + 100_000]
                caller.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            caller.send(b"0\r\n\r\n")
        answer = caller.answer()
        assert (answer.status, answer.json["text"]) == (200, f"{3 * MB} bytes of sound")
        caller.request("GET", "/livez")  # the connection goes on
        assert caller.answer().status == 200
    (seen,) = provider.requests()
    assert seen.body == renamed(body)
    assert (seen.headers.get("content-length"), seen.headers.get("transfer-encoding")) == (
        (str(len(seen.body)), None) if framing == "length" else (None, "chunked")
    )


def test_it_is_handed_on_before_it_is_whole(houses):
    """The provider has the beginning while the caller still holds the end back."""
    has_begun = threading.Event()

    def serve(line):
        line.head()
        assert len(line.take(2 * MB)) >= 2 * MB
        has_begun.set()
        line.take(len(renamed(body)))
        line.say()

    body = form(4 * MB)
    with Sink(serve) as sink, houses(sink.url) as house, house.caller() as caller:
        caller.send(caller.head("POST", PATH, FORM, f"content-length: {len(body)}") + body[: 3 * MB])
        assert has_begun.wait(PATIENCE)
        caller.send(body[3 * MB :])
        assert caller.answer().body == ANSWER


def test_a_provider_that_takes_nothing_holds_the_caller_back(houses):
    """Nothing piles up: what is on the way is a fraction of what is to be sent."""
    go_on = threading.Event()

    def serve(line):
        line.head()
        assert go_on.wait(PATIENCE)
        assert line.digest(len(renamed(body))) == hashlib.sha256(renamed(body)).hexdigest()
        line.say()

    body = form(64 * MB)
    with Sink(serve, receive_buffer=65536) as sink, houses(sink.url) as house, house.caller() as caller:
        sending = threading.Thread(target=caller.post, args=(PATH, body, FORM), daemon=True)
        sending.start()
        house.until(lambda: any(turn.streams and turn._line._held for turn in house.app._under_way))
        (turn,) = house.app._under_way
        assert turn.size < len(body) / 4
        go_on.set()
        assert caller.answer().body == ANSWER
        sending.join(PATIENCE)


def test_refused_connections_cost_nothing(provider, houses, dead):
    """Before a byte has gone out the next provider is as good as the first."""
    body = form(3 * MB)
    with houses(dead, f"{provider.url}/beta") as house:
        answer = house.post(PATH, body, FORM)
        assert (answer.status, answer.headers["outlast-target"]) == (200, "beta/m")
    assert provider.requests()[0].body == renamed(body)


def test_what_is_kept_can_be_sent_again(provider, house):
    """The connection breaks while the body is small enough to be kept: the next provider gets all of it."""
    provider.script("alpha", default=Behaviour("early-reset", lambda _: [Rst()], early=True))
    body = form(MB // 2)
    answer = house.post(PATH, body, FORM)
    assert (answer.status, answer.headers["outlast-target"]) == (200, "beta/m")
    assert provider.requests("beta")[0].body == renamed(body)


def test_what_is_gone_cannot_be_sent_again(houses):
    """The connection breaks when more has gone out than is kept: an honest error, and nobody gets half a file."""

    def breaks(line):
        line.head()
        line.take(2 * MB)

    def never(line):
        raise AssertionError("asked again")

    body = form(8 * MB)
    with Sink(breaks) as sink, Sink(never) as other, houses(sink.url, other.url) as house:
        with house.caller() as caller:
            caller.send(caller.head("POST", PATH, FORM, f"content-length: {len(body)}"))
            with contextlib.suppress(ConnectionError):
                caller.send(body)
            answer = caller.answer()
            assert (answer.status, answer.error["type"]) == (503, "service_unavailable_error")
            assert answer.error["retryable"] is True  # by the caller, who still has it
        (ended,) = house.heard()
        assert (ended.kind, ended.attempts) == ("connect", 1)
        assert "more of the upload" in house.ear.of(RetryRefused)[0].reason


def test_an_early_refusal_ends_the_upload(houses):
    """413 in the middle: the caller has the answer, not a broken pipe; the rest is not asked for."""

    def refuses(line):
        line.head()
        line.take(2 * MB)
        told = b'{"error":{"message":"too large","type":"invalid_request_error"}}'
        line.say(
            b"HTTP/1.1 413 X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(told), told)
        )
        line.gone()

    body = form(6 * MB)
    with Sink(refuses) as sink, houses(sink.url) as house, house.caller() as caller:
        caller.send(caller.head("POST", PATH, FORM, f"content-length: {len(body)}") + body[: 3 * MB])
        answer = caller.answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")


def test_who_leaves_in_the_middle_takes_the_upstream_connection_along(houses, dead):
    """Nothing is answered, nothing is sent to anybody else."""
    left = threading.Event()

    def serve(line):
        line.head()
        line.take(2 * MB)
        has_begun.set()
        line.gone()
        left.set()

    has_begun = threading.Event()
    body = form(6 * MB)
    with Sink(serve) as sink, houses(sink.url, dead) as house:
        with house.caller() as caller:
            caller.send(caller.head("POST", PATH, FORM, f"content-length: {len(body)}") + body[: 3 * MB])
            assert has_begun.wait(PATIENCE)
            caller.leave()
        assert left.wait(PATIENCE)
        assert [ended.kind for ended in house.heard()] == ["cancelled"]


def test_a_slow_beginning_is_told_before_anybody_is_asked(provider, open_house):
    """G21: 408, as for every other body."""
    house = open_house("[server]\nbody_timeout = 0.3\ndrain = 0.0")
    with house.caller() as caller:
        caller.send(caller.head("POST", PATH, FORM, "content-length: 1000") + START)
        answer = caller.answer()
        assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert provider.requests() == []


@pytest.mark.parametrize(
    "limit",
    [
        "[server]\nport = 0\ndrain = 0.0\nbody_timeout = 0.3\n[pass_through]\nwindow = 65536",
        "[pass_through]\nwindow = 65536\nupload_time = 0.3",
    ],
)
def test_a_caller_who_stops_sending_is_told(houses, limit):
    """408, by the time for a piece or for all; and the target is not blamed."""

    def serve(line):
        line.head()
        line.gone()

    body = form(6 * MB)
    with Sink(serve) as sink, houses(sink.url, more=limit) as house, house.caller() as caller:
        with house.held():  # so much of it is there when the time begins that the target is asked
            caller.send(caller.head("POST", PATH, FORM, f"content-length: {len(body)}") + body[: MB // 8])
        answer = caller.answer()
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        (attempt,) = house.ear.wait(AttemptEnded)
        assert attempt.kind == "caller"


def test_a_provider_that_stops_taking_is_timed_out(houses):
    """504: the progress timer, not the deadline."""

    def serve(line):
        line.head()
        over.wait(PATIENCE)

    over = threading.Event()
    body = form(32 * MB)
    more = "[timers]\nstall = 0.3"
    with Sink(serve, receive_buffer=65536) as sink, houses(sink.url, more=more) as house:
        with house.caller() as caller:
            caller.send(caller.head("POST", PATH, FORM, f"content-length: {len(body)}"))
            with contextlib.suppress(ConnectionError):
                caller.send(body)
            answer = caller.answer()
            assert answer.status == 504
        over.set()
        assert house.heard()[0].attempts == 1


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_more_than_is_allowed_is_refused(provider, open_house, framing):
    """By its length before a byte is read, else when it has become too much."""
    house = open_house(f"[pass_through]\nmax_upload = {2 * MB}\n[server]\nmax_body = 65536\ndrain = 0.0")
    with house.caller() as caller:
        if framing == "length":
            caller.send(caller.head("POST", PATH, FORM, f"content-length: {3 * MB}"))
        else:
            caller.send(caller.head("POST", PATH, FORM, "transfer-encoding: chunked"))
            piece = form(MB)
            for _ in range(3):
                try:
                    caller.send(b"%x\r\n%b\r\n" % (len(piece), piece))
                except ConnectionError:
                    break
        answer = caller.answer()
        assert answer.status == 413
        assert f"larger than {2 * MB} bytes" in answer.error["message"]
    assert [seen for seen in provider.requests() if seen.ended and seen.answered] == []


def test_a_fault_of_our_own_does_not_keep_anybody_waiting():
    """Whoever waits for the answer is told, and the connection is closed."""

    class Broken:
        length = None
        gone = False

        def begin(self):
            return b"some"

        async def read(self):
            raise ZeroDivisionError

    def serve(line):
        line.head()
        line.gone()

    async def story(url):
        io = AsyncIo()
        target = Target("p/m", Provider("p", "openai", url), "m")
        outgoing = Outgoing(b"/files", b"", single=True, feed=Broken())
        with pytest.raises(Internal):
            await io.send(target, outgoing, io.now() + 20, io.now() + 20)
        await io.aclose()

    with Sink(serve) as sink:
        asyncio.run(story(sink.url))


def test_json_is_wanted_whole(provider, open_house):
    """The bound of bodies holds as everywhere: a model must be found in it."""
    house = open_house("[server]\nmax_body = 65536\ndrain = 0.0")
    body = json.dumps({"model": "default", "prompt": "x" * 100_000}).encode()
    assert house.post("/v1/images/generations", body).status == 413
    assert provider.requests() == []


def resident(pid):
    """Kilobytes of memory that a process has in use."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


def test_two_hundred_megabytes_need_no_memory(tmp_path):
    """The highest that the gateway's memory ever was grows by a fraction of what goes through."""
    size = 200 * MB
    piece = b"\x00\xff" * (MB // 2)
    wanted = hashlib.sha256(renamed(START))
    for _ in range(200):
        wanted.update(piece)
    wanted.update(END)
    digests = []

    def serve(line):
        line.head()
        digests.append(line.digest(len(renamed(START)) + size + len(END)))
        line.say()

    with Sink(serve) as sink:
        toml = toml_of(sink.url, providers=("alpha",))
        with Process(toml, tmp_path) as gateway:
            with Wire(gateway.port) as caller:
                caller.request("GET", "/livez")
                caller.answer()
                before = resident(gateway.pid)
                length = len(START) + size + len(END)
                caller.send(caller.head("POST", PATH, FORM, f"content-length: {length}") + START)
                for _ in range(200):
                    caller.send(piece)
                caller.send(END)
                assert caller.answer().body == ANSWER
            assert resident(gateway.pid) - before < 48 * 1024
    assert digests == [wanted.hexdigest()]
