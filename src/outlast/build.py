"""The composition root: a configuration becomes an engine with its layers, its world and its ears."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from uuid import uuid4

from msgspec.structs import replace

from outlast.catalog.prices import Find, prices_of
from outlast.config import Config, ConfigError, with_prices
from outlast.dialects import DIALECTS
from outlast.edge.aside import aside
from outlast.edge.io import AsyncIo
from outlast.edge.request import check
from outlast.engine import Engine
from outlast.flow.call import Call
from outlast.layers.breaker.fleet import Fleet
from outlast.layers.limits import LimitConfig, Scope
from outlast.layers.rewrite import Rewrite
from outlast.model.events import Fault
from outlast.model.target import Route
from outlast.operator import Operator
from outlast.ports import Io, Keeping, Sink, Store
from outlast.stack import Stack
from outlast.store import Guard, Memory
from outlast.store.opening import Bounds, check_place, opened

UNLIMITED = LimitConfig()


class Scopes:
    """Whose limits a call falls under: its key's and its user's, then its provider's and its target's."""

    __slots__ = ("_keys", "_known", "_largest", "_limits", "_limits_users", "_users", "limit_callers")

    def __init__(self, config: Config) -> None:
        self._limits = config.limits
        self._largest = max((target.window for route in config.routes for target in route.targets), default=0)
        self._keys = {
            key.name: (Scope(f"key {key.name}", key.limits, "key", self._largest),)
            for key in config.keys.values()
            if key.limits != UNLIMITED
        }
        self._users = config.users
        self._limits_users = config.users != UNLIMITED
        self.limit_callers = bool(self._keys) or self._limits_users
        self._known: dict[str, tuple[Scope, ...]] = {}

    def of_caller(self, call: Call) -> Sequence[Scope]:
        """Before routing: the API key and the user behind it."""
        caller = call.caller
        own = self._keys.get(caller.key, ())
        if not caller.user or not self._limits_users:
            return own
        return (*own, Scope(f"user {caller.name}", self._users, "user", self._largest))

    def of_target(self, call: Call) -> Sequence[Scope]:
        """For each attempt: the provider's account and the model there."""
        target = call.target
        scopes = self._known.get(target.name)
        if scopes is None:
            if len(self._known) > 10_000:
                self._known.clear()
            names = (target.provider.name, target.name)
            scopes = self._known[target.name] = tuple(
                Scope(name, self._limits[name], "operator", target.window) for name in names if name in self._limits
            )
        return scopes


