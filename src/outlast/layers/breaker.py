"""Circuit breaker: stop calling a target that keeps failing, then let a few probes test it.

                 5 failures in a row, or of >= 10 calls in 60 s half failed, or 80 % were slow
     closed ─────────────────────────────────────────────────────────────────────────▶ open(until)
        ▲                                                                                │   ▲
        │ 2 successes                                                        until, or   │   │ one failure
        └────────────────────────────── half-open ◀── the one early probe succeeds ──────┘   │
                                            └────────────────────────────────────────────────┘

Open for `min(10 s * 2^(n-1), 20 s) * U(0.9, 1.1)`, where n counts openings and falls by one per healthy minute; a
provider's hint of at most 60 s is a floor. Every transition starts a new epoch, and a result that comes from an older
epoch changes nothing: a late failure never lengthens an outage. A probe's permit has a lease, so that a hung probe
cannot pin the state. After closing, calls in flight are bounded, 2 at first and doubling, while other targets are left.

Sources: resilience4j CircuitBreakerStateMachine, sony/gobreaker (epochs), Envoy outlier detection (n), Finagle
FailureAccrual. Time is an argument: the machine can be stepped by hand, by Hypothesis and by a simulator.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import Struct

from outlast.flow.call import Call, Layer
from outlast.flow.gate import gate
from outlast.flow.stream import End
from outlast.model.errors import Outcome, Rejected, TimedOut
from outlast.model.events import BreakerChanged

State = Literal["closed", "open", "half_open"]
Override = Literal["forced_open", "disabled", "observe"]


class BreakerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """When a circuit opens, for how long, and how it closes again. Times in seconds."""

    enabled: bool = True
    failures: int = 5
    """Failures in a row that open it."""
    window: float = 60.0
    """How far back the rates look."""
    buckets: int = 10
    """Into how many parts the window is divided; it moves on by one part at a time."""
    min_calls: int = 10
    """The rates say nothing before so many calls are in the window."""
    failure_rate: float = 0.5
    """Share of failures that opens it."""
    slow_rate: float = 0.8
    """Share of slow calls that opens it."""
    slow_after: float | None = None
    """First content later than this is slow; None: only what ran into a timer is."""
    open: float = 10.0
    """How long it stays open the first time; doubles with each further opening."""
    open_max: float = 20.0
    """It is never open for longer by itself."""
    hint_max: float = 60.0
    """The most that a provider's hint can lengthen one opening to."""
    jitter: float = 0.1
    """The time open is spread by this share to both sides."""
    probes: int = 2
    """Probes in flight at once while half-open."""
    successes: int = 2
    """Successful probes that close it."""
    lease: float = 5.0
    """Seconds beyond an attempt's limit after which a silent probe is given up."""
    ramp: float = 5.0
    """After closing, the calls allowed in flight double in this time; 0 turns the slow start off."""


class Window:
    """Counts of the last `span` seconds in a ring of buckets; old ones fall out by themselves."""

    __slots__ = ("_current", "_ring", "_width", "failed", "ok", "slow")

    def __init__(self, span: float, buckets: int) -> None:
        self._width = span / buckets
        self._ring = [[0, 0, 0] for _ in range(buckets)]
        self._current = 0
        self.ok = self.failed = self.slow = 0

    @property
    def total(self) -> int:
        """Calls in the window, as of the last `move`."""
        return self.ok + self.failed

    def move(self, now: float) -> int:
        """Let fall out what is too old; the number of the current bucket."""
        number = max(int(now / self._width), self._current)
        size = len(self._ring)
        for stale in range(max(self._current, number - size) + 1, number + 1):
            bucket = self._ring[stale % size]
            self.ok -= bucket[0]
            self.failed -= bucket[1]
            self.slow -= bucket[2]
            bucket[0] = bucket[1] = bucket[2] = 0
        self._current = number
        return number

    def add(self, now: float, *, failed: bool, slow: bool) -> int:
        """Count one call; the number of its bucket."""
        number = self.move(now)
        bucket = self._ring[number % len(self._ring)]
        if failed:
            bucket[1] += 1
            self.failed += 1
        else:
            bucket[0] += 1
            self.ok += 1
        if slow:
            bucket[2] += 1
            self.slow += 1
        return number

    def take_back_success(self, number: int) -> None:
        """A success counted in that bucket was none after all."""
        size = len(self._ring)
        if number > self._current - size and self._ring[number % size][0] > 0:
            self._ring[number % size][0] -= 1
            self.ok -= 1

    def clear(self) -> None:
        """Forget everything."""
        for bucket in self._ring:
            bucket[0] = bucket[1] = bucket[2] = 0
        self.ok = self.failed = self.slow = 0


