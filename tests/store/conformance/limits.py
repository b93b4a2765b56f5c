"""One decision over all limits of all scopes: everything is charged, or nothing."""

from math import inf, isinf

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outlast.ports import Asked, Charge

SLOW = 1_000.0
"""Seconds of a period: so long that what a test takes itself does not matter."""


def rpm(cost=1.0, *, amount=100.0, burst=10.0):
    """Of requests; a hundred flow in over a thousand seconds, one in ten."""
    return Charge("rpm", cost, amount, SLOW, burst)


def tpm(cost, *, amount=1_000.0, burst=500.0):
    """Of tokens; one in a second."""
    return Charge("tpm", cost, amount, SLOW, burst)


def asked(*charges, scope="key a"):
    """Of one scope."""
    return Asked(scope, charges)


class Limits:
    """`take`, `settle`, `lease` and `tighten`."""

    def take(self, store, *of, max_wait=0.0):
        """The decisions."""
        return self.run(store.take(of, max_wait))

    def left(self, store, charge, scope="key a"):
        """What may be spent at once."""
        nothing = Charge(charge.name, 0.0, charge.amount, charge.period, charge.burst)
        [decision] = self.take(store, asked(nothing, scope=scope))
        return decision.left[0].remaining

    def near(self, told, meant, spacing=1.0):
        """The same but for the time that it took: `spacing` seconds are one unit of it."""
        return told == meant or abs(told - meant) <= self.alike / spacing + 1e-3

    def test_a_burst_goes_at_once(self):
        """Then one when there is room for it again, and who asks is told when."""
        store = self.make()
        for n in range(10):
            [decision] = self.take(store, asked(rpm()))
            assert (decision.granted, decision.wait, decision.by) == (True, 0.0, "")
            assert self.near(decision.left[0].remaining, 9.0 - n, 10.0)
            assert self.near(decision.left[0].reset, 10.0 * (n + 1))
        [decision] = self.take(store, asked(rpm()))
        assert (decision.granted, decision.by) == (False, "rpm")
        assert self.near(decision.wait, 10.0)
        self.pass_(10.0)
        assert self.take(store, asked(rpm()))[0].granted

    def test_a_refusal_writes_nothing(self):
        """Not of the limit that had room for it either."""
        store = self.make()
        self.take(store, asked(rpm(10.0), tpm(100.0)))
        [decision] = self.take(store, asked(rpm(), tpm(100.0)))
        assert (decision.granted, decision.by) == (False, "rpm")
        assert self.near(self.left(store, tpm(0.0)), 400.0)

    def test_all_scopes_are_charged_or_none(self):
        """The one that refuses is known by its wait."""
        store = self.make()
        key, user = asked(rpm(), scope="key a"), asked(rpm(burst=1.0), scope="user b")
        assert [decision.granted for decision in self.take(store, key, user)] == [True, True]
        free, full = self.take(store, key, user)
        assert (free.granted, free.wait, full.granted, full.by) == (False, 0.0, False, "rpm")
        assert self.near(full.wait, 10.0)
        assert self.near(self.left(store, rpm(), "key a"), 9.0, 10.0)
        full, free = self.take(store, user, key)
        assert (free.granted, full.granted) == (False, False)
        assert self.near(self.left(store, rpm(), "key a"), 9.0, 10.0)

    def test_no_scopes_need_no_decision(self):
        """And a scope without limits is granted."""
        store = self.make()
        assert self.run(store.take([], 0.0)) == []
        [decision] = self.take(store, asked())
        assert (decision.granted, decision.wait, decision.by, decision.left) == (True, 0.0, "", ())

    def test_scopes_and_names_are_apart(self):
        """Whatever signs they hold."""
        store = self.make()
        scopes = ["key a", "key a:rpm", "key {a}", "key é", "provider openai/gpt-4o"]
        for scope in scopes:
            assert self.take(store, asked(rpm(10.0), scope=scope))[0].granted
        assert not self.take(store, asked(rpm(), scope=scopes[0]))[0].granted

    def test_who_waits_has_his_place(self):
        """In the order in which they came; nobody overtakes."""
        store = self.make()
        self.take(store, asked(rpm(10.0)))
        waits = [self.take(store, asked(rpm()), max_wait=35.0)[0] for _ in range(4)]
        assert [decision.granted for decision in waits] == [True, True, True, False]
        assert all(self.near(decision.wait, 10.0 * (n + 1)) for n, decision in enumerate(waits))
        assert waits[0].by == "rpm"
        self.pass_(10.0)
        assert self.near(self.take(store, asked(rpm()))[0].wait, 30.0)

    def test_the_longest_wait_counts(self):
        """And is named."""
        store = self.make()
        self.take(store, asked(rpm(10.0), tpm(500.0)))
        [decision] = self.take(store, asked(rpm(), tpm(100.0)))
        assert decision.by == "tpm"
        assert self.near(decision.wait, 100.0)

    def test_what_is_larger_than_the_burst_waits_for_all_of_it(self):
        """And goes into debt, up to what flows in over a period; beyond that it may never go."""
        store = self.make()
        [decision] = self.take(store, asked(tpm(800.0)))
        assert decision.granted
        assert self.near(decision.left[0].remaining, 0.0)
        assert self.near(self.take(store, asked(tpm(1.0)))[0].wait, 301.0)
        assert self.near(self.take(store, asked(tpm(800.0)))[0].wait, 800.0)
        for max_wait in (1e9, inf):
            [decision] = self.take(store, asked(tpm(1_000.1)), max_wait=max_wait)
            assert (decision.granted, decision.by) == (False, "tpm")
            assert isinf(decision.wait)

    def test_what_costs_nothing_waits_for_nothing(self):
        """However far a limit is in debt."""
        store = self.make()
        self.take(store, asked(rpm(10.0)))
        [decision] = self.take(store, asked(rpm(0.0)))
        assert (decision.granted, decision.wait) == (True, 0.0)

    def test_what_was_not_used_is_given_back(self):
        """But no more than is missing."""
        store = self.make()
        self.take(store, asked(tpm(300.0)))
        self.do(store.settle, [asked(tpm(-200.0))])
        assert self.near(self.left(store, tpm(0.0)), 400.0)
        self.do(store.settle, [asked(tpm(-1_000.0))])
        assert self.near(self.left(store, tpm(0.0)), 500.0)

    def test_what_was_used_beyond_is_owed(self):
        """Whatever is left; who comes next waits for it."""
        store = self.make()
        self.take(store, asked(tpm(300.0)))
        self.do(store.settle, [asked(tpm(400.0)), asked(rpm(3.0))])
        assert self.near(self.take(store, asked(tpm(1.0)))[0].wait, 201.0)
        assert self.near(self.left(store, rpm()), 7.0, 10.0)

    def test_a_lease_is_the_share_that_is_left(self):
        """The same of all limits, by the scarcest."""
        store = self.make()
        assert self.run(store.lease(asked(rpm(4.0), tpm(100.0)))) == 1.0
        share = self.run(store.lease(asked(rpm(12.0), tpm(100.0))))
        assert self.near(share, 0.5, 10.0)
        assert self.near(self.left(store, tpm(0.0)), 350.0, 0.1)
        assert self.run(store.lease(asked(rpm(5.0)))) <= self.alike / 50 + 1e-2
        assert self.run(store.lease(asked(tpm(0.0)))) == 1.0

    def test_to_tighten_only_lowers(self):
        """What a provider says is left counts where it is less."""
        store = self.make()
        self.do(store.tighten, asked(tpm(200.0)))
        assert self.near(self.left(store, tpm(0.0)), 200.0)
        self.do(store.tighten, asked(tpm(400.0), rpm(2.0)))
        assert self.near(self.left(store, tpm(0.0)), 200.0)
        assert self.near(self.left(store, rpm()), 2.0, 10.0)
        self.do(store.tighten, asked(tpm(0.0)))
        assert self.near(self.left(store, tpm(0.0)), 0.0)

    def test_at_once_no_more_than_the_burst_go(self):
        """However many ask."""
        store = self.make()
        told = self.at_once([store.take([asked(rpm())], 0.0) for _ in range(30)])
        assert sum(decision.granted for [decision] in told) == 10

    def test_at_once_each_has_another_place(self):
        """One behind the other, and none is given twice."""
        store = self.make()
        self.take(store, asked(rpm(10.0)))
        told = self.at_once([store.take([asked(rpm())], 1_000.0) for _ in range(20)])
        waits = sorted(decision.wait for [decision] in told)
        assert all(self.near(wait, 10.0 * (n + 1)) for n, wait in enumerate(waits))

    @settings(deadline=None, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow])
    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("take"), st.integers(0, 12), st.integers(0, 1_100), st.sampled_from([0.0, 55.0])),
                st.tuples(st.just("settle"), st.integers(-5, 5), st.integers(-300, 300)),
                st.tuples(st.just("lease"), st.integers(0, 20), st.integers(0, 800)),
                st.tuples(st.just("tighten"), st.integers(0, 12), st.integers(0, 600)),
                st.tuples(st.just("pass"), st.sampled_from([3.0, 77.0, 1_000.0])),
            ),
            max_size=20,
        )
    )
    def test_they_are_buckets_into_which_it_drips(self, steps):
        """Over any steps: the decisions of a bucket that counts what is in it."""
        store, buckets = self.make(), (Bucket(100.0, 10.0), Bucket(1_000.0, 500.0))
        for step, *rest in steps:
            if step == "pass":
                self.pass_(rest[0])
                for bucket in buckets:
                    bucket.drip(rest[0])
                continue
            costs = rest[:2]
            of = asked(rpm(float(costs[0])), tpm(float(costs[1])))
            if step == "take":
                self._taken(store, buckets, of, costs, rest[2])
            elif step == "settle":
                self.do(store.settle, [of])
                for bucket, cost in zip(buckets, costs, strict=True):
                    bucket.fill(-cost)
            elif step == "lease":
                meant = min(bucket.share(cost) for bucket, cost in zip(buckets, costs, strict=True))
                share = self.run(store.lease(of))
                assert abs(share - meant) <= self.alike + 1e-3
                for bucket, cost in zip(buckets, costs, strict=True):
                    bucket.fill(-cost * share)
            else:
                self.do(store.tighten, of)
                for bucket, left in zip(buckets, costs, strict=True):
                    bucket.level = min(bucket.level, left)

    def _taken(self, store, buckets, of, costs, max_wait):
        waits = [bucket.wait(cost) for bucket, cost in zip(buckets, costs, strict=True)]
        [decision] = self.take(store, of, max_wait=max_wait)
        slack = self.alike * 21 + 1e-3  # of every step so far
        assert decision.wait == max(waits) or abs(decision.wait - max(waits)) <= slack
        if abs(max(waits) - max_wait) > slack:
            assert decision.granted is (max(waits) <= max_wait)
        if decision.granted:
            for bucket, cost in zip(buckets, costs, strict=True):
                bucket.level -= cost
        for left, bucket in zip(decision.left, buckets, strict=True):
            assert abs(left.remaining - max(0.0, bucket.level)) <= slack
            assert abs(left.reset - (bucket.burst - bucket.level) / bucket.rate) <= slack


class Bucket:
    """What is in it, told another way: it drips in, and runs over."""

    def __init__(self, amount, burst):
        self.amount, self.burst, self.rate = amount, burst, amount / SLOW
        self.level = burst

    def drip(self, seconds):
        self.fill(seconds * self.rate)

    def fill(self, by):
        self.level = min(self.burst, self.level + by)

    def wait(self, cost):
        if cost > self.amount:
            return inf
        lacking = min(cost, self.burst) - self.level
        return lacking / self.rate if cost and lacking > 1e-9 else 0.0

    def share(self, cost):
        return min(1.0, max(0.0, self.level) / cost) if cost else 1.0
