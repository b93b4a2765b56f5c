"""What is claimed belongs to one, and only who knows what is there replaces it."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

VALUES = st.sampled_from([b"a", b"b", b""])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), VALUES, st.sampled_from([0.0, 5.0, 20.0])),
        st.tuples(st.just("swap"), VALUES, VALUES, st.sampled_from([-1.0, 5.0, 20.0])),
        st.tuples(st.just("put"), VALUES, st.sampled_from([5.0, 20.0])),
        st.tuples(st.just("delete")),
        st.tuples(st.just("pass"), st.sampled_from([1.0, 7.0])),
    ),
    max_size=25,
)


class Claims:
    """`claim` and `swap`."""

    def test_who_comes_first_has_it(self):
        """The others are told what is there, and for how long, and change nothing."""
        store = self.make()
        assert self.run(store.claim("own:a", b"first", 10.0)) is None
        self.pass_(4.0)
        found = self.run(store.claim("own:a", b"second", 100.0))
        assert found.value == b"first"
        assert abs(found.left - 6.0) <= self.alike
        assert self.run(store.get("own:a")).value == b"first"

    def test_what_was_put_cannot_be_claimed(self):
        """Something is kept there."""
        store = self.make()
        self.run(store.put("own:a", b"", 10.0))
        assert self.run(store.claim("own:a", b"mine", 10.0)).value == b""

    def test_what_is_over_can_be_claimed(self):
        """By one again."""
        store = self.make()
        assert self.run(store.claim("own:a", b"first", 10.0)) is None
        self.pass_(10.0 + self.alike)
        assert self.run(store.claim("own:a", b"second", 10.0)) is None
        assert self.run(store.get("own:a")).value == b"second"

    def test_of_many_at_once_one_has_it(self):
        """All others see that one's."""
        store = self.make()
        found = self.at_once([store.claim("own:a", b"%d" % n, 10.0) for n in range(20)])
        assert found.count(None) == 1
        winner = b"%d" % found.index(None)
        assert {told.value for told in found if told} == {winner}

    def test_only_what_is_there_is_swapped(self):
        """To the byte, and with a new time."""
        store = self.make()
        assert not self.run(store.swap("own:a", b"", b"one", 10.0))
        assert self.run(store.get("own:a")) is None
        self.run(store.claim("own:a", b"one", 10.0))
        assert not self.run(store.swap("own:a", b"one ", b"two", 10.0))
        assert not self.run(store.swap("own:a", b"", b"two", 10.0))
        assert self.run(store.swap("own:a", b"one", b"two", 50.0))
        self.pass_(20.0)
        assert self.run(store.get("own:a")).value == b"two"

    def test_what_is_over_is_not_swapped(self):
        """Nor does it come back."""
        store = self.make()
        self.run(store.claim("own:a", b"one", 10.0))
        self.pass_(10.0 + self.alike)
        assert not self.run(store.swap("own:a", b"one", b"two", 10.0))
        assert self.run(store.get("own:a")) is None

    def test_of_many_at_once_one_swaps(self):
        """The others come too late."""
        store = self.make()
        self.run(store.claim("own:a", b"old", 10.0))
        done = self.at_once([store.swap("own:a", b"old", b"%d" % n, 10.0) for n in range(20)])
        assert done.count(True) == 1
        assert self.run(store.get("own:a")).value == b"%d" % done.index(True)

    @settings(deadline=None, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow])
    @given(STEPS)
    def test_it_is_what_a_dictionary_would_say(self, steps):
        """Over any steps."""
        store, now, kept = self.make(), 0.0, None
        for step, *rest in steps:
            if kept is not None and kept[1] <= now:
                kept = None
            if step == "pass":
                self.pass_(rest[0])
                now += rest[0]
                if kept is not None and abs(kept[1] - now) <= self.alike:
                    return  # too close to tell
            elif step == "claim":
                found = self.run(store.claim("own:a", *rest))
                assert (found and found.value) == (kept and kept[0])
                kept = kept or (rest[0], now + rest[1])
            elif step == "swap":
                was, *new = rest
                fits = kept is not None and kept[0] == was
                assert self.run(store.swap("own:a", was, *new)) is fits
                kept = (new[0], now + new[1]) if fits else kept
            elif step == "put":
                self.run(store.put("own:a", *rest))
                kept = (rest[0], now + rest[1])
            else:
                self.run(store.delete("own:a"))
                kept = None
