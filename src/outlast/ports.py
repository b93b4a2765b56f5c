"""What the core may ask of the world, and what the world must give. The core imports nothing that does I/O."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Protocol, TypeVar

from msgspec import Struct

from outlast.model.cut import Cut
from outlast.model.errors import Failure
from outlast.model.events import Event
from outlast.model.forwarding import Feed
from outlast.model.messages import Batch, Chunk, Opening, Operation, Quota, Reply, Request
from outlast.model.target import Target

T = TypeVar("T")

Header = Callable[[bytes], bytes | None]
"""Asks for one header of an answer by its lower-case name. Repeated headers are joined with a comma."""


class Outgoing(Struct):
    """One upstream request, ready but for the parts that the connection knows: host, key, framing.

    `path` follows the provider's base URL; `headers` are complete lines without CR LF; `dropped` names what of the
    caller's request could not be carried over. `whole` says that the answer is of use as a whole only: `send` may then
    return as late as at its end, which saves a wait. `deadline_header` names the header in which `send` tells the time
    that is left when the request goes out.

    `single` says that there will be no second one with the same head, so that nobody need remember it. Where there is a
    `feed`, the body comes from it; the time for the answer runs from its end on, and until then the provider must take
    each piece within `progress` seconds.
    """

    path: bytes
    body: bytes
    headers: tuple[bytes, ...] = ()
    dropped: tuple[str, ...] = ()
    whole: bool = False
    deadline_header: bytes = b""
    method: str = "POST"
    single: bool = False
    feed: Feed | None = None
    progress: float = 30.0


class Timed(Protocol):
    """Something that waits, and has a moment when waiting ends. `due` is infinite while nothing is waited for."""

    due: float

    def expire(self) -> None:
        """Called once when `due` has passed: fail whoever waits. Must not raise."""
        ...


class Exchange(Protocol):
    """One upstream request whose answer's head is in. Pulled, never pushed.

    Every read raises `TimedOut` when its `due` passes, `BadResponse` on wrong framing or a cut.
    """

    status: int

    def header(self, name: bytes) -> bytes | None:
        """The value of a header, by its lower-case name."""
        ...

    def lighten(self) -> None:
        """Let go of the headers, which nobody will ask for any more: the answer may be read for long."""
        ...

    async def read(self, due: float) -> bytes:
        """What has come since, as soon as anything is there; `b""` at the end of the body."""
        ...

    async def whole(self, due: float) -> bytes:
        """The rest of the body, which is bounded."""
        ...

    def release(self) -> None:
        """The answer is no longer needed and was read to its end, or nearly: keep the connection if that is safe."""
        ...

    def abort(self) -> None:
        """Give up: close the connection. Safe at any time, any number of times."""
        ...


class Waiter(Protocol):
    """A place to wait until somebody else says go."""

    def wake(self) -> None:
        """Let the waiter go on; once is enough, more does no harm."""
        ...

    async def wait(self, due: float) -> bool:
        """True when woken, False when `due` came first."""
        ...


class Race(Protocol[T]):
    """Several ways to one thing, under way at once."""

    def enter(self, runner: Coroutine[object, object, T]) -> None:
        """Start it, in the context in which the race was made; once the race is over, do nothing."""
        ...

    async def winner(self) -> T:
        """What the first brings that brings anything; the others are cancelled, and not waited for.

        Raises the error that decided the race, or the last one. Whoever is cancelled here cancels all runners.
        """
        ...


class Work(Protocol):
    """Something that is done beside the requests."""

    def cancel(self) -> object:
        """Leave it undone, as far as it is."""
        ...


class Stored(Struct, frozen=True):
    """What a store has kept: the bytes, and for how many seconds it will keep them still."""

    value: bytes
    left: float


class Store(Protocol):
    """Keeps bytes under names for a time; it may be memory, a file, or a server that many processes share.

    A name is `namespace:name` in printable ASCII, at most 200 characters. Every kind of store behaves as
    `tests/store/conformance.py` says. Durations are given and told, never moments, so that no two clocks must agree.

    Every method raises `StoreFailed` when the store is out of reach, and may lose anything at any time.
    """

    async def get(self, key: str) -> Stored | None:
        """What is kept under that name; None when nothing is, or no longer."""
        ...

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep that, in place of what was kept there, for so many seconds; for none or fewer: forget it."""
        ...

    async def delete(self, key: str) -> None:
        """Forget what is kept there, if anything is."""
        ...


class StoreFailed(Exception):  # noqa: N818  (as all failures)
    """The store did not do it, or not in time."""


class Io(Protocol):
    """The clock, the dice, the network and the ear of the outside world."""

    def now(self) -> float:
        """Monotonic seconds; never goes back."""
        ...

    def random(self) -> float:
        """A number in [0, 1)."""
        ...

    def emit(self, event: Event) -> None:
        """Tell the sinks. Never raises, never waits."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait at least so long."""
        ...

    async def send(self, target: Target, outgoing: Outgoing, connect_due: float, due: float) -> Exchange:
        """Send, and return when the head of the answer is in.

        A connection must stand by `connect_due`, the head be in by `due`. Raises `Connect`, `TimedOut`, `BadResponse`;
        when it raises or is cancelled, nothing is left open.
        """
        ...

    def watch(self, timed: Timed, due: float) -> None:
        """Arm, move or (with infinity) disarm the one deadline of `timed`."""
        ...

    def on_loop(self, callback: Callable[[], None]) -> None:
        """Call it on the loop's own thread: at once when that is where we are."""
        ...

    def waiter(self) -> Waiter:
        """A new place to wait."""
        ...

    def race(self, decides: Callable[[BaseException], bool], late: Callable[[T], None]) -> Race[T]:
        """A new race: `decides` says which error of one runner ends it for all; `late` lets go of what comes too late.

        To be awaited at once: `winner` is its one place to wait.
        """
        ...

    def begin(self, work: Coroutine[object, object, None]) -> Work | None:
        """Have it done beside the requests; nobody waits for it, and it ends with the world at the latest.

        None: too much is being done already, and this will not be. What it raises is told as a fault of ours.
        """
        ...


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

    def note(self, target: str, source: str, cost: float | None, attempts: int, cut: Cut | None) -> None:
        """What the gateway knows of the answer, told before `end`; only the native dialect passes it on."""
        ...

    def end(self) -> bytes:
        """What ends a whole answer, rendered or passed on as bytes. Never called after `fail`."""
        ...

    def fail(self, failure: Failure, request_id: str) -> bytes:
        """An error event; after it nothing is sent, no finish reason and no end marker."""
        ...


class Framing(Struct, frozen=True):
    """How a dialect cuts its streams into events."""

    media_type: bytes
    whole_is_stream: bool = False
    """A whole reply reads as a stream of one event."""


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


class Sink(Protocol):
    """Where events go."""

    def __call__(self, event: Event) -> None:
        """Take note. Must be quick."""
        ...


class Source(Protocol):
    """Where the batches of a stream come from."""

    target: str
    dialect: str

    @property
    def opening(self) -> Opening:
        """What the provider said of the answer at its start."""
        ...

    async def next(self) -> Batch | None:
        """The next batch that has content or ends the answer; None after the last. Raises a `Failure`."""
        ...

    def abort(self) -> None:
        """Let go of everything, at once."""
        ...
