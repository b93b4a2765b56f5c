"""The circuit breaker under any sequence of calls, ends, waits and words of an operator."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

from outlast.layers.breaker import Breaker, BreakerConfig, Refusal

LIMIT = 10.0
CONFIG = BreakerConfig(failures=3, window=20.0, min_calls=4, open=4.0, open_max=8.0, probes=2, successes=3, lease=5.0)
OUTCOMES = st.sampled_from(["success", "failure", "throttled", "neutral"])
STEPS = st.sampled_from([0.0, 0.01, 0.5, 2.0, 3.9, 4.5, 9.0, 15.0, 21.0, 61.0])


class BreakerMachine(RuleBasedStateMachine):
    """What holds at every step:

    - while it is open nothing is admitted before its time, save one early probe, and none inside a hint
    - half-open, no more probes are out than configured, and probes out plus successes never exceed what may close it
    - an end that belongs to an older epoch changes nothing but the number of calls in flight
    - each permit is settled once; calls in flight are never fewer than none, and none when all is settled
    - a failure that comes late, or of an early probe, never moves the end of an outage
    - an operator's word stands until he takes it back, or its time is over
    """

    out = Bundle("out")

    def __init__(self):
        super().__init__()
        self.now = 1_000.0
        self.breaker = Breaker(CONFIG)
        self.flying = set()
        self.early = None  # the epoch whose early probe is used

    def _state(self):
        b = self.breaker
        counted = (b._window.ok, b._window.failed, b._window.slow, b._run, b._successes)
        return (b.state, b.epoch, b.until, b.openings, *counted, len(b._probes), b._early_used)

    @rule(seconds=STEPS)
    def wait(self, seconds):
        """Time passes."""
        self.now += seconds

    @rule(target=out, early=st.booleans(), others=st.booleans())
    def ask(self, early, others):
        """A call asks for a permit."""
        b, before = self.breaker, self._state()
        state, until, epoch = b.state, b.until, b.epoch
        hinted = b._hinted_until > self.now
        level, flying, operated = b.level, b.flying, b.override
        got = b.admit(self.now, limit=LIMIT, early=early, others=others)
        if isinstance(got, Refusal):
            assert got.retry_after > 0
            assert b.flying == flying
            assert state != "closed" or operated == "forced_open" or (level and others and flying)
            if operated is None and state != "half_open":
                assert self._state() == before
            return multiple()
        assert operated != "forced_open" or b.override is None
        if operated is None and state == "open" and self.now < until:
            assert early
            assert not hinted
            assert self.early != epoch
            self.early = epoch
        self.flying.add(id(got))
        return got

    @rule(permit=out, slow=st.booleans())
    def answer(self, permit, slow):
        """The first content of a call is there, perhaps told twice, or too late."""
        before, stale = self._state(), permit.epoch != self.breaker.epoch
        self.breaker.answered(permit, self.now, slow)
        if stale or permit.settled:
            assert self._state() == before

    @rule(
        permit=consumes(out), outcome=OUTCOMES, hint=st.sampled_from([0.0, 0.0, 3.0, 30.0, 600.0]), dice=st.floats(0, 1)
    )
    def end(self, permit, outcome, hint, dice):
        """A call ends; its permit is given back, and given back again."""
        b, before = self.breaker, self._state()
        flying, stale = b.flying, permit.epoch != b.epoch
        was_open, until = b.state == "open", b.until
        b.settle(permit, outcome, self.now, hint=hint, dice=lambda: dice)
        self.flying.discard(id(permit))
        assert b.flying == flying - 1
        if stale:
            assert self._state() == before
        if was_open and b.state == "open":
            assert b.until == until
        if outcome == "neutral" and permit.kind == "early" and b.epoch == permit.epoch:
            self.early = None
        if not was_open and b.state == "open" and outcome == "failure":
            assert b.until - self.now >= max(min(hint, 60.0), 4.0 * 0.9) - 1e-6
            assert b.until - self.now <= max(min(hint, 60.0), 8.0 * 1.1) + 1e-6
        after = self._state()
        b.settle(permit, "failure", self.now)
        assert self._state() == after
        assert b.flying == flying - 1

    @rule(word=st.sampled_from(["forced_open", "disabled", "observe", None]), seconds=STEPS)
    def operate(self, word, seconds):
        """An operator speaks."""
        self.breaker.operate(word, self.now, until=self.now + seconds)
        assert self.breaker.override == word
        assert self.breaker.state == "closed"

    @precondition(lambda self: self.breaker.override in {"disabled", "observe"})
    @rule()
    def overridden(self):
        """While an operator says so, everything passes and nothing opens; switched off, nothing is counted either."""
        b = self.breaker
        assert b.ready(self.now) == 0.0
        assert b.state == "closed"
        assert b.override == "observe" or (b._window.total, b._run) == (0, 0)

    @rule()
    def recovers(self):
        """Whatever is out and never comes back: after enough time some call is admitted, and successes close it."""
        if self.breaker.override == "forced_open":
            self.breaker.operate(None, self.now)
        self.now += 60.0 + LIMIT + CONFIG.lease + 1.0
        for _ in range(CONFIG.successes):
            permit = self.breaker.admit(self.now, limit=LIMIT)
            assert not isinstance(permit, Refusal)
            self.breaker.settle(permit, "success", self.now)
        if not self.breaker._window.failed:
            assert self.breaker.state == "closed"

    @invariant()
    def holds(self):
        """See the class."""
        b = self.breaker
        assert b.flying == len(self.flying)
        alive = [probe for probe in b._probes if probe.lease > self.now]
        assert len(alive) <= CONFIG.probes
        assert len(alive) + b._successes <= max(CONFIG.probes, CONFIG.successes)
        assert all(probe.epoch == b.epoch and not probe.settled for probe in b._probes)
        window = b._window
        assert 0 <= window.slow <= window.ok + window.failed
        assert min(window.ok, window.failed) >= 0
        assert b.openings >= 0
        if b.ready(self.now) == 0.0 and not b.level:
            assert b.override != "forced_open"

    def teardown(self):
        """When all is settled, nothing flies."""
        assert self.breaker.flying == len(self.flying)


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
