"""`outlast purge` forgets what gateways have kept in a shared store, and says why where it cannot."""

import asyncio

from outlast.gateway.recall_names import key_of
from outlast.layers.cache.names import name_of
from outlast.model.caller import Caller
from outlast.store.sqlite import SqliteStore

from .process import command


def kept(tmp_path, do):
    """Done with the store that is configured there."""

    async def story():
        store = SqliteStore(tmp_path / "store.db")
        found = await do(store)
        await store.aclose()
        return found

    return asyncio.run(story())


def purge(tmp_path, *words, store="sqlite:///store.db"):
    """The command, in a folder whose configuration names that store."""
    (tmp_path / "outlast.toml").write_text(f'store = "{store}"\n')
    return command(tmp_path, "purge", *words)


def test_what_is_named_is_forgotten(tmp_path):
    """How many there were is told; all else stays."""
    names = [name_of(model, Caller(key), "x") for model in ("default", "fast") for key in ("app", "web")]

    async def fill(store):
        for name in [*names, "other:a"]:
            await store.put(name, b"answer", 600.0)

    async def left(store):
        return [name for name in [*names, "other:a"] if await store.get(name)]

    kept(tmp_path, fill)
    done = purge(tmp_path, "--key", "app")
    assert (done.returncode, done.stdout) == (0, "2 answers forgotten, and 0 that conversations go on from\n")
    assert kept(tmp_path, left) == [names[1], names[3], "other:a"]
    done = purge(tmp_path, "--entry", names[1].partition(":")[2])
    assert (done.returncode, done.stdout) == (0, "forgotten, if it was there\n")
    assert kept(tmp_path, left) == [names[3], "other:a"]
    assert purge(tmp_path, "--all").stdout == "1 answers forgotten, and 0 that conversations go on from\n"
    assert kept(tmp_path, left) == ["other:a"]


def test_what_is_remembered_for_conversations_is_forgotten_too(tmp_path):
    """By whose it is; who names a model means answers that are given again."""
    callers = [Caller("app"), Caller("app", "ann"), Caller("web", "ann"), Caller("web", "bob")]
    names = [key_of("answer", "resp_1", caller) for caller in callers]

    async def fill(store):
        for name in names:
            await store.put(name, b"answer", 600.0)

    async def left(store):
        return [place for place, name in enumerate(names) if await store.get(name)]

    for words, expected in (
        (("--model", "default"), [0, 1, 2, 3]),
        (("--user", "ann"), [0, 3]),
        (("--key", "app"), [2, 3]),
        (("--key", "app", "--user", "ann"), [0, 2, 3]),
        (("--all",), []),
    ):
        kept(tmp_path, fill)
        done = purge(tmp_path, *words)
        assert done.returncode == 0
        assert kept(tmp_path, left) == expected
        told = f", and {4 - len(expected)} that conversations go on from" if "--model" not in words else ""
        assert done.stdout == f"0 answers forgotten{told}\n"


def test_what_cannot_be_is_told(tmp_path):
    """In one line, with what to do."""
    for words, store, told in (
        ((), "sqlite:///store.db", "which answers? say --model, --key, --user or --entry, or --all"),
        (("--all", "--entry", "x"), "sqlite:///store.db", "an entry is one answer"),
        (("--all",), "memory", "each gateway keeps its answers in its own memory"),
        (("--all",), "sqlite:///none/store.db", "there is no folder"),
        (("--all",), "redis://127.0.0.1:1", "redis://127.0.0.1:1: "),
    ):
        done = purge(tmp_path, *words, store=store)
        assert done.returncode in {1, 2}
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith("outlast: ")
        assert told in line
