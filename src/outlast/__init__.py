"""Keeps an application's LLM calls working when the providers behind them fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from outlast.client import AsyncClient, BlockingStream, Client
    from outlast.config import Config, ConfigError, load, simulated
    from outlast.flow.stream import Stream
    from outlast.model.errors import Failure
    from outlast.model.messages import Chunk, Reply, Usage, Vectors
    from outlast.transport import Transport, transport

_PLACES = {
    "AsyncClient": "outlast.client",
    "BlockingStream": "outlast.client",
    "Chunk": "outlast.model.messages",
    "Client": "outlast.client",
    "Config": "outlast.config",
    "ConfigError": "outlast.config",
    "Failure": "outlast.model.errors",
    "Reply": "outlast.model.messages",
    "Stream": "outlast.flow.stream",
    "Transport": "outlast.transport",
    "Usage": "outlast.model.messages",
    "Vectors": "outlast.model.messages",
    "load": "outlast.config",
    "simulated": "outlast.config",
    "transport": "outlast.transport",
}
"""Where the public names live; each is imported when it is first used, so that `import outlast` is quick."""

__all__ = [
    "AsyncClient",
    "BlockingStream",
    "Chunk",
    "Client",
    "Config",
    "ConfigError",
    "Failure",
    "Reply",
    "Stream",
    "Transport",
    "Usage",
    "Vectors",
    "load",
    "simulated",
    "transport",
]


def __getattr__(name: str) -> object:
    """A public name, from where it lives."""
    if name not in _PLACES:
        raise AttributeError(f"module 'outlast' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    value: object = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value