class Permit:
    """Leave to make one call on a target. Give it back with `settle`, whatever happened to the call."""

    __slots__ = ("bucket", "epoch", "kind", "lease", "run", "settled", "streak", "succeeded")

    def __init__(self, epoch: int, kind: Literal["call", "probe", "early"], lease: float) -> None:
        self.epoch = epoch
        self.kind = kind
        self.lease = lease
        self.bucket = -1
        self.run = 0
        self.streak = 0
        self.succeeded = False
        self.settled = False


class Refusal(Struct, frozen=True):
    """No call now: why, and for how many seconds."""

    why: str
    retry_after: float


class Change(Struct, frozen=True):
    """One transition, with the numbers behind it."""

    before: str
    after: str
    seconds: float
    reason: str


def _half() -> float:
    return 0.5


class Breaker:
    """One circuit. No method waits, so each runs whole on an event loop."""

    __slots__ = (
        "_changes",
        "_config",
        "_early_used",
        "_last",
        "_level",
        "_peak",
        "_probes",
        "_run",
        "_since",
        "_streak",
        "_successes",
        "_window",
        "epoch",
        "flying",
        "openings",
        "override",
        "state",
        "until",
    )

    def __init__(self, config: BreakerConfig) -> None:
        self._config = config
        self._window = Window(config.window, config.buckets)
        self.state: State = "closed"
        self.override: Override | None = None
        self.epoch = 0
        self.until = 0.0
        self.openings = 0
        self.flying = 0
        self._run = 0  # failures in a row
        self._streak = 0  # how often the run was broken by a success
        self._last = 0.0  # when something was last counted
        self._since = 0.0  # when the state was entered
        self._probes: list[Permit] = []
        self._successes = 0
        self._early_used = False
        self._peak = 0  # most calls in flight since closing
        self._level = 0  # the former level that a slow start climbs to; 0: no slow start under way
        self._changes: list[Change] = []

    def __repr__(self) -> str:
        return f"Breaker({self.override or self.state}, epoch={self.epoch}, flying={self.flying})"

    # -- asking ------------------------------------------------------------------------------------------------

    def ready(self, now: float) -> float:
        """Seconds until a call may be admitted, without asking for a permit; 0 when one may go now."""
        refusal = self._refusal(now)
        return refusal.retry_after if refusal else 0.0

    def admit(self, now: float, *, limit: float = 0.0, early: bool = False, others: bool = False) -> Permit | Refusal:
        """A permit if a call may go out now, else why not.

        Args:
            now: monotonic seconds.
            limit: how long the attempt may take; a probe's lease is that and a little more.
            early: routing has found every target open, and sends its one early probe here.
            others: other targets could take the call, so a slow start may divert it.
        """
        refusal = self._refusal(now)
        if refusal is not None:
            if not (early and self.can_probe_early()):
                return refusal
            self._early_used = True
            return self._go("early", now + limit + self._config.lease)
        if self.override is None and self.state != "closed":
            if self.state == "open":
                self._enter("half_open", now, "its time is over")
            permit = self._go("probe", now + limit + self._config.lease)
            self._probes.append(permit)
            return permit
        if others and self.flying and (ramped := self._ramped(now)) is not None:
            return ramped
        permit = self._go("call", 0.0)
        self._peak = max(self._peak, self.flying)
        return permit

    def can_probe_early(self) -> bool:
        """Is the one early probe of this opening still to be had? Never while an operator holds it open."""
        return self.state == "open" and self.override is None and not self._early_used

    def _go(self, kind: Literal["call", "probe", "early"], lease: float) -> Permit:
        self.flying += 1
        return Permit(self.epoch, kind, lease)

    def _refusal(self, now: float) -> Refusal | None:
        if self.override == "forced_open":
            if now < self.until:
                return Refusal("an operator holds the circuit open", self.until - now)
            self.operate(None, now)
        if self.override is not None:
            return None
        if self.state == "closed":
            return None
        if self.state == "open":
            return Refusal("the circuit is open", self.until - now) if now < self.until else None
        self._probes = [probe for probe in self._probes if probe.lease > now]
        config = self._config
        places = max(config.probes, config.successes) - len(self._probes) - self._successes
        if places > 0 and len(self._probes) < config.probes:
            return None
        wait = min((probe.lease - now for probe in self._probes), default=1.0)
        return Refusal("the circuit is half-open and its probes are out", min(wait, 1.0))

    def _ramped(self, now: float) -> Refusal | None:
        """The refusal of a slow start that is under way, if it has no room."""
        if not self._level or self._config.ramp <= 0:
            return None
        steps = int((now - self._since) / self._config.ramp)
        allowed = 2 << min(steps, 30)
        if allowed >= self._level:
            self._level = 0
            return None
        if self.flying < allowed:
            return None
        return Refusal(
            "the circuit has just closed and starts slowly", self._since + (steps + 1) * self._config.ramp - now
        )

    # -- learning ----------------------------------------------------------------------------------------------

    def answered(self, permit: Permit, now: float, *, slow: bool = False) -> None:
        """The first content, or the whole answer, is there: a success, unless the stream breaks later."""
        if permit.epoch != self.epoch or permit.succeeded or self._reclaimed(permit):
            return
        permit.succeeded = True
        permit.run = self._run
        permit.bucket = self._count(now, failed=False, slow=slow)
        self._streak += 1
        permit.streak = self._streak
        if permit.kind == "call":
            self._trip(now, 0.0, _half)
        else:
            self._probe_succeeded(permit, now)

    def settle(
        self,
        permit: Permit,
        outcome: Outcome,
        now: float,
        *,
        slow: bool = False,
        hint: float = 0.0,
        dice: Callable[[], float] = _half,
    ) -> None:
        """Report how the call ended. Reports from before the last transition change nothing.

        Args:
            permit: what `admit` gave; settled once, further calls do nothing.
            outcome: success, failure, throttled or neutral.
            now: monotonic seconds.
            slow: it ran into a timer.
            hint: seconds that the provider asked us to wait; 0 for none.
            dice: gives a number in [0, 1) to spread the time open.
        """
        if permit.settled:
            return
        permit.settled = True
        self.flying -= 1
        if permit.epoch != self.epoch:
            return
        if outcome == "success":
            self.answered(permit, now, slow=slow)
        elif outcome == "failure" and (permit.succeeded or not self._reclaimed(permit)):
            self._failed(permit, now, slow, hint, dice)
        elif outcome == "neutral" and permit.kind == "early":
            self._early_used = False
        if permit.kind == "probe" and permit in self._probes:
            self._probes.remove(permit)

    def _reclaimed(self, permit: Permit) -> bool:
        """Was the lease of this probe over, and its place given to another?"""
        return permit.kind == "probe" and permit not in self._probes

    def _failed(self, permit: Permit, now: float, slow: bool, hint: float, dice: Callable[[], float]) -> None:
        if permit.kind == "early":
            return  # the opening stays as it is: no shorter, and no longer
        if permit.succeeded:
            self._window.take_back_success(permit.bucket)
            if permit.streak == self._streak:  # nobody else has succeeded since: the run was never broken
                self._run += permit.run
        self._count(now, failed=True, slow=slow)
        if permit.kind == "probe":
            self._open(now, hint, dice, "a probe failed")
        else:
            self._trip(now, hint, dice)

    def _count(self, now: float, *, failed: bool, slow: bool) -> int:
        if now - self._last > self._config.window:
            self._run = 0  # after an idle window nothing is known any more
        self._last = now
        self._run = self._run + 1 if failed else 0
        return self._window.add(now, failed=failed, slow=slow)

    def _probe_succeeded(self, permit: Permit, now: float) -> None:
        if permit.kind == "early":
            self._enter("half_open", now, "the early probe succeeded")
            self._successes = 1
        else:
            self._probes.remove(permit)
            self._successes += 1
        if self._successes >= self._config.successes:
            self._enter("closed", now, f"{self._successes} probes succeeded")

    def _trip(self, now: float, hint: float, dice: Callable[[], float]) -> None:
        reason = self._reason_to_open()
        if reason and self.override is None:
            self._open(now, hint, dice, reason)

    def _reason_to_open(self) -> str | None:
        config, window = self._config, self._window
        if self._run >= config.failures:
            return f"{self._run} failures in a row"
        if window.total < config.min_calls:
            return None
        if window.failed >= config.failure_rate * window.total:
            return f"{window.failed} of {window.total} calls failed"
        if window.slow >= config.slow_rate * window.total:
            return f"{window.slow} of {window.total} calls were slow"
        return None

    # -- transitions -------------------------------------------------------------------------------------------

    def _open(self, now: float, hint: float, dice: Callable[[], float], reason: str) -> None:
        config = self._config
        if self.state == "closed":
            healthy_minutes = int((now - self._since) / 60.0)
            self.openings = max(0, self.openings - healthy_minutes)
            self._level = self._peak
        self.openings += 1
        seconds = min(config.open * 2.0 ** min(self.openings - 1, 60), config.open_max)
        seconds *= 1.0 + config.jitter * (2.0 * dice() - 1.0)
        seconds = max(seconds, min(hint, config.hint_max))
        self.until = now + seconds
        self._enter("open", now, reason)

    def _enter(self, state: State, now: float, reason: str) -> None:
        seconds = self.until - now if state == "open" else 0.0
        self._changes.append(Change(self.state, state, seconds, reason))
        self.state = state
        self.epoch += 1
        self._since = now
        self._run = 0
        self._successes = 0
        self._early_used = False
        self._probes = []
        self._peak = 0
        self._window.clear()

    def changes(self) -> list[Change]:
        """The transitions since the last look."""
        seen, self._changes = self._changes, []
        return seen

    def operate(self, override: Override | None, now: float, *, until: float = float("inf")) -> None:
        """An operator's word: hold it open until a time of his, let everything pass, only observe, or None: as usual.

        Raises:
            ValueError: for anything else; half-open, say, is not to be asked for.
        """
        if override not in {"forced_open", "disabled", "observe", None}:
            raise ValueError(f"a breaker cannot be set to {override!r}: use forced_open, disabled, observe or None")
        before = self.override or self.state
        self.override = override
        self.until = until if override == "forced_open" else 0.0
        self._level = 0
        self._enter("closed", now, "an operator's word")
        self._changes[-1] = Change(before, override or "closed", max(0.0, self.until - now), "an operator's word")


