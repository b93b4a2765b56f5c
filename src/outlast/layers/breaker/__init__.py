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

from collections.abc import Callable
from math import inf

from outlast.flow.call import Call, Layer
from outlast.flow.gate import AtOnce, gates
from outlast.flow.kept import Kept
from outlast.flow.stream import End
from outlast.layers.breaker.circuit import Breaker
from outlast.layers.breaker.config import BreakerConfig
from outlast.layers.breaker.permit import OF_NO_CALL, Change, Override, Permit, Refusal, State
from outlast.layers.breaker.window import Window
from outlast.model.errors import Failure, Rejected, TimedOut
from outlast.model.events import BreakerChanged, Diverted, ProbeSent, Refused

__all__ = [
    "Breaker",
    "BreakerConfig",
    "Breakers",
    "Change",
    "Override",
    "Permit",
    "Refusal",
    "State",
    "Window",
    "changed",
]


class Held(Permit, AtOnce, kw_only=True, eq=False):
    """A permit in the hands of the engine: it tells the sinks what changed."""

    circuit: Breaker
    slow_after: float | None

    def answered(self, call: Call, now: float) -> None:
        """The first content is there: a success, perhaps a slow one."""
        circuit = self.circuit
        circuit.answered(self, now, self._slow(call))
        if circuit.changes:
            _tell(circuit, call)

    def settle(self, call: Call, end: End, now: float) -> None:
        """The attempt is over."""
        circuit, error = self.circuit, end.error
        if error is None:
            circuit.answered(self, now, self._slow(call))
            circuit.land(self)
        else:
            slow = isinstance(error, TimedOut) or getattr(error, "stalled", False)
            hint = (error.retry_after or 0.0) if isinstance(error, Failure) else 0.0
            circuit.settle(self, end.outcome, now, slow=slow, hint=hint, dice=call.io.random)
        if circuit.changes:
            _tell(circuit, call)

    def _slow(self, call: Call) -> bool:
        """Was the first content long in coming? How long a whole answer takes says how long it is."""
        limit = self.slow_after
        return limit is not None and call.request.stream and call.first is not None and call.first > limit


def _tell(breaker: Breaker, call: Call) -> None:
    for change in breaker.noted():
        call.io.emit(changed(change, call.target.name, call.id))


def changed(change: Change, target: str, call: str) -> BreakerChanged:
    """What is told of a transition of that target's circuit, which the end of that call has brought."""
    return BreakerChanged(
        target,
        change.before,
        change.after,
        change.seconds,
        change.reason,
        call="" if change.reason in OF_NO_CALL else call,
        run=change.run,
        calls=change.calls,
        failed=change.failed,
        slow=change.slow,
        threshold=change.threshold,
        hint=change.hint,
        openings=change.openings,
    )


def _refused(call: Call, refusal: Refusal) -> Rejected:
    """What a call is told that gets no permit; the sinks hear of it too."""
    name, seconds = call.target.name, refusal.retry_after if refusal.retry_after < inf else None
    if refusal.diverted:
        call.io.emit(Diverted(call.id, name, refusal.flying, refusal.allowed, refusal.retry_after))
    else:
        call.io.emit(Refused(call.id, name, "breaker", refusal.why, seconds))
    code = "diverted" if refusal.diverted else "circuit_open"
    return Rejected(f"{name}: {refusal.why}", gate="breaker", code=code, retry_after=seconds)


class Breakers:
    """The circuits of all targets, by name; made when a target is first called."""

    __slots__ = ("_circuits", "_config", "made")

    def __init__(self, config: BreakerConfig) -> None:
        self._config = config
        self._circuits: Kept[Breaker] = Kept()
        self.made: Callable[[str, Breaker], None] | None = None
        """Told of each circuit when it is made, where several processes share what they know."""

    def of(self, name: str, now: float = 0.0) -> Breaker:
        """The circuit of that target. With `now`, others that are as good as new may be forgotten for it."""
        return self._circuits.get(name) or self._made(name, now)

    def _made(self, name: str, now: float) -> Breaker:
        circuit = self._circuits.put(name, Breaker(self._config), now)
        if self.made is not None:
            self.made(name, circuit)
        return circuit

    def ready(self, name: str, now: float) -> float:
        """Seconds until that target's circuit may admit a call; 0 when it may now."""
        circuit = self._circuits.get(name)
        return 0.0 if circuit is None or circuit.free else circuit.ready(now)

    def operate(self, name: str, word: Override | None, now: float, *, until: float = inf) -> list[BreakerChanged]:
        """An operator's word for that target's circuit, as `Breaker.operate`; what is to be told of it."""
        circuit = self.of(name, now)
        circuit.operate(word, now, until=until)
        return [changed(change, name, "") for change in circuit.noted()]

    def items(self) -> list[tuple[str, Breaker]]:
        """All circuits that exist, by target."""
        return list(self._circuits.items())

    def admit(self, call: Call, now: float) -> Held | Rejected:
        """The gate: a permit of the target's circuit."""
        breaker = self.of(call.target.name, now)
        held = Held(circuit=breaker, slow_after=self._config.slow_after)
        if breaker.free and not breaker.level:
            breaker.let_through(held)
            return held
        return self._asked(breaker, held, call, now)

    def _asked(self, breaker: Breaker, held: Held, call: Call, now: float) -> Held | Rejected:
        """What a circuit says that was not closed all the time."""
        target = call.target
        limit = target.timers.limit(call.request.stream)
        others = not call.insists and breaker.slow_start() and call.others.healthy(now) > 0
        refusal = breaker.admit(now, limit=limit, early=call.early, others=others, permit=held)
        if isinstance(refusal, Refusal):
            if breaker.changes:
                _tell(breaker, call)
            return _refused(call, refusal)
        try:
            self._tell_admitted(breaker, held, call, now)
        except BaseException:
            breaker.settle(held, "neutral", now)
            raise
        return held

    def _tell_admitted(self, breaker: Breaker, held: Held, call: Call, now: float) -> None:
        """What has changed, and that a probe goes."""
        if breaker.changes:
            _tell(breaker, call)
        if held.kind != "call":
            left = max(0.0, breaker.until - now)
            call.io.emit(ProbeSent(call.id, call.target.name, "breaker", held.kind == "early", left))

    def layer(self) -> Layer:
        """Ask the target's circuit before every attempt, and tell it how the attempt ended."""
        return gates(self.admit)
