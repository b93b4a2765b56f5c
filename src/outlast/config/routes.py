"""Which route a caller's `model` means. One dictionary access for every name that is known beforehand.

    "default"                        a route of the configuration
    "openai/gpt-6.1-sol"             provider/model: that target alone; any model, listed or not
    "gpt-6.1-sol"                    a model that exactly one configured provider lists; without a configuration file
                                     that model wherever it is listed, then the other providers of `default`
    anything else                    404 that names what exists

What is passed on unread (images, sound, files) may also name a model that nobody lists, or none: then it is for the
providers of `default`, or of the route that it names, as many as speak its dialect.

Targets that nobody configured or listed are made when asked for and the latest 256 of each provider are kept, so that
callers who invent names cannot fill the memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from outlast.model.errors import Caller
from outlast.model.target import Provider, Route, Target

KEPT = 256
"""Targets kept for each provider beyond those that are listed."""

ANY = "*"
"""The model of a target that is a provider as a whole, for requests that name no model."""

LONGEST = 200
"""Characters of a model's name; nobody has longer ones."""


class Shelf(Struct, frozen=True):
    """What one configured provider serves.

    Attributes:
        provider: the account.
        kind: the catalog's row that it follows.
        targets: every model that is configured or listed, by the provider's id.
        aliases: family name → id, where it differs.
        off: ids and family names that are switched off.
        make: makes a target for a model that is neither.
    """

    provider: Provider
    kind: str
    targets: dict[str, Target]
    aliases: dict[str, str]
    off: frozenset[str]
    make: Callable[[str], Target]