class Held:
    """A breaker's permit in the hands of the engine: it tells the sinks what changed."""

    __slots__ = ("_breaker", "_call", "_permit", "_slow_after")

    def __init__(self, breaker: Breaker, permit: Permit, call: Call, slow_after: float | None) -> None:
        self._breaker = breaker
        self._permit = permit
        self._call = call
        self._slow_after = slow_after

    def wait(self, call: Call) -> Awaitable[None] | None:  # noqa: ARG002
        """Never: a breaker says yes or no."""
        return None

    def answered(self, call: Call, now: float) -> None:
        """The first content is there: a success, perhaps a slow one."""
        slow = self._slow_after is not None and call.first is not None and call.first > self._slow_after
        self._breaker.answered(self._permit, now, slow=slow)
        self._tell()

    def settle(self, end: End, now: float) -> None:
        """The attempt is over."""
        error = end.error
        hint = (getattr(error, "retry_after", None) or 0.0) if error is not None else 0.0
        slow = isinstance(error, TimedOut) or getattr(error, "stalled", False)
        self._breaker.settle(self._permit, end.outcome, now, slow=slow, hint=hint, dice=self._call.io.random)
        self._tell()

    def _tell(self) -> None:
        if self._breaker._changes:  # noqa: SLF001  (one look instead of a call for each answer)
            for change in self._breaker.changes():
                self._call.io.emit(
                    BreakerChanged(self._call.target.name, change.before, change.after, change.seconds, change.reason)
                )


