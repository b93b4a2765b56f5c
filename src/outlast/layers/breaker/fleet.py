"""The circuits of several processes, which tell one another through a store what each has found of a target.

    opened here ───▶ circuit:<target> = open, for so long ───▶ others open too, if anything has failed to them as well,
                                                               or the provider itself asked to be left alone
    its time over ─▶ probe:<target> claimed ─────────────────▶ one process probes; the others wait for what it finds
    closed here ───▶ circuit:<target> = closed ──────────────▶ others close too, and start slowly
    once a second ─▶ counts of the window added up ──────────▶ a rate tells sooner than one process alone could know it

Every decision is made here, from what is known here: no call ever waits for the store. While the store does not answer,
each process is as it would be by itself, and probes by itself. What an operator says of a circuit holds in his process.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec
from msgspec import Struct

from outlast.flow.bell import Bell
from outlast.layers.breaker import Breakers, changed
from outlast.layers.breaker.circuit import Breaker
from outlast.layers.breaker.permit import OF_NO_CALL, Change
from outlast.layers.breaker.sums import Sums
from outlast.model.tag import tag
from outlast.ports import Io, Store, StoreFailed

BEAT = 1.0
"""Seconds from one look at the store to the next."""
AHEAD = 0.5
"""So many seconds before its time is over, the right to probe a circuit is asked for."""
KEPT = 60.0
"""Seconds for which it is known that a circuit is half-open, or has closed."""
LEASE = 5.0
"""The right to probe is given for so many seconds, and again with each beat."""
LONGEST = 150
"""Characters of a target's name in a key."""


class News(Struct, frozen=True):
    """What one process has found of a circuit: for how many seconds it is open; none where it has closed.

    `asked` says that the provider itself wanted to be left alone.
    """

    by: str
    seconds: float
    openings: int = 0
    asked: bool = False


_NEWS = msgspec.json.Decoder(News)


class _Member:
    """One circuit, as the fleet sees it."""

    __slots__ = ("circuit", "heard", "heard_until", "probing", "stop", "untold", "woken")

    def __init__(self, circuit: Breaker) -> None:
        self.circuit = circuit
        self.probing = False  # the right to probe is ours
        self.untold: News | None = None
        self.woken = True  # somebody may have something to tell
        self.heard: News | None = None  # another process has opened it, and nothing has failed here yet
        self.heard_until = 0.0
        self.stop: Callable[[], None] = _nothing


