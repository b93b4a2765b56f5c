"""How a provider conducts itself: everything it can be told, in one frozen struct, from Python, TOML or JSON.

Conduct(first=Law(median=0.4, p95=1.5), tokens_per_second=80, outages=(Outage(at=10, lasts=5),))

[providers.alpha]
first = { median = 0.4, p95 = 1.5 }
tokens_per_second = 80
outages = [{ at = 10, for = 5, kind = "down" }]
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

from outlast.config.environment import Environment
from outlast.config.errors import ConfigError, Path
from outlast.config.reader import Reader, Shape
from outlast.lab.answer import Json
from outlast.lab.going_on import Prefill
from outlast.lab.laws import Latency, Law
from outlast.lab.named import Word, behaviour
from outlast.lab.outages import KINDS, Outage
from outlast.lab.quotas import Limits
from outlast.lab.vendors.accents import Accent
from outlast.model.target import Price

_NOTHING: Environment = MappingProxyType({})


class Mishap(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What happens to some requests by chance: a share of all of them, and the behaviour."""

    rate: float
    behaviour: Word = 500

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError("rate must be from 0 to 1")
        behaviour(self.behaviour)


class Conduct(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything that a provider can be told. Also decoded from JSON; `conduct_of` has better words for mistakes.

    Attributes:
        models: names that it serves when it is asked without its name in the path; it lists them at `/v1/models`.
        key: what callers must send as key; None takes any.
        default: what it does when nothing else is the case; usually a good answer.
        first: seconds to the first content of an answer.
        between: seconds between pieces of content, which are about a word each.
        tokens_per_second: says `between` in another way.
        errors: what happens to some requests by chance.
        limits: rate limits, enforced and told in headers.
        outages: times of trouble.
        price: US dollars for a million tokens, for what would have been billed.
        prefill: what a server takes for the beginning of its answer: the assistant's last message as it is, only one
            with `prefix` (as Mistral does), only with `continue_final_message` (as vLLM does), or none.
        accent: how it departs from OpenAI, whose dialect it speaks: as Mistral, DeepSeek, Groq or Together do.
        seed: of its dice; the same seed gives the same luck to the same request. None: from the simulation's seed.
    """

    models: tuple[str, ...] = ()
    key: str | None = None
    default: Word = "ok"
    first: Latency = 0.0
    between: Latency = 0.0
    tokens_per_second: float | None = None
    errors: tuple[Mishap, ...] = ()
    limits: Limits = Limits()
    outages: tuple[Outage, ...] = ()
    price: Price | None = None
    prefill: Prefill = "message"
    accent: Accent = ""
    seed: int | None = None

    def __post_init__(self) -> None:
        behaviour(self.default)
        if self.tokens_per_second is not None and (self.tokens_per_second <= 0 or self.between != 0):
            raise ValueError(
                'tokens_per_second must be more than 0, and says "between" in another way: give one of them'
            )
        if sum(mishap.rate for mishap in self.errors) > 1 + 1e-9:
            raise ValueError("the rates of all errors must not be more than 1 together")
        if self.untimed and any(outage.kind == "gray" and not outage.delay for outage in self.outages):
            raise ValueError('a gray outage needs a "delay", or a "first" or "between" that it makes longer')

    def __repr__(self) -> str:
        said = ((name, getattr(self, name)) for name in self.__struct_fields__)
        fields = (f"{name}={'***' if name == 'key' and value else repr(value)}" for name, value in said)
        return f"Conduct({', '.join(fields)})"

    @property
    def untimed(self) -> bool:
        """Does it answer at once?"""
        return self.first == 0 and self.pace == 0

    @property
    def pace(self) -> Latency:
        """Seconds between pieces of content."""
        return self.between if self.tokens_per_second is None else 1 / self.tokens_per_second

    def told(self) -> Json:
        """What of it differs from a new provider's conduct, as JSON, with the key blacked out."""
        shown: Json = msgspec.to_builtins(self)
        return shown | ({"key": "***"} if "key" in shown else {})


def conduct_of(raw: object, path: Path = (), environment: Environment = _NOTHING) -> Conduct:
    """The conduct that plain data (of TOML or JSON) describes.

    Args:
        raw: a table.
        path: where it stands, for the message.
        environment: what `${VARIABLE}` stands for.

    Raises:
        ConfigError: it describes none; one line says where it is wrong and how to mend it.
    """
    return ConductReader(environment).struct(raw, Conduct, path)


class ConductReader(Reader):
    """Knows besides what may be one thing or another: a number or a law, a behaviour's name or its fields."""

    __slots__ = ()

    def struct(self, raw: object, shape: type[Shape], path: Path = (), base: Shape | None = None) -> Shape:
        """The struct that the table `raw` describes; what is null there is left out."""
        if isinstance(raw, Mapping):
            raw = {name: value for name, value in raw.items() if value is not None}
        return super().struct(raw, shape, path, base)

    def value(self, raw: object, shape: Any, path: Path, default: object = None) -> Any:  # noqa: ANN401
        """The value of type `shape` that `raw` describes."""
        if shape == Latency:
            shape = Law if isinstance(raw, Mapping) else float
            default = None
        elif shape == Word:
            return self._word(raw, path)
        return super().value(raw, shape, path, default)

    def _word(self, raw: object, path: Path) -> Word:
        try:
            word: Word = msgspec.convert(raw, Word)
        except msgspec.ValidationError:
            raise ConfigError("expected a behaviour: its name, a status, or { name = { … } }", path) from None
        known = KINDS if path[-1] == "kind" else ()
        if word not in known:
            try:
                behaviour(word, known)
            except ValueError as error:
                raise ConfigError(str(error), path) from None
        return word
