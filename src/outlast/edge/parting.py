"""What a peer's end of a connection meant, and what it said before it left."""

from __future__ import annotations

import socket
import ssl
from asyncio import Transport
from collections.abc import Iterator

MOST_READS = 64


def ended_cleanly(transport: Transport) -> bool:
    """Did the peer mean to end here? TLS says so with a close_notify; without one the connection was cut."""
    secured = transport.get_extra_info("ssl_object")
    if secured is None:
        return True
    try:
        return bool(secured.read(1) == b"")
    except ssl.SSLZeroReturnError:
        return True
    except (ssl.SSLError, ValueError):
        return False


def last_words(transport: Transport, sock: socket.socket) -> Iterator[bytes]:
    """What lies in the kernel unread: when a write fails, transports drop what the peer said before it left."""
    if transport.get_extra_info("ssl_object") is not None:
        return
    for _ in range(MOST_READS):
        try:
            data = sock.recv(65_536)
        except OSError:
            return
        if not data:
            return
        yield data
