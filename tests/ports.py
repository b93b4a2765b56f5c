"""Ports of this machine that nobody else is given."""

import contextlib
import socket


@contextlib.contextmanager
def reserved():
    """A port where nobody listens: who connects is refused, and only who asks for it by its number may take it.

    One that is looked for and let go may be another process's before it is used.
    """
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]
