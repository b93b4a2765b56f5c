"""`outlast demo`: an outage survived, before your eyes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from outlast.cli.telling import fail, say

if TYPE_CHECKING:
    from outlast.demo import Plan, Summary, View

SHORTEST = 5.0
"""Seconds in which the outages are still longer than an answer."""


def demo(*, seconds: float = 30.0, rate: float = 12.0, seed: int = 1, json: bool = False) -> None:
    """Show four simulated providers fail in turn while traffic goes on, with outlast and without. Ctrl-C ends it.

    Args:
        seconds: how long requests come; the last answers take a few seconds more.
        rate: requests in a second.
        seed: of all chance; the same seed gives the same traffic and the same luck.
        json: print the summary as JSON, and what happens on stderr.
    """
    from outlast.demo import Plan, closing, to_json  # noqa: PLC0415  (only this command needs all of it)

    if not SHORTEST <= seconds <= 3600:
        fail(f"--seconds must be from {SHORTEST:g} to 3600")
    if not 0 < rate <= 200:
        fail("--rate must be more than 0 and at most 200")
    plan = Plan(seconds, rate, seed)
    with _view(drawn=not json and _on_terminal(), write=say if json else _print) as view:
        summary = asyncio.run(_run(plan, view))
    if json:
        _print(to_json(summary))
    else:
        view.close(closing(summary))


async def _run(plan: Plan, view: View) -> Summary:
    from outlast.demo import Demo  # noqa: PLC0415

    demo = Demo(plan, view)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, demo.stop)
    return await demo.run()


@contextmanager
def _view(*, drawn: bool, write: Callable[[str], None]) -> Iterator[View]:
    """Who shows it: a picture that lives, or lines."""
    from outlast.demo import Live, Log  # noqa: PLC0415

    if not drawn:
        yield Log(write)
        return
    with Live() as live:
        yield live


def _on_terminal() -> bool:
    """Is there one that can be drawn on?"""
    return sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}


def _print(text: str) -> None:
    """Print to whoever reads; that nobody does any more is no reason to stop."""
    if sys.stdout is None:
        return
    try:
        print(text.encode(sys.stdout.encoding, "replace").decode(sys.stdout.encoding), flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is buffered would fail again at the exit
