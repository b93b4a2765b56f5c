"""Pauses: targets and credentials that are out because their provider said so.

    throttled            the target pauses until the hint, without one for max(0.5, U(0, min(20, 2^(k-1)))) s
    quota, credential    every target of the credential is out for 30 s, doubling to 5 min, with one probe at each end
    missing              the target is out for 5 min

A pause is the backoff of a throttled call: who may wait so long waits here, holding no slot, permit or connection.
A success brings a credential back at once. Pauses are no failures: the breaker does not hear of them.
"""

from __future__ import annotations

from math import inf

from msgspec import Struct

from outlast.flow.call import Call
from outlast.flow.gate import AtOnce
from outlast.flow.kept import Kept
from outlast.flow.stream import End
from outlast.model.errors import Credential, Failure, Missing, Quota, Rejected, Throttled
from outlast.model.events import BackIn, PauseAwaited, ProbeSent, Refused, TakenOut

IN = (0.0, True)
"""Seconds left, and whether they are worth waiting for, of what is not paused."""
JITTER_MAX = 1.0
"""Seconds that the jitter adds to a hint at most."""


class PauseConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a target or a credential is left alone. Times in seconds."""

    enabled: bool = True
    throttled_floor: float = 0.5
    """A throttled target pauses at least so long."""
    throttled_max: float = 20.0
    """The most that a pause without a hint can grow to."""
    hint_max: float = 86_400.0
    """A longer hint is taken for a day: a provider whose clock is wrong must not be out for ever."""
    credential: float = 30.0
    """A refused or penniless credential is out for this time at first; it doubles."""
    credential_max: float = 300.0
    """It is never out for longer without being tried."""
    missing: float = 300.0
    """A target whose provider does not know the model is out for so long."""
    max_wait: float = 60.0
    """A call without another target waits for the end of a pause at most so long."""


class Pause:
    """One target, or one credential: until when it is out, and how often in a row it was."""

    __slots__ = ("probing", "times", "until")

    def __init__(self) -> None:
        self.until = 0.0
        self.times = 0
        self.probing: object | None = None

    def idle(self, now: float) -> bool:
        """Is it over, so that it may be forgotten?"""
        return self.until <= now and self.probing is None


def throttled_for(config: PauseConfig, times: int, hint: float | None, dice: float) -> float:
    """Seconds that a target pauses which was throttled `times` in a row. A hint is a floor, and jitter only added."""
    if hint is not None:
        believed = min(hint, config.hint_max)
        return believed + dice * min(JITTER_MAX, 0.1 * believed)
    return max(config.throttled_floor, dice * min(config.throttled_max, 2.0 ** min(times - 1, 60)))


def credential_out_for(config: PauseConfig, times: int) -> float:
    """Seconds that a credential is out which was refused `times` in a row."""
    return min(config.credential * 2.0 ** min(times - 1, 60), config.credential_max)


class Held(Struct, eq=False):
    """Leave to try a target, perhaps after waiting for the end of its pause."""

    pauses: Pauses
    call: Call
    waits: bool
    works: bool = False

    async def wait(self, call: Call) -> None:
        """The end of the pause."""
        io = call.io
        since = io.now()
        left = self.pauses.bearable(call, since, since)
        while left > 0:
            await io.sleep(left)
            if (left := self.pauses.bearable(call, io.now(), since)) > 0:  # another call has made it longer
                _awaited(call, left, io.now())

    def tries(self, call: Call) -> bool:
        """Is it that call's leave?"""
        return self.call is call

    def answered(self, call: Call, now: float) -> None:
        """It works: a credential that was out is back."""
        self.works = True
        self.pauses.works(call, self, now)

    def settle(self, call: Call, end: End, now: float) -> None:
        """The attempt is over; what the provider said may take the target out, and a whole answer brings it back."""
        if end.error is not None:
            self.pauses.learn(call, self, end.error, now)
        elif not self.works:
            self.pauses.works(call, self, now)


class Free(AtOnce):
    """Leave to try a target while nothing is paused at all; one for all calls."""

    __slots__ = ("_pauses",)

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses

    def answered(self, call: Call, now: float) -> None:
        """What was paused meanwhile was paused by others: this call says nothing of it."""

    def settle(self, call: Call, end: End, now: float) -> None:
        """The attempt is over; what the provider said may take the target out."""
        if end.error is not None:
            self._pauses.learn(call, self, end.error, now)


Out = dict[str, tuple[float, int]]
"""By name: seconds, and how often in a row."""


