"""The shape of `outlast.toml`: one frozen struct for each table. Layers bring their own tables.

store = "…"
[server]                       [retry] [breaker] [bulkhead] [admission] [pause] [routing] …
[providers.NAME] ── models     one table for each layer
[routes.NAME]                  [request] [timers] [reasoning_timers]
[keys.NAME] [users]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from outlast.config.remembering import ResponsesConfig
from outlast.engine import EngineConfig
from outlast.flow.bounds import AboveZero, AtLeastOne
from outlast.layers.limits import LimitConfig
from outlast.model.freshness import Windows
from outlast.model.rungs import Rung
from outlast.model.target import REASONING_TIMERS, Auth, Fit, OnBreak, Price, Quirks, Secret, Spoken, Timers
from outlast.model.vocabularies import Vocabulary
from outlast.stack import LayersConfig

Port = Annotated[int, Meta(ge=0, le=65535, description="a port from 0 to 65535")]
Algorithm = Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
Dialect = Literal["", Spoken]
Digest = Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$", description="a SHA-256 of 64 hexadecimal digits")]


PlainPath = Annotated[str, Meta(pattern=r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$", description="a path such as /v1/images")]


def _changes(of: type[Struct]) -> type[Struct]:
    """A struct of the same fields, each of which may be left out: what was not said does not change."""
    fields = [(item.name, item.type | None, None) for item in msgspec.structs.fields(of)]
    return msgspec.defstruct(f"{of.__name__}Changes", fields, frozen=True, forbid_unknown_fields=True)


def _difference(of: type[Struct], other: Struct, base: Struct) -> Struct:
    """What makes `other` of `base`, as a struct of changes."""
    plain = msgspec.structs.asdict(base)
    return of(**{name: value for name, value in msgspec.structs.asdict(other).items() if value != plain[name]})


if TYPE_CHECKING:
    TimersChanges = Struct
    QuirksChanges = Struct
else:
    TimersChanges = _changes(Timers)
    QuirksChanges = _changes(Quirks)

REASONING = _difference(TimersChanges, REASONING_TIMERS, Timers())


class GuardConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a store that is not this process's memory is waited for, and when it is no longer asked. In seconds."""

    patience: AboveZero = 0.025
    """What a Redis does not do within this time has failed, and the request goes on; `[cache]` has its own patience."""
    disk: AboveZero = 0.1
    """The same for a file, which may have to wait for its disk."""
    failures: AtLeastOne = 3
    """So many failures in a row, and it is not asked any more."""
    probe: AboveZero = 1.0
    """Then it is looked at so often, half of it more or less, until it works again."""


class ServerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The gateway's own socket and manners. Times in seconds."""

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` for every interface."""
    port: Port = 4000
    """Port to listen on; 0 takes a free one."""
    workers: AtLeastOne = 1
    """Processes that serve; what they share is in the `store`, and without one each is by itself."""
    drain: float = 5.0
    """When told to stop: how long it still listens while `/readyz` says no, so that balancers notice."""
    grace: float = 600.0
    """When told to stop: how long answers under way may take to finish."""
    max_body: int = 32 * 1024 * 1024
    """Bytes of a request; a larger one is refused before it is read."""
    body_timeout: float = 30.0
    """How long a caller may take to send a request."""
    write_timeout: float = 60.0
    """How long a caller may take to read the next piece of its answer; then it is cut off."""
    errors: Literal["vendor", "semantic"] = "vendor"
    """Statuses as the vendor would answer, so that SDKs behave; or the native ones."""
    metrics: bool = True
    """Serve Prometheus metrics on `/metrics`."""
    log: Literal["decisions", "requests"] = "decisions"
    """Beside one line for each request, one for each decision about it on its way: `outlast why` tells its story from
    them. `requests`: without them."""


class PassThroughConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Paths of a provider's API that are passed on unread. Sizes in bytes, times in seconds."""

    enabled: bool = True
    """Pass them on at all."""
    paths: tuple[PlainPath, ...] = (
        "/v1/audio",
        "/v1/files",
        "/v1/images",
        "/v1/moderations",
        "/v1/ocr",
        "/v1/rerank",
        "/v1/uploads",
        "/v2/rerank",
    )
    """What is passed on: each of these paths and all below it. Nothing else is, so that nobody gets to an account's
    keys, members and bills who can call a model."""
    max_upload: AtLeastOne = 512 * 1024 * 1024
    """A body that is no JSON may be so large; it is passed on while it comes."""
    upload_time: AboveZero = 3600.0
    """All of it must come within this; each piece within `body_timeout`."""
    window: AtLeastOne = 1024 * 1024
    """So much of it is kept, to be sent again to the next provider when the first one fails."""


class ModelSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[providers.NAME.models.MODEL]`: what is different about one model there. Left out: as the catalog says."""

    enabled: bool = True
    family: str = ""
    """Name of the model itself, the same at every provider; tells the catalog what a deployment is."""
    window: int | None = None
    max_output: int | None = None
    vocabulary: Vocabulary | None = None
    """How it splits texts into tokens, for estimates; left out: as its name says."""
    tools: bool | None = None
    vision: bool | None = None
    schema: bool | None = None
    documents: bool | None = None
    prefill: bool | None = None
    embeds: bool | None = None
    reasoning: bool | None = None
    sampling: bool | None = None
    dialect: Dialect | None = None
    """The dialect in which it is asked, where that is not the provider's."""
    price: Price | None = None
    """US dollars for a million tokens, where the contract differs from the list."""
    weight: float = 1.0
    """Share in routes of `order = "weighted"`."""
    timers: TimersChanges | None = None
    limits: LimitConfig = LimitConfig()


class ProviderSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[providers.NAME]`: an account at a provider. Left out: as the catalog's row of that name, or of `type`, says."""

    enabled: bool = True
    type: str = ""
    """Row of the catalog; the table's own name when left out."""
    base_url: str = ""
    key: Secret | None = None
    """The key, best as `"${NAME}"`; left out: the provider's usual environment variable."""
    key_file: str = ""
    """A file with the key, relative to the configuration file."""
    dialect: Dialect = ""
    auth: Auth | None = None
    headers: dict[str, Secret] = field(default_factory=dict)
    """Headers sent with every request."""
    proxy: str = ""
    """`http://host:port` of a CONNECT proxy; may hold `user:password@`."""
    ca_file: str = ""
    """Certificates to trust instead of the system's."""
    default: str = ""
    """Model that this provider gives to the route `default`, when the file has no routes."""
    fast: str = ""
    """The same for the route `fast`."""
    quirks: QuirksChanges | None = None
    timers: TimersChanges | None = None
    limits: LimitConfig = LimitConfig()
    models: dict[str, ModelSection] = field(default_factory=dict)


class RouteSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[routes.NAME]`: a name that callers use as a model, and the targets behind it."""

    targets: tuple[str, ...]
    """`provider/model`, the preferred one first."""
    enabled: bool = True
    order: Literal["priority", "latency", "cost", "weighted"] = "priority"
    max_latency: float | None = None
    """Seconds; a target whose live p99 is over it is skipped."""
    max_cost: float | None = None
    """US dollars for one request, estimated; a dearer target is skipped."""
    hedge: bool | None = None
    """Ask a second target when the first takes long; left out: as `[hedge]` says."""
    on_break: OnBreak = "resume"
    """When a stream breaks: another target goes on with it, it ends with an error, or another answer begins anew."""
    cache: Windows | None = None
    """For how long answers are given again to the same request; left out: as `[cache]` says."""
    coalesce: bool | None = None
    """The same requests under way at once share one call; left out: as `[coalesce]` says."""
    degrade: tuple[Rung, ...] = ()
    """What it answers with when no target does: "stale", "weaker", "simplify" and {static = "…"}, in this order."""
    weaker: str = ""
    """Whom the rungs "weaker" and "simplify" ask: a route, `provider/model`, or a model."""
    stream_partial: bool = False
    """Hand over streams of JSON as they come, before they are known to match their schema."""
    on_content_filter: Literal["error", "next"] = "error"
    """When a target's content filter refuses: an error, or the next target is asked."""
    on_invalid: Literal["error", "next"] = "error"
    """When a target's answers do not match the schema: an error, or the next target is asked."""
    fit: Fit = "error"
    """A request too long for every window that is left: an error, or shortened from its oldest turns or its middle."""
    weights: dict[str, float] = field(default_factory=dict)
    """Target → share, for `order = "weighted"`; 1 when left out."""


class KeySection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[keys.NAME]`: a caller of the gateway. One of `sha256`, `key` and `key_file` says its key."""

    enabled: bool = True
    sha256: Digest | None = None
    key: Secret | None = None
    key_file: str = ""
    priority: Literal["critical", "high", "normal", "low", "batch"] = "normal"
    """The best class that it may ask for."""
    trusted: bool = False
    """May name its user in `outlast-user`."""
    limits: LimitConfig = LimitConfig()


class JwtSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[jwt]`: how tokens are verified. One of `key` and `key_file` is needed."""

    enabled: bool = True
    key: Secret | None = None
    """The shared secret of HS algorithms."""
    key_file: str = ""
    """A file with the shared secret, or with the public key of the others, as PEM."""
    algorithms: tuple[Algorithm, ...] = ("RS256",)
    """What a token may be signed with; all of one family."""
    audience: str = ""
    """What a token's `aud` must hold; not looked at when left out."""
    issuer: str = ""
    """What a token's `iss` must be; not looked at when left out."""
    leeway: float = 30.0
    """Seconds by which the issuer's clock may be off."""
    priority: Literal["critical", "high", "normal", "low", "batch"] = "normal"
    """The best class that these callers may ask for."""


class File(LayersConfig, frozen=True, forbid_unknown_fields=True):
    """`outlast.toml`."""

    server: ServerConfig = ServerConfig()
    store: str = "memory"
    """Where things are kept that outlive a request: `"memory"`, each process its own; `"sqlite:///outlast.db"`, a file
    beside this one, or with four slashes anywhere; or a Redis that many machines share:
    `"redis://user:password@host:6379/0"`, `"rediss://…"` with TLS, `"unix:///path/to.sock"`."""
    guard: GuardConfig = GuardConfig()
    """How long the store is waited for, where it is not this process's memory."""
    providers: dict[str, ProviderSection] = field(default_factory=dict)
    routes: dict[str, RouteSection] = field(default_factory=dict)
    keys: dict[str, KeySection] = field(default_factory=dict)
    jwt: JwtSection | None = None
    """Callers who come with a signed token."""
    users: LimitConfig = LimitConfig()
    """Limits of each user behind a key or a token."""
    timers: Timers = Timers()
    """How long each phase of an attempt may take."""
    reasoning_timers: TimersChanges = REASONING
    """What is different for models that think before they speak."""
    request: EngineConfig = EngineConfig()
    """How long a request may take."""
    pass_through: PassThroughConfig = PassThroughConfig()
    """Paths that are passed on unread."""
    responses: ResponsesConfig = ResponsesConfig()
    """Answers that later requests may refer to."""
