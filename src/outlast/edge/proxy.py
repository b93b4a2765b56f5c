"""A tunnel through a CONNECT proxy, made on the bare socket before TLS begins."""

from __future__ import annotations

import asyncio
import socket

from outlast.edge.bounds import Bounds
from outlast.edge.origin import Origin, Proxy
from outlast.model.errors import Connect


async def tunnel(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, origin: Origin, proxy: Proxy, bounds: Bounds
) -> None:
    """Make the proxy at the other end of `sock` connect to `origin`. Raises `Connect`, `OSError`."""
    await loop.sock_sendall(sock, _request(origin, proxy))
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = await loop.sock_recv(sock, 4096)
        if not data:
            raise Connect("the proxy closed the connection")
        answer += data
        if len(answer) > bounds.head:
            raise Connect("the proxy's answer is too long")
    _judge(answer)


def _request(origin: Origin, proxy: Proxy) -> bytes:
    authority = origin.authority.encode("ascii")
    lines = [b"CONNECT %b HTTP/1.1" % authority, b"host: %b" % authority]
    if proxy.credentials:
        lines.append(b"proxy-authorization: " + proxy.credentials)
    return b"\r\n".join([*lines, b"", b""])


def _judge(answer: bytes) -> None:
    head, _, rest = answer.partition(b"\r\n\r\n")
    version, _, status = head.partition(b"\r\n")[0].partition(b" ")
    code = status[:3]
    if not version.startswith(b"HTTP/1.") or not code.isdigit():
        raise Connect("the proxy does not speak HTTP", again="never")
    if code == b"407":
        raise Connect("the proxy refuses our credentials", again="never")
    if not code.startswith(b"2"):
        raise Connect(f"the proxy refuses to connect ({int(code)})")
    if rest:
        raise Connect("the proxy sent bytes before the tunnel was used")
