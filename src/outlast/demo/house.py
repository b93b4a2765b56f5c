"""The gateway of the demo: the real one, in this process, so that the view can look at its circuits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Generator, Sequence

from msgspec import Struct

from outlast.build import Outlast
from outlast.config import Config
from outlast.dialects import DIALECTS
from outlast.gateway.app import App
from outlast.gateway.routes import Surface
from outlast.gateway.server import Server, listen
from outlast.ports import Sink


class QuietServer(Server):
    """Leaves the signals to the demo, which ends the gateway when it ends itself."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Hear none."""
        yield


class House(Struct, frozen=True):
    """A gateway that serves: its address, and the engine behind it."""

    url: str
    outlast: Outlast
    app: App

    async def at_rest(self, within: float) -> int:
        """How many slots and permits are still held when nobody is being answered any more: none, if all is right."""
        await self.app.idle(within)
        stack = self.outlast.stack
        slots = [stack.bulkhead.of(target.name).used for target in self.outlast.config.routes.targets()]
        permits = [breaker.flying for _, breaker in stack.breakers.items()]
        return stack.admission.of("gateway").used + sum(slots) + sum(permits)


@contextlib.asynccontextmanager
async def gateway(config: Config, sinks: Sequence[Sink]) -> AsyncIterator[House]:
    """A gateway that serves while it is entered."""
    outlast = Outlast(config, sinks=sinks)
    surface = Surface(outlast, DIALECTS, None)
    app = App(surface, outlast)
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = QuietServer(outlast, surface, app, listening.set_result)
    serving = asyncio.create_task(server.serve(await listen(config)))
    try:
        serving.add_done_callback(lambda _: listening.cancel())
        yield House(await listening, outlast, app)
    finally:
        server.stop(0.0)
        await serving
