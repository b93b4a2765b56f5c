"""`outlast serve`: the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

from cyclopts import Parameter
from msgspec.structs import replace

from outlast.cli.configured import ConfigPath, loaded
from outlast.cli.telling import fail, say
from outlast.config import Config, ConfigError, simulated

if TYPE_CHECKING:
    from outlast.gateway.workers import Worker


def serve(
    *,
    config: ConfigPath = None,
    workers: Annotated[int | None, Parameter(help="Processes that serve; `[server] workers` unless given.")] = None,
) -> None:
    """Start the gateway. Without any provider configured, a simulated one answers."""
    from outlast.gateway import descriptors, server  # noqa: PLC0415  (only a server needs it)

    descriptors.keep_standard_ones()
    told = loaded(config)
    count = told.server.workers if workers is None else workers
    if count < 1:
        fail("--workers takes 1 or more")
    try:
        server.check_exposed(told)
        sys.exit(_several(told, count) if count > 1 else _alone(told))
    except ConfigError as error:
        fail(error)


def _alone(config: Config) -> int:
    """One process, this one."""
    import uvloop  # noqa: PLC0415

    from outlast.gateway import server  # noqa: PLC0415

    if not config.simulated:
        uvloop.run(server.serve(config, partial(welcome, config)))
        return 0
    from outlast.lab.provider import SimulatedProvider  # noqa: PLC0415

    with SimulatedProvider() as provider:
        told = simulated(provider.url, config)
        uvloop.run(server.serve(told, partial(welcome, told)))
    return 0


def _several(config: Config, count: int) -> int:
    """So many processes, and this one to look after them."""
    from outlast.gateway import server  # noqa: PLC0415
    from outlast.gateway.workers import Supervisor  # noqa: PLC0415

    with contextlib.ExitStack() as beside:
        told = simulated(beside.enter_context(_simulated_apart()), config) if config.simulated else config
        told = _of_many(told, count)
        sockets = asyncio.run(server.listen(told))
        url = server.url_of(sockets[0])

        def listening() -> None:
            welcome(told, url)
            say(f"{count} workers answer; {_apart(told)}")

        return Supervisor(count, sockets, partial(_work, told, sockets), listening, say).run()


def _of_many(config: Config, count: int) -> Config:
    """The same for one of so many processes: what share of a limit is its own is known from the start."""
    limits = config.layers.limits
    shared = replace(limits, processes=max(count, limits.processes))
    return replace(config, layers=replace(config.layers, limits=shared))


def _apart(config: Config) -> str:
    """What the workers have in common, and what each has for itself."""
    if config.store.kind == "memory":
        return (
            "limits, circuits, slots and what is kept hold in each of them by itself: of a limit of 100, each lets 100 "
            'pass; for one of each, say store = "sqlite:///outlast.db" or "redis://…"'
        )
    return f"they share limits, circuits and what is kept by {config.store.shown}; slots and queues are each one's own"


def _work(config: Config, sockets: list[socket.socket], worker: Worker) -> int:
    """What a worker does; its exit status."""
    import uvloop  # noqa: PLC0415

    from outlast.gateway import server  # noqa: PLC0415

    try:
        uvloop.run(server.work(config, sockets, worker))
    except ConfigError as error:
        say(f"outlast: {error}")
        return 2
    return 0


@contextlib.contextmanager
def _simulated_apart() -> Iterator[str]:
    """A simulated provider in a process of its own, which ends with this one; its address."""
    (told, tell), (alive, living) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.close(living)
        _simulate(tell, alive)
    os.close(tell)
    os.close(alive)
    try:
        with os.fdopen(told) as reader:
            yield reader.readline().strip()
    finally:
        os.close(living)
        os.waitpid(child, 0)


def _simulate(tell: int, alive: int) -> NoReturn:
    """The child: answers until its parent has ended."""
    from outlast.lab.provider import SimulatedProvider  # noqa: PLC0415

    try:
        os.setpgid(0, 0)  # the terminal's signals are not for us
        with SimulatedProvider() as provider:
            os.write(tell, f"{provider.url}\n".encode())
            os.close(tell)
            os.read(alive, 1)
    finally:
        os._exit(0)


def welcome(config: Config, url: str) -> None:
    """Say where we listen, and one command that works."""
    if config.simulated:
        say("no provider is configured: a simulated one answers; set OPENAI_API_KEY or write outlast.toml")
    say(f"outlast listens on {url}")
    model = next(iter(config.routes.models()), "default")
    if shutil.which("curl"):
        key = ' -H "authorization: Bearer $OUTLAST_KEY"' if config.keys else ""
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]})
        say(f"try:  curl -s {url}/v1/chat/completions -H 'content-type: application/json'{key} -d '{body}'")
    else:
        asked = "" if model == "default" else f" --model {model}"
        say(f'try:  {_ourselves()} ask "hi"{asked} --url {url}')


def _ourselves() -> str:
    """How this command is called from where the user stands."""
    if shutil.which("outlast"):
        return "outlast"
    called = Path(sys.argv[0])
    return str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)
