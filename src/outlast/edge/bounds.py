"""How much of anything the upstream client takes from a peer, and for how long."""

from __future__ import annotations

from msgspec import Struct


class Bounds(Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of the upstream client. Bytes and seconds."""

    head: int = 65_536
    """Bytes of the head of an answer, interim answers included."""
    headers: int = 200
    """Header lines of one head."""
    interim: int = 16
    """Interim answers (1xx) before the real one."""
    body: int = 33_554_432
    """Bytes of a body that is read as a whole, decoded."""
    unread: int = 65_536
    """Bytes that may wait for the reader before the peer is held back."""
    inflation: int = 200
    """A body over 1 MiB that is more than so many times larger than what was sent is a bomb."""
    linger: float = 1.0
    """How long a released connection may take to reach the end of its answer."""
    idle: float = 55.0
    """How long a connection is kept without work; load balancers cut at 60 s."""
    kept: int = 256
    """Idle connections kept for one origin."""
    stagger: float = 0.25
    """How long one address of a host is tried before the next one is tried beside it."""
