"""Names to addresses, off the loop, one lookup per name at a time.

A lookup that hangs costs one thread per name and nobody else anything; daemon threads, so that it holds up no exit.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable

from outlast.edge.address import literal, refusal
from outlast.model.errors import Connect

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
Found = list[tuple[socket.AddressFamily, SocketAddress]]
Lookup = Callable[[str, int], Found]
"""Blocking: the addresses of a host, best first. Raises `OSError`."""


def system_lookup(host: str, port: int) -> Found:
    """What the system's resolver says."""
    found: Found = []
    for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if family in {socket.AF_INET, socket.AF_INET6}:
            found.append((family, (str(address[0]), int(address[1]), *map(int, address[2:]))))  # type: ignore[arg-type]
    return found


class Resolver:
    """Finds the addresses that may be connected to."""

    __slots__ = ("_lookup", "_loop", "_running")

    def __init__(self, loop: asyncio.AbstractEventLoop, lookup: Lookup = system_lookup) -> None:
        self._loop = loop
        self._lookup = lookup
        self._running: dict[tuple[str, int], asyncio.Future[Found | None]] = {}

    async def addresses(self, host: str, port: int) -> Found:
        """The allowed addresses of `host`, in the order to try them. Raises `Connect`."""
        address = literal(host)
        if address is not None:
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            return _allowed(host, [(family, (host, port))])
        found = await self._shared(host, port)
        if not found:
            raise Connect(f"the name {host} cannot be resolved")
        return _allowed(host, found)

    def _shared(self, host: str, port: int) -> asyncio.Future[Found | None]:
        key = (host, port)
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = self._loop.create_future()
            running.add_done_callback(lambda _: self._running.pop(key, None))
            threading.Thread(target=self._work, args=(host, port, running), name="outlast-dns", daemon=True).start()
        return asyncio.shield(running)  # the wait of one who gives up does not end that of the others

    def _work(self, host: str, port: int, future: asyncio.Future[Found | None]) -> None:
        found: Found | None = None
        try:
            found = self._lookup(host, port)
        except (OSError, UnicodeError):
            found = None
        finally:
            self._deliver(future, found)

    def _deliver(self, future: asyncio.Future[Found | None], found: Found | None) -> None:
        try:
            self._loop.call_soon_threadsafe(_settle, future, found)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more


def _settle(future: asyncio.Future[Found | None], found: Found | None) -> None:
    if not future.done():
        future.set_result(found)


def _allowed(host: str, found: Found) -> Found:
    reasons = [refusal(host, address[0]) for _, address in found]
    allowed = [entry for entry, reason in zip(found, reasons, strict=True) if reason is None]
    if not allowed:
        raise Connect(reasons[0] or f"{host} has no address", again="never")
    return allowed
