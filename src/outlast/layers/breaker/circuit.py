"""One circuit: a machine whose methods take the time and never wait. The picture is in the package's docstring."""

from __future__ import annotations

from collections.abc import Callable

from outlast.layers.breaker.config import BreakerConfig
from outlast.layers.breaker.permit import FOLLOWED, OPERATOR, RESTORED, Change, Override, Permit, Refusal, State
from outlast.layers.breaker.window import Window
from outlast.model.errors import Outcome


def _half() -> float:
    return 0.5


class Breaker:
    """One circuit. No method waits, so each runs whole on an event loop.

    Attributes:
        state: closed, open or half_open.
        override: an operator's word that stands above the state, or None.
        epoch: grows with every transition.
        until: when it ceases to be open, or forced open.
        openings: how often it has opened, less one for each healthy minute since.
        flying: permits that have not been given back.
        free: nothing would be refused, save by a slow start.
        level: the calls in flight that a slow start climbs to; 0 when none is under way.
        changes: transitions that nobody has taken note of yet.
        hear: told of each transition at once, where several processes share what they know; must be quick.
        reserved: until then another process has the right to probe it, or this one has not asked for that yet.
        wanted: a call was refused since it opened.
    """

    __slots__ = (
        "_config",
        "_early_used",
        "_hinted_until",
        "_last",
        "_peak",
        "_probes",
        "_run",
        "_since",
        "_streak",
        "_successes",
        "_window",
        "changes",
        "epoch",
        "flying",
        "free",
        "hear",
        "level",
        "openings",
        "override",
        "reserved",
        "state",
        "until",
        "wanted",
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
        self.changes: list[Change] = []
        self.free = True
        self.level = 0
        self.hear: Callable[[Change], None] | None = None
        self.reserved = 0.0
        self.wanted = False
        self._streak = 0  # how often the run was broken by a success
        self._last = 0.0  # when something was last counted
        self._since = 0.0  # when the state was entered
        self._hinted_until = 0.0  # the provider asked to be left alone for so long
        self._begin()

    def _begin(self) -> None:
        """What every state begins with."""
        self._run = 0  # failures in a row
        self._successes = 0
        self._early_used = False
        self._probes: list[Permit] = []
        self._peak = 0  # most calls in flight since closing

    def __repr__(self) -> str:
        return f"Breaker({self.override or self.state}, epoch={self.epoch}, flying={self.flying})"

    def noted(self) -> list[Change]:
        """The transitions that nobody has taken note of; from now on somebody has."""
        changes, self.changes = self.changes, []
        return changes

    # -- asking ------------------------------------------------------------------------------------------------

    def ready(self, now: float) -> float:
        """Seconds until a call may be admitted, without asking for a permit; 0 when one may go now."""
        if self.free:
            return 0.0
        refusal = self._refusal(now)
        return refusal.retry_after if refusal else 0.0

    def admit(
        self,
        now: float,
        *,
        limit: float = 0.0,
        early: bool = False,
        others: bool = False,
        permit: Permit | None = None,
    ) -> Permit | Refusal:
        """A permit if a call may go out now, else why not.

        Args:
            now: monotonic seconds.
            limit: how long the attempt may take; a probe's lease is that and a little more.
            early: routing has found every target open, and sends its one early probe here.
            others: other targets could take the call, so a slow start may divert it.
            permit: the permit to fill in; a new one by default.
        """
        permit = permit or Permit()
        if not self.free:
            refusal = self._refusal(now)
            if refusal is not None:
                return self._early_probe(permit, now) if early and self.can_probe_early(now) else refusal
            if self.state != "closed":
                return self._probe(permit, now, limit)
        elif others and self.slow_start() and (ramped := self._ramped(now)) is not None:
            return ramped
        return self.let_through(permit)

    def let_through(self, permit: Permit) -> Permit:
        """What `admit` does while nothing would be refused and no slow start is under way."""
        permit.epoch = self.epoch
        self.flying = flying = self.flying + 1
        if flying > self._peak:  # noqa: PLR1730  (four times as fast as max)
            self._peak = flying
        return permit

    def can_probe_early(self, now: float | None = None) -> bool:
        """Is the one early probe of this opening still to be had?

        Never while the provider wants to be left alone, if `now` is told; what an operator holds open is no opening.
        """
        hinted = now is not None and self.hinted(now)
        return self.state == "open" and not self._early_used and not hinted

    def hinted(self, now: float) -> bool:
        """Does the provider still want to be left alone?"""
        return self._hinted_until > now

    def slow_start(self) -> bool:
        """May a call be diverted although the circuit is closed, because it closed a short while ago?"""
        return self.level > 0 and self.flying > 0

    def idle(self, now: float) -> bool:
        """Is it as good as new, or was it open so long ago that a call would be let in, so that it may be forgotten?"""
        quiet = self.override is None and not self.flying and now >= self.until
        return quiet and now - self._last > self._config.window and now - self._since >= 60.0 * self.openings

    def _early_probe(self, permit: Permit, now: float) -> Permit:
        permit.epoch, permit.kind, permit.lease = self.epoch, "early", now
        self._early_used = True
        self.flying += 1
        return permit

    def _probe(self, permit: Permit, now: float, limit: float) -> Permit:
        if self.state == "open":
            self._enter("half_open", now, "its time is over")
        permit.epoch, permit.kind, permit.lease = self.epoch, "probe", now + limit + self._config.lease
        self._probes.append(permit)
        self.flying += 1
        return permit

    def _refusal(self, now: float) -> Refusal | None:
        if self.override == "forced_open":
            if now < self.until:
                return Refusal("an operator holds the circuit open", self.until - now)
            self.operate(None, now)
            return None
        if self.state == "open":
            return self._while_open(now)
        self._probes = [probe for probe in self._probes if probe.lease > now]
        config = self._config
        places = max(config.probes, config.successes) - len(self._probes) - self._successes
        if places > 0 and len(self._probes) < config.probes:
            return None
        wait = min(probe.lease - now for probe in self._probes)
        return Refusal("the circuit is half-open and its probes are out", min(wait, 1.0))

    def _while_open(self, now: float) -> Refusal | None:
        self.wanted = True
        if now < self.until:
            return Refusal("the circuit is open", self.until - now)
        if now < self.reserved:
            return Refusal("another process probes it", self.reserved - now)
        return None

    def _ramped(self, now: float) -> Refusal | None:
        """The refusal of a slow start that is under way, if it has no room."""
        allowed = self._allowed(now)
        if allowed >= self.level:
            self.level = 0
            return None
        if self.flying < allowed:
            return None
        left = self._config.ramp - (now - self._since) % self._config.ramp
        why = "the circuit has just closed and starts slowly"
        return Refusal(why, left, diverted=True, flying=self.flying, allowed=allowed)

    def _allowed(self, now: float) -> float:
        """Calls in flight that the slow start allows by now."""
        ramp = self._config.ramp
        return 2.0 ** (1 + min(int((now - self._since) / ramp), 60)) if ramp > 0 else float("inf")

    # -- learning ----------------------------------------------------------------------------------------------

    def answered(self, permit: Permit, now: float, slow: bool = False) -> None:
        """The first content, or the whole answer, is there: a success, unless the stream breaks later."""
        if permit.settled or permit.succeeded or permit.epoch != self.epoch or self.override == "disabled":
            return
        kind, window = permit.kind, self._window
        if kind == "probe" and permit not in self._probes:
            return  # its lease is over
        permit.succeeded = True
        permit.slow = slow
        permit.run = self._run if now - self._last <= self._config.window else 0
        permit.bucket = window.add_success(now, slow)
        self._last = now
        self._run = 0
        self._streak = permit.streak = self._streak + 1
        if kind != "call":
            self._probe_succeeded(permit, now)
        elif window.failed or window.slow:  # the tenth call may be what makes the rates tell
            self._trip(now, 0.0, _half)

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
        if outcome == "success":
            self.answered(permit, now, slow)
        self.land(permit)
        if permit.epoch != self.epoch:
            return
        if permit.kind == "early":
            if outcome == "neutral":
                self._early_used = False
            return  # a failed early probe leaves the opening as it is: no shorter, and no longer
        if self.override == "disabled":
            return
        lost = permit.kind == "probe" and not permit.succeeded and not self._gave_back(permit)
        if outcome == "failure" and not lost:
            self._failed(permit, now, slow, hint, dice)

    def land(self, permit: Permit) -> None:
        """The call is no longer in flight, and nothing more is to be learned of it; again does nothing."""
        if not permit.settled:
            permit.settled = True
            self.flying -= 1

    def ground(self) -> None:
        """Nothing is in flight: this is a child process, and the calls are its parent's. What was learned stays."""
        self.flying = 0
        self._probes = []
        self._peak = 0

    def _gave_back(self, permit: Permit) -> bool:
        """Free the place of a probe. False when its lease was over, and the place given to another."""
        if permit not in self._probes:
            return False
        self._probes.remove(permit)
        return True

    def _failed(self, permit: Permit, now: float, slow: bool, hint: float, dice: Callable[[], float]) -> None:
        if now - self._last > self._config.window:
            self._run = 0  # after an idle window nothing is known any more
        if permit.succeeded:
            self._window.take_back_success(permit.bucket, permit.slow)
            if permit.streak == self._streak:  # nobody else has succeeded since: the run was never broken
                self._run += permit.run
        self._last = now
        self._run += 1
        self._window.add_failure(now, slow or permit.slow)
        if permit.kind == "probe":
            self._open(now, hint, dice, "a probe failed", 1.0)
        else:
            self._trip(now, hint, dice)

    def _probe_succeeded(self, permit: Permit, now: float) -> None:
        if permit.kind == "early":
            self._enter("half_open", now, "the early probe succeeded")
        else:
            self._probes.remove(permit)
        self._successes += 1
        if self._successes >= self._config.successes:
            self._enter("closed", now, f"{self._successes} probes succeeded", self._config.successes)

    def _trip(self, now: float, hint: float, dice: Callable[[], float]) -> None:
        reason = self._reason_to_open()
        if not reason:
            return
        if self.override is None:
            self._open(now, hint, dice, *reason)
        else:
            self._would_have_opened(*reason)

    def _would_have_opened(self, reason: str, threshold: float) -> None:
        """Tell what an operator who lets it only observe keeps it from doing, and count anew."""
        window = self._window
        counts = (self._run, window.total, window.failed, window.slow)
        self.changes.append(Change("observe", "observe", 0.0, f"it would have opened: {reason}", *counts, threshold))
        self._run = 0
        window.clear()

    def _reason_to_open(self) -> tuple[str, float] | None:
        """In words, and the threshold that was reached."""
        config, window = self._config, self._window
        if self._run >= config.failures:
            return f"{self._run} failures in a row", config.failures
        total = window.ok + window.failed
        if self._too_many(total, window.failed, config.failure_rate):
            return f"{window.failed} of {total} calls failed", config.failure_rate
        if self._too_many(total, window.slow, config.slow_rate):
            return f"{window.slow} of {total} calls were slow", config.slow_rate
        return None

    def _too_many(self, calls: int, bad: int, rate: float) -> bool:
        """Are so many of the calls bad ones, of calls enough to tell?"""
        return calls >= self._config.min_calls and bad >= rate * calls

    # -- what others know --------------------------------------------------------------------------------------

    def restore(self, seconds: float, openings: int, now: float) -> None:
        """Open for so many seconds more, as another process knew it, where nothing is known here yet."""
        if not self._last and not self.epoch and self.override is None and seconds > 0:
            self._open_as_told(seconds, openings, now, RESTORED)

    def follow(self, seconds: float, openings: int, now: float) -> None:
        """Be open for so many seconds more, as another process has opened it; never for less than it is already.

        While it is half-open its own probes tell more.
        """
        if self.override is not None or seconds <= 0:
            return
        if self.state == "closed":
            self._open_as_told(seconds, openings, now, FOLLOWED)
        elif self.state == "open":
            self._bound(max(seconds, self.until - now), max(openings, self.openings), now)

    def follow_closed(self, now: float, age: float) -> None:
        """Close, as another process has done so long ago, unless it opened here since, or the provider asks else."""
        if self.state == "open" and self.override is None and now - age >= self._since and not self.hinted(now):
            self._enter("closed", now, FOLLOWED)

    def troubled(self, now: float) -> bool:
        """Has anything failed here lately?"""
        return now - self._last <= self._config.window and (self._run > 0 or self._window.failed > 0)

    def counted(self) -> tuple[int, int]:
        """How many calls have succeeded and failed here since it was made."""
        return self._window.counted()

    def judge(self, calls: int, failed: int, now: float, dice: Callable[[], float]) -> None:
        """All processes together have seen so many calls in the window, and so many of them fail: open if that tells.

        A process to which nothing has failed stays as it is: one bad machine must not open the circuits of all.
        """
        config = self._config
        if self.state != "closed" or self.override is not None or not self.troubled(now):
            return
        if self._too_many(calls, failed, config.failure_rate):
            self._open(now, 0.0, dice, f"{failed} of {calls} calls of all processes failed", config.failure_rate)

    def _open_as_told(self, seconds: float, openings: int, now: float, reason: str) -> None:
        self._leave_closed(now)
        self._bound(seconds, openings, now)
        self._enter("open", now, reason)

    def _bound(self, seconds: float, openings: int, now: float) -> None:
        """Open until then, but for no longer than it would ever be by itself."""
        config = self._config
        self.openings = max(1, min(openings, 60))
        self.until = now + min(seconds, max(config.open_max * (1.0 + config.jitter), config.hint_max))

    # -- transitions -------------------------------------------------------------------------------------------

    def _open(self, now: float, hint: float, dice: Callable[[], float], reason: str, threshold: float) -> None:
        config = self._config
        self._leave_closed(now)
        self.openings += 1
        seconds = min(config.open * 2.0 ** min(self.openings - 1, 60), config.open_max)
        seconds *= 1.0 + config.jitter * (2.0 * dice() - 1.0)
        hinted = min(hint, config.hint_max)
        self.until = now + max(seconds, hinted)
        self._hinted_until = now + hinted
        self._enter("open", now, reason, threshold, hinted)

    def _leave_closed(self, now: float) -> None:
        """Take note of what its next slow start will have to climb to, and of the minutes in which it was healthy."""
        if self.state == "closed":
            healthy_minutes = int((now - self._since) / 60.0)
            self.openings = max(0, self.openings - healthy_minutes)
            climbing = self.level if self._allowed(now) < self.level else 0
            self.level = max(climbing, self._peak)

    def _enter(self, state: State, now: float, reason: str, threshold: float = 0.0, hint: float = 0.0) -> None:
        seconds, window = self.until - now if state == "open" else 0.0, self._window
        counts = (self._run, window.total, window.failed, window.slow)
        self.changes.append(Change(self.state, state, seconds, reason, *counts, threshold, hint, self.openings))
        self.state = state
        self.free = state == "closed" and self.override != "forced_open"
        self.epoch += 1
        self._since = now
        self._begin()
        self._window.clear()
        self.reserved, self.wanted = 0.0, False
        if self.hear is not None:
            self.hear(self.changes[-1])

    def operate(self, override: Override | None, now: float, *, until: float = float("inf")) -> None:
        """An operator's word: hold it open until a time of his, switch it off, only observe, or None: as usual.

        Switched off it lets everything pass and counts nothing; observing it lets everything pass, counts, and tells
        when it would have opened.

        Raises:
            ValueError: for anything else; half-open, say, is not to be asked for.
        """
        if override not in {"forced_open", "disabled", "observe", None}:
            raise ValueError(f"a breaker cannot be set to {override!r}: use forced_open, disabled, observe or None")
        before = self.override or self.state
        self.override = override
        self.until = until if override == "forced_open" else 0.0
        self.openings = 0
        self.level = 0
        self._enter("closed", now, OPERATOR)
        self.changes[-1] = Change(before, override or "closed", max(0.0, self.until - now), OPERATOR)
