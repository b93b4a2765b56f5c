"""Two openings of one place, as two processes have them."""

import asyncio

from outlast.ports import Asked, Charge


class Sharing:
    """What one writes the other sees."""

    def test_it_says_so(self):
        """Whoever shares limits asks it."""
        assert self.make().shared

    def test_both_see_the_same(self):
        """Of everything."""
        one = self.make()
        two = self.other(one)
        self.run(one.put("x:a", b"one", 10.0))
        assert self.run(two.get("x:a")).value == b"one"
        assert self.run(two.claim("x:a", b"two", 10.0)).value == b"one"
        assert self.run(two.swap("x:a", b"one", b"two", 10.0))
        assert self.run(one.get("x:a")).value == b"two"
        self.run(one.append("x:b", [b"one"], 10.0))
        assert self.run(two.append("x:b", [b"two"], 10.0)) == 2
        assert self.run(one.read("x:b")) == [b"one", b"two"]
        self.run(one.add("x:c", {"n": 1}, 10.0))
        assert self.run(two.add("x:c", {"n": 1}, 10.0)) == {"n": 2}
        assert self.run(two.purge("x:")) == 3
        assert self.run(one.get("x:a")) is None

    def test_what_both_claim_one_has(self):
        """And of what both swap one does it."""
        one = self.make()
        two = self.other(one)
        for n in range(10):
            found = self.at_once([store.claim(f"own:{n}", b"old", 10.0) for store in (one, two, one, two)])
            assert found.count(None) == 1
            done = self.at_once([store.swap(f"own:{n}", b"old", b"new", 10.0) for store in (one, two, one, two)])
            assert done.count(True) == 1

    def test_what_both_append_is_there_once(self):
        """In one order for both."""
        one = self.make()
        two = self.other(one)
        self.at_once([store.append("log:a", [b"x"], 10.0) for store in (one, two) * 10])
        assert self.run(one.read("log:a")) == self.run(two.read("log:a")) == [b"x"] * 20

    def test_both_charge_the_same_limit(self):
        """Never more than its burst at once."""
        one = self.make()
        two = self.other(one)
        asked = [Asked("key a", (Charge("rpm", 1.0, 100.0, 1_000.0, 10.0),))]
        told = self.at_once([store.take(asked, 0.0) for store in (one, two) * 15])
        assert sum(decision.granted for [decision] in told) == 10

    def test_what_the_other_does_is_heard_where_it_notifies(self):
        """Where it does not, `notifies` says so."""
        one = self.make()
        two = self.other(one)

        async def story():
            woken = asyncio.Event()
            end = one.listen("log:a", woken.set)
            await one.check()
            try:
                async with asyncio.timeout(120.0):
                    while not woken.is_set():  # it may take a moment until it listens
                        await two.append("log:a", [b"one"], 10.0)
                        await asyncio.sleep(0.01)
            finally:
                end()

        if one.notifies:
            self.run(story())

    def test_what_was_promised_is_there_when_it_is_opened_again(self):
        """After it was closed."""
        one = self.make()
        self.run(one.claim("own:a", b"one", 10.0))
        self.run(one.append("log:a", [b"one"], 10.0))
        two = self.other(one)
        self.run(one.aclose())
        assert self.run(two.get("own:a")).value == b"one"
        assert self.run(two.read("log:a")) == [b"one"]
