"""From `outlast.toml` and the environment to one frozen `Config`.

--config ▸ OUTLAST_CONFIG ▸ ./outlast.toml ──▸ TOML ──▸ Reader ──▸ File ─┐
                                                                         ├──▸ Resolver ──▸ Config
none of them: OPENAI_API_KEY, OLLAMA_HOST, … ──▸ discovered providers ───┘
none of these either: a Config that says `simulated`; whoever starts the simulation asks `simulated(url)`
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

import msgspec
from msgspec import Struct

from outlast.catalog import Catalog, builtin
from outlast.catalog.prices import Find, prices_of
from outlast.config.environment import Environment, discovered
from outlast.config.errors import ConfigError
from outlast.config.ladders import check_ladders
from outlast.config.place import StorePlace, store_place
from outlast.config.reader import Reader
from outlast.config.remembering import ResponsesConfig
from outlast.config.resolve import CallerKey, Resolver, caller_key, marked, route
from outlast.config.routes import Routes, Shelf
from outlast.config.schema import File, GuardConfig, ModelSection, PassThroughConfig, ProviderSection, ServerConfig
from outlast.config.tokens import TokenRules, token_rules
from outlast.engine import EngineConfig
from outlast.layers.limits import LimitConfig
from outlast.model.target import Provider, Target
from outlast.stack import LayersConfig

NAME = "outlast.toml"
VARIABLE = "OUTLAST_CONFIG"
SIMULATED = ("sim-one", "sim-two")
"""Names of the simulated providers."""


class Config(Struct, frozen=True):
    """Everything that the gateway, the client and the lab are told. Holds no key of a caller, and shows none of ours.

    Attributes:
        source: the file; empty when the environment was asked.
        server: the gateway's socket and manners.
        store: where things are kept that outlive a request.
        guard: how long that is waited for.
        providers: the accounts, by name, in order.
        kinds: name of a provider → the catalog's row that it follows.
        routes: finds the route that a caller's `model` means.
        keys: SHA-256 of a caller's key, hexadecimal → who comes with it.
        tokens: how signed tokens of callers are verified; None: they are not taken.
        users: limits of each user behind a key or a token.
        limits: "provider" or "provider/model" → its limits, where there are any.
        layers: the tables of the layers.
        request: how long a request may take.
        pass_through: paths that are passed on unread.
        responses: what is remembered of answers that later requests may refer to.
        simulated: no provider is configured, so that a simulated one should answer.
    """

    source: str
    server: ServerConfig
    providers: dict[str, Provider]
    kinds: dict[str, str]
    routes: Routes
    keys: dict[str, CallerKey]
    tokens: TokenRules | None
    users: LimitConfig
    limits: dict[str, LimitConfig]
    layers: LayersConfig
    request: EngineConfig
    pass_through: PassThroughConfig = PassThroughConfig()
    responses: ResponsesConfig = ResponsesConfig()
    simulated: bool = False
    store: StorePlace = StorePlace()
    guard: GuardConfig = GuardConfig()

    def demand_providers(self) -> None:
        """Raise `ConfigError` when there is nobody to ask."""
        if not self.providers:
            raise ConfigError(
                "no provider is configured; set OPENAI_API_KEY or another provider's variable, or write outlast.toml",
                source=self.source,
            )


def load(
    path: str | os.PathLike[str] | None = None,
    environment: Environment | None = None,
    catalog: Catalog | None = None,
) -> Config:
    """The configuration in `path`, or in the file that is found, or in the environment.

    Prices are not in it yet, since they take half a second: see `with_prices`.

    Raises:
        ConfigError: it cannot be used; one line says where it is wrong and how to mend it.
    """
    environment = os.environ if environment is None else environment
    catalog = catalog or builtin()
    source = _source(path, environment)
    if source is None:
        return _resolved(File(), "", FilePath(), environment, catalog)
    return _read(_text(source), str(source), source.parent, environment, catalog)


def parse(text: str, environment: Environment | None = None, catalog: Catalog | None = None) -> Config:
    """The configuration that `text` says, as if it stood in a file in the current folder."""
    environment = os.environ if environment is None else environment
    return _read(text, NAME, FilePath(), environment, catalog or builtin())


def with_prices(config: Config, catalog: Catalog | None = None, *, find: Find = prices_of) -> Config:
    """The same configuration with the list price of every target that has none. Takes half a second: use a thread."""
    rows = (catalog or builtin()).providers
    questions = {
        target.name: (sources, (target.model, target.family))
        for target in config.routes.targets()
        if target.price is None and (sources := rows[config.kinds[target.provider.name]].prices)
    }
    if not questions:
        return config
    found = dict(zip(questions, find(list(questions.values())), strict=True))

    def change(target: Target) -> Target:
        price = target.price or found.get(target.name)
        return target if price is target.price else msgspec.structs.replace(target, price=price)

    return msgspec.structs.replace(config, routes=config.routes.changed(change))


def simulated(url: str, config: Config | None = None) -> Config:
    """A configuration whose routes lead to two simulated providers on one port, told apart by their path.

    Args:
        url: where the simulation listens, such as `SimulatedProvider.url`.
        config: where all else comes from; defaults when left out.
    """
    sections = {
        name: ProviderSection(
            type="openai-compatible",
            base_url=f"{url}/{name}/v1",
            default="demo",
            fast="demo",
            models={"demo": ModelSection(family="simulated")},
        )
        for name in SIMULATED
    }
    made = _resolved(File(providers=sections), "", FilePath(), {}, builtin())
    return msgspec.structs.replace(
        config or made, providers=made.providers, kinds=made.kinds, routes=made.routes, simulated=True
    )


def _source(path: str | os.PathLike[str] | None, environment: Environment) -> FilePath | None:
    """The file to read: as asked, as the environment says, the usual one if it is there."""
    said = str(path) if path else environment.get(VARIABLE, "")
    if said:
        return FilePath(said)
    usual = FilePath(NAME)
    return usual if usual.is_file() else None


def _text(source: FilePath) -> str:
    try:
        return source.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"byte {error.start} is not UTF-8", source=str(source)) from None
    except OSError as error:
        raise ConfigError(f"cannot read it: {error.strerror}", source=str(source)) from None


def _read(text: str, source: str, folder: FilePath, environment: Environment, catalog: Catalog) -> Config:
    try:
        file = Reader(environment).struct(_parsed(text), File)
        return _resolved(file, source, folder, environment, catalog)
    except ConfigError as error:
        raise error.within(source, text) from None


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem, line = _toml_problem(str(error), text)
        raise ConfigError(problem, line=line) from None
    except RecursionError:
        raise ConfigError("not TOML that anybody wrote: it is nested too deeply", line=1) from None


def _toml_problem(said: str, text: str) -> tuple[str, int]:
    """`Expected '=' (at line 3, column 1)` → the words and the line."""
    words, _, place = said.partition(" (at ")
    line = place.removeprefix("line ").partition(",")[0]
    return f"not TOML: {words}", int(line) if line.isdigit() else text.count("\n") + 1


def _resolved(file: File, source: str, folder: FilePath, environment: Environment, catalog: Catalog) -> Config:
    implicit = not file.providers and not file.routes
    if not file.providers:
        found = discovered(catalog, environment, file.server)
        file = msgspec.structs.replace(file, providers=found)
    resolver = Resolver(file, catalog, environment, folder)
    on = {name: section for name, section in file.providers.items() if section.enabled}
    shelves = {name: resolver.shelf(name, section) for name, section in on.items()}
    routes = _routes(file, shelves, catalog, implicit=implicit)
    check_ladders(routes, file.cache)
    return Config(
        source=source,
        server=file.server,
        providers={name: shelf.provider for name, shelf in shelves.items()},
        kinds={name: shelf.kind for name, shelf in shelves.items()},
        routes=routes,
        keys=_keys(file, folder),
        tokens=token_rules(file.jwt, folder),
        users=file.users,
        limits=_limits(on),
        layers=_layers(file),
        request=file.request,
        pass_through=file.pass_through,
        responses=file.responses,
        simulated=not file.providers,
        store=store_place(file.store, folder),
        guard=file.guard,
    )


def _routes(file: File, shelves: Mapping[str, Shelf], catalog: Catalog, *, implicit: bool) -> Routes:
    if file.routes:
        off = set(file.providers) - set(shelves)
        routes = [route(name, section, shelves, off) for name, section in file.routes.items() if section.enabled]
    else:
        made = (marked(name, shelves, file, catalog) for name in ("default", "fast"))
        routes = [one for one in made if one is not None]
    return Routes(routes, shelves.values(), bare_chains=implicit)


def _keys(file: File, folder: FilePath) -> dict[str, CallerKey]:
    found: dict[str, CallerKey] = {}
    for name, section in file.keys.items():
        if not section.enabled:
            continue
        digest, key = caller_key(name, section, folder)
        if digest in found:
            raise ConfigError(f"the same key as keys.{found[digest].name}", ("keys", name))
        found[digest] = key
    return found


def _limits(providers: Mapping[str, ProviderSection]) -> dict[str, LimitConfig]:
    found = {}
    for name, section in providers.items():
        found[name] = section.limits
        found |= {f"{name}/{id_}": model.limits for id_, model in section.models.items()}
    return {name: limits for name, limits in found.items() if limits != LimitConfig()}


def _layers(file: File) -> LayersConfig:
    return LayersConfig(**{item.name: getattr(file, item.name) for item in msgspec.structs.fields(LayersConfig)})
