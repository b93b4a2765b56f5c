"""`outlast sim`: providers that are simulated, for any client to be tried against."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter


def sim(
    *,
    config: Annotated[str | None, Parameter(name=["--config", "-c"])] = None,
    port: int | None = None,
    host: str | None = None,
    seed: int | None = None,
) -> None:
    """Start simulated providers that fail as they are told. Without a file there are two: alpha and beta.

    Args:
        config: path of a sim.toml; the one in this folder is found by itself.
        port: the port, 9000 unless the file says another; 0 takes a free one.
        host: the address to listen on, 127.0.0.1 unless the file says another.
        seed: of what happens by chance; the same seed gives the same run.
    """
    from outlast.cli import simulation  # noqa: PLC0415  (only this command needs it)

    file, source = simulation.wanted(config, {"port": port, "host": host, "seed": seed})
    asyncio.run(simulation.play(file, source))
