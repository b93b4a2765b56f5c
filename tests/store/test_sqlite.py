"""SQLite keeps the promises of every store, and of one that processes share."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from outlast.store.sqlite import SqliteStore

from .conformance import Shared

QUICK = Path("/dev/shm")
"""A disk in memory, where there is one: many stores are made, and no test here is about what a disk keeps."""


class Wall:
    """Set by hand."""

    def __init__(self):
        self.time = 1_800_000_000.0

    def __call__(self):
        return self.time


class TestSqlite(Shared):
    """As every store."""

    @pytest.fixture(autouse=True)
    def _world(self):
        self.made, self.open, self.wall = 0, [], Wall()
        place = QUICK if QUICK.is_dir() else None
        with tempfile.TemporaryDirectory(dir=place) as folder, asyncio.Runner() as runner:
            self.folder, self.runner = Path(folder), runner
            yield
            self._close()

    def _close(self):
        for store in self.open:
            self.run(store.aclose())
        self.open = []

    def make(self):
        self._close()
        self.made += 1
        return self._opened(self.folder / f"{self.made}.db")

    def other(self, store):
        return self._opened(store._file.path)

    def _opened(self, path):
        store = SqliteStore(path, wall=self.wall)
        self.open.append(store)
        return store

    def run(self, coroutine):
        return self.runner.run(coroutine)

    def pass_(self, seconds):
        for store in self.open:
            self.run(store.check())  # a settlement may wait a moment, but not for as long as passes here
        self.wall.time += seconds
