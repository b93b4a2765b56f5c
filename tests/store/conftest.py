"""Real servers for the tests of stores."""

import pytest

from .redis_server import RedisServer, of_this_run

redis_server = pytest.fixture(scope="session", name="redis_server")(of_this_run)
"""One that all tests of this process share: none may break it."""


@pytest.fixture
def breakable(tmp_path):
    """A server for one test, which may do with it what it wants."""
    servers = []

    def start(*told, **kinds):
        directory = tmp_path / f"redis-{len(servers)}"
        directory.mkdir()
        server = RedisServer(directory, *told, **kinds)
        servers.append(server)
        return server.start()

    yield start
    for server in servers:
        server.close()