class Routes:
    """The routes of one configuration. Iterates over the configured ones."""

    __slots__ = ("_bare_chains", "_chains", "_configured", "_known", "_off", "_recent", "_served", "_shelves")

    def __init__(self, routes: Iterable[Route], shelves: Iterable[Shelf], *, bare_chains: bool = False) -> None:
        self._configured = {route.name: route for route in routes}
        self._shelves = {shelf.provider.name: shelf for shelf in shelves}
        self._bare_chains = bare_chains
        self._recent: dict[str, OrderedDict[str, Route]] = {name: OrderedDict() for name in self._shelves}
        self._chains: OrderedDict[tuple[str, str, str], Route] = OrderedDict()
        self._off = frozenset(f"{name}/{model}" for name, shelf in self._shelves.items() for model in shelf.off)
        self._served = self._places()
        self._known = self._bare() | self._direct() | self._configured

    def __iter__(self) -> Iterator[Route]:
        return iter(self._configured.values())

    def find(self, model: str) -> Route:
        """The route that `model` means.

        Raises:
            Caller: status 404, code "model_not_found"; the message names what exists.
        """
        route = self._known.get(model)
        if route is None:
            route = self._made(model)
        if route is None:
            raise Caller(self._unknown(model), status=404, code="model_not_found")
        return route

    def forward(self, model: str, via: str, dialect: str) -> Route:
        """The route of a request that is passed on unread.

        Args:
            model: that it names; "" when it names none.
            via: a route that is named beside it, for a model that nobody lists; "" for `default`.
            dialect: in which it is written.

        Raises:
            Caller: status 404, code "model_not_found"; no provider there speaks the dialect, or has the model.
        """
        route = self._known.get(model) or self._made(model)
        if route is not None:
            return route
        key = (model, via, dialect)
        chain = self._chains.pop(key, None) or self._chain_of(*key)
        self._chains[key] = chain
        if len(self._chains) > KEPT:
            self._chains.popitem(last=False)
        return chain

    def _chain_of(self, model: str, via: str, dialect: str) -> Route:
        """The providers of a route that speak the dialect, each with that model; with none, each as a whole."""
        if model and (not _is_name(model) or model.partition("/")[0] in self._shelves):
            raise Caller(self._unknown(model), status=404, code="model_not_found")
        route = self.find(via or "default")
        shelves = {
            t.provider.name: self._shelves[t.provider.name] for t in route.targets if t.provider.dialect == dialect
        }
        able = [shelf for shelf in shelves.values() if model not in shelf.off]
        if not able:
            raise Caller(f"no provider of the route {route.name} takes this path", status=404, code="model_not_found")
        return Route(name=f"{route.name}/*", targets=tuple(shelf.make(model or ANY) for shelf in able))

    def known(self, target: str) -> bool:
        """Is "provider/model" configured or listed? Only such names may become labels of metrics."""
        return target in self._known

    def targets(self) -> list[Target]:
        """Every target that is configured or listed, once."""
        routed = {target.name: target for route in self for target in route.targets}
        shelved = {target.name: target for shelf in self._shelves.values() for target in shelf.targets.values()}
        return list((routed | shelved).values())

    def models(self) -> list[str]:
        """What callers may ask for: the routes, then every target."""
        return [*self._configured, *(target.name for target in self.targets())]

    def changed(self, change: Callable[[Target], Target]) -> Routes:
        """The same routes with every configured or listed target changed, such as priced."""
        routes = [
            msgspec.structs.replace(route, targets=tuple(change(target) for target in route.targets)) for route in self
        ]
        shelves = [
            msgspec.structs.replace(shelf, targets={id_: change(target) for id_, target in shelf.targets.items()})
            for shelf in self._shelves.values()
        ]
        return Routes(routes, shelves, bare_chains=self._bare_chains)

    def _direct(self) -> dict[str, Route]:
        """provider/model, for every id and family that a provider lists."""
        found = {}
        for name, shelf in self._shelves.items():
            for id_, target in shelf.targets.items():
                found[f"{name}/{id_}"] = Route(name=target.name, targets=(target,))
            for alias, id_ in shelf.aliases.items():
                found.setdefault(f"{name}/{alias}", found[f"{name}/{id_}"])
        return found

    def _bare(self) -> dict[str, Route]:
        """Names of models without a provider, as far as they are unambiguous."""
        return {
            name: Route(name=name, targets=self._chain(targets))
            for name, targets in self._served.items()
            if len(targets) == 1 or self._bare_chains
        }

    def _places(self) -> Mapping[str, list[Target]]:
        """Bare name → where it is served, in the order of the providers."""
        served: dict[str, dict[str, Target]] = {}
        for shelf in self._shelves.values():
            named = shelf.targets | {alias: shelf.targets[id_] for alias, id_ in shelf.aliases.items()}
            for name, target in named.items():
                served.setdefault(name, {})[target.name] = target
        return {name: list(targets.values()) for name, targets in served.items()}

    def _chain(self, targets: list[Target]) -> tuple[Target, ...]:
        """These targets; without a configuration file the other providers of `default` after them."""
        default = self._configured.get("default")
        if not self._bare_chains or default is None:
            return tuple(targets)
        there = {target.provider.name for target in targets}
        return (*targets, *(target for target in default.targets if target.provider.name not in there))

    def _made(self, model: str) -> Route | None:
        """A route to one target that nobody listed; None when `model` names no configured provider."""
        name, slash, id_ = model.partition("/")
        shelf = self._shelves.get(name)
        if shelf is None or not slash or not _is_name(id_) or model in self._off:
            return None
        recent = self._recent[name]
        route = recent.get(id_)
        if route is None:
            target = shelf.make(id_)
            route = recent[id_] = Route(name=f"{name}/*", targets=(target,))
            if len(recent) > KEPT:
                recent.popitem(last=False)
        else:
            recent.move_to_end(id_)
        return route

    def _unknown(self, model: str) -> str:
        """What is wrong with `model`, and what exists instead."""
        shown = model if _is_name(model) else "the given name"
        if model in self._off:
            return f"model {shown} is switched off"
        places = [target.name for target in self._served.get(model, ())]
        if places:
            return f"model {shown} is served by several providers; ask for one of: {', '.join(places)}"
        routes = ", ".join(self._configured) or "none"
        return (
            f"model {shown} does not exist; routes: {routes}; "
            f"any model of a provider as provider/model, with provider one of: {', '.join(self._shelves) or 'none'}"
        )


def _is_name(model: str) -> bool:
    """Can this be what a provider calls a model?"""
    return 0 < len(model) <= LONGEST and model.isprintable() and not any(sign.isspace() for sign in model)
