"""What a configuration means, for the eyes of its owner: providers, routes and layers as resolved, without a secret.

configuration  outlast.toml                 providers  openai  https://api.openai.com/v1  …
routes  default  openai/gpt-6.1-sol ▸ …     layers  breaker on, failures = 3 …
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from outlast.config import Config
from outlast.layers.limits import LimitConfig
from outlast.model.caller import PRIORITIES
from outlast.model.rungs import name_of
from outlast.model.target import Price, Provider, Route, Target

KEPT = ("/v1/files", "/v1/uploads")
"""What a provider keeps for its account, whoever of our callers it came from."""


def report(config: Config) -> str:
    """The whole configuration as text of some lines."""
    return "\n".join(
        [
            f"configuration: {config.source or 'from the environment'}",
            *_section("server", [f"listens on {config.server.host}:{config.server.port}", *_differs(config.server)]),
            *_section("store", [config.store.shown] if config.store.kind != "memory" else []),
            *_section("providers", _providers(config)),
            *_section("routes", [line for route in config.routes for line in _route(route)]),
            *_section("keys", _keys(config)),
            *_section("limits", [f"{name}: {_limits(limits)}" for name, limits in config.limits.items()]),
            *_section("layers", _layers(config)),
            *_section("requests", _differs(config.request)),
            *_section("passed on unread", _passed_on(config)),
        ]
    )


def _section(name: str, lines: list[str]) -> list[str]:
    return ["", name, *(f"  {line}" for line in lines)] if lines else []


def _providers(config: Config) -> list[str]:
    if config.simulated:
        return ["none: a simulated provider answers; set OPENAI_API_KEY or the like, or write outlast.toml"]
    return [_provider(provider, config.kinds[name]) for name, provider in config.providers.items()]


def _provider(provider: Provider, kind: str) -> str:
    like = "" if kind == provider.name else f", like {kind}"
    key = "with a key" if provider.key else "without a key"
    extras = [f"headers {', '.join(provider.headers)}"] if provider.headers else []
    extras += ["by proxy"] if provider.proxy else []
    spoken = " and ".join((provider.dialect, *provider.quirks.also))
    return ", ".join([f"{provider.name}: {provider.base_url} ({spoken}{like})", key, *extras])


def _route(route: Route) -> Iterator[str]:
    told: list[str] = [route.order]
    told += [f"at most {route.max_latency:g} s"] if route.max_latency is not None else []
    told += [f"at most ${route.max_cost:g}"] if route.max_cost is not None else []
    told += [] if route.hedge is None else ["hedged" if route.hedge else "never hedged"]
    yield f"{route.name}: {', '.join(told + _kept(route))}"
    for place, target in enumerate(route.targets, 1):
        share = f", weight {target.weight:g}" if route.order == "weighted" else ""
        yield f"  {place}. {target.name}{_model(target)}{share}"


def _kept(route: Route) -> list[str]:
    """What it keeps of answers, and what it has where nobody answers."""
    told = []
    if route.cache is not None:
        told.append(f"answers kept for {route.cache.life:g} s" if route.cache.life > 0 else "answers not kept")
    if route.coalesce is not None:
        told.append("the same requests share a call" if route.coalesce else "no shared calls")
    if route.degrade:
        weaker = f" ({route.weaker})" if route.weaker else ""
        told.append(f"if nobody answers: {', '.join(name_of(rung) for rung in route.degrade)}{weaker}")
    return told


def _model(target: Target) -> str:
    told = [f"{target.window:,} tokens"] if target.window else []
    told += [_price(target.price)] if target.price else []
    return f" ({', '.join(told)})" if told else ""


def _price(price: Price) -> str:
    return f"${price.input:g} in, ${price.output:g} out per million"


def _keys(config: Config) -> list[str]:
    lines = []
    for key in config.keys.values():
        trusted = ", trusted" if key.trusted else ""
        lines.append(f"{key.name}: {PRIORITIES[key.priority]}{trusted}, {_limits(key.limits)}")
    return [*lines, f"each user: {_limits(config.users)}"] if lines else []


def _limits(limits: LimitConfig) -> str:
    usual = LimitConfig()
    said = [
        f"{name} = {value if isinstance(value, str) else f'{value:g}'}"
        for name, value in msgspec.structs.asdict(limits).items()
        if value != getattr(usual, name)
    ]
    return ", ".join(said) or "no limits"


def _passed_on(config: Config) -> list[str]:
    passed = config.pass_through
    if not passed.enabled:
        return []
    lines = [", ".join(passed.paths)]
    shared = [path for path in passed.paths if path.startswith(KEPT)]
    if len(config.keys) > 1 and shared:
        lines.append(f"callers share {' and '.join(shared)}: leave them out of [pass_through] paths if they must not")
    return lines


def _layers(config: Config) -> list[str]:
    lines = []
    for item in msgspec.structs.fields(type(config.layers)):
        layer = getattr(config.layers, item.name)
        state = "on" if getattr(layer, "enabled", True) else "off"
        lines.append(", ".join([f"{item.name}: {state}", *_differs(layer, item.default)]))
    return lines


def _differs(said: Struct, usual: object = None, within: str = "") -> list[str]:
    """`name = value` of every field that is not as usual; of a table in it, `table.name = value`."""
    normal = usual if isinstance(usual, Struct) else type(said)()
    lines = []
    for item in msgspec.structs.fields(said):
        value, other = getattr(said, item.name), getattr(normal, item.name)
        if isinstance(value, Struct):
            lines += _differs(value, other, f"{within}{item.name}.")
        elif value != other and (within or item.name not in {"enabled", "host", "port"}):
            lines.append(f"{within}{item.name} = {value}")
    return lines
