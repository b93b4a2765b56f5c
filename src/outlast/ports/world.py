"""The clock, the dice, the network and the ear."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Protocol, TypeVar

from msgspec import Struct

from outlast.model.events import Event
from outlast.model.forwarding import Feed
from outlast.model.messages import Batch, Opening
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
