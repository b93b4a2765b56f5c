"""Bytes are kept under keys, each for its time."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KEYS = ("cache:a", "cache:b", "other:a")
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"),
            st.sampled_from(KEYS),
            st.binary(max_size=20),
            st.floats(-1.0, 50.0).map(lambda seconds: round(seconds, 1)),
        ),
        st.tuples(st.just("get"), st.sampled_from(KEYS)),
        st.tuples(st.just("delete"), st.sampled_from(KEYS)),
        st.tuples(st.just("pass"), st.floats(0.1, 30.0).map(lambda seconds: round(seconds, 1))),
    ),
    max_size=30,
)


class Kept:
    """One promise in each test."""

    def test_what_is_put_is_there(self):
        """With the time that it has left."""
        store = self.make()
        self.run(store.put("cache:a", b"\x00\xffone", 10.0))
        self.pass_(4.0)
        found = self.run(store.get("cache:a"))
        assert found.value == b"\x00\xffone"
        assert abs(found.left - 6.0) <= self.alike

    def test_what_was_never_put_is_not_there(self):
        """And to forget it does no harm."""
        store = self.make()
        assert self.run(store.get("cache:a")) is None
        self.run(store.delete("cache:a"))

    def test_nothing_is_there_after_its_time(self):
        """To the moment, and to ask does not lengthen it."""
        store = self.make()
        self.run(store.put("cache:a", b"one", 10.0))
        self.pass_(9.0)
        assert self.run(store.get("cache:a")) is not None
        self.pass_(1.0 + self.alike)
        assert self.run(store.get("cache:a")) is None

    def test_the_last_put_counts(self):
        """Its value and its time."""
        store = self.make()
        self.run(store.put("cache:a", b"one", 100.0))
        self.run(store.put("cache:a", b"two", 5.0))
        assert self.run(store.get("cache:a")).value == b"two"
        self.pass_(5.0 + self.alike)
        assert self.run(store.get("cache:a")) is None

    def test_to_keep_something_for_no_time_is_to_forget_it(self):
        """Whatever was there."""
        store = self.make()
        for seconds in (0.0, -1.0):
            self.run(store.put("cache:a", b"one", 100.0))
            self.run(store.put("cache:a", b"two", seconds))
            assert self.run(store.get("cache:a")) is None

    def test_namespaces_are_apart(self):
        """What is forgotten in one stays in the other."""
        store = self.make()
        self.run(store.put("cache:a", b"one", 10.0))
        self.run(store.put("other:a", b"two", 10.0))
        self.run(store.delete("cache:a"))
        assert self.run(store.get("cache:a")) is None
        assert self.run(store.get("other:a")).value == b"two"

    def test_nothing_and_a_megabyte_are_kept(self):
        """Empty bytes are not nothing."""
        store = self.make()
        for value in (b"", b"x" * 1_000_000):
            self.run(store.put("cache:a", value, 10.0))
            assert self.run(store.get("cache:a")).value == value

    @settings(deadline=None, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow])
    @given(STEPS)
    def test_it_is_a_dictionary_whose_entries_end(self, steps):
        """Over any steps: what is there is what was put last, unless it was forgotten or its time is over."""
        store, now, model = self.make(), 0.0, {}
        for step, *rest in steps:
            if step == "pass":
                self.pass_(rest[0])
                now += rest[0]
            elif step == "put":
                key, value, seconds = rest
                self.run(store.put(key, value, seconds))
                model[key] = (value, now + seconds)
            elif step == "delete":
                self.run(store.delete(rest[0]))
                model.pop(rest[0], None)
            else:
                found = self.run(store.get(rest[0]))
                value, ends = model.get(rest[0], (None, now))
                if abs(ends - now) <= self.alike and value is not None:
                    continue  # too close to tell
                assert (found and found.value) == (value if ends > now else None)
