"""From the tables of the file to what the engine works with: providers, targets, routes and callers' keys."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from outlast.catalog import Catalog, ModelRow, ProviderRow
from outlast.config.environment import Environment, address, base_url, first, secret_file
from outlast.config.errors import ConfigError, Path, mend
from outlast.config.routes import Shelf
from outlast.config.schema import File, KeySection, ModelSection, ProviderSection, RouteSection
from outlast.layers.limits import LimitConfig
from outlast.model.caller import PRIORITIES
from outlast.model.target import Auth, Provider, Quirks, Route, Secret, Target
from outlast.model.tokens import vocabulary_of
from outlast.model.vocabularies import Vocabulary

Changed = TypeVar("Changed", bound=Struct)

_HEADER = re.compile(r"[A-Za-z0-9_-]+\Z")

CAPABILITIES = ("window", "max_output", "tools", "vision", "schema", "documents", "embeds", "sampling", "dialect")


class Headers(dict[str, str]):
    """Headers whose values never show in a repr, since keys travel in them."""

    def __repr__(self) -> str:
        return f"Headers({', '.join(sorted(self))})"


class ProxyUrl(str):
    """The address of a proxy, whose user and password never show in a repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(str(self.partition("@")[2] or self))


class CallerKey(Struct, frozen=True):
    """Who comes with one key. The key itself is not kept; `Config.keys` finds its owner by its SHA-256."""

    name: str
    priority: int
    trusted: bool
    limits: LimitConfig


class Resolver:
    """Resolves one file under one environment and one catalog."""

    def __init__(self, file: File, catalog: Catalog, environment: Environment, folder: FilePath) -> None:
        self._file = file
        self._catalog = catalog
        self._environment = environment
        self._folder = folder

    def shelf(self, name: str, section: ProviderSection) -> Shelf:
        """A provider and everything that it serves."""
        path: Path = ("providers", name)
        kind = self._kind(name, section)
        row = self._catalog.providers[kind]
        provider = self._provider(name, section, row, path)
        ids = [*section.models, *(id_ for id_ in self._catalog.ids(kind) if id_ not in section.models)]
        off = frozenset(id_ for id_, model in section.models.items() if not model.enabled)

        def make(model: str) -> Target:
            return self._target(provider, kind, section, model)

        targets = {id_: make(id_) for id_ in ids if id_ not in off}
        aliases = {
            target.family: id_ for id_, target in reversed(targets.items()) if target.family not in {"", *targets}
        }
        families = {self._family(kind, id_, section.models[id_]) for id_ in off} - {"", *aliases}
        return Shelf(provider, kind, targets, aliases, off | families, make)

    def _kind(self, name: str, section: ProviderSection) -> str:
        rows = self._catalog.providers
        kind = section.type or name
        if kind in rows:
            return kind
        path = ("providers", name, "type") if section.type else ("providers", name)
        hint = mend(kind, rows)
        if not hint.startswith("; did you mean"):
            hint = '; for a server of another kind say type = "openai-compatible" and base_url'
        raise ConfigError(f'no provider "{kind}" in the catalog{hint}', path)

    def _provider(self, name: str, section: ProviderSection, row: ProviderRow, path: Path) -> Provider:
        if "/" in name or not name.isprintable() or not name:
            raise ConfigError('a provider\'s name must not hold "/"', path)
        key = self._key(section, row, path)
        return Provider(
            name=name,
            dialect=section.dialect or row.dialect,
            base_url=self._base_url(section, row, path),
            key=key,
            auth=_auth(section, row, key),
            headers=_headers(section.headers, path),
            quirks=_quirks(row, section, path),
            proxy=_proxy(section.proxy, path),
            ca_file=self._ca_file(section.ca_file, path),
        )

    def _key(self, section: ProviderSection, row: ProviderRow, path: Path) -> Secret:
        if section.key and section.key_file:
            raise ConfigError("key and key_file are both given; one is enough", path)
        told = _revealed(section.key) or self._file_secret(section.key_file, (*path, "key_file"))
        told = told or first(row.key_env, self._environment)
        if any(not sign.isprintable() or sign.isspace() or ord(sign) > 126 for sign in told):
            raise ConfigError("the key holds a blank or a sign that no key has", path)
        if not told and row.needs_key and section.auth != "none":
            raise ConfigError(f'no key; set {row.key_env[0]}, or give key, key_file or auth = "none"', path)
        return Secret(told)

    def _file_secret(self, name: str, path: Path) -> str:
        if not name:
            return ""
        try:
            return secret_file(name, self._folder)
        except ConfigError as error:
            raise ConfigError(error.problem, path) from None

    def _base_url(self, section: ProviderSection, row: ProviderRow, path: Path) -> str:
        try:
            told = section.base_url
            found = address(_with_scheme(told), row) if told else base_url(row, self._environment, self._file.server)
        except ConfigError as error:
            raise ConfigError(error.problem, (*path, "base_url")) from None
        if not found:
            variables = f" or set {row.base_url_env[0]}" if row.base_url_env else ""
            raise ConfigError(f"nobody knows where it is; give base_url{variables}", path)
        return found.removesuffix(row.strips) if section.dialect in {"", row.dialect} else found

    def _ca_file(self, name: str, path: Path) -> str:
        if not name:
            return ""
        place = self._folder / FilePath(name).expanduser()
        if not place.is_file():
            raise ConfigError(f'no file "{name}"', (*path, "ca_file"))
        return str(place)

    def _family(self, kind: str, model: str, section: ModelSection | None) -> str:
        """The model itself: as the configuration says, as the catalog lists it there, or by its own name."""
        if section is not None and section.family:
            return section.family
        listed = self._catalog.family(kind, model)
        return listed or (model if model in self._catalog.models else "")

    def _target(self, provider: Provider, kind: str, section: ProviderSection, model: str) -> Target:
        told = section.models.get(model)
        family = self._family(kind, model, told)
        row = self._catalog.models.get(family) or self._catalog.model(kind, model)
        reasoning = _told(told, "reasoning", row)
        at = self._catalog.providers[kind]
        patient = reasoning or at.loads
        timers = changed(self._file.timers, self._file.reasoning_timers if patient else None)
        facts = {name: _told(told, name, row) for name in CAPABILITIES}
        if told is None or told.window is None:
            facts["window"] = _loaded(row.window, provider.quirks.num_ctx or at.window)
        return Target(
            name=f"{provider.name}/{model}",
            provider=provider,
            model=model,
            family=family,
            vocabulary=_vocabulary(told, model, family),
            reasoning=bool(reasoning),
            prefill=_prefill(told, row, provider),
            price=told.price if told else None,
            weight=told.weight if told else 1.0,
            timers=changed(changed(timers, section.timers), told.timers if told else None),
            **facts,  # type: ignore[arg-type]
        )


