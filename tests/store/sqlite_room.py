"""A folder with SQLite files, a loop, a clock that is set by hand, and ears for what a store has to say."""

import asyncio
import sqlite3

from outlast.ports import Asked, Charge
from outlast.store.sqlite import SqliteStore


class Wall:
    """Set by hand. `then` is done when it is asked next, which is in the midst of a transaction."""

    def __init__(self):
        self.time = 1_800_000_000.0
        self.then = None

    def __call__(self):
        then, self.then = self.then, None
        if then is not None:
            then()
        return self.time


class Room:
    """Closes what it has opened when it is left."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "store.db"
        self.wall = Wall()
        self.said = []
        self._open = []
        self._runner = asyncio.Runner()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for store in self._open:
            self.run(store.aclose())
        self._runner.close()

    def open(self, path=None, **how):
        """A store there."""
        store = SqliteStore(path or self.path, wall=self.wall, emit=self.said.append, **how)
        self._open.append(store)
        return store

    def close(self, store):
        """As at the end of a process."""
        self._open.remove(store)
        self.run(store.aclose())

    def run(self, coroutine):
        """What it gives."""
        return self._runner.run(coroutine)

    def at_once(self, *coroutines):
        """What they give, or how they fail."""

        async def gathered():
            return await asyncio.gather(*coroutines, return_exceptions=True)

        return self.run(gathered())

    def do(self, call, *args):
        """Done on the loop."""

        async def done():
            return call(*args)

        return self.run(done())

    def rows(self, question):
        """What stands in the file."""
        db = sqlite3.connect(self.path)
        try:
            return db.execute(question).fetchall()
        finally:
            db.close()

    def locked(self):
        """A connection that holds the file's lock, as another process may."""
        db = sqlite3.connect(self.path, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        return db


def rpm(cost, scope="key a"):
    """One in ten seconds flows in, ten may go at once."""
    return Asked(scope, (Charge("rpm", cost, 100.0, 1_000.0, 10.0),))
