"""Pauses of two targets of one credential, under any sequence of calls and what their provider says."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from outlast.flow.stream import End, ended_by
from outlast.layers.pause import PauseConfig, Pauses
from outlast.model.errors import Cancelled, Credential, Missing, Quota, Rejected, Throttled, Transient
from outlast.model.target import Provider, Target

from .calls import Ear, a_call

ONE = Provider("alpha", "openai", "http://127.0.0.1:1")
TARGETS = [Target(name=f"alpha/{model}", provider=ONE, model=model) for model in "mn"]
CONFIG = PauseConfig(credential=30.0, credential_max=100.0)


class PausesMachine(RuleBasedStateMachine):
    """What holds at every step:

    - no call goes before the pause of its target is over, and no pause ever becomes shorter
    - while a credential is out nothing goes to any of its targets; when its time is over one call goes at a time
    - a probe that is cancelled, or refused by another gate, gives the place back
    - the credential is back at once when a probe succeeds, and out for twice as long, up to the most, when it fails
    - what calls say that were under way when it went out changes nothing
    - whatever happens, after enough time some call goes
    """

    held = Bundle("held")

    def __init__(self):
        super().__init__()
        self.io = Ear(now=100.0, dice=0.5)
        self.pauses = Pauses(CONFIG)
        self.not_before = {target.name: 0.0 for target in TARGETS}
        self.out_until = None
        self.refused = 0
        self.probe = None

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 10.0, 31.0, 120.0, 301.0]))
    def wait(self, seconds):
        """Time passes."""
        self.io.time += seconds

    @rule(target=held, of=st.sampled_from(TARGETS))
    def ask(self, of):
        """A call that waits for nothing asks to go."""
        now = self.io.time
        free = now >= self.not_before[of.name]
        credential = self.out_until is None or (now >= self.out_until and self.probe is None)
        got = self.pauses.admit(a_call(self.io, target=of, deadline=now), now)
        assert isinstance(got, Rejected) == (not (free and credential))
        if isinstance(got, Rejected):
            assert got.retry_after > 0
            return multiple()
        assert not got.waits
        if self.out_until is not None:
            self.probe = got
        return (got, of)

    @rule(call=held)
    def answer(self, call):
        """The first content of a stream is there."""
        got, of = call
        got.answered(a_call(self.io, target=of), self.io.time)
        if got is self.probe:
            self.out_until, self.refused, self.probe = None, 0, None

    @rule(
        call=consumes(held),
        kind=st.sampled_from([Throttled, Quota, None, Credential, Missing, Transient]),
        hint=st.sampled_from([None, 0.3, 5.0, 90.0]),
    )
    def end(self, call, kind, hint):
        """A call ends: with a whole answer, or with what the provider says."""
        got, of = call
        now = self.io.time
        error = kind("no") if kind else None
        if error is not None:
            error.retry_after = hint
        probing = got is self.probe
        before = dict(self._lefts())
        got.settle(a_call(self.io, target=of), End("success") if error is None else ended_by(error), now)
        if probing:
            self.probe = None
        if kind is None and probing:
            self.out_until, self.refused = None, 0
        if kind is Throttled:
            assert error.until >= now + (hint or 0.5) - 1e-9
            self.not_before[of.name] = max(self.not_before[of.name], error.until)
        if kind is Missing:
            self.not_before[of.name] = max(self.not_before[of.name], now + CONFIG.missing)
        if kind in {Quota, Credential} and (self.out_until is None or probing):
            self.refused += 1
            self.out_until = now + min(30.0 * 2 ** (self.refused - 1), 100.0)
        assert all(left >= before[name] for name, left in self._lefts())

    def _lefts(self):
        now = self.io.time
        return [(target.name, self.pauses._target_left(target.name, now)[0]) for target in TARGETS]

    @rule()
    def recovers(self):
        """Five minutes later, with nobody probing, calls go again."""
        if self.probe is not None:
            return
        self.io.time += 1_000.0
        for target in TARGETS:
            call = a_call(self.io, target=target, deadline=0.0)
            got = self.pauses.admit(call, self.io.time)
            assert not isinstance(got, Rejected)
            got.settle(call, End("neutral", Cancelled("gone")), self.io.time)

    @invariant()
    def holds(self):
        """See the class."""
        out = self.pauses._credentials.get("alpha")
        assert (out is None) == (self.out_until is None)
        if out is not None:
            assert out.probing is self.probe
            assert out.until == self.out_until
        for target in TARGETS:
            left, _ = self.pauses.left(target.name, "alpha", self.io.time)
            assert left >= self.not_before[target.name] - self.io.time - 1e-9 or self.out_until is not None


TestPauses = PausesMachine.TestCase
TestPauses.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
