"""Providers and targets: whom a request may be sent to, and what is known of them. Frozen; live state is elsewhere."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from msgspec import Struct, field

from outlast.model.freshness import Windows
from outlast.model.rungs import Rung
from outlast.model.vocabularies import UNKNOWN, Vocabulary


class Secret:
    """A key that never shows itself: not in a repr, a log or an error. `reveal()` gives it to whoever must send it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret('***')" if self._value else "Secret('')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


NO_SECRET = Secret("")

Auth = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key", "none"]
"""Where the key goes: `Authorization: Bearer`, or the header of that name."""


Spoken = Literal["openai", "responses", "anthropic", "cohere", "gemini", "ollama"]
"""A dialect that providers speak."""


class Quirks(Struct, frozen=True):
    """How a provider departs from the documents of its dialect. Data of the catalog; codecs read it."""

    stream_options: bool = True
    """Takes `stream_options.include_usage`."""
    max_tokens_name: str = "max_completion_tokens"
    """What the limit of output tokens is called when we write it."""
    developer_role: bool = False
    """Wants system messages as role "developer"."""
    path_chat: str = ""
    """Path after the base URL for chat, where it is not the dialect's; `{model}` is replaced."""
    path_embed: str = ""
    """The same for embeddings."""
    path_prefill: str = ""
    """The same for a chat that goes on from a last message of the assistant (DeepSeek's beta)."""
    path_responses: str = ""
    """The same for OpenAI's responses."""
    query: str = ""
    """A query string for every path, such as Azure's `api-version=…`."""
    version: str = ""
    """The protocol version header, such as `anthropic-version`."""
    drops: tuple[str, ...] = ()
    """Fields that the provider refuses; taken out and named. `messages.name`: that field of every turn."""
    renames: dict[str, str] = field(default_factory=dict)
    """What it calls a field, or (`tool_choice.required`) a value of one, that others call so."""
    thoughts: Literal["", "refused", "with_calls"] = ""
    """`reasoning_content` of earlier turns: passed on as it came; refused, and taken out; or wanted in turns that call
    tools (DeepSeek), where there is an empty one if need be, and taken out of others."""
    num_ctx: int = 0
    """Tokens that the server is asked to load a model with, at most the model's window; 0: as it does by itself."""
    throttle_statuses: tuple[int, ...] = ()
    """Statuses beside 429 that mean: too fast (Together's 503)."""
    deadline_header: str = ""
    """Header that tells how many milliseconds are left for the answer, or for the first content of a stream."""
    attempt_header: str = ""
    """Header that tells which of the request's upstream calls this is, from 1."""
    idempotency_header: str = ""
    """Header in which it takes a key that tells the second try of a request from a second request."""
    prefill: Literal["", "message", "prefix", "continue"] = ""
    """Every chat model goes on from a last message of the assistant: as it is, with `prefix: true` on it (Mistral), or
    with `continue_final_message: true` beside it (vLLM)."""
    also: tuple[Spoken, ...] = ()
    """Dialects that it speaks too at the same base URL: their callers are passed on to it as they came."""
    keeps_state: bool = False
    """Keeps answers and files for later requests, which may refer to them (`previous_response_id` and the like)."""


class Timers(Struct, frozen=True, forbid_unknown_fields=True):
    """How long each phase of an attempt may take, in seconds. All are our own timers, which pings do not reset."""

    connect: float = 3.0
    """Name, TCP, proxy and TLS together."""
    first_content: float = 10.0
    """From sending to the first content of a stream."""
    stall: float = 10.0
    """Between content events of a stream."""
    max_stream: float = 600.0
    """The whole of a stream."""
    whole: float = 120.0
    """A whole reply, from sending to its last byte."""

    def limit(self, streamed: bool) -> float:
        """Seconds that one attempt has: to the first content of a stream, or for a whole reply."""
        return self.first_content if streamed else self.whole


REASONING_TIMERS = Timers(first_content=60.0, whole=600.0)


class Provider(Struct, frozen=True):
    """One account at one provider: where, in which dialect, with which key."""

    name: str
    dialect: str
    base_url: str
    key: Secret = NO_SECRET
    auth: Auth = "bearer"
    headers: dict[str, str] = field(default_factory=dict)
    quirks: Quirks = Quirks()
    proxy: str = ""
    """`http://host:port` of a CONNECT proxy; empty for none."""
    ca_file: str = ""
    """A file of certificates to trust instead of the system's."""


