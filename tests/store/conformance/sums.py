"""What is added is counted."""

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

AMOUNTS = st.dictionaries(st.sampled_from(["good", "bad", "é x"]), st.integers(-(10**12), 10**12), max_size=3)


class Sums:
    """`add`."""

    def test_what_is_added_is_told(self):
        """With all that were there before."""
        store = self.make()
        assert self.run(store.add("sum:a", {"good": 3, "bad": 1}, 10.0)) == {"good": 3, "bad": 1}
        assert self.run(store.add("sum:a", {"good": -1}, 10.0)) == {"good": 2, "bad": 1}
        assert self.run(store.add("sum:b", {"good": 5}, 10.0)) == {"good": 5}

    def test_they_end(self):
        """So many seconds after the last addition."""
        store = self.make()
        self.run(store.add("sum:a", {"n": 1}, 10.0))
        self.pass_(8.0)
        assert self.run(store.add("sum:a", {"n": 1}, 10.0)) == {"n": 2}
        self.pass_(8.0)
        assert self.run(store.add("sum:a", {"n": 1}, 10.0)) == {"n": 3}
        self.pass_(10.0 + self.alike)
        assert self.run(store.add("sum:a", {"n": 1}, 10.0)) == {"n": 1}

    def test_for_no_time_they_are_forgotten(self):
        """All of them."""
        store = self.make()
        self.run(store.add("sum:a", {"n": 1}, 10.0))
        self.run(store.add("sum:a", {"n": 1}, 0.0))
        assert self.run(store.add("sum:a", {"n": 5}, 10.0)) == {"n": 5}

    def test_at_once_none_is_lost(self):
        """Each is told another sum."""
        store = self.make()
        told = self.at_once([store.add("sum:a", {"n": 1}, 10.0) for _ in range(20)])
        assert sorted(sums["n"] for sums in told) == list(range(1, 21))

    @settings(deadline=None, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow])
    @given(st.lists(AMOUNTS, max_size=8))
    def test_they_are_counters(self, additions):
        """Over any additions."""
        store, sums = self.make(), Counter()
        for amounts in additions:
            for field, amount in amounts.items():
                sums[field] += amount
            told = self.run(store.add("sum:a", amounts, 10.0))
            assert told == {field: sum_ for field, sum_ in sums.items() if field in told}
            assert all(not sum_ for field, sum_ in sums.items() if field not in told)
