"""What is said to the store about keys. Nothing of it fails a request: what the store does not do is told, and left.

A lease is renewed each third of it, in one piece of work for all of this process.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from outlast.flow.call import Call
from outlast.flow.faults import told
from outlast.layers.idempotency.config import IdempotencyConfig
from outlast.layers.idempotency.lease import Lease
from outlast.layers.idempotency.record import Record, packed
from outlast.model.events import StoreTrouble
from outlast.ports import Store, Stored, Work

T = TypeVar("T")


class Unheard(Exception):  # noqa: N818  (the store said nothing)
    """The store did not do it, or nobody knows whether it did."""


class Keeper:
    """Writes and reads records.

    Args:
        store: where they are.
        config: how long things last.
    """

    __slots__ = ("_beating", "_config", "_held", "store")

    def __init__(self, store: Store, config: IdempotencyConfig) -> None:
        self.store = store
        self._config = config
        self._held: dict[Lease, tuple[str, Call]] = {}
        self._beating: Work | None = None

    def __len__(self) -> int:
        return len(self._held)

    def running(self, call: Call, body: str, lost: int = 0) -> Record:
        """The record of a call that begins now."""
        io, config = call.io, self._config
        owner = "".join(f"{int(io.random() * 2**48):012x}" for _ in range(2))
        return Record("running", body, config.lifetime, owner=owner, lease=config.lease, lost=lost)

    async def claim(self, name: str, record: Record, call: Call) -> Lease | Stored:
        """The lease of a key that nobody has; or what stands there. Without the store, a lease that may be none."""
        try:
            found = await self.heard(self.store.claim(name, packed(record), record.life), call, "claim")
        except Unheard:
            return Lease(record, sure=False)
        return Lease(record, sure=True) if found is None else found

    async def take_over(self, name: str, found: Stored, record: Record, call: Call) -> Lease | None:
        """The lease of a key whose owner is dead; None when somebody was faster."""
        try:
            swap = self.store.swap(name, found.value, packed(record), record.life)
            taken = await self.heard(swap, call, "swap")
        except Unheard:
            return Lease(record, sure=False)
        return Lease(record, sure=True) if taken else None

    async def end(self, name: str, lease: Lease, record: Record | None, call: Call) -> bool:
        """Put that there for good, or, where it is None, nothing. Did the store do it?"""
        value, seconds = (b"", 0.0) if record is None else (packed(record), record.life)
        return await self._write(name, lease, lease.may_stand(), value, seconds, call)

    async def look(self, name: str, call: Call) -> Stored | None:
        """What stands there. Raises `Unheard`."""
        return await self.heard(self.store.get(name), call, "get")

    async def heard(self, doing: Awaitable[T], call: Call, what: str) -> T:
        """What the store says. Raises `Unheard`, whatever went wrong, and tells of it."""
        try:
            return await doing
        except Exception as error:  # noqa: BLE001  (no store fails a request, whatever it raises)
            call.io.emit(StoreTrouble(call.id, what, told(error)))
            raise Unheard from None

    async def _write(
        self, name: str, lease: Lease, may_stand: tuple[bytes, ...], value: bytes, seconds: float, call: Call
    ) -> bool:
        """Put that in place of whatever of ours stands there."""
        if lease.lost:
            return False
        try:
            for was in may_stand:
                if await self.heard(self.store.swap(name, was, value, seconds), call, "swap"):
                    lease.stands(value)
                    return True
            if not lease.sure and seconds > 0 and await self._claimed(name, value, seconds, call):
                lease.stands(value)
                return True
        except Unheard:
            return False
        lease.taken()
        return False

    async def _claimed(self, name: str, value: bytes, seconds: float, call: Call) -> bool:
        """Did nobody have it? Raises `Unheard`."""
        return await self.heard(self.store.claim(name, value, seconds), call, "claim") is None

    # -- renewing ----------------------------------------------------------------------------------------------

    def hold(self, name: str, lease: Lease, call: Call) -> None:
        """Renew it from now on."""
        self._held[lease] = (name, call)
        if self._beating is None:
            self._beating = call.io.begin(self._beat(call))

    def let_go(self, lease: Lease) -> None:
        """Renew it no longer."""
        self._held.pop(lease, None)
        if not self._held and self._beating is not None:
            self._beating.cancel()
            self._beating = None

    async def _beat(self, call: Call) -> None:
        while True:
            await call.io.sleep(self._config.lease / 3.0)
            for lease, (name, owner) in list(self._held.items()):
                if lease in self._held and not lease.lost:
                    await self._renew(name, lease, owner)

    async def _renew(self, name: str, lease: Lease, call: Call) -> None:
        may_stand, value = lease.renewal()
        await self._write(name, lease, may_stand, value, lease.record.life, call)
