"""The whole outside world of the core, scripted and in virtual time: clock, dice, network and ear.

    io = ScriptedIo(seed=7)
    io.script("alpha/m", 503, cut(after=4), ok("Hello"))      # the last one repeats; who has no script answers well

Nothing of it needs a socket, a thread or real time; the same seed gives the same run.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Callable, Coroutine
from math import inf
from typing import TypeVar, cast, get_args

from outlast.edge.beside import Beside
from outlast.edge.race import TaskRace
from outlast.edge.request import time_left
from outlast.lab.answer import Asked, Json, Kind, Vendor
from outlast.lab.named import Spec, behaviour, by_model
from outlast.lab.script import Behaviour, ok
from outlast.lab.scripted_exchange import ScriptedExchange, Sent
from outlast.lab.vendors import gemini_reading
from outlast.model.errors import Connect, Failure
from outlast.model.events import Event
from outlast.model.forwarding import Feed
from outlast.model.target import Target
from outlast.ports import Outgoing, Timed

_VENDORS: dict[str, Vendor] = {vendor: vendor for vendor in get_args(Vendor)}

E = TypeVar("E")
T = TypeVar("T")


class RecordingSink:
    """Keeps every event, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Take note."""
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def kinds(self) -> list[str]:
        """The names of all events, in order."""
        return [type(event).__name__ for event in self.events]


class _Site:
    """What one target does."""

    __slots__ = ("count", "last", "queue")

    def __init__(self) -> None:
        self.count = 0
        self.queue: deque[Behaviour] = deque()
        self.last: Behaviour | None = None


class ScriptedIo:
    """Implements `outlast.ports.Io`. To be used inside `outlast.testing.run`.

    Args:
        seed: of the dice.
        sink: who hears of every event; a new recording one unless given.
        fail_at: the number of the network call (send, read or whole, counted from 1) that fails.
        failure: makes the error it fails with.

    Attributes:
        sent: every request that went out, oldest first.
        network_calls: how many sends, reads and wholes there were.
    """

    def __init__(
        self,
        seed: int = 0,
        sink: RecordingSink | None = None,
        *,
        fail_at: int | None = None,
        failure: Callable[[], Failure] = lambda: Connect("the network call was made to fail"),
    ) -> None:
        self.sink = sink or RecordingSink()
        self.sent: list[Sent] = []
        self.network_calls = 0
        self._fail_at = fail_at
        self._failure = failure
        self._dice = random.Random(seed)  # noqa: S311  (must be repeatable)
        self._sites: dict[str, _Site] = {}
        self._open: set[ScriptedExchange] = set()
        self._alarms: dict[int, asyncio.TimerHandle] = {}
        self._beside: Beside | None = None

    @property
    def open(self) -> int:
        """Exchanges that were neither released nor aborted, and have not failed."""
        return len(self._open)

    @property
    def events(self) -> list[Event]:
        """What was emitted."""
        return self.sink.events

    def script(self, target: str, *specs: Spec) -> None:
        """What `target` ("provider/model") does with its next requests; the last behaviour repeats."""
        site = self._sites[target] = _Site()
        site.queue.extend(behaviour(spec) for spec in specs)
        site.last = site.queue[-1] if site.queue else None

    def sent_to(self, target: str) -> list[Sent]:
        """The requests that went to one target."""
        return [sent for sent in self.sent if sent.target == target]

    # the port

    def now(self) -> float:
        """The loop's virtual seconds."""
        return asyncio.get_running_loop().time()

    def random(self) -> float:
        """A number in [0, 1), the same in every run of the same seed."""
        return self._dice.random()

    def emit(self, event: Event) -> None:
        """Tell the sink."""
        self.sink(event)

    async def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        await asyncio.sleep(seconds)

    def on_loop(self, callback: Callable[[], None]) -> None:
        """Call it: there is one thread."""
        callback()

    def waiter(self) -> ScriptedWaiter:
        """A new place to wait."""
        return ScriptedWaiter()

    def race(self, decides: Callable[[BaseException], bool], late: Callable[[T], None]) -> TaskRace[T]:
        """A new race, of tasks on this loop."""
        return TaskRace(asyncio.get_running_loop(), decides, late)

    def begin(self, work: Coroutine[object, object, None]) -> asyncio.Task[None] | None:
        """Have it done beside the requests, in a task of this loop."""
        loop = asyncio.get_running_loop()
        if self._beside is None or not self._beside.works_on(loop):
            self._beside = Beside(loop, self.emit)
        return self._beside.begin(work)

    def watch(self, timed: Timed, due: float) -> None:
        """Arm, move or disarm; a `due` that was moved by hand is seen when its former moment comes."""
        timed.due = due
        if (alarm := self._alarms.pop(id(timed), None)) is not None:
            alarm.cancel()
        if due < inf:
            self._alarms[id(timed)] = asyncio.get_running_loop().call_at(due, self._look_at, timed)

    async def send(self, target: Target, outgoing: Outgoing, connect_due: float, due: float) -> ScriptedExchange:
        """Play the next behaviour of the target, and return when the head of the answer is in."""
        self.count_call()
        if outgoing.feed is not None:
            begun = self.now()
            outgoing.body = await _fed(outgoing.feed)
            connect_due, due = connect_due + self.now() - begun, due + self.now() - begun
        site = self._sites.setdefault(target.name, _Site())
        site.count += 1
        asked = _asked(target, outgoing, site.count)
        chosen = site.queue.popleft() if site.queue else site.last or by_model(target.model) or ok()
        now, headers = self.now(), outgoing.headers
        if outgoing.deadline_header:
            headers = (*headers, time_left(outgoing.deadline_header, due - now))
        sent = Sent(target.name, now, outgoing.path, headers, outgoing.body, asked.body, chosen.name)
        self.sent.append(sent)
        exchange = ScriptedExchange(chosen.play(asked), sent, self._open.discard, self.count_call)
        self._open.add(exchange)
        try:
            await exchange.head(connect_due, due)
        except BaseException:
            exchange.abort()
            raise
        return exchange

    def count_call(self) -> None:
        """One more network call; raises when it is the one that is to fail."""
        self.network_calls += 1
        if self.network_calls == self._fail_at:
            raise self._failure()

    def _look_at(self, timed: Timed) -> None:
        due = timed.due
        del self._alarms[id(timed)]
        if due > self.now():
            self.watch(timed, due)
        else:
            timed.due = inf
            timed.expire()


