"""The configuration that a command works with, or a clear end."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from outlast.cli.telling import fail
from outlast.config import Config, ConfigError, load

ConfigPath = Annotated[str | None, Parameter(name=["--config", "-c"], help="Path of outlast.toml.")]


def loaded(path: str | None) -> Config:
    """The configuration from `path`, or from where one is looked for; exit 2 with the reason if it is no good."""
    try:
        return load(path)
    except ConfigError as error:
        fail(error)