class Fleet:
    """This process among others. `run` it beside the requests.

    Args:
        breakers: the circuits of this process.
        store: what all processes share.
        io: clock, dice and ear.
        name: of this process, which no other has.
        window: how far back the rates look, in seconds.
    """

    __slots__ = ("_bell", "_breakers", "_io", "_members", "_name", "_store", "_sums", "alone")

    def __init__(self, breakers: Breakers, store: Store, io: Io, name: str, window: float) -> None:
        self._breakers = breakers
        self._store = store
        self._io = io
        self._name = name
        self._sums = Sums(store, window, name, io)
        self._members: dict[str, _Member] = {}
        self._bell = Bell()
        self.alone = False
        """The store does not answer, and this process goes by itself."""
        for target, circuit in breakers.items():
            self._joined(target, circuit)
        breakers.made = self._joined

    async def run(self) -> None:
        """Look at the store with each beat, and whenever there is news; never ends by itself."""
        io, sums_due = self._io, 0.0
        while True:
            waiter = self._bell.heard_by(io)  # what happens from here on is looked at next time
            now = io.now()
            try:
                await self._tell_and_hear()
                await self._probe()
                if now >= sums_due:
                    sums_due = now + 0.8 * BEAT
                    await self._judge()
                self.alone = False
            except StoreFailed:
                self._go_alone()
            self._part_with_forgotten()
            await waiter.wait(self._next_look())

    def _next_look(self) -> float:
        """The next beat, or sooner if a circuit may be probed soon."""
        io = self._io
        now = io.now()
        soon = [member.circuit.until - AHEAD for member in self._members.values() if member.circuit.state == "open"]
        return min([now + BEAT * (0.9 + 0.2 * io.random()), *(due for due in soon if due > now)])

    # -- members -----------------------------------------------------------------------------------------------

    def _joined(self, target: str, circuit: Breaker) -> None:
        self._part_with(target)
        member = self._members[target] = _Member(circuit)
        circuit.hear = partial(self._changed, member)
        member.stop = self._store.listen(_circuit_key(target), partial(self._woken, member))
        self._bell.ring()

    def _part_with(self, target: str) -> None:
        member = self._members.pop(target, None)
        if member is not None:
            member.stop()

    def _part_with_forgotten(self) -> None:
        known = dict(self._breakers.items())
        for target in [name for name, member in self._members.items() if known.get(name) is not member.circuit]:
            self._part_with(target)

    def _woken(self, member: _Member) -> None:
        member.woken = True
        self._bell.ring()

    def _changed(self, member: _Member, change: Change) -> None:
        """Something has changed here: it is to be told, unless it was told to us."""
        circuit, now = member.circuit, self._io.now()
        if change.after == "open" and not self.alone:
            circuit.reserved = circuit.until + 2 * BEAT
        if change.reason in OF_NO_CALL:
            return
        if change.after == "open":
            member.untold = News(self._name, circuit.until - now, change.openings, asked=change.hint > 0)
        elif change.after == "closed":
            member.untold = News(self._name, 0.0)
        self._bell.ring()

    # -- news --------------------------------------------------------------------------------------------------

    async def _tell_and_hear(self) -> None:
        for target, member in list(self._members.items()):
            if member.untold is not None:
                await self._tell(target, member, member.untold)
            if member.woken:
                member.woken = False
                try:
                    await self._hear(target, member)
                except StoreFailed:
                    member.woken = True
                    raise
            self._follow(target, member)

    async def _tell(self, target: str, member: _Member, news: News) -> None:
        key, value = _circuit_key(target), msgspec.json.encode(news)
        await self._store.put(key, value, news.seconds + KEPT)
        if member.untold is news:
            member.untold = None
        if member.probing:
            member.probing = False
            await self._store.swap(_probe_key(target), self._token, b"", 0.0)

    async def _hear(self, target: str, member: _Member) -> None:
        found = await self._store.get(_circuit_key(target))
        news = None if found is None else _read(found.value)
        if found is None or news is None or news.by == self._name or member.untold is not None:
            return
        circuit, now = member.circuit, self._io.now()
        if news.seconds > 0:
            member.heard, member.heard_until = news, now + found.left - KEPT
            self._follow(target, member)
            return
        member.heard = None
        circuit.follow_closed(now, KEPT - found.left)
        self._tell_sinks(target, circuit)

    def _follow(self, target: str, member: _Member) -> None:
        """Open as another process has, once there is a reason of our own to believe it."""
        circuit, news, now = member.circuit, member.heard, self._io.now()
        if news is not None and (news.asked or circuit.state == "open" or circuit.troubled(now)):
            member.heard = None
            circuit.follow(member.heard_until - now, news.openings, now)
            self._tell_sinks(target, circuit)

    def _tell_sinks(self, target: str, circuit: Breaker) -> None:
        for change in circuit.noted():
            self._io.emit(changed(change, target, ""))

    # -- probes ------------------------------------------------------------------------------------------------

    @property
    def _token(self) -> bytes:
        return self._name.encode()

    async def _probe(self) -> None:
        """Ask for the right to probe what may be probed soon, as far as anybody wants to call it."""
        for target, member in list(self._members.items()):
            circuit, now = member.circuit, self._io.now()
            if circuit.state == "half_open" or (circuit.state == "open" and now >= circuit.until - AHEAD):
                await self._ask_to_probe(target, member)
            elif circuit.state == "closed":
                member.probing = False

    async def _ask_to_probe(self, target: str, member: _Member) -> None:
        circuit, key = member.circuit, _probe_key(target)
        if member.probing:
            if circuit.flying or circuit.wanted:
                circuit.wanted = False
                member.probing = await self._store.swap(key, self._token, self._token, LEASE)
            return
        if circuit.state != "open":
            return
        left = LEASE
        if circuit.wanted:
            held = await self._store.claim(key, self._token, LEASE)
            member.probing = held is None or held.value == self._token
            left = 0.0 if held is None else held.left
        if circuit.state == "open":
            circuit.reserved = 0.0 if member.probing else self._io.now() + max(2 * BEAT, min(left, LEASE))

    def _go_alone(self) -> None:
        """The store does not answer: nobody is to wait for another process."""
        self.alone = True
        for member in self._members.values():
            member.circuit.reserved = 0.0
            member.probing = False

    # -- rates -------------------------------------------------------------------------------------------------

    async def _judge(self) -> None:
        """Add what was counted here to what all have counted, and see whether that opens a circuit."""
        circuits = {target: member.circuit for target, member in self._members.items()}
        await self._sums.add({target: circuit.counted() for target, circuit in circuits.items()})
        for target, circuit in circuits.items():
            if circuit.state == "closed":
                calls, failed = self._sums.of(target)
                circuit.judge(calls, failed, self._io.now(), self._io.random)
                self._tell_sinks(target, circuit)
            else:
                self._sums.forget(target)


def _nothing() -> None:
    """It is not listened for yet."""


def _read(value: bytes) -> News | None:
    """The news in these bytes; None where they are none of this version's."""
    try:
        return _NEWS.decode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _circuit_key(target: str) -> str:
    return f"circuit:{_short(target)}"


def _probe_key(target: str) -> str:
    return f"probe:{_short(target)}"


def _short(target: str) -> str:
    """The target's name, or what stands for it where that is too long or too odd for a key."""
    if len(target) <= LONGEST and target.isascii() and target.isprintable():
        return target
    return tag(target)
