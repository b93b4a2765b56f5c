"""The command `outlast`: one file for each of its commands."""

from __future__ import annotations

import cyclopts

from outlast import __version__
from outlast.cli.ask import ask
from outlast.cli.check import check
from outlast.cli.demo import demo
from outlast.cli.purge import purge
from outlast.cli.serve import serve
from outlast.cli.sim import sim
from outlast.cli.why import why

app = cyclopts.App(
    name="outlast",
    help="Keeps an application's LLM calls working when the providers behind them fail.",
    version=__version__,
    version_flags=["--version"],
)
for command in (serve, check, ask, why, purge, sim, demo):
    app.command(command)


def main() -> None:
    """Run the command."""
    app()
