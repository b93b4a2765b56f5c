"""How many calls may be made twice, under any sequence of calls, hedges and hedges that were not made."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from outlast.layers.hedge import Extra

SHARE, WINDOW = 0.05, 300.0


class ExtraMachine(RuleBasedStateMachine):
    """What holds at every step:

    - of the calls of any window at most the share is made twice, give or take the tenth of it that one bucket spans
    - what is given back may be taken again
    - when there was nothing for a whole window, nothing is kept
    """

    granted = Bundle("granted")

    def __init__(self):
        super().__init__()
        self.now = 50.0
        self.extra = Extra(SHARE, WINDOW)
        self.calls = []
        self.hedges = []

    @rule(seconds=st.sampled_from([0.0, 0.5, 20.0, 31.0, 150.0, 301.0]))
    def wait(self, seconds):
        """Time passes."""
        self.now += seconds

    @rule(many=st.integers(1, 60))
    def ask(self, many):
        """So many calls come."""
        for _ in range(many):
            self.extra.count(self.now)
        self.calls += [self.now] * many

    @rule(target=granted)
    def hedge(self):
        """One of them is to be made twice."""
        bucket = self.extra.take(self.now)
        width = WINDOW / 10
        surely = SHARE * self._within(self.calls, WINDOW - width) >= self._within(self.hedges, WINDOW) + 1
        assert bucket is not None or not surely
        if bucket is None:
            return multiple()
        self.hedges.append(self.now)
        assert self._within(self.hedges, WINDOW - width) <= SHARE * self._within(self.calls, WINDOW) + 1e-9
        return (bucket, self.now)

    @rule(hedge=consumes(granted))
    def give_back(self, hedge):
        """It was not made after all."""
        bucket, at = hedge
        self.extra.give_back(bucket)
        self.hedges.remove(at)

    def _within(self, times, seconds):
        return sum(at > self.now - seconds for at in times)

    @rule()
    def rest(self):
        """Nothing for a whole window."""
        self.now += WINDOW + 1.0
        assert self.extra.idle(self.now)

    @invariant()
    def few(self):
        """See the class."""
        assert len(self.extra._buckets) <= 11


TestExtra = ExtraMachine.TestCase
TestExtra.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize(("calls", "hedges"), [(19, 0), (20, 1), (39, 1), (40, 2), (400, 20)])
def test_one_in_twenty(calls, hedges):
    """Whole hedges for whole twenties of calls."""
    extra = Extra(SHARE, WINDOW)
    for _ in range(calls):
        extra.count(0.0)
    assert sum(extra.take(1.0) is not None for _ in range(calls)) == hedges