class Pauses:
    """All pauses, by target and by credential. Those that are over and forgotten cost nothing."""

    __slots__ = ("_config", "_credentials", "_free", "_targets")

    def __init__(self, config: PauseConfig) -> None:
        self._config = config
        self._free = Free(self)
        self._targets: Kept[Pause] = Kept()
        self._credentials: Kept[Pause] = Kept()

    def left(self, name: str, credential: str, now: float) -> tuple[float, bool]:
        """Seconds until the target may be tried, and whether waiting that long is of any use.

        It is of use for a throttled target; a credential that is out, or a missing model, is not waited for.
        """
        if not self._targets and not self._credentials:
            return IN
        out = self._credentials.get(credential)
        if out is not None and (out.until > now or out.probing is not None):
            return max(out.until - now, 1.0), False
        return self._target_left(name, now)

    def _target_left(self, name: str, now: float) -> tuple[float, bool]:
        pause = self._targets.get(name)
        if pause is None or pause.until <= now:
            return IN
        return pause.until - now, pause.times > 0

    def known(self, now: float) -> tuple[Out, Out]:
        """The targets and the credentials that are out: for how many seconds more, and how often in a row they were."""
        return _out(self._targets, now), _out(self._credentials, now)

    def restore(self, targets: Out, credentials: Out, now: float) -> None:
        """They are out as another process knew it, where nothing is known of them here yet."""
        _put_out(self._targets, targets, self._config.hint_max, now)
        _put_out(self._credentials, credentials, self._config.credential_max, now)

    def admit(self, call: Call, now: float) -> Held | Free | Rejected:
        """The gate: leave to try the target, after its pause if that is short enough."""
        if not self._targets and not self._credentials:
            return self._free
        target = call.target
        left, waitable = self.left(target.name, target.provider.name, now)
        if left > 0 and (not waitable or left > self._longest(call, now)):
            return _paused(call, left)
        out = self._credentials.get(target.provider.name)
        held = Held(self, call, waits=left > 0)
        if left > 0:
            _awaited(call, left, now)
        if out is not None:
            call.io.emit(ProbeSent(call.id, target.name, "pause"))
            out.probing = held
        return held

    def bearable(self, call: Call, now: float, since: float) -> float:
        """Seconds left of the target's pause; raises `Rejected` when the call would wait too long since then."""
        left, waitable = self._target_left(call.target.name, now)
        if left > 0 and (not waitable or left > self._longest(call, now, waited=now - since)):
            raise _paused(call, left)
        return left

    def _longest(self, call: Call, now: float, waited: float = 0.0) -> float:
        """The longest wait that makes sense; a hint of just the most that is waited for may have been jittered."""
        most = min(call.others.patience(now), self._config.max_wait + JITTER_MAX)
        return min(most - waited, call.deadline - now)

    def works(self, call: Call, held: Held, now: float) -> None:
        """The target has answered. Calls from before a pause say nothing of it: it lasts until its time is over."""
        back: list[BackIn] = []
        pause = self._targets.get(call.target.name)
        if pause is not None and pause.until <= now:
            del self._targets[call.target.name]
            back.append(BackIn("target", call.target.name, call.id))
        name = call.target.provider.name
        out = self._credentials.get(name)
        if out is not None and out.probing is held:
            del self._credentials[name]
            back.append(BackIn("credential", name, call.id))
        for event in back:
            call.io.emit(event)

    def learn(self, call: Call, held: Held | Free, error: BaseException | None, now: float) -> None:
        """What an attempt's end means for its target and credential."""
        probed = False
        out = self._credentials.get(call.target.provider.name)
        if out is not None and out.probing is held:
            out.probing, probed = None, True
        match error:
            case Throttled():
                self._throttled(call, error, now)
            case Quota() | Credential():
                self._credential_out(call, error, now, probed=probed)
            case Missing():
                self._missing(call, error, now)
            case _:
                pass

    def _throttled(self, call: Call, error: Failure, now: float) -> None:
        name = call.target.name
        pause = self._targets.get(name) or self._targets.put(name, Pause(), now)
        if pause.until <= now:
            pause.times += 1  # calls that were under way together are throttled together, and that counts once
        seconds = throttled_for(self._config, pause.times, error.retry_after, call.io.random())
        pause.until = max(pause.until, now + seconds)
        error.until = pause.until
        call.io.emit(TakenOut("target", name, error.kind, pause.until - now, call.id, error.retry_after, pause.times))

    def _missing(self, call: Call, error: Failure, now: float) -> None:
        name = call.target.name
        pause = self._targets.get(name) or self._targets.put(name, Pause(), now)
        pause.until, pause.times = max(pause.until, now + self._config.missing), 0
        call.io.emit(TakenOut("target", name, error.kind, pause.until - now, call.id))

    def _credential_out(self, call: Call, error: Failure, now: float, *, probed: bool) -> None:
        name = call.target.provider.name
        pause = self._credentials.get(name)
        if pause is not None and not probed:
            return  # calls that were under way when it went out say nothing new
        pause = pause or self._credentials.put(name, Pause(), now)
        pause.times += 1
        seconds = credential_out_for(self._config, pause.times)
        pause.until = now + seconds
        call.io.emit(TakenOut("credential", name, error.kind, seconds, call.id, error.retry_after, pause.times))

    def again(self, call: Call, now: float) -> Rejected | None:
        """Asked once more behind the queues: who waited there must not go to a target that was paused meanwhile."""
        if not self._targets and not self._credentials:
            return None
        left, _ = self._target_left(call.target.name, now)
        out = self._credentials.get(call.target.provider.name)
        if out is not None and not (isinstance(out.probing, Held) and out.probing.tries(call)):
            left = max(left, out.until - now, 1.0)
        return _paused(call, left) if left > 0 else None


def _out(pauses: Kept[Pause], now: float) -> Out:
    return {name: (pause.until - now, pause.times) for name, pause in pauses.items() if pause.until > now}


def _put_out(pauses: Kept[Pause], out: Out, longest: float, now: float) -> None:
    for name, (seconds, times) in out.items():
        if name not in pauses and seconds > 0:
            pause = pauses.put(name, Pause(), now)
            pause.until, pause.times = now + min(seconds, longest), max(0, min(times, 60))


def _awaited(call: Call, left: float, now: float) -> None:
    patience = call.others.patience(now)
    call.io.emit(PauseAwaited(call.id, call.target.name, left, patience if patience < inf else None))


def _paused(call: Call, left: float) -> Rejected:
    call.io.emit(Refused(call.id, call.target.name, "pause", "it is paused", left))
    return Rejected(f"{call.target.name} is paused", gate="pause", code="paused", retry_after=left)