class Price(Struct, frozen=True):
    """US dollars for a million tokens."""

    input: float = 0.0
    output: float = 0.0
    cached: float | None = None

    def of(self, input: int, output: int, cached: int = 0) -> float:  # noqa: A002
        """US dollars for so many tokens; the cached ones are among `input`."""
        cached_price = self.input if self.cached is None else self.cached
        return ((input - cached) * self.input + cached * cached_price + output * self.output) / 1e6


class Target(Struct, frozen=True, eq=False):
    """One model at one provider: what a route lists and a breaker guards.

    Attributes:
        name: "provider/model"; its key in every table, metric and header.
        provider: where it is.
        model: what the provider calls it.
        family: name of the model itself, the same at every provider that serves it.
        window: tokens of prompt and answer together; 0 when unknown.
        max_output: most output tokens; 0 when unknown. Anthropic's dialect must always say a limit.
        vocabulary: how it splits texts into tokens, for estimates.
    """

    name: str
    provider: Provider
    model: str
    family: str = ""
    window: int = 0
    max_output: int = 0
    vocabulary: Vocabulary = UNKNOWN
    tools: bool = True
    vision: bool = True
    schema: bool = True
    documents: bool = True
    prefill: bool = False
    embeds: bool = True
    reasoning: bool = False
    sampling: bool = True
    """Takes temperature and top_p."""
    price: Price | None = None
    timers: Timers = Timers()
    weight: float = 1.0
    dialect: str = ""
    """The dialect in which this model is asked; empty: the provider's."""

    def speaks(self, asked: str) -> str:
        """The dialect in which it is asked for a caller of dialect `asked`: the same, where it speaks that too."""
        provider = self.provider
        return asked if asked in provider.quirks.also else self.dialect or provider.dialect

    def keeps(self, asked: str) -> bool:
        """Does its provider keep what callers of dialect `asked` may refer to later?"""
        return self.provider.quirks.keeps_state and self.speaks(asked) == asked


OnBreak = Literal["resume", "error", "restart"]
"""What happens when a stream breaks after content was handed over: another target goes on with the answer; the stream
ends with an error; or another answer begins, and callers who can be told are told that all before it is void."""


Fit = Literal["error", "drop_oldest", "middle_out"]
"""What happens to a request that fits into no window left: it ends with an error; its oldest turns are left out; or
turns from its middle, so that its beginning stays."""


FITS: tuple[Fit, ...] = ("error", "drop_oldest", "middle_out")


class Route(Struct, frozen=True, eq=False, dict=True):
    """A name that callers use, and the targets behind it in order. Compared by identity, as targets are."""

    name: str
    targets: tuple[Target, ...]
    order: Literal["priority", "latency", "cost", "weighted"] = "priority"
    max_latency: float | None = None
    """Seconds; a target whose live p99 is over it is skipped."""
    max_cost: float | None = None
    """US dollars for one request, estimated; a dearer target is skipped."""
    hedge: bool | None = None
    """Ask a second target when the first takes long; None: as `[hedge]` says."""
    on_break: OnBreak = "resume"
    """What happens when a stream breaks after content was handed over."""
    cache: Windows | None = None
    """For how long its answers are kept; None: as `[cache]` says."""
    coalesce: bool | None = None
    """Requests that are the same share one call; None: as `[coalesce]` says."""
    degrade: tuple[Rung, ...] = ()
    """What it answers with when none of its targets does, in this order."""
    weaker: str = ""
    """Whom the rungs "weaker" and "simplify" ask: a route, provider/model, or a model."""

    stream_partial: bool = False
    """Hand over streams of JSON as they come, before they are known to match their schema."""
    on_content_filter: Literal["error", "next"] = "error"
    """What happens when a target's content filter refuses: an error, or the next target is asked."""
    on_invalid: Literal["error", "next"] = "error"
    """What happens when a target's answers do not match the schema: an error, or the next target is asked."""
    fit: Fit = "error"
    """What happens to a request that is too long for every window that is left."""

    def keeper(self, asked: str) -> str:
        """The provider that has what callers of dialect `asked` refer to: the first that keeps anything, or nobody."""
        return next((target.provider.name for target in self.targets if target.keeps(asked)), "")

    def limit(self, streamed: bool) -> float:
        """Seconds that the longest attempt on its first targets has."""
        whole, first_content = self._limits
        return first_content if streamed else whole

    @cached_property
    def _limits(self) -> tuple[float, float]:
        timers = [target.timers for target in self.targets[:8]]
        return max((t.whole for t in timers), default=0.0), max((t.first_content for t in timers), default=0.0)
