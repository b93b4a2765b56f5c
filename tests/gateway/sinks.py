"""Providers made of a bare socket, for what a request does while it is under way."""

import contextlib
import hashlib
import socket
import threading

from .house import PATIENCE

ANSWER = b'{"id":"file-1","object":"file"}'
GOOD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)


class Line:
    """One connection to a sink: what has come, and what is said."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def head(self):
        """The head of a request."""
        while b"\r\n\r\n" not in self.buffer:
            assert self._more(), "closed within the head"
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head.lower()

    def take(self, size):
        """At least so many bytes of the body, or all there are."""
        while len(self.buffer) < size and self._more():
            pass
        return self.buffer

    def digest(self, size):
        """SHA-256 of exactly that many bytes, which are not kept."""
        made, left = hashlib.sha256(self.buffer), size - len(self.buffer)
        while left > 0:
            data = self.sock.recv(min(left, 1 << 20))
            assert data, f"closed {left} bytes before the end"
            made.update(data)
            left -= len(data)
        return made.hexdigest()

    def chunks(self):
        """The body of a chunked request."""
        body = b""
        while True:
            while b"\r\n" not in self.buffer:
                assert self._more()
            size, _, self.buffer = self.buffer.partition(b"\r\n")
            count = int(size, 16)
            self.take(count + 2)
            body, self.buffer = body + self.buffer[:count], self.buffer[count + 2 :]
            if not count:
                return body

    def gone(self):
        """Until the other side is gone."""
        with contextlib.suppress(ConnectionError):
            while self._more():
                pass

    def say(self, data=GOOD):
        self.sock.sendall(data)

    def _more(self):
        data = self.sock.recv(1 << 16)
        self.buffer += data
        return bool(data)


class Sink:
    """Listens while it is entered; `serve` is called with each connection, one after the other."""

    def __init__(self, serve, *, receive_buffer=0):
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        if receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.settimeout(PATIENCE)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.served = 0
        self.faults = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if kind is None:
            assert not self.faults, self.faults

    def _run(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(PATIENCE)
            self.served += 1
            with sock:
                try:
                    self._serve(Line(sock))
                except (AssertionError, OSError) as fault:
                    self.faults.append(repr(fault))
