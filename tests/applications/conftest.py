"""A FastAPI application of somebody else's, served by uvicorn over real sockets in a thread of its own."""

import contextlib
import socket
import threading

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI

from outlast.testing import SimulatedProvider

PATIENCE = 120.0


class Served:
    """The application while it is served, and a client for it."""

    def __init__(self, app):
        self.app = app
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def __enter__(self):
        self._thread.start()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx2.Client(base_url=self.url, timeout=PATIENCE)
        return self

    def __exit__(self, *_):
        self.client.close()
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self._socket.close()


@pytest.fixture
def serve():
    """Serves applications until the end of the test."""
    with contextlib.ExitStack() as served:
        yield lambda app: served.enter_context(Served(app))


@pytest.fixture
def app():
    return FastAPI()


@pytest.fixture
def provider():
    with SimulatedProvider() as running:
        yield running
