"""Answers are kept in the same way wherever they are kept, and can be forgotten by whose they are."""

import asyncio
import threading

import pytest

from outlast.engine import Asked
from outlast.model.events import RequestEnded
from outlast.store import Memory
from outlast.store.sqlite import SqliteStore
from outlast.testing import ok, status

from .world import caller, chat

ALL = "{fresh = 60, stale_while_revalidate = 30, stale_if_error = 600}"
ROUTES = """
[routes.default]
targets = ["alpha/m"]
cache = {fresh = 60}
[routes.fast]
targets = ["alpha/m"]
cache = {fresh = 60}
"""


class Elsewhere:
    """A store that works on a loop of its own, which a story in virtual time waits for as for a system call."""

    shared = notifies = False

    def __init__(self, store):
        self._store = store
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    async def get(self, key):
        return self.do(self._store.get(key))

    async def put(self, key, value, seconds):
        self.do(self._store.put(key, value, seconds))

    async def delete(self, key):
        self.do(self._store.delete(key))

    async def purge(self, prefix, holding=""):
        return self.do(self._store.purge(prefix, holding))

    def do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def close(self):
        self.do(self._store.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(params=["memory", "sqlite"])
def keeping(request, make, tmp_path):
    """Makes worlds whose answers are kept there, by the world's own clock."""
    opened = []

    def made(more):
        clock = {"now": lambda: 0.0}

        def now():
            return 1_800_000_000.0 + clock["now"]()

        if request.param == "memory":
            store = Memory(now)
        else:
            store = Elsewhere(SqliteStore(tmp_path / "store.db", wall=now))
            opened.append(store)
        world = make(more=more, store=store)
        clock["now"] = world._runner.get_loop().time
        return world

    yield made
    for store in opened:
        store.close()


def test_an_answer_grows_old(keeping):
    """Fresh, renewed behind the caller's back, kept for failures, forgotten: by the same windows everywhere."""
    world = keeping(f'[retry]\nenabled = false\n[routes.default]\ntargets = ["alpha/m"]\ncache = {ALL}')
    world.script("alpha/m", ok("first"), ok("second"), status(500), status(500))

    def story():
        yield world.ask().text
        world.wait(59.0)
        yield world.ask().text
        world.wait(20.0)
        yield world.ask().text  # stale, and renewed
        world.wait(1.0)
        yield world.ask().text
        world.wait(100.0)
        yield world.ask().text  # nobody answers
        world.wait(600.0)
        yield world.fail().status

    assert list(story())[:5] == ["first", "first", "first", "second", "second"]
    assert [event.source for event in world.events(RequestEnded)][:5] == [
        "primary", "cache", "stale", "cache", "stale",
    ]  # fmt: skip


def asked_by(world, key, user="", model="default"):
    """Where the answer came from."""
    world._asked += 1
    asked = Asked(str(world._asked), caller=caller(key, user=user))
    return world.run(world.engine.answer(chat(model=model), asked)).source


CROWD = [("app", "ann", "default"), ("app", "bob", "default"), ("app", "ann", "fast"), ("web", "ann", "default")]


@pytest.mark.parametrize(
    ("words", "forgotten"),
    [
        ({}, {0, 1, 2, 3}),
        ({"model": "default"}, {0, 1, 3}),
        ({"model": "fast"}, {2}),
        ({"key": "app"}, {0, 1, 2}),
        ({"user": "ann"}, {0, 2, 3}),
        ({"model": "default", "key": "app"}, {0, 1}),
        ({"model": "default", "user": "ann"}, {0, 3}),
        ({"key": "app", "user": "ann"}, {0, 2}),
        ({"model": "default", "key": "app", "user": "bob"}, {1}),
        ({"key": "ann"}, set()),
        ({"user": "app"}, set()),
        ({"model": "app"}, set()),
    ],
)
def test_answers_are_forgotten_by_whose_they_are(keeping, words, forgotten):
    """And by the model that they were asked of; nobody else's are."""
    world = keeping(ROUTES)
    for who in CROWD:
        asked_by(world, *who)
    world.wait(1.0)
    assert [asked_by(world, *who) for who in CROWD] == ["cache"] * 4
    assert world.run(world.house.operator.purge(**words)) == len(forgotten)
    assert {n for n, who in enumerate(CROWD) if asked_by(world, *who) == "primary"} == forgotten
    world.wait(1.0)


def test_one_answer_is_forgotten_by_its_name(keeping):
    """As `Cache-Status` tells it."""
    world = keeping(ROUTES)
    names = []

    async def asked(text):
        world._asked += 1
        it = Asked(str(world._asked))
        answer = await world.engine.answer(chat(text), it)
        names.append(it.looked.key)
        return answer.source

    for text in ("one", "two"):
        world.run(asked(text))
    world.wait(1.0)
    world.run(world.house.operator.forget(names[0]))
    assert [world.run(asked(text)) for text in ("one", "two")] == ["primary", "cache"]
    world.run(world.house.operator.forget(names[1].removeprefix("cache2:")))
    assert world.run(asked("two")) == "primary"
    world.wait(1.0)


@pytest.mark.parametrize(
    ("share", "words"), [("key", {"key": "app"}), ("everybody", {"model": "default"}), ("caller", {"user": "ann"})]
)
def test_who_shares_answers_shares_their_names(make, share, words):
    """Those of a key are no user's, those of everybody no key's."""
    world = make(more=f'[cache]\nenabled = true\nshare = "{share}"')
    asked_by(world, "app", "ann")
    world.wait(1.0)
    for nobody_s in ({"key": "web"}, {"user": "bob"}, {"model": "fast"}):
        assert world.run(world.house.operator.purge(**nobody_s)) == 0
    if share == "everybody":
        assert world.run(world.house.operator.purge(key="app")) == 0
    if share == "key":
        assert world.run(world.house.operator.purge(user="ann")) == 0
    assert world.run(world.house.operator.purge(**words)) == 1
