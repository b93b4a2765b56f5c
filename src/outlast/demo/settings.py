"""The configuration of outlast in the demo: the default layers with shorter timers, so that an outage fits in.

`shortened` tells what differs from the defaults, so that the screen can say so.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from outlast.config import Config, parse
from outlast.demo.cast import MODEL
from outlast.demo.story import PARTS
from outlast.demo.ways import FIRST, ROUTE
from outlast.layers.breaker import BreakerConfig
from outlast.model.target import Timers

SHORTER = """
[server]
port = 0
drain = 0.0
grace = 1.0

[timers]
first_content = 2.0
stall = 2.0
whole = 3.0

[breaker]
open = 2.0
open_max = 4.0
ramp = 1.0
"""


def settings(url: str) -> Config:
    """Two routes over the four providers, which live at `url`: one for the callers of each dialect."""
    return parse("\n".join([SHORTER, *_providers(url), *_routes()]), {})


def shortened(config: Config) -> list[str]:
    """Each setting that differs from its default, as "breaker.open 10 → 2 s"."""
    (timers, *_) = (target.timers for target in config.routes.targets())
    compared = (("timers", timers, Timers()), ("breaker", config.layers.breaker, BreakerConfig()))
    return [change for table, here, usual in compared for change in _changes(table, here, usual)]


def _changes(table: str, here: msgspec.Struct, usual: msgspec.Struct) -> Iterator[str]:
    for name, value in msgspec.structs.asdict(usual).items():
        if getattr(here, name) != value:
            yield f"{table}.{name} {value:g} → {getattr(here, name):g} s"


def _providers(url: str) -> Iterator[str]:
    for part in PARTS:
        version = "/v1" if part.dialect == "openai" else ""
        yield f'[providers.{part.name}]\ntype = "openai-compatible"\ndialect = "{part.dialect}"'
        yield f'base_url = "{url}/{part.name}{version}"\nkey = "sk-demo"'
        yield f'[providers.{part.name}.models.{MODEL}]\nfamily = "{MODEL}"'
        yield f"price = {{ input = {part.price.input}, output = {part.price.output} }}"


def _routes() -> Iterator[str]:
    """The callers' own provider first, then the others as the story lists them."""
    for dialect, route in ROUTE.items():
        others = [part.name for part in PARTS if part.name != FIRST[dialect]]
        targets = [f'"{name}/{MODEL}"' for name in (FIRST[dialect], *others)]
        yield f"[routes.{route}]\ntargets = [{', '.join(targets)}]"
