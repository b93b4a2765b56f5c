"""Rows of the catalog: what each provider and each model is, as data.

    providers.toml ── ProviderRow ─┐
                                   ├── Catalog ── model(provider, id) · serving(name)
    models.toml ───── ModelRow ────┘

A new provider is one row, a new model is one row; nothing in the engine knows a provider by name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from outlast.model.target import Auth, Quirks


class ProviderRow(Struct, frozen=True, forbid_unknown_fields=True):
    """One provider as it is for everybody: all but the key. `providers.toml` explains each field."""

    title: str
    dialect: str
    base_url: str = ""
    auth: Auth = "bearer"
    key_env: tuple[str, ...] = ()
    base_url_env: tuple[str, ...] = ()
    model_env: tuple[str, ...] = ()
    base_path: str = ""
    strips: str = ""
    port: int = 0
    needs_key: bool = True
    loads: bool = False
    window: int = 0
    default: str = ""
    fast: str = ""
    prices: tuple[str, ...] = ()
    quirks: Quirks = Quirks()


class ModelRow(Struct, frozen=True, forbid_unknown_fields=True):
    """One model, wherever it is served. `models.toml` explains each field."""

    at: dict[str, str] = field(default_factory=dict)
    window: int = 0
    max_output: int = 0
    tools: bool = True
    vision: bool = True
    schema: bool = True
    documents: bool = True
    prefill: bool = False
    reasoning: bool = False
    sampling: bool = True
    embeds: bool = False
    chats: bool = True
    dialect: str = ""


Row = TypeVar("Row")

UNLISTED = ModelRow(embeds=True)
"""What is assumed of a model that no row describes: that it does what is asked, and says so itself if not."""


class Catalog:
    """Finds rows by the names that configuration and callers use; every lookup is one dictionary access."""

    __slots__ = ("_by_id", "models", "providers")

    def __init__(self, providers: Mapping[str, ProviderRow], models: Mapping[str, ModelRow]) -> None:
        self.providers = dict(providers)
        self.models = dict(models)
        self._by_id = {(place, id_): name for name, row in models.items() for place, id_ in row.at.items()}

    def family(self, provider: str, model: str) -> str:
        """The family name of what `provider` calls `model`; empty when no row lists it there."""
        return self._by_id.get((provider, model), "")

    def model(self, provider: str, model: str) -> ModelRow:
        """What is known of what `provider` calls `model`."""
        return self.models.get(self.family(provider, model), UNLISTED)

    def id_at(self, provider: str, name: str) -> str:
        """What `provider` calls the model of family `name`; the name itself when no row says."""
        row = self.models.get(name)
        return row.at.get(provider, name) if row else name

    def ids(self, provider: str) -> list[str]:
        """Every model that the rows list at `provider`, by its id there."""
        return [id_ for place, id_ in self._by_id if place == provider]


@cache
def builtin() -> Catalog:
    """The catalog that ships with the package."""
    return Catalog(
        _read("providers.toml", dict[str, ProviderRow]),
        _read("models.toml", dict[str, ModelRow]),
    )


def _read(name: str, shape: type[dict[str, Row]]) -> dict[str, Row]:
    text = Path(__file__).with_name(name).read_text("utf-8")  # importlib.resources would cost 3 ms of every import
    return msgspec.convert(tomllib.loads(text), shape)
