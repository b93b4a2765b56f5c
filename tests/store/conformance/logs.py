"""What is appended is there, in its order, until the log's time is over."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ENTRIES = st.lists(st.binary(max_size=8), max_size=4)


class Logs:
    """`append` and `read`."""

    def test_entries_stay_in_their_order(self):
        """And may be read from any on."""
        store = self.make()
        assert self.run(store.append("log:a", [b"one", b"\x00\xff"], 10.0)) == 2
        assert self.run(store.append("log:a", [b"", b"one"], 10.0)) == 4
        assert self.run(store.read("log:a")) == [b"one", b"\x00\xff", b"", b"one"]
        assert self.run(store.read("log:a", 3)) == [b"one"]
        assert self.run(store.read("log:a", 4)) == self.run(store.read("log:a", 99)) == []

    def test_there_is_none_before_the_first(self):
        """Nor after it was forgotten; and the next begins anew."""
        store = self.make()
        assert self.run(store.read("log:a")) == []
        self.run(store.append("log:a", [b"one"], 10.0))
        self.run(store.delete("log:a"))
        assert self.run(store.read("log:a")) == []
        assert self.run(store.append("log:a", [b"two"], 10.0)) == 1

    def test_the_last_addition_says_how_long_it_stays(self):
        """All of it, longer or shorter."""
        store = self.make()
        self.run(store.append("log:a", [b"one"], 10.0))
        self.pass_(8.0)
        self.run(store.append("log:a", [b"two"], 10.0))
        self.pass_(8.0)
        assert self.run(store.read("log:a")) == [b"one", b"two"]
        self.pass_(2.0 + self.alike)
        assert self.run(store.read("log:a")) == []
        assert self.run(store.append("log:a", [b"three"], 10.0)) == 1
        self.run(store.append("log:a", [b"four"], 1.0))
        self.pass_(1.0 + self.alike)
        assert self.run(store.read("log:a")) == []

    def test_no_entries_only_renew_it(self):
        """And make no log where there is none."""
        store = self.make()
        assert self.run(store.append("log:a", [], 10.0)) == 0
        self.run(store.append("log:a", [b"one"], 10.0))
        self.pass_(8.0)
        assert self.run(store.append("log:a", [], 10.0)) == 1
        self.pass_(8.0)
        assert self.run(store.read("log:a")) == [b"one"]

    def test_for_no_time_it_is_forgotten(self):
        """All of it."""
        store = self.make()
        self.run(store.append("log:a", [b"one"], 10.0))
        self.run(store.append("log:a", [b"two"], 0.0))
        assert self.run(store.read("log:a")) == []

    def test_what_is_added_at_once_is_all_there(self):
        """What came together stays together, and every one is told another end."""
        store = self.make()
        ends = self.at_once([store.append("log:a", [b"%d" % n, b"%d" % n], 10.0) for n in range(20)])
        assert sorted(ends) == list(range(2, 41, 2))
        held = self.run(store.read("log:a"))
        assert [held[end - 2 : end] for end in ends] == [[b"%d" % n] * 2 for n in range(20)]

    @settings(deadline=None, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow])
    @given(st.lists(ENTRIES, max_size=8), st.integers(0, 20))
    def test_it_is_a_list(self, additions, start):
        """Over any additions."""
        store, log = self.make(), []
        for entries in additions:
            log += entries
            assert self.run(store.append("log:a", entries, 10.0)) == len(log)
        assert self.run(store.read("log:a", start)) == log[start:]