def route(name: str, section: RouteSection, shelves: Mapping[str, Shelf], off: set[str]) -> Route:
    """A route with its targets. Those of providers and models that are switched off (`off`) are left out."""
    path: Path = ("routes", name)
    if unknown := section.weights.keys() - set(section.targets):
        wrong = min(unknown)
        raise ConfigError(f'"{wrong}" is no target of this route{mend(wrong, section.targets)}', (*path, "weights"))
    found: list[Target] = []
    for place, said in enumerate(section.targets):
        target = _routed(said, shelves, off, (*path, "targets", place))
        if target is None:
            continue
        if target.name in {other.name for other in found}:
            raise ConfigError(f'"{said}" is listed twice', (*path, "targets", place))
        weight = section.weights.get(said, target.weight)
        found.append(target if weight == target.weight else msgspec.structs.replace(target, weight=weight))
    if not found:
        raise ConfigError("no target is left; list one that is enabled, or set enabled = false here", path)
    if section.order == "weighted" and not any(target.weight for target in found):
        raise ConfigError("every weight is 0; give at least one target a share", path)
    return Route(
        name=name,
        targets=tuple(found),
        order=section.order,
        max_latency=section.max_latency,
        max_cost=section.max_cost,
        hedge=section.hedge,
        on_break=section.on_break,
        cache=section.cache,
        coalesce=section.coalesce,
        degrade=section.degrade,
        weaker=section.weaker,
        stream_partial=section.stream_partial,
        on_content_filter=section.on_content_filter,
        on_invalid=section.on_invalid,
        fit=section.fit,
    )


def _routed(said: str, shelves: Mapping[str, Shelf], off: set[str], path: Path) -> Target | None:
    name, slash, model = said.partition("/")
    if not slash or not model:
        raise ConfigError(f'"{said}" is no target; write "provider/model"', path)
    if name in off:
        return None
    shelf = shelves.get(name)
    if shelf is None:
        raise ConfigError(f'no provider "{name}"{mend(name, shelves)}', path)
    model = model if model in shelf.targets else shelf.aliases.get(model, model)
    if model in shelf.off:
        return None
    return shelf.targets.get(model) or shelf.make(model)


