"""Redis as a store: what many processes know together. Redis 7 or later, Valkey, or what speaks as they do.

    names      of keys: a version, a kind, and what belongs together in one slot
    scripts    one for each thing that is done, also `limit_scripts`
    commands   a script with its keys and arguments
    line       how commands travel: many in one round trip, and none is cut off half-way
    remedies   what is done about errors that something can be done about; `failures` says the others in words
    news       what others have done
    moorings   all of this on one loop in one process

Sources: throttled/throttled and redis_rate (limits as scripts), the Redis manual on scripting and cluster keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import ceil, inf
from typing import Any

from msgspec.structs import replace
from redis.asyncio.connection import ConnectionPool
from redis.exceptions import ResponseError

from outlast.model.events import Event, StoreAdvice
from outlast.ports import Asked, Decision, Stored, StoreFailed
from outlast.store.redis.advice import advice
from outlast.store.redis.commands import Command, Reply, Wire
from outlast.store.redis.deciding import MICRO, back, decided, not_granted, words
from outlast.store.redis.failures import failed
from outlast.store.redis.limit_scripts import LEASE, SETTLE, TAKE, TIGHTEN
from outlast.store.redis.moorings import FIXED, Moorings, moor
from outlast.store.redis.names import Names
from outlast.store.redis.scripts import ADD, APPEND, CLAIM, DELETE, GET, PUT, SWAP, Script

__all__ = ["RedisStore"]

LONGEST = 315_360_000
"""Seconds for which anything is kept at most: ten years, for Redis has no for ever."""
SCANNED = 500
"""Keys that are looked at in one step of a purge."""


class RedisStore:
    """Implements `Store`. Bound to the loop that uses it; after a fork, or on another loop, it connects anew.

    A command that was sent is never cut off, and never sent again unless Redis said that it had not been carried out.

    Args:
        options: of each connection, as redis-py names them.
        prefix: the first word of all keys.
        emit: hears when something that was not ours was moved out of the way.
    """

    __slots__ = ("_closed_on", "_emit", "_here", "_names", "_options")

    shared = True
    notifies = True

    def __init__(
        self, options: Mapping[str, Any], *, prefix: str = "outlast", emit: Callable[[Event], None] | None = None
    ) -> None:
        self._options = dict(options)
        self._names = Names(prefix)
        self._emit = emit or _nobody
        self._here: Moorings | None = None
        self._closed_on: asyncio.AbstractEventLoop | None = None

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        prefix: str = "outlast",
        timeout: float = 1.0,
        emit: Callable[[Event], None] | None = None,
    ) -> RedisStore:
        """A store at `redis://`, `rediss://` or `unix://`; it connects when it is first used.

        Args:
            url: as redis-py takes it, with user, password and database.
            prefix: the first word of all keys.
            timeout: seconds after which a connection that does not answer is given up.
            emit: hears when something that was not ours was moved out of the way.

        Raises:
            ValueError: the URL is not one of these. The message does not repeat it, for it may hold a password.
        """
        try:
            parsed = ConnectionPool.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, **FIXED)
        except ValueError:
            raise ValueError("the store's URL must be redis://…, rediss://… or unix://…") from None
        options = {**parsed.connection_kwargs, "connection_class": parsed.connection_class}
        return cls(options, prefix=prefix, emit=emit)

    # -- bytes -----------------------------------------------------------------------------------------------------

    async def get(self, key: str) -> Stored | None:
        """What is kept there; None when nothing is, or no longer."""
        return _stored(await self._do(Command(GET, (self._names.of("b", key),))))

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep that for so many seconds."""
        await self._do(self._keep(PUT, key, value, seconds))

    async def delete(self, key: str) -> None:
        """Forget what is kept there, bytes or log, if anything is."""
        names = self._names.of("b", key), self._names.of("l", key)
        await self._do(Command(DELETE, names, (self._names.news(key),)))

    async def claim(self, key: str, value: bytes, seconds: float) -> Stored | None:
        """Keep that if nothing is kept there: None then, else what is, and that stays."""
        return _stored(await self._do(self._keep(CLAIM, key, value, seconds)))

    async def swap(self, key: str, was: bytes, value: bytes, seconds: float) -> bool:
        """Keep that in place of exactly `was`; False, and nothing done, if anything else or nothing is kept there."""
        command = self._keep(SWAP, key, value, seconds)
        return bool(await self._do(replace(command, args=(*command.args, was))))

    async def purge(self, prefix: str, holding: str = "") -> int:
        """Forget all that is kept under keys which begin so, and hold that. How many there were."""
        pattern, cursor, gone = self._names.beginning(prefix), "0", 0
        while True:
            args: Wire = ("SCAN", cursor, "MATCH", pattern, "COUNT", SCANNED)
            at, names = await self._do(Command(None, (), args))
            found = [name.decode() for name in names]
            gone += await self._forget([name for name in found if holding in self._names.key_of(name)])
            cursor = at.decode()
            if cursor == "0":
                return gone

    async def _forget(self, names: Sequence[str]) -> int:
        if not names:
            return 0
        line = self._moored().line
        commands = [Command(DELETE, (name,), (self._names.news(self._names.key_of(name)),)) for name in names]
        return sum(_answered(answer) for answer in await line.ask(*commands))

    def _keep(self, script: Script, key: str, value: bytes, seconds: float) -> Command:
        return Command(script, (self._names.of("b", key),), (self._names.news(key), value, _milliseconds(seconds)))

    # -- logs and sums ---------------------------------------------------------------------------------------------

    async def append(self, key: str, entries: Sequence[bytes], seconds: float) -> int:
        """Add these to the log's end, and keep all of it for so many seconds from now. How many it holds then."""
        args: Wire = (self._names.news(key), _milliseconds(seconds), *entries)
        held: int = await self._do(Command(APPEND, (self._names.of("l", key),), args, "l"))
        return held

    async def read(self, key: str, start: int = 0) -> list[bytes]:
        """The entries from that number on, oldest first; none if there is no such log."""
        name = self._names.of("l", key)
        entries: list[bytes] = await self._do(Command(None, (name,), ("LRANGE", name, start, -1), "l"))
        return entries

    async def add(self, key: str, amounts: Mapping[str, int], seconds: float) -> dict[str, int]:
        """Add to the sums kept there, and keep them for so many seconds from now. All of them, as they are then."""
        pairs: list[str | int] = []
        for field, amount in amounts.items():
            pairs += field, amount
        command = Command(ADD, (self._names.of("s", key),), (_milliseconds(seconds), *pairs), "s")
        told = iter(await self._do(command))
        return {field.decode(): int(total) for field, total in zip(told, told, strict=True)}

    # -- limits ----------------------------------------------------------------------------------------------------

    async def take(self, asked: Sequence[Asked], max_wait: float) -> list[Decision]:
        """Charge all of it, if no limit makes it wait for more than `max_wait` seconds; else none of it.

        One script for each scope, all in one round trip. What one scope has granted and another has not is given back
        with the next command.
        """
        longest = repr(min(max_wait, float(LONGEST)) * MICRO)
        commands = [self._limits(TAKE, of, longest) for of in asked]
        answers = await self._moored().line.ask(*commands, left=partial(self._give_back, asked))
        decisions = [decided(of, answer) for of, answer in zip(asked, answers, strict=True)]
        whole = [decision for decision in decisions if decision is not None and decision.granted]
        if len(whole) == len(decisions):
            return whole
        self._give_back(asked, answers)
        return [
            not_granted(of, decision) if decision is not None else _answered(answer)
            for of, decision, answer in zip(asked, decisions, answers, strict=True)
        ]

    def _give_back(self, asked: Sequence[Asked], answers: Sequence[Reply]) -> None:
        """What was granted, but not all of it or to nobody."""
        decisions = [decided(of, answer) for of, answer in zip(asked, answers, strict=True)]
        self.settle([back(of) for of, told in zip(asked, decisions, strict=True) if told is not None and told.granted])

    def settle(self, asked: Sequence[Asked]) -> None:
        """Charge what was used beyond what was taken; a cost below zero gives back. It goes with the next command."""
        for of in asked:
            self._tell(SETTLE, of)

    async def lease(self, asked: Asked) -> float:
        """Charge as large a share of all these costs as every limit has left at once. That share, in [0, 1]."""
        (answer,) = await self._moored().line.ask(self._limits(LEASE, asked), left=partial(self._return, asked))
        return float(_answered(answer))

    def _return(self, asked: Asked, answers: Sequence[Reply]) -> None:
        """A share that nobody has waited for."""
        (answer,) = answers
        if not isinstance(answer, ResponseError):
            self.settle([back(asked, float(answer))])

    def tighten(self, asked: Asked) -> None:
        """Of each limit no more than `cost` is left. It goes with the next command."""
        self._tell(TIGHTEN, asked)

    def _tell(self, script: Script, asked: Asked) -> None:
        if asked.charges and not self._is_closed():
            self._moored().line.tell(self._limits(script, asked))

    def _limits(self, script: Script, asked: Asked, *first: str) -> Command:
        keys = tuple(self._names.limit(asked.scope, charge.name) for charge in asked.charges)
        return Command(script, keys, (*first, *(word for charge in asked.charges for word in words(charge))), "t")

    # -- the whole -------------------------------------------------------------------------------------------------

    def listen(self, key: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` soon after anything was kept, forgotten or appended there; now and then for nothing."""
        return _nothing if self._is_closed() else self._moored().news.listen(self._names.news(key), wake)

    async def check(self) -> None:
        """Raise `StoreFailed`, saying why, if nothing can be written now; tell once what is not set up well there."""
        here, name = self._moored(), self._names.check()
        await self._do(Command(None, (name,), ("SET", name, "", "PX", 1000)))
        if not here.looked:
            here.looked = True
            await self._look(here)

    async def _look(self, here: Moorings) -> None:
        (info,) = await here.line.ask(Command(None, (), ("INFO",)))
        for told in advice("" if isinstance(info, ResponseError) else info.decode()):
            self._emit(StoreAdvice(told))

    async def aclose(self) -> None:
        """Carry out what waits, as far as that goes, and let go of everything."""
        here, self._here, self._closed_on = self._here, None, asyncio.get_running_loop()
        if here is not None and here.serves():
            await here.aclose()

    async def _do(self, command: Command) -> Reply:
        (answer,) = await self._moored().line.ask(command)
        return _answered(answer)

    def _is_closed(self) -> bool:
        """On this loop; on another one it begins anew."""
        return self._closed_on is asyncio.get_running_loop()

    def _moored(self) -> Moorings:
        if self._is_closed():
            raise StoreFailed("redis: the store is closed")
        here = self._here
        if here is None or not here.serves():
            here = self._here = moor(self._options, self._moved)
        return here

    def _moved(self, keys: int) -> None:
        if keys:
            self._emit(
                StoreAdvice(f"{keys} keys of ours in Redis held what is not ours, and are kept as …:aside for a day")
            )


def _nothing() -> None:
    """There is nothing to be ended."""


def _nobody(event: Event) -> None:
    """Nobody listens."""


def _answered(answer: Reply) -> Reply:
    if isinstance(answer, ResponseError):
        raise failed(answer) from None
    return answer


def _milliseconds(seconds: float) -> int:
    return ceil(min(seconds, LONGEST) * 1000.0)


def _stored(answer: tuple[bytes | None, int]) -> Stored | None:
    value, left = answer
    return None if value is None else Stored(value, left / 1000.0 if left >= 0 else inf)
