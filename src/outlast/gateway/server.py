"""`outlast serve`: the socket, the signals, and an end that cuts nobody off.

SIGTERM ──▶ /readyz says no, still listening ── drain ──▶ listener closed ── grace ──▶ what is left is told, exit 0
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
import sys
from collections.abc import Callable, Generator

import uvicorn

from outlast.build import Outlast
from outlast.config import Config, ConfigError
from outlast.dialects import DIALECTS
from outlast.gateway.app import App
from outlast.gateway.protocol import Protocol
from outlast.gateway.routes import Surface
from outlast.ports import Sink
from outlast.telemetry.log import Log
from outlast.telemetry.outlet import Outlet
from outlast.telemetry.prometheus import Prometheus

LAST_WORDS = 2.0
"""Seconds for telling the callers that are left that we stop."""


class Server(uvicorn.Server):
    """uvicorn, stopped in our way."""

    def __init__(self, config: Config, surface: Surface, app: App, listening: Callable[[str], None]) -> None:
        super().__init__(uvicorn_config(app, config))
        self._surface = surface
        self._app = app
        self._drain = config.server.drain
        self._grace = config.server.grace
        self._listening = listening
        self._stopping: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say where."""
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._listening(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """SIGTERM and SIGINT stop us gracefully; a second one at once."""
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
        self._app.interrupt_all("the gateway is stopping")
        self.should_exit = True
        self.force_exit = True

    async def _stop(self, drain: float) -> None:
        await asyncio.sleep(drain)
        self.should_exit = True  # the listener is closed, and what is under way goes on
        if not await self._app.idle(self._grace):
            self._app.interrupt_all("the gateway is stopping")
            self.force_exit = not await self._app.idle(LAST_WORDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listener, wait for what is under way, and let the application close."""
        await super().shutdown(sockets)
        if self.force_exit:  # uvicorn leaves the application open then
            await self.lifespan.shutdown()


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
    if not local and not config.keys:
        raise ConfigError(
            f'will not listen on "{host}" without API keys; add a [keys.NAME] table, or listen on 127.0.0.1',
            ("server", "host"),
            source=config.source,
        )


async def serve(config: Config, listening: Callable[[str], None]) -> None:
    """Serve until told to stop; `listening` is called with our address when we do."""
    check_exposed(config)
    outlet = Outlet(sys.stdout.fileno())
    metrics = Prometheus() if config.server.metrics else None
    sinks: list[Sink] = [Log(outlet.put)]
    if metrics is not None:
        sinks.append(metrics)
    outlast = Outlast(config, sinks=sinks)
    surface = Surface(outlast, DIALECTS, metrics.render if metrics else None)
    app = App(surface, outlast)
    try:
        await Server(config, surface, app, listening).serve()
    finally:
        await outlast.aclose()
        outlet.close()


def uvicorn_config(app: App, config: Config) -> uvicorn.Config:
    """How uvicorn runs our application."""
    return uvicorn.Config(
        app,
        host=config.server.host,
        port=config.server.port,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        backlog=4096,
    )
