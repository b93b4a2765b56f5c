"""`sim.toml`: which providers `outlast sim` plays, and how they conduct themselves.

port = 9000
seed = 7

[providers.alpha]
models = ["alpha-1"]
first = { median = 0.4, p95 = 1.5 }
outages = [{ at = 20, for = 10, every = 60, kind = "brown-out" }]
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from outlast.config.environment import Environment
from outlast.config.errors import ConfigError
from outlast.lab.conduct import Conduct, ConductReader
from outlast.lab.laws import Law

NAME = "sim.toml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def usual() -> dict[str, Conduct]:
    """The providers that are played when nobody says which: one answers at once, one takes its time as real ones do."""
    slow = Conduct(models=("beta-1",), first=Law(median=0.4, p95=1.2), tokens_per_second=60)
    return {"alpha": Conduct(models=("alpha-1",)), "beta": slow}


class SimFile(Struct, frozen=True, forbid_unknown_fields=True):
    """All that stands in the file.

    Attributes:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        seed: of what happens by chance; the same seed gives the same run.
        providers: their names, which are their paths, and their conducts.
    """

    host: str = "127.0.0.1"
    port: int = 9000
    seed: int = 0
    providers: dict[str, Conduct] = field(default_factory=usual)

    def __post_init__(self) -> None:
        if self.port > 65535:
            raise ValueError("a port is a number from 0 to 65535")
        for name in self.providers:
            if not _NAME.fullmatch(name):
                raise ValueError(f'the name "{name}" cannot stand in a path; use letters, digits, ".", "_" and "-"')


def read(source: str, environment: Environment) -> SimFile:
    """What the file says.

    Args:
        source: its path.
        environment: what `${VARIABLE}` in it stands for.

    Raises:
        ConfigError: it cannot be used; one line says where it is wrong and how to mend it.
    """
    return parse(_text(source), source, environment)


def parse(text: str, source: str, environment: Environment) -> SimFile:
    """What `text` says, as if it stood in the file `source`."""
    try:
        return ConductReader(environment).struct(_table(text), SimFile)
    except ConfigError as error:
        raise error.within(source, text) from None


def _text(source: str) -> str:
    try:
        return Path(source).read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"byte {error.start} is not UTF-8", source=source) from None
    except OSError as error:
        raise ConfigError(f"cannot read it: {error.strerror}", source=source) from None


def _table(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        words, _, place = str(error).partition(" (at ")
        line = place.removeprefix("line ").partition(",")[0]
        raise ConfigError(f"not TOML: {words}", line=int(line) if line.isdigit() else text.count("\n") + 1) from None
    except RecursionError:
        raise ConfigError("not TOML that anybody wrote: it is nested too deeply", line=1) from None
