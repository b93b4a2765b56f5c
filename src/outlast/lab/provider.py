"""A simulated provider over real sockets: OpenAI's and Anthropic's API, and every way in which they fail.

    with SimulatedProvider() as provider:                      # own thread; `async with` runs in the loop at hand
        provider.script("alpha", 503, cut(after=4), ok("Hello"))
        client = OpenAI(base_url=provider.base_url("alpha"), api_key="any")

Several providers live on one port, told apart by the path before `/v1`, or by the model where there is no such path.
Each request gets the next scripted behaviour, else the one that its model's name asks for ("sim-cut-4"), else what the
provider's conduct says: limits, outages, errors, and a good answer.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from types import TracebackType
from typing import Self, Unpack, cast

from msgspec.structs import replace

from outlast.lab.answer import Asked, Json, Vendor, dumps
from outlast.lab.conduct import Conduct
from outlast.lab.connection import Connection, Received
from outlast.lab.control import controlled
from outlast.lab.expectation import Wanted
from outlast.lab.ledger import PATIENCE, Condition, Ledger, Seen
from outlast.lab.named import Spec, behaviour
from outlast.lab.other_pages import answered, page_at
from outlast.lab.reception import ROUTES, json_object, refused, understood, whereabouts
from outlast.lab.refusal import Refusal
from outlast.lab.rendering import words_of
from outlast.lab.script import Behaviour, body, status
from outlast.lab.site import Clock, Site
from outlast.lab.vendors import gemini_reading

_PATIENCE = 60.0


class SimulatedProvider:
    """Serves while it is entered. Scripts may be changed and requests read from any thread.

    Args:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        key: what callers must send as key; None takes any.
        models: what `/v1/models` lists.
        default: what is done when neither a script nor the model's name says otherwise.
        tls: serve over TLS.
        clock: seconds since the epoch, for the dates in answers.
        now: seconds on a clock of which only differences count, for schedules, limits and latencies.
        seed: of the dice, for what happens by chance.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        key: str | None = None,
        models: tuple[str, ...] = ("sim-ok",),
        default: Spec | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
        now: Callable[[], float] = time.monotonic,
        seed: int = 0,
    ) -> None:
        self._clock = Clock(now, clock)
        self._seed = seed
        self._address = (host, port)
        self._key = key
        self._models = list(models)
        self._default = behaviour(default if default is not None else "ok")
        self._tls = tls
        self._usual = Conduct()
        self._sites: dict[str, Site] = {}
        self._ledger = Ledger()
        self._lock = threading.RLock()
        self._connections: set[Connection] = set()
        self._accepted = 0
        self._server: asyncio.Server | None = None
        self._thread: threading.Thread | None = None
        self._halt: Callable[[], object] = lambda: None

    # what it is told and what it tells

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._address
        return f"{'https' if self._tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    def base_url(self, provider: str = "", *, vendor: Vendor = "openai") -> str:
        """What an official SDK wants as base URL; only OpenAI's wants the version in it."""
        base = f"{self.url}/{provider}".rstrip("/")
        return f"{base}/v1" if vendor == "openai" else base

    @property
    def open_connections(self) -> int:
        """Connections that stand just now."""
        return len(self._connections)

    def script(self, provider: str = "", *specs: Spec, default: Spec | None = None, key: str | None = None) -> None:
        """Queue behaviours for the next requests of `provider`; or change what it does otherwise, or its key."""
        with self._lock:
            self._site(provider).script(specs, default, key)

    def conduct(self, provider: str, conduct: Conduct) -> None:
        """From now on `provider` conducts itself so and no other way; its schedules and quotas begin anew."""
        with self._lock:
            self._site(provider).told(conduct)

    def conducted(self, provider: str = "") -> Conduct:
        """What `provider` was told."""
        with self._lock:
            return self._site(provider).conduct

    def conducts(self) -> dict[str, Json]:
        """What each provider was told, and how it is now: outages, limits, requests."""
        with self._lock:
            return {name: site.state() for name, site in self._sites.items()}

    def dismiss(self, provider: str) -> None:
        """Forget all about one provider."""
        with self._lock:
            self._sites.pop(provider, None)

    def waiting(self, provider: str = "") -> int:
        """Scripted behaviours that are not yet played."""
        with self._lock:
            return len(self._site(provider).queue)

    def requests(self, provider: str | None = None) -> list[Seen]:
        """What was seen so far, oldest first; None asks for all providers."""
        return self._ledger.of(provider)

    def expect(
        self, provider: str | None = None, *, within: float = PATIENCE, since: int = 0, **wanted: Unpack[Wanted]
    ) -> list[Seen]:
        """The requests of `provider` (None: of all) after the one with the id `since`, if they are as wanted.

        Raises `AssertionError` with a table of them if not. What is under way gets `within` seconds to end.
        """
        return self._ledger.expect(provider, wanted, within=within, since=since)

    def reset(self) -> None:
        """Forget scripts and requests; conducts stay, and their schedules and quotas begin anew."""
        with self._lock:
            told = {name: site.conduct for name, site in self._sites.items() if site.conduct is not self._usual}
            self._sites.clear()
            for name, conduct in told.items():
                self._site(name).told(conduct)
        self._ledger.clear()

    async def saw(self, count: int, provider: str | None = None, *, ended: bool = False) -> list[Seen]:
        """Waits until `count` requests have come, or with `ended` are over, and gives them. Works in any loop."""
        waiting = asyncio.wrap_future(self._ledger.when(_enough(count, ended=ended), provider))
        return await asyncio.wait_for(waiting, _PATIENCE)

    def wait(self, count: int, provider: str | None = None, *, ended: bool = False) -> list[Seen]:
        """The same for a caller without a loop."""
        return self._ledger.when(_enough(count, ended=ended), provider).result(_PATIENCE)

    # life

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        host, port = self._address
        self._server = await loop.create_server(lambda: Connection(self), host, port, ssl=self._tls, backlog=1024)
        self._address = (host, self._server.sockets[0].getsockname()[1])
        with self._lock:
            for site in self._sites.values():
                site.begin()
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        server = cast("asyncio.Server", self._server)
        server.close()
        tasks = [connection.task for connection in self._connections]
        for connection in tuple(self._connections):
            connection.shut()
        await asyncio.gather(*tasks)
        await server.wait_closed()
        # One more turn, so that transports close their sockets before the loop goes.
        await asyncio.sleep(0)

    def __enter__(self) -> Self:
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._live(started)), name="outlast-sim", daemon=True
        )
        self._thread.start()
        started.result(_PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._halt()
        cast("threading.Thread", self._thread).join()

    async def _live(self, started: Future[None]) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._halt = lambda: loop.call_soon_threadsafe(stop.set)
        try:
            async with self:
                started.set_result(None)
                await stop.wait()
        except OSError as error:
            if started.done():
                raise
            started.set_exception(error)

    # what a connection asks

    def opened(self, connection: Connection) -> int:
        """A new connection; gives its number."""
        self._connections.add(connection)
        self._accepted += 1
        return self._accepted

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        self.changed()

    def changed(self) -> None:
        """Something that was noted has changed."""
        self._ledger.changed()

    def early(self, received: Received) -> bool:
        """Does the script answer this request before its body is read?"""
        provider, page = whereabouts(received.path)
        with self._lock:
            site = self._sites.get(provider)
            early = bool(site and site.queue and site.queue[0].early)
            return early and ((received.method, page) in ROUTES or page_at(received.method, page) is not None)

    def admit(self, received: Received, connection: int) -> tuple[Seen, Behaviour, Asked]:
        """Take note of a request, and say what to do with it."""
        if received.path.startswith("/_sim"):
            seen = self._seen("_sim", 0, connection, received, {})
            return seen, controlled(self, self._ledger, received), Asked()
        provider, page = whereabouts(received.path)
        body_json = json_object(bytes(received.body))
        with self._lock:
            site = self._site(
                provider or self._serving((gemini_reading.place(received.path) or body_json or {}).get("model"))
            )
            site.count += 1
            seen = self._seen(site.name, site.count, connection, received, body_json or {})
            seen.price = site.conduct.price
            asked = understood(received, page, seen, int(self._clock.epoch()), site.conduct)
            seen.begun(asked)
            chosen = self._decide(site, received, page, asked, seen, body_json)
        seen.behaviour = chosen.name
        self._ledger.add(seen)
        return seen, chosen, asked

    def _decide(
        self, site: Site, received: Received, page: str, asked: Asked, seen: Seen, body_json: Json | None
    ) -> Behaviour:
        if not self._allowed(site, received.headers):
            return status(401, message="The key is missing or wrong.")
        if page in {"models", "api/tags"} or page.startswith("models/"):
            return site.unwell(seen) or self._listed(site, page, asked)
        if page_at(received.method, page) is not None:
            return self._other(site, received, page, asked, seen)
        if (received.method, page) not in ROUTES:
            return status(404, type="invalid_request_error", message="There is nothing at this path.")
        if site.queue and site.queue[0].early:
            return site.queue.popleft()
        wrong = refused(asked, received, body_json)
        return site.dressed(wrong, asked) if wrong else site.decide(asked, seen)

    def _other(self, site: Site, received: Received, page: str, asked: Asked, seen: Seen) -> Behaviour:
        """What is done with a request for a page beside chat and embeddings."""
        if site.queue and site.queue[0].early:
            return site.queue.popleft()
        try:
            made = answered(received.method, page, received.headers, bytes(received.body), site.name, site.files)
        except Refusal as refusal:
            wrong = status(refusal.status, type="invalid_request_error", message=refusal.message, param=refusal.param)
            chosen = site.decide(asked, seen) if refusal.status == 404 else wrong  # who is down does not look
            return wrong if chosen.name == "ok" else chosen
        chosen = site.decide(asked, seen)
        once = cache(made)
        return Behaviour(chosen.name, lambda asked: chosen.play(replace(asked, kind="other", other=once)))

    def _serving(self, model: object) -> str:
        """The provider that serves this model to those who name no provider; "" when none was told to."""
        return next((name for name, site in self._sites.items() if model in site.conduct.models), "")

    def _allowed(self, site: Site, headers: dict[str, str]) -> bool:
        key = site.key if site.key is not None else self._key
        given = headers.get("authorization", "").removeprefix("Bearer ") or headers.get("x-api-key", "")
        given = given or headers.get("x-goog-api-key", "")
        return key is None or given == key

    def _listed(self, site: Site, page: str, asked: Asked) -> Behaviour:
        name = page.removeprefix("models").removeprefix("/") if page != "api/tags" else ""
        names = self._served(site)
        if name and name not in names:
            return status(404, message="The model does not exist.")
        words = words_of(asked)
        found = words.model(name, asked.created) if name else words.models(names, asked.created)
        return body(dumps(found), name="models")

    def _served(self, site: Site) -> list[str]:
        """The models of one provider; without a provider's name, those of all."""
        told = [
            model for each in self._sites.values() if not site.name or each is site for model in each.conduct.models
        ]
        return list(dict.fromkeys(told if told and site.name else [*told, *self._models]))

    def _site(self, provider: str) -> Site:
        if provider not in self._sites:
            site = self._sites[provider] = Site(provider, self._usual, self._clock, self._seed)
            site.default = self._default
        return self._sites[provider]

    def _seen(self, provider: str, number: int, connection: int, received: Received, body_json: Json) -> Seen:
        return Seen(
            provider=provider,
            number=number,
            connection=connection,
            method=received.method,
            path=received.path,
            headers=received.headers,
            body=bytes(received.body),
            json=body_json,
            started=time.monotonic(),
        )


def _enough(count: int, *, ended: bool) -> Condition:
    return lambda seen: sum(1 for one in seen if one.ended is not None or not ended) >= count
