"""A stream under way, told to other processes: its batches in a log of the store, in bundles.

    batches ─▶ noted, at once ─▶ what has gathered ─▶ append, one at a time, at most each `PAUSE`

Whoever makes the stream never waits for it. When the store fails, nothing more is told: the others hear of the whole
in the end, from the record.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from outlast.flow.call import Call
from outlast.flow.faults import told
from outlast.layers.idempotency.told import About, Opened, Said, opened, said
from outlast.model.events import StoreTrouble
from outlast.model.messages import Batch, Opening
from outlast.ports import Store, Waiter, Work

PAUSE = 0.1
"""Seconds between bundles."""
LIFE = 900.0
"""Seconds for which a log is kept after its last bundle, where nobody is left to end it."""
AFTER = 60.0
"""Seconds for which it is kept once its stream is over; the record has all of it."""


class Begun(Struct, frozen=True, omit_defaults=True):
    """The first entry: what is said of the answer. `bare`: without its provider's bytes."""

    about: About
    opened: Opened
    bare: bool = False


_BEGUN = msgspec.json.Decoder(Begun)
_SAID = msgspec.json.Decoder(Said)
_encode = msgspec.json.encode


def log_of(name: str, owner: str) -> str:
    """Under which name a call's log is kept."""
    return f"{name}.{owner}"


def read_begun(entry: bytes) -> Begun:
    """The first entry again."""
    return _BEGUN.decode(entry)


def read_said(entries: Sequence[bytes]) -> list[Said]:
    """The others again."""
    return [_SAID.decode(entry) for entry in entries]


class Scribe:
    """Tells of one stream.

    Args:
        store: where.
        name: of the log.
        call: whose stream it is.
        about: what is said of it.
        opening: what its provider said at its start.
    """

    __slots__ = ("_bare", "_call", "_entries", "_life", "_name", "_passed", "_pause", "_stopped", "_store", "_work")

    def __init__(self, store: Store, name: str, call: Call, about: About, opening: Opening) -> None:
        self._store = store
        self._name = name
        self._call = call
        self._bare = about.dialect != call.request.dialect or opening.so_far is not None
        self._entries = [_encode(Begun(about, opened(opening), self._bare))]
        self._life = LIFE
        self._passed = self._stopped = False
        self._pause: Waiter | None = None
        self._work: Work | None = None

    def note(self, batch: Batch, opening: Opening) -> None:
        """This has come."""
        if self._stopped:
            return
        behind = self._passed and not batch.raw and not self._bare
        self._passed = bool(batch.raw)
        self._entries.append(_encode(said(batch, bare=self._bare, opening=opening if behind else None)))
        if self._work is None:
            self._work = self._call.io.begin(self._tell())

    def end(self, last: Batch, opening: Opening) -> None:
        """This was the last, and all of it is kept."""
        self._life = AFTER
        self.note(last, opening)
        self._stopped = True
        if self._pause is not None:
            self._pause.wake()

    def stop(self) -> None:
        """Nothing more is told, and what was is forgotten: there will be no whole."""
        self._stopped = True
        self._entries.clear()
        if self._work is not None:
            self._work.cancel()
        self._call.io.begin(self._forget())

    async def _tell(self) -> None:
        try:
            while self._entries:
                bundle, self._entries = self._entries, []
                await self._store.append(self._name, bundle, self._life)
                if not self._stopped:
                    self._pause = self._call.io.waiter()
                    await self._pause.wait(self._call.io.now() + PAUSE)
        except Exception as error:  # noqa: BLE001  (no store fails a request, whatever it raises)
            self._stopped = True
            self._call.io.emit(StoreTrouble(self._call.id, "append", told(error)))
        finally:
            self._work = None

    async def _forget(self) -> None:
        try:
            await self._store.delete(self._name)
        except Exception as error:  # noqa: BLE001  (as above)
            self._call.io.emit(StoreTrouble(self._call.id, "delete", told(error)))