class Breakers:
    """The circuits of all targets, by name; made when a target is first called."""

    __slots__ = ("_circuits", "_config")

    def __init__(self, config: BreakerConfig) -> None:
        self._config = config
        self._circuits: dict[str, Breaker] = {}

    def of(self, name: str) -> Breaker:
        """The circuit of that target."""
        circuit = self._circuits.get(name)
        if circuit is None:
            circuit = self._circuits[name] = Breaker(self._config)
        return circuit

    def ready(self, name: str, now: float) -> float:
        """Seconds until that target's circuit may admit a call; 0 when it may now."""
        circuit = self._circuits.get(name)
        return circuit.ready(now) if circuit is not None else 0.0

    def items(self) -> list[tuple[str, Breaker]]:
        """All circuits that exist, by target."""
        return list(self._circuits.items())

    def admit(self, call: Call, now: float) -> Held | Rejected:
        """The gate: a permit of the target's circuit."""
        target = call.target
        breaker = self.of(target.name)
        timers = target.timers
        limit = timers.first_content if call.request.stream else timers.whole
        others = breaker.state == "closed" and call.others.healthy(now) > 0
        permit = breaker.admit(now, limit=limit, early=call.early, others=others)
        if isinstance(permit, Refusal):
            return Rejected(
                f"{target.name}: {permit.why}", gate="breaker", code="circuit_open", retry_after=permit.retry_after
            )
        return Held(breaker, permit, call, self._config.slow_after)

    def layer(self) -> Layer:
        """Ask the target's circuit before every attempt, and tell it how the attempt ended."""
        return gate(self.admit)
