"""What is kept for later, and what several processes know together: bytes, logs, sums, limits, and news of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct


class StoreFailed(Exception):  # noqa: N818  (as all failures)
    """The store did not do it, or not in time; or it did, and nobody heard of that."""


class Stored(Struct, frozen=True):
    """What a store has kept: the bytes, and for how many seconds it will keep them still."""

    value: bytes
    left: float


class Charge(Struct, frozen=True):
    """What one request costs of one limit, and what that limit is: `amount` each `period` seconds, `burst` at once.

    `name` tells it from the other limits of its scope. A cost may be a fraction.
    """

    name: str
    cost: float
    amount: float
    period: float
    burst: float


class Asked(Struct, frozen=True):
    """All that one request costs in one scope: a key's, a user's, a provider's or a target's limits."""

    scope: str
    charges: tuple[Charge, ...]


class Left(Struct, frozen=True):
    """Of one limit: what may be spent at once, and in how many seconds all of its burst may be."""

    remaining: float
    reset: float


class Decision(Struct, frozen=True):
    """Whether a request may go, by all limits of one scope.

    Attributes:
        granted: the charges were made; else nothing was written.
        wait: seconds until it may go; for a refusal, until it is worth asking again: infinite if it never is.
        by: name of the limit that asks for the longest wait; empty if none asks for any.
        left: of each charge, in their order.
    """

    granted: bool
    wait: float
    by: str
    left: tuple[Left, ...]


class Keeping(Protocol):
    """Keeps bytes under keys for a time, as every `Store` does: all that a cache asks for.

    A key is `namespace:name` in printable ASCII, at most 200 characters. Durations are given and told, never moments:
    no two clocks must agree. What is kept for no seconds, or for fewer, is forgotten.

    Every method raises `StoreFailed` when the store is out of reach, and then may have been carried out.
    """

    async def get(self, key: str) -> Stored | None:
        """What is kept there; None when nothing is, or no longer."""
        ...

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep that, in place of what was kept there, for so many seconds."""
        ...

    async def delete(self, key: str) -> None:
        """Forget what is kept there, bytes or log, if anything is."""
        ...


class Store(Keeping, Protocol):
    """Keeps what must outlive a request; it may be memory, a file, or a server that many processes share.

    Every kind of store behaves as `tests/store/conformance` says. What `put` and `add` kept may be lost at any time.
    What `claim`, `swap` and `append` said that they did outlives this process, and is on the disk where there is one.
    """

    @property
    def shared(self) -> bool:
        """Do other processes see the same?"""
        ...

    @property
    def notifies(self) -> bool:
        """Does `listen` hear of what other processes do?"""
        ...

    # -- bytes -----------------------------------------------------------------------------------------------------

    async def purge(self, prefix: str, holding: str = "") -> int:
        """Forget all that is kept under keys which begin so, at least to the colon, and hold that. How many there were.

        May take long: every key may have to be looked at.
        """
        ...

    async def claim(self, key: str, value: bytes, seconds: float) -> Stored | None:
        """Keep that if nothing is kept there: None then, else what is, and that stays."""
        ...

    async def swap(self, key: str, was: bytes, value: bytes, seconds: float) -> bool:
        """Keep that in place of exactly `was`; False, and nothing done, if anything else or nothing is kept there."""
        ...

    # -- logs ------------------------------------------------------------------------------------------------------

    async def append(self, key: str, entries: Sequence[bytes], seconds: float) -> int:
        """Add these to the log's end, and keep all of it for so many seconds from now. How many it holds then."""
        ...

    async def read(self, key: str, start: int = 0) -> list[bytes]:
        """The entries from that number on, oldest first; none if there is no such log."""
        ...

    # -- sums ------------------------------------------------------------------------------------------------------

    async def add(self, key: str, amounts: Mapping[str, int], seconds: float) -> dict[str, int]:
        """Add to the sums kept there, and keep them for so many seconds from now. All of them, as they are then."""
        ...

    # -- limits ----------------------------------------------------------------------------------------------------

    async def take(self, asked: Sequence[Asked], max_wait: float) -> list[Decision]:
        """Charge all of it, if no limit makes it wait for more than `max_wait` seconds; else none of it.

        One decision for each scope, by one clock that all processes share; who is granted has its place, sleeps the
        longest `wait` and never asks again.
        """
        ...

    def settle(self, asked: Sequence[Asked]) -> None:
        """Charge what was used beyond what was taken; a cost below zero gives back. Never refuses, never waits.

        It may be carried out a moment later, with another command, and is lost if the store is.
        """
        ...

    async def lease(self, asked: Asked) -> float:
        """Charge as large a share of all these costs as every limit has left at once. That share, in [0, 1]."""
        ...

    def tighten(self, asked: Asked) -> None:
        """Of each limit no more than `cost` is left, whatever was thought of it: it only ever lowers. Never waits."""
        ...

    # -- the whole -------------------------------------------------------------------------------------------------

    def listen(self, key: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` soon after anything was kept, forgotten or appended there; now and then for nothing.

        It is called on the loop's own thread, at least for what this process does. Gives what ends the listening.
        """
        ...

    async def check(self) -> None:
        """Raise `StoreFailed`, saying why, if the store cannot be worked with now."""
        ...

    async def aclose(self) -> None:
        """Carry out what waits, as far as that goes, and let go of everything."""
        ...
