"""A wire format, and what reads and writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from outlast.model.cut import Cut
from outlast.model.errors import Failure
from outlast.model.messages import Batch, Chunk, Opening, Operation, Quota, Reply, Request
from outlast.model.target import Target
from outlast.ports.world import Header, Outgoing


class Framing(Struct, frozen=True):
    """How a dialect cuts its streams into events."""

    media_type: bytes
    whole_is_stream: bool = False
    """A whole reply reads as a stream of one event."""


class Facts(Struct, frozen=True):
    """What is known of an answer that no provider says; as `Reply` has it."""

    target: str
    source: str
    cost: float | None = None
    attempts: int = 1
    cut: Cut | None = None
    dropped: tuple[str, ...] = ()


class Reader(Protocol):
    """Decodes one upstream stream, however its bytes are cut.

    `finished`: every choice that began has a finish reason, although the end marker may still be missing.
    `failure`: what the next `feed` or `close` would raise, when a bad event came behind good ones of the same read;
    look at it after each batch, rather than wait for bytes that may never come.
    """

    opening: Opening
    finished: bool
    failure: Failure | None

    def feed(self, data: bytes) -> Batch:
        """What these bytes completed.

        Raises a `Failure`: the class that an error event names, or `BadResponse` for what is not the dialect.
        """
        ...

    def complete(self) -> Batch:
        """What ends an answer of which every choice has finished, whatever came behind that."""
        ...

    def close(self) -> Batch:
        """The body has ended: what the last bytes were. `last` is False if the answer is not complete."""
        ...


class Writer(Protocol):
    """Renders one stream in the caller's dialect."""

    def start(self, opening: Opening) -> bytes:
        """What must stand before the first chunk."""
        ...

    def go_on(self, opening: Opening) -> bytes:
        """What must stand before the first chunk where the beginning went out in the provider's own bytes."""
        ...

    def write(self, chunks: list[Chunk]) -> bytes:
        """These chunks."""
        ...

    def note(self, facts: Facts) -> None:
        """What the gateway knows of the answer, told before `end`; only the native dialect passes it on."""
        ...

    def end(self) -> bytes:
        """What ends a whole answer, rendered or passed on as bytes. Never called after `fail`."""
        ...

    def fail(self, failure: Failure, request_id: str) -> bytes:
        """An error event; after it nothing is sent, no finish reason and no end marker."""
        ...


class Dialect(Protocol):
    """One wire format, both directions. Pure.

    Attributes:
        name: how configuration and errors call it.
        paths: what callers may ask for at which path; `{model}` in one stands for any name.
        streams: how its streams are framed.
    """

    name: str
    paths: Mapping[str, Operation]
    streams: Framing

    def parse(self, operation: Operation, body: bytes, path: str = "") -> Request:
        """The request in these bytes. Raises `Caller` (or `ContextLength`, …) with a message that names the mend.

        `path` is where it was sent, its query included, for the dialects that name the model there.
        """
        ...

    def encode(self, request: Request, target: Target) -> Outgoing:
        """The bytes that ask this target: the caller's own where the dialect is the same, else written anew."""
        ...

    def decode(self, body: bytes, request: Request, target: Target) -> Reply:
        """The answer in these bytes. Raises `BadResponse`, or the class that an error envelope names."""
        ...

    def reader(self, request: Request, target: Target) -> Reader:
        """A decoder for the stream that answers `request`."""
        ...

    def render(self, reply: Reply, request: Request) -> bytes:
        """The answer as a caller of this dialect expects it."""
        ...

    def writer(self, request: Request) -> Writer:
        """A renderer for a stream to a caller of this dialect."""
        ...

    def classify(self, status: int, header: Header, body: bytes, target: Target) -> Failure:
        """What an answer that is no success means."""
        ...

    def quota(self, header: Header) -> Quota | None:
        """What the provider says is left of its limits."""
        ...

    def error(self, failure: Failure, request_id: str) -> tuple[int, bytes]:
        """Status and body that tell the failure to a caller of this dialect, as the vendor would."""
        ...