def marked(name: str, shelves: Mapping[str, Shelf], file: File, catalog: Catalog) -> Route | None:
    """The route `default` or `fast` of what the configured providers are marked with; None when nobody is."""
    found = []
    for place, shelf in shelves.items():
        section, row = file.providers[place], catalog.providers[shelf.kind]
        said = getattr(section, name) or getattr(row, name)
        target = _routed(f"{place}/{said}", shelves, set(), ("providers", place, name)) if said else None
        if target is not None:
            found.append(target)
    return Route(name, tuple(found)) if found else None


def caller_key(name: str, section: KeySection, folder: FilePath) -> tuple[str, CallerKey]:
    """SHA-256 of a caller's key in hexadecimal digits, and who comes with it."""
    path: Path = ("keys", name)
    try:
        from_file = secret_file(section.key_file, folder) if section.key_file else ""
    except ConfigError as error:
        raise ConfigError(error.problem, (*path, "key_file")) from None
    plain = [told for told in (_revealed(section.key), from_file) if told]
    if len(plain) + bool(section.sha256) != 1:
        raise ConfigError("give one of sha256, key and key_file", path)
    digest = section.sha256.lower() if section.sha256 else hashlib.sha256(plain[0].encode()).hexdigest()
    return digest, CallerKey(name, PRIORITIES.index(section.priority), section.trusted, section.limits)


def changed(base: Changed, changes: Struct | None) -> Changed:
    """`base` with every field that `changes` says."""
    if changes is None:
        return base
    said = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not None}
    return msgspec.structs.replace(base, **said)


def _loaded(window: int, most: int) -> int:
    """A model's window at a server that loads no more than `most` of it; 0 is unknown."""
    return min(window, most) if window and most else window or most


def _told(section: ModelSection | None, name: str, row: ModelRow) -> object:
    """What the configuration says of a capability, else what the catalog does."""
    told = getattr(section, name) if section is not None else None
    return getattr(row, name) if told is None else told


def _vocabulary(section: ModelSection | None, model: str, family: str) -> Vocabulary:
    """As the configuration says, else by the name of the model itself, or of the deployment."""
    return (section.vocabulary if section is not None else None) or vocabulary_of(family or model)


def _prefill(section: ModelSection | None, row: ModelRow, provider: Provider) -> bool:
    """Does it go on from an assistant's message? Of some servers every chat model does."""
    if section is not None and section.prefill is not None:
        return section.prefill
    return row.prefill or bool(provider.quirks.prefill)


def _auth(section: ProviderSection, row: ProviderRow, key: Secret) -> Auth:
    if section.auth is not None:
        return section.auth
    if not key:
        return "none"
    return "bearer" if row.auth == "none" else row.auth


def _revealed(key: Secret | None) -> str:
    return key.reveal().strip() if key else ""


def _headers(said: Mapping[str, Secret], path: Path) -> Headers:
    for name, value in said.items():
        if not _HEADER.match(name) or not value.reveal().isprintable() or not value.reveal().isascii():
            raise ConfigError("no header can look like this", (*path, "headers", name))
    return Headers({name: value.reveal() for name, value in said.items()})


def _quirks(row: ProviderRow, section: ProviderSection, path: Path) -> Quirks:
    quirks = changed(row.quirks, section.quirks)
    for name in ("deadline_header", "attempt_header"):
        said = getattr(quirks, name)
        if said and not _HEADER.match(said):
            raise ConfigError("a header's name has letters, digits, - and _ alone", (*path, "quirks", name))
    if not (quirks.version.isascii() and quirks.version.isprintable()):
        raise ConfigError("a version is one line of plain signs", (*path, "quirks", "version"))
    return quirks


def _with_scheme(said: str) -> str:
    if "://" not in said:
        raise ConfigError("the address must start with https:// or http://")
    return said


def _proxy(said: str, path: Path) -> str:
    if not said:
        return ""
    try:
        url = urlsplit(said)
        fits = url.scheme == "http" and url.hostname and url.port and url.path in {"", "/"} and not url.query
    except ValueError:
        fits = False
    if not fits:
        raise ConfigError("a proxy must look like http://host:port", (*path, "proxy"))
    return ProxyUrl(said.rstrip("/"))
