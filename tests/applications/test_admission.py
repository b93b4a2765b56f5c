"""The middleware in front: ids, deadlines that reach the provider's call, and an application that sheds."""

import asyncio
import threading
import time

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

import outlast
from outlast.build import Outlast
from outlast.config import parse
from outlast.dialects import DIALECTS
from outlast.fastapi import Admission, install
from outlast.gateway.app import App
from outlast.gateway.routes import Surface
from outlast.model.events import Shed
from outlast.testing import RecordingSink, ok, silent

PATIENCE = 120.0


def left(app):
    """An endpoint that tells how much time it has, one on the loop and one in a thread."""

    @app.get("/left")
    async def on_the_loop() -> float | None:
        return outlast.time_left()

    @app.get("/left-in-thread")
    def in_a_thread() -> float | None:
        return outlast.time_left()

    return app


def test_the_id_of_a_request_goes_in_and_out(serve, app):
    """The caller's own where it is a plain word, else a new one; on every answer, those of the framework too."""
    install(app)
    client = serve(app).client
    assert client.get("/nothing", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    assert client.get("/nothing", headers={"x-request-id": "no word"}).headers["x-request-id"].startswith("req_")
    assert client.get("/nothing").status_code == 404


@pytest.mark.parametrize("path", ["/left", "/left-in-thread"])
def test_the_deadline_is_in_the_context(serve, app, path):
    """The caller's, at most the longest; else the default; and none is left over for the next request."""
    app.add_middleware(Admission, longest=50.0)
    client = serve(left(app)).client
    assert 0 < client.get(path, headers={"outlast-deadline-ms": "30000"}).json() <= 30
    assert 30 < client.get(path, headers={"outlast-deadline-ms": "9000000"}).json() <= 50
    assert client.get(path).json() is None
    bad = client.get(path, headers={"outlast-deadline-ms": "soon"})
    assert (bad.status_code, bad.json()["error"]["type"]) == (400, "caller")


def test_an_application_may_have_a_deadline_of_its_own(serve, app):
    """For requests that do not say otherwise."""
    install(app, deadline=30.0)
    client = serve(left(app)).client
    assert 0 < client.get("/left").json() <= 30
    assert 30 < client.get("/left", headers={"outlast-deadline-ms": "90000"}).json() <= 90


def asking(provider, *script):
    """A configuration with one provider that does this."""
    provider.script("alpha", *script)
    return parse(f'[providers.alpha]\ntype = "openai-compatible"\nbase_url = "{provider.base_url("alpha")}"\nkey = "k"')


@pytest.mark.parametrize("blocking", [False, True])
def test_calls_inside_end_with_the_deadline_of_the_request(serve, app, provider, blocking):
    """The provider is silent, the client would wait for three minutes; the caller has a 504 in time."""
    install(app)
    config = asking(provider, silent())
    if blocking:
        client = outlast.Client(config)

        @app.get("/ask")
        def ask() -> str:
            return client.chat("hi", model="alpha/m").text
    else:
        answering = outlast.AsyncClient(config)

        @app.get("/ask")
        async def ask_on_the_loop() -> str:
            return (await answering.chat("hi", model="alpha/m")).text

    answer = serve(app).client.get("/ask", headers={"outlast-deadline-ms": "300"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (504, "timeout")
    if blocking:
        client.close()


class Gate:
    """An application whose one endpoint answers when it is let."""

    def __init__(self, app, **options):
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()
        self.sink = RecordingSink()
        install(app, sinks=[self.sink], **options)

        @app.get("/waits")
        async def waits() -> StreamingResponse:
            return StreamingResponse(self.words())

        @app.get("/livez")
        async def livez() -> str:
            return "ok"

    async def words(self):
        self.entered.release()
        yield "a"
        await asyncio.to_thread(self.open.wait, PATIENCE)
        yield "b"


def in_threads(client, count):
    """So many requests at once; their answers come when they come."""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(client.get("/waits"))) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, answers


def test_a_full_application_sheds_with_an_honest_time(serve, app):
    """Beyond the slots and the queue, 503; probes are answered; a slot is free when the stream is over."""
    gate = Gate(app, concurrency=1, queue=0)
    client = serve(app).client
    threads, answers = in_threads(client, 1)
    assert gate.entered.acquire(timeout=PATIENCE)
    shed = client.get("/waits")
    assert (shed.status_code, shed.headers["retry-after"]) == (503, "1")
    assert (shed.json()["error"]["code"], shed.json()["error"]["retryable"]) == ("overloaded", True)
    assert client.get("/livez").json() == "ok"
    assert [event.queue for event in gate.sink.of(Shed)] == ["application"]
    gate.open.set()
    threads[0].join(PATIENCE)
    assert [answer.text for answer in answers] == ["ab"]
    due = time.monotonic() + PATIENCE
    while (again := client.get("/waits")).status_code == 503 and time.monotonic() < due:
        pass  # its last byte is out a moment before its slot is free
    assert again.text == "ab"


def test_who_waits_is_served_or_told_in_time(serve, app):
    """A place in the queue becomes a slot; without one in time it is a 503, and nothing is held."""
    gate = Gate(app, concurrency=1, queue=5, wait=PATIENCE)
    client = serve(app).client
    threads, answers = in_threads(client, 3)
    assert gate.entered.acquire(timeout=PATIENCE)
    late = client.get("/waits", headers={"outlast-deadline-ms": "100"})
    assert (late.status_code, late.json()["error"]["message"]) == (503, "no slot became free in time")
    gate.open.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert [answer.text for answer in answers] == ["ab", "ab", "ab"]


def test_who_is_cancelled_in_the_queue_holds_nothing():
    """As a server does that stops: the place is free, and the slot goes to the next."""

    async def story():
        entered, going = [], asyncio.Event()

        async def inner(scope, receive, send):
            entered.append(scope["path"])
            await going.wait()

        front = Admission(inner, concurrency=1, wait=PATIENCE)

        def request(path):
            scope = {"type": "http", "method": "GET", "path": path, "headers": []}
            return asyncio.create_task(front(scope, None, None))

        first, second, third = request("/1"), request("/2"), request("/3")
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        going.set()
        await asyncio.gather(first, third)
        assert second.cancelled()
        assert entered == ["/1", "/3"]
        assert (front._slots.used, front._slots.waiting) == (0, 0)

    asyncio.run(story())


def test_what_is_no_request_goes_through():
    """A websocket, and the life of the application."""
    seen = []

    async def inner(scope, receive, send):
        seen.append(scope["type"])

    async def story():
        for kind in ("lifespan", "websocket"):
            await Admission(inner, concurrency=1)({"type": kind}, None, None)

    asyncio.run(story())
    assert seen == ["lifespan", "websocket"]


def test_the_gateway_itself_can_be_mounted(serve, provider):
    """Under a path of an application, with its own errors; its requests are answered as anywhere."""
    engine = Outlast(asking(provider, ok("Hello"), silent()))
    app = FastAPI()
    install(app)
    app.mount("/llm", App(Surface(engine, DIALECTS), engine))
    client = serve(app).client
    asked = {"model": "alpha/m", "messages": [{"role": "user", "content": "hi"}]}
    good = client.post("/llm/v1/chat/completions", json=asked)
    assert (good.status_code, good.headers["outlast-target"]) == (200, "alpha/m")
    assert len(good.headers.get_list("x-request-id")) == 1
    late = client.post("/llm/v1/chat/completions", json=asked, headers={"outlast-deadline-ms": "300"})
    assert (late.status_code, late.json()["error"]["type"]) == (504, "server_error")