class Outlast:
    """Everything that one process of `outlast` consists of.

    `engine.answer` answers, `operator` steers while it runs, `aclose` lets go.

    Args:
        config: what `outlast.config.load` gave.
        sinks: who hears of every event.
        io: the world; the real one unless a test brings its own.
        find: finds the prices of models.
        store: keeps what outlives a request; the configured one unless given.
        rewrite: asked once for other messages when a content filter refuses a request; None where nobody has any.

    Attributes:
        store: keeps what outlives a request.
        guard: the same where it is not this process's memory; else None.
        memory: the same where it is this process's memory, and answers are kept; else None.

    Raises:
        ConfigError: a provider cannot be called as configured, for example because its certificates cannot be read.
    """

    def __init__(
        self,
        config: Config,
        *,
        sinks: Iterable[Sink] = (),
        io: Io | None = None,
        find: Find = prices_of,
        store: Store | None = None,
        rewrite: Rewrite | None = None,
    ) -> None:
        self.config = config
        self.rewrite = rewrite
        self._find = find
        self._given = store
        if io is None:
            check_providers(config)
        self.io: Io = io or AsyncIo(sinks)
        inner = self._opened() if store is None else store
        self.guard = None if isinstance(inner, Memory) else self._guarded(inner)
        self.store: Store = self.guard or inner
        keeps = _keeps_answers(config)
        self.memory: Memory | None = self.store if keeps and isinstance(self.store, Memory) else None
        scopes = Scopes(config)
        self.stack = Stack(
            config.layers,
            dialects=DIALECTS,
            caller_scopes=scopes.of_caller if scopes.limit_callers else None,
            target_scopes=scopes.of_target if config.limits else None,
            hedged=any(route.hedge for route in config.routes),
            coalesced=any(route.coalesce for route in config.routes),
            find=self._route if any(route.degrade for route in config.routes) else None,
            store=self._cached() if keeps else None,
            shared=self.store if self.store.shared else None,
            records=self.store if config.layers.idempotency.enabled else None,
            rewrite=rewrite,
        )
        self.engine = Engine(self.stack.handler, config.routes, self.io, config.request)
        self.operator = Operator(self.engine, self.stack, self.io, self.store)
        self._pricing: asyncio.Future[Config] | None = None
        self._fleet: Fleet | None = None
        self._in_fleet = False

    def _guarded(self, store: Store) -> Guard:
        """A file may have to wait for its disk; a server that answers late is of no use."""
        config = self.config.guard
        on_disk = self._given is None and self.config.store.kind == "sqlite"
        return Guard(store, self.io, replace(config, patience=config.disk) if on_disk else config)

    def _opened(self) -> Store:
        """The configured store."""
        cache = self.config.layers.cache
        return opened(self.config.store, Bounds(cache.memory, cache.disk), self.io.now, self.io.emit)

    def _cached(self) -> Keeping:
        """What keeps answers, waited for as long as the cache waits."""
        return self.store if self.guard is None else self.guard.patient(self.config.layers.cache.patience)

    def renewed(self) -> Outlast:
        """The same for a forked child: of what the parent's machines know, and of its connections, it has nothing."""
        return Outlast(self.config, io=self.io, store=self._given, rewrite=self.rewrite)

    def _route(self, name: str) -> Route:
        """The route of that name, as it is now. Raises `Caller` when there is none."""
        return self.engine.routes.find(name)

    def start(self) -> None:
        """Begin what goes on beside the answering: prices are looked up in a thread, and used once they are there.

        The store is looked at, so that no request is the first to find that it is gone. Where processes share it, this
        one hears what the others find, and tells them. To be called on the loop.
        """
        if self.store.shared and self.config.layers.breaker.enabled and not self._in_fleet:
            self._in_fleet = self.io.begin(self._share()) is not None
        if self._pricing is None:
            if self.guard is not None:
                self.guard.start()
            self._pricing = aside(partial(with_prices, self.config, find=self._find), "outlast-prices")
            self._pricing.add_done_callback(self._price)

    async def _share(self) -> None:
        """Be one of a fleet, as long as the loop lives."""
        if self._fleet is None:
            window = self.config.layers.breaker.window
            self._fleet = Fleet(self.stack.breakers, self.store, self.io, uuid4().hex, window)
        try:
            await self._fleet.run()
        finally:
            self._in_fleet = False

    def _price(self, found: asyncio.Future[Config]) -> None:
        if found.cancelled():
            return
        error = found.exception()
        if error is not None:  # answers have no price then; nothing else depends on it
            self.io.emit(Fault("prices", type(error).__name__))
            return
        self.config = found.result()
        self.engine.routes = self.config.routes

    async def priced(self) -> None:
        """Return when the prices are known, as far as they ever will be."""
        self.start()
        if self._pricing is not None:
            await asyncio.wait([self._pricing])

    async def aclose(self) -> None:
        """Close every connection, and the store unless it was given."""
        now = self.io.now()
        self.stack.caller_limits.give_back(now)
        self.stack.target_limits.give_back(now)
        if self._given is None:
            await self.store.aclose()
        if isinstance(self.io, AsyncIo):
            await self.io.aclose()


def _keeps_answers(config: Config) -> bool:
    """Is there a route whose answers are kept?"""
    windows = [route.cache for route in config.routes]
    return config.layers.cache.enabled or any(told is not None and told.life > 0 for told in windows)


def check_providers(config: Config) -> None:
    """Fail now, not at the first call; and read the trusted certificates now, which takes tens of milliseconds."""
    try:
        check_place(config.store)
    except ConfigError as error:
        raise ConfigError(error.problem, error.path, source=config.source) from None
    for name, provider in config.providers.items():
        try:
            check(provider)
        except ValueError as error:
            problem = str(error).removeprefix(f"provider {name}: ")
            raise ConfigError(problem, ("providers", name), source=config.source) from None
