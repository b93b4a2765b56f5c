"""`store` says where things are kept; what it cannot mean is said in one line, without its password."""

import asyncio
from pathlib import Path

import pytest

from outlast.build import Outlast
from outlast.check import report
from outlast.config import ConfigError, StorePlace, load, parse
from outlast.store import Memory
from outlast.testing import ScriptedIo

NO_KIND = 'no store of that kind; write "memory", "sqlite:///outlast.db" or "redis://host"'
NO_FILE = "a file must look like sqlite:///name.db, beside this one, or sqlite:////var/lib/name.db"
NO_ADDRESS = "the address must look like redis://user:password@host:6379/0 or unix:///path/to.sock?db=0"


def place(said, environment=None):
    """What a file with this `store` means."""
    return parse(f'store = "{said}"', environment or {}).store


def test_nothing_said_is_memory():
    """And so is the word."""
    assert parse("", {}).store == place("memory") == StorePlace()
    assert isinstance(Outlast(parse("", {}), io=ScriptedIo(0)).store, Memory)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("redis://cache", "redis://cache"),
        ("redis://me:pw@cache:6380/2", "redis://cache:6380/2"),
        ("rediss://:pw@[::1]:6380/0?ssl_cert_reqs=none", "rediss://[::1]:6380/0"),
        ("unix://me:pw@/run/redis.sock?db=3", "unix:///run/redis.sock"),
    ],
)
def test_a_redis_is_shown_without_its_secrets(said, shown):
    """The address with all that it holds is kept, but not to be seen."""
    found = place(said)
    assert (found.kind, found.shown, found.url.reveal()) == ("redis", shown, said)
    assert "pw" not in repr(found)
    assert f"store\n  {shown}" in report(parse(f'store = "{said}"', {}))


def test_a_file_lies_beside_the_configuration(tmp_path):
    """Or where it is said to lie; a variable may say it."""
    (tmp_path / "outlast.toml").write_text('store = "sqlite:///data/${NAME}.db"')
    found = load(tmp_path / "outlast.toml", {"NAME": "one"}).store
    assert (found.kind, found.path) == ("sqlite", f"{tmp_path}/data/one.db")
    assert place("sqlite:////var/lib/../lib/x.db").path == "/var/lib/x.db"
    assert place("sqlite:///~/x.db").path == str(Path("~/x.db").expanduser())
    assert f"store\n  sqlite {tmp_path}/x.db" in report(parse(f'store = "sqlite:///{tmp_path}/x.db"', {}))


def test_a_file_is_opened_and_closed(tmp_path):
    """One that cannot be is told at the start, with the mend."""

    async def story():
        house = Outlast(parse(f'store = "sqlite:///{tmp_path}/x.db"', {}), io=ScriptedIo(0))
        assert await house.store.claim("own:a", b"mine", 60.0) is None
        await house.aclose()
        again = Outlast(parse(f'store = "sqlite:///{tmp_path}/x.db"', {}), io=ScriptedIo(0))
        assert (await again.store.get("own:a")).value == b"mine"
        await again.aclose()

    asyncio.run(story())
    with pytest.raises(ConfigError) as caught:
        Outlast(parse(f'store = "sqlite:///{tmp_path}/none/x.db"', {}), io=ScriptedIo(0))
    assert str(caught.value) == (
        f"store: {tmp_path}/none/x.db: there is no folder {tmp_path}/none: make it, or name another"
    )


def test_what_redis_py_does_not_know_is_told():
    """Without what was said."""
    with pytest.raises(ConfigError, match=r"store: something behind its \? is nothing that redis-py knows"):
        Outlast(parse('store = "redis://cache?health_check_interval=pw"', {}), io=ScriptedIo(0))


def test_a_variable_holds_the_password():
    """As everywhere."""
    assert place("redis://:${PW}@cache", {"PW": "p%40ss"}).url.reveal() == "redis://:p%40ss@cache"


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("sqlite://outlast.db", NO_FILE),
        ("sqlite:///", NO_FILE),
        ("sqlite:///folder/", NO_FILE),
        ("sqlite:///outlast.db?mode=ro", NO_FILE),
        ("sqlite:///:memory:", 'for what is forgotten with the process write "memory"'),
        ("memroy", 'no such store; did you mean "memory"?'),
        ("", 'no such store; write "memory", "sqlite:///outlast.db" or "redis://host"'),
        ("/var/lib/x.db", 'no such store; write "memory", "sqlite:///outlast.db" or "redis://host"'),
        ("mysql://me:pw@host/db", NO_KIND),
        ("redis://", NO_ADDRESS),
        ("redis://me:pw@cache:none", NO_ADDRESS),
        ("redis://[me:pw@cache", NO_ADDRESS),
        ("redis://ca che", NO_ADDRESS),
        ("unix://", NO_ADDRESS),
    ],
)
def test_what_it_cannot_mean_is_said(said, problem):
    """With the mend, and the line."""
    with pytest.raises(ConfigError) as caught:
        parse(f'\nstore = "{said}"', {})
    assert str(caught.value) == f"outlast.toml:2: store: {problem}"


def test_a_redis_needs_what_can_be_installed(monkeypatch):
    """Said before anything is opened."""
    monkeypatch.setattr("outlast.store.opening.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r'store: .* pip install "outlast\[redis\]"'):
        Outlast(parse('store = "redis://cache"', {}))
