"""`outlast serve`: the socket, the signals, and an end that cuts nobody off.

SIGTERM ──▶ /readyz says no, still listening ── drain ──▶ listener closed ── grace ──▶ what is left is told, exit 0
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Generator, Iterable
from pathlib import Path

import uvicorn

from outlast.build import Outlast, check_providers
from outlast.catalog.prices import Find, prices_of
from outlast.config import Config, ConfigError
from outlast.dialects import DIALECTS
from outlast.edge.apart import prices_apart
from outlast.edge.io import AsyncIo
from outlast.gateway import gauges
from outlast.gateway.app import App
from outlast.gateway.descriptors import room
from outlast.gateway.protocol import Protocol
from outlast.gateway.routes import Surface
from outlast.gateway.workers import Pages, Worker
from outlast.ports import Sink
from outlast.telemetry.log import Log
from outlast.telemetry.outlet import Outlet
from outlast.telemetry.prometheus import Prometheus

LAST_WORDS = 2.0
"""Seconds for telling the callers that are left that we stop."""
STDOUT = 1
TICK = 1.0
SELDOM = (20_000, 50, 50)
"""When the collector of cyclic garbage looks: a request leaves it none, so that looking often finds nothing."""
STOPPING = "the gateway is stopping"
BACKLOG = 4096


class Server(uvicorn.Server):
    """uvicorn, stopped in our way.

    Args:
        outlast: the engine.
        surface: is told that we drain.
        app: answers requests.
        listening: called with our address when we listen.
        pages: the metrics of all workers, where there are several and they are wanted.
    """

    def __init__(
        self, outlast: Outlast, surface: Surface, app: App, listening: Callable[[str], None], pages: Pages | None = None
    ) -> None:
        super().__init__(uvicorn_config(app))
        self.outlast = outlast
        self._surface = surface
        self._app = app
        self._drain = outlast.config.server.drain
        self._grace = outlast.config.server.grace
        self._listening = listening
        self._stopping: asyncio.Task[None] | None = None
        self._exit = asyncio.Event()
        self.pages = pages

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say where."""
        await super().startup(sockets)
        if self.started and sockets:
            self._listening(url_of(sockets[0]))

    async def main_loop(self) -> None:
        """Keep the date of our answers true, once a second, until we are to exit."""
        while not await self.on_tick(0):
            self._app.opening.with_common(self.server_state.default_headers)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._exit.wait(), TICK)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """SIGTERM and SIGINT stop us gracefully; a second one at once. Only the main thread hears signals."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop, self._drain)
        loop.add_signal_handler(signal.SIGINT, self.stop, 0.0)  # somebody sits there and waits
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def stop(self, drain: float) -> None:
        """Begin to stop, listening for `drain` seconds more; the second call stops waiting."""
        if self._stopping is None:
            self._surface.draining = True
            self._stopping = asyncio.get_running_loop().create_task(self._stop(drain))
            return
        self._stopping.cancel()
        self._app.interrupt_all(STOPPING)
        self.should_exit = True
        self.force_exit = True
        self._exit.set()

    async def _stop(self, drain: float) -> None:
        await asyncio.sleep(drain)
        self.should_exit = True
        self._exit.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listener, wait for what is under way, and let the application close."""
        ending = asyncio.get_running_loop().create_task(self._end())
        await super().shutdown(sockets)
        ending.cancel()
        self._app.cut_off_all()
        if self.force_exit:  # uvicorn leaves the application open then
            await self.lifespan.shutdown()

    async def _end(self) -> None:
        """Bound the wait: at the end of the grace the callers who are left are told, and soon after that cut off."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._grace
        if not await self._app.idle(self._grace):
            self._app.interrupt_all(STOPPING)
            await self._app.idle(LAST_WORDS)
        await asyncio.sleep(max(due - loop.time(), LAST_WORDS))  # until all callers have taken what was sent
        self.force_exit = True


def check_exposed(config: Config) -> None:
    """Refuse to listen where strangers are without knowing who calls.

    Raises:
        ConfigError: the address is not a loopback one, and there are no keys.
    """
    host = config.server.host
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local and not config.keys and config.tokens is None:
        raise ConfigError(
            f'will not listen on "{host}" without API keys; add a [keys.NAME] table, or listen on 127.0.0.1',
            ("server", "host"),
            source=config.source,
        )


async def serve(config: Config, listening: Callable[[str], None]) -> None:
    """Serve until told to stop; `listening` is called with our address when we do.

    Raises:
        ConfigError: the address cannot be listened on, or strangers could come in.
    """
    check_exposed(config)
    sockets = await listen(config)
    outlet = Outlet(STDOUT)
    server = assemble(config, outlet, listening, find=prices_apart)
    await _run(server, sockets, outlet)


async def work(config: Config, sockets: list[socket.socket], worker: Worker) -> None:
    """Serve as one of several workers, until told to stop, or until nobody is there any more who could tell."""
    outlet = Outlet(STDOUT)
    server = assemble(config, outlet, lambda _: worker.ready(), find=prices_apart, folder=worker.folder)
    loop = asyncio.get_running_loop()
    loop.add_reader(worker.orphaned, _orphaned, loop, server, worker.orphaned)
    if server.pages is not None:
        await server.pages.start()
    try:
        await _run(server, sockets, outlet)
    finally:
        loop.remove_reader(worker.orphaned)
        if server.pages is not None:
            await server.pages.aclose()


def _orphaned(loop: asyncio.AbstractEventLoop, server: Server, pipe: int) -> None:
    loop.remove_reader(pipe)
    server.stop(0.0)


async def _run(server: Server, sockets: list[socket.socket], outlet: Outlet) -> None:
    settling = asyncio.get_running_loop().create_task(settle(server.outlast))
    try:
        await server.serve(sockets)
    finally:
        settling.cancel()
        for sock in sockets:
            sock.close()
        outlet.close()


async def settle(outlast: Outlast) -> None:
    """Once everything is there that stays, take it out of the garbage collector's sight, and let that look seldom."""
    await outlast.priced()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SELDOM)