class ScriptedWaiter:
    """Implements `outlast.ports.Waiter`."""

    def __init__(self) -> None:
        self._woken = False
        self._future: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """Let the waiter go on."""
        self._woken = True
        self._go_on()

    async def wait(self, due: float) -> bool:
        """True when woken, before or now; False when `due` came first."""
        if self._woken:
            return True
        loop = asyncio.get_running_loop()
        self._future = loop.create_future()
        timer = loop.call_at(due, self._go_on) if due < inf else None
        try:
            await self._future
        finally:
            self._future = None
            if timer is not None:
                timer.cancel()
        return self._woken

    def _go_on(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(None)


async def _fed(feed: Feed) -> bytes:
    """The whole of a body that is still on its way."""
    pieces = [feed.begin()]
    while piece := await feed.read():
        pieces.append(piece)
    return b"".join(pieces)


def _asked(target: Target, outgoing: Outgoing, number: int) -> Asked:
    return Asked(
        vendor=_vendor(target, outgoing),
        kind=_kind(outgoing.path),
        body=_object(outgoing.body),
        number=number,
        provider=target.provider.name,
        place=gemini_reading.place(outgoing.path.decode().removeprefix("/")),
    )


def _kind(path: bytes) -> Kind:
    if b"count_tokens" in path or b"/input_tokens" in path or b":countTokens" in path:
        return "count_tokens"
    return "embeddings" if b"embed" in path else "chat"


def _vendor(target: Target, outgoing: Outgoing) -> Vendor:
    if outgoing.path.startswith(b"/responses"):
        return "responses"
    return _VENDORS.get(target.provider.dialect, "openai")


def _object(body: bytes) -> Json:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return cast("Json", value) if isinstance(value, dict) else {}
