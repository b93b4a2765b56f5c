"""A gateway whose store is a Redis, which comes, goes and hangs: requests go on, and whoever looks can see it."""

import contextlib
import json
import re

import pytest
from tests.store.redis_server import RedisServer

from outlast.model.events import StoreDown, StoreUp
from outlast.testing import ok

from .house import House, toml_of

PATH = "/v1/chat/completions"
MORE = """
[cache]
enabled = true
patience = 60.0

[users]
rpm = 6000

[guard]
patience = 60.0
probe = 0.1
"""
AWAY = "redis: it cannot be reached, or has hung up"


@pytest.fixture
def server(tmp_path):
    """A Redis that has not been started."""
    directory = tmp_path / "redis"
    directory.mkdir()
    server = RedisServer(directory)
    yield server
    server.close()


@pytest.fixture
def opened(provider, tmp_path, server):
    """A gateway on that Redis."""
    with contextlib.ExitStack() as houses:
        provider.script("alpha", default=ok("well"))

        def made(more=MORE):
            toml = toml_of(provider.url, more, providers=("alpha",))
            return houses.enter_context(House(f'store = "{server.url}"\n{toml}', tmp_path))

        yield made


def ask(house, text):
    """A request; its answer must be well."""
    answer = house.chat(text)
    assert answer.status == 200
    return answer


def ready(house):
    """What it says of itself, and whether it wants to be sent requests."""
    answer = house.get("/readyz")
    return answer.status, answer.json


def metric(house, name):
    """Its value."""
    return float(re.search(rf"^{name} (.*)$", house.get("/metrics").body.decode(), re.MULTILINE)[1])


def test_answers_are_kept_there(server, opened, tmp_path):
    """And not in the process: another gateway gives them."""
    server.start()
    house = opened()
    ask(house, "hi")
    house.until(lambda: server.do("KEYS", "outlast:1:b:{cache*"))
    other = opened()
    assert ask(other, "hi").headers["outlast-source"] == "cache"
    assert (ready(house), metric(house, "store_up")) == ((200, {"status": "ok"}), 1)


def test_i1_it_starts_without_it_and_finds_it_later(server, opened):
    """Degraded, and it says so; then as if nothing had been."""
    house = opened()
    house.ear.wait(StoreDown)
    answer = ask(house, "hi")
    assert answer.headers["outlast-store"] == "down"
    assert ready(house) == (200, {"status": "degraded", "store": AWAY})
    assert house.get("/livez").json == {"status": "ok"}
    assert metric(house, "store_up") == 0
    server.start()
    house.ear.wait(StoreUp)
    answer = ask(house, "hi")
    assert "outlast-store" not in answer.headers
    assert (ready(house), metric(house, "store_up")) == ((200, {"status": "ok"}), 1)
    assert (metric(house, "store_down_total"), len(house.ear.of(StoreDown))) == (1, 1)


def test_i2_it_is_killed_and_comes_back_empty(server, opened):
    """Every request is answered; the log has one line when it goes and one when it comes."""
    server.start()
    house = opened()
    ask(house, "one")
    server.kill()
    for n in range(10):
        ask(house, f"during {n}")
    house.ear.wait(StoreDown)
    assert ask(house, "during").headers["outlast-store"] == "down"
    server.start()
    house.ear.wait(StoreUp)
    assert "outlast-store" not in ask(house, "after").headers
    house.close()
    lines = [line for line in map(json.loads, house.log_text().splitlines()) if line["event"].startswith("store_")]
    told = [line for line in lines if line["event"] != "store_trouble"]
    assert [line["event"] for line in told] == ["store_down", "store_up"]
    assert told[0]["reason"] == AWAY


def test_i2_it_hangs_and_soon_nobody_waits_for_it(server, opened):
    """Each request is answered: at first after a while, then at once, and with the store when that goes on."""
    server.start()
    short = MORE.replace("60.0", "0.3")
    house = opened(short)
    ask(house, "before")
    server.stop()
    for n in range(8):
        ask(house, f"during {n}")
    house.ear.wait(StoreDown)
    for n in range(8):
        assert ask(house, f"down {n}").headers["outlast-store"] == "down"
    server.go_on()
    house.ear.wait(StoreUp)
    house.until(lambda: not house.outlast.guard.down)
    ask(house, "after")