def assemble(
    config: Config,
    outlet: Outlet,
    listening: Callable[[str], None],
    *,
    sinks: Iterable[Sink] = (),
    find: Find = prices_of,
    folder: Path | None = None,
) -> Server:
    """A gateway, ready to serve: its engine, its ears and its face.

    Args:
        config: all of it.
        outlet: where log lines go.
        listening: called with our address when we listen.
        sinks: who hears of every event beside the log and the metrics.
        find: finds the prices of models.
        folder: what the workers of one machine share; None where this process is the only one.

    Raises:
        ConfigError: the configuration asks for what is not installed.
    """
    metrics = Prometheus() if config.server.metrics else None
    ears: list[Sink] = [Log(outlet.put, decisions=config.server.log == "decisions"), *sinks]
    if metrics is not None:
        ears.append(metrics)
    check_providers(config)
    outlast = Outlast(config, io=AsyncIo(ears, gather=True), find=find)
    pages = Pages(folder, metrics.render) if metrics and folder else None
    surface = Surface(outlast, DIALECTS, _page(metrics, pages), alone=folder is None)
    app = App(surface, outlast, most_connections=room())
    if metrics is not None:
        gauges.add(metrics, outlast, app, outlet)
    return Server(outlast, surface, app, listening, pages)


def _page(metrics: Prometheus | None, pages: Pages | None) -> Callable[[], Awaitable[bytes]] | None:
    """What gives the page of metrics: this process's, or that of all workers."""
    if pages is not None:
        return pages.all
    if metrics is None:
        return None

    async def own() -> bytes:
        return metrics.render()

    return own


async def listen(config: Config) -> list[socket.socket]:
    """Sockets that listen on the configured address; one for each meaning that its name has.

    Raises:
        ConfigError: the address is taken, not ours, or means nothing.
    """
    host, port = config.server.host, config.server.port
    sockets: list[socket.socket] = []
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, _, _, address in dict.fromkeys(found):
            taken = sockets[0].getsockname()[1] if sockets else port  # port 0: the same for all of them
            sockets.append(socket.create_server((str(address[0]), taken), family=family, backlog=BACKLOG))
    except OSError as error:
        for sock in sockets:
            sock.close()
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else "no such address"
        raise ConfigError(f"cannot listen on {host}:{port}: {why}", ("server",), source=config.source) from None
    return sockets


def url_of(listener: socket.socket) -> str:
    """Where it listens."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def uvicorn_config(app: App) -> uvicorn.Config:
    """How uvicorn runs our application."""
    return uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
    )
