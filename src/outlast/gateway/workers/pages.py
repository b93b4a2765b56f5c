"""The metrics of all workers as one page, whoever is asked for it.

Each worker gives its own page to whoever connects to its socket in the folder that they share. Who is asked for all of
them collects those, and writes down what it got: when a worker has ended, what it had counted is not lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from outlast.telemetry.prometheus.merged import merged

PATIENCE = 1.0
"""Seconds for a worker to give its page; one that is stuck is left out, with what was last known of it."""
SOCKET = ".sock"
LAST = ".last"
ENDED = "ended.last"
SETTLED = 60.0
"""What a worker left that ended so many seconds ago, nobody writes any more."""


class Pages:
    """The page of one worker, and those of the others.

    Args:
        folder: shared by the workers, and by nobody else.
        own: renders the page of this one.
    """

    def __init__(self, folder: Path, own: Callable[[], bytes]) -> None:
        self._folder = folder
        self._own = own
        self._name = str(os.getpid())
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Give our page to the others."""
        self._server = await asyncio.start_unix_server(self._give, self._folder / f"{self._name}{SOCKET}")

    async def _give(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # who asked has gone
            writer.write(self._own())
            await writer.drain()
        writer.close()

    async def all(self) -> bytes:
        """What all workers have counted, those that have ended included."""
        sockets = [path for path in self._folder.glob(f"*{SOCKET}") if path.stem != self._name]
        pages = await asyncio.gather(*map(_asked, sockets))
        found = {path.stem: page for path, page in zip(sockets, pages, strict=True) if page}
        found[self._name] = self._own()
        for name, page in found.items():
            self._keep(name, page)
        ended = [path for path in self._folder.glob(f"*{LAST}") if path.stem not in found]
        return merged(found.values(), map(_read, ended))

    def _keep(self, name: str, page: bytes) -> None:
        """Write it whole or not at all."""
        part = self._folder / f"{name}.{self._name}.part"
        try:
            part.write_bytes(page)
            part.replace(self._folder / f"{name}{LAST}")
        except OSError:  # no room: it is asked again at the next scrape
            part.unlink(missing_ok=True)

    async def aclose(self) -> None:
        """Leave what we have counted to the others."""
        if self._server is not None:
            self._keep(self._name, self._own())
            self._server.close()
            (self._folder / f"{self._name}{SOCKET}").unlink(missing_ok=True)


async def _asked(path: Path) -> bytes:
    """The page of one worker; empty if it gives none."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                return await reader.read()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has just been put together with others
        return b""


def fold(folder: Path, ended: str) -> None:
    """A worker has ended: nobody need ask it any more; what others have left that ended before is put into one file."""
    (folder / f"{ended}{SOCKET}").unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.utime(folder / f"{ended}{LAST}")  # it may be written once more, by who has just asked it
    old = time.time() - SETTLED
    live = {path.stem for path in folder.glob(f"*{SOCKET}")}
    settled = [
        path
        for path in folder.glob(f"*{LAST}")
        if path.name != ENDED and path.stem not in live and path.stat().st_mtime < old
    ]
    if settled:
        part = folder / f"{ENDED}.part"
        part.write_bytes(merged([], [_read(folder / ENDED), *map(_read, settled)]))
        part.replace(folder / ENDED)
        for path in settled:
            path.unlink(missing_ok=True)
