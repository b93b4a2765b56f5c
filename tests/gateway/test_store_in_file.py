"""A gateway whose store is an SQLite file, which is locked, deleted or damaged: requests go on, and it is told."""

import contextlib
import json
import sqlite3

import pytest

from outlast.model.events import Fault, StoreDown, StoreUp
from outlast.testing import ok

from .house import House, toml_of

MORE = """
[cache]
enabled = true
patience = 20.0

[users]
rpm = 6000

[keys.app]
key = "key-of-app"
trusted = true

[guard]
disk = 60.0
"""
HEADERS = ("authorization: Bearer key-of-app", "outlast-user: ann")


@pytest.fixture
def path(tmp_path):
    """Where the file is."""
    return tmp_path / "store.db"


@pytest.fixture
def opened(provider, tmp_path, path):
    """A gateway on that file."""
    with contextlib.ExitStack() as houses:
        provider.script("alpha", default=ok("well"))

        def made(more=MORE):
            toml = toml_of(provider.url, more, providers=("alpha",))
            return houses.enter_context(House(f'store = "sqlite:///{path}"\n{toml}', tmp_path))

        yield made


def ask(house, text):
    """A request of a user whose limit is shared; its answer must be well."""
    body = json.dumps({"model": "default", "messages": [{"role": "user", "content": text}]}).encode()
    with house.caller() as caller:
        caller.post("/v1/chat/completions", body, *HEADERS)
        answer = caller.answer()
    assert answer.status == 200
    return answer


def kept(path):
    """How many answers are in the file."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT count(*) FROM kept WHERE key LIKE 'cache%'").fetchone()[0]


def test_answers_outlive_the_gateway(opened, path):
    """What one has kept the next one gives; and what a user has used is not forgotten."""
    house = opened()
    assert ask(house, "hi").headers["outlast-source"] == "primary"
    house.until(lambda: kept(path) == 1)
    house.close()
    again = opened()
    answer = ask(again, "hi")
    assert answer.headers["outlast-source"] == "cache"
    assert again.get("/readyz").json == {"status": "ok"}


def test_i17_while_it_is_locked_requests_go_on(opened, path):
    """The first ones wait for as long as they may, then nobody does; afterwards all is as before, by itself."""
    house = opened(MORE.replace("disk = 60.0", "disk = 0.3\nprobe = 0.1"))
    ask(house, "before")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for n in range(6):
            ask(house, f"during {n}")
        house.ear.wait(StoreDown)
        assert ask(house, "down").headers["outlast-store"] == "down"
        assert house.get("/readyz").json["status"] == "degraded"
        other.rollback()
    house.ear.wait(StoreUp)
    house.until(lambda: not house.outlast.guard.down)
    assert "outlast-store" not in ask(house, "after").headers


def test_i21_when_it_is_deleted_a_new_one_is_begun(opened, path):
    """Said in the log; no request fails."""
    house = opened()
    ask(house, "before")
    house.until(lambda: kept(path) == 1)
    path.unlink()
    ask(house, "after")
    (fault,) = house.ear.wait(Fault)
    assert fault.error == "its file was deleted or replaced: what it held is gone, and a new one was begun"
    house.until(lambda: kept(path) == 1)
    assert ask(house, "after").headers["outlast-source"] == "cache"
    house.close()
    lines = [json.loads(line) for line in house.log_text().splitlines()]
    assert [line["reason"] for line in lines if line.get("where") == "store"] == [fault.error]


def test_a_damaged_one_is_set_aside_when_the_gateway_starts(opened, path):
    """It starts, and says what was lost."""
    path.write_bytes(b"no database at all\n" * 1_000)
    house = opened()
    (fault,) = house.ear.wait(Fault)
    assert "set aside as store.db.damaged-" in fault.error
    ask(house, "hi")
    house.until(lambda: kept(path) == 1)
    assert len(list(path.parent.glob("store.db.damaged-*"))) == 1
