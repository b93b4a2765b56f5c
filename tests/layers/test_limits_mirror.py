"""What one process knows of the limits that it shares, at the edges: names, ends, who else is there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.layers.limits import Costs, LimitConfig, Limits, Peers, Scope
from outlast.layers.limits.mirror import Mirror, stored
from outlast.layers.limits.peers import Census
from outlast.model.messages import Quota
from outlast.ports import Decision, Left

from .test_limits_shared_machine import Store


def mirror_of(store, *, processes=2, leases=False, **limits):
    """The limits of a provider, with a burst of ten seconds."""
    scope = Scope("alpha", LimitConfig(**limits), "operator")
    return Mirror(scope, Limits.of(scope.config), Peers(store, processes), leases=leases)


class Told(Store):
    """A store that remembers what it is told."""

    def __init__(self):
        super().__init__()
        self.settled, self.tightened = [], []

    def settle(self, asked):
        self.settled += asked

    def tighten(self, asked):
        self.tightened.append(asked)


# -- names


@pytest.mark.parametrize(
    ("kind", "name", "known_as"),
    [
        ("key", "key app", "key:app"),
        ("key", "key a.b/c:d@e-f_g", "key:a.b/c:d@e-f_g"),
        ("operator", "alpha", "operator:alpha"),
        ("operator", "alpha/gpt-6-luna", "operator:alpha/gpt-6-luna"),
    ],
)
def test_a_scope_keeps_its_name_in_the_store_where_that_is_plain(kind, name, known_as):
    """So that an operator finds it there."""
    assert stored(Scope(name, LimitConfig(), kind)) == known_as


@given(st.text(max_size=300))
def test_a_user_has_no_name_in_the_store_that_anybody_could_read(name):
    """Its digest instead: of one length, in plain characters."""
    found = stored(Scope(f"user {name}", LimitConfig(), "user"))
    assert found.startswith("user:#")
    assert len(found) == 38
    assert found.isascii()


@given(st.text(max_size=300), st.sampled_from(["key", "operator"]))
def test_no_name_is_strange_or_long_in_the_store(name, kind):
    """Nor does it hold what has a meaning there, such as braces."""
    found = stored(Scope(f"{kind} {name}", LimitConfig(), kind))
    assert len(found) <= 110
    assert found.isascii()
    assert not set(found) & set("{} *?\n\\")


def test_two_scopes_have_two_names():
    """A user is no key of the same name, and no provider is another."""
    scopes = [
        ("user", "user a"),
        ("user", "user b"),
        ("key", "key a"),
        ("operator", "a"),
        ("key", "key ä"),
        ("key", "key ö"),
    ]
    assert len({stored(Scope(name, LimitConfig(), kind)) for kind, name in scopes}) == len(scopes)


# -- ends


def test_what_a_provider_says_is_told_only_where_it_tightens():
    """Its first word is, a second of the same is not, and of two limits only the one that it speaks of."""
    store = Told()
    mirror = mirror_of(store, rpm=60, tpm=6_000)
    for _ in range(2):
        mirror.learn(Quota(tokens_left=100), 500.0)
    mirror.learn(Quota(requests_left=1_000), 500.0)
    (told,) = store.tightened
    assert (told.scope, [(charge.name, charge.cost) for charge in told.charges]) == (
        "operator:alpha",
        [("tpm", pytest.approx(100))],
    )


def test_nothing_is_told_of_a_call_that_has_used_what_it_was_charged():
    """Nor of one that was never charged."""
    store = Told()
    mirror = mirror_of(store, rpm=60)
    for charged in (Costs(1.0), Costs(0.0)):
        mirror.under_way += 1
        mirror.settle(charged, Costs(charged.requests, 50.0), 500.0)
    assert (store.settled, mirror.under_way) == ([], 0)


def test_a_mirror_may_be_forgotten_when_nothing_is_left_of_it():
    """Not while a call is under way, a share is spent, or a loan is to be given back."""
    store = Told()
    mirror = mirror_of(store, rpm=60, leases=True)
    assert mirror.idle(500.0)
    mirror.under_way = 1
    assert not mirror.idle(500.0)
    mirror.under_way = 0
    mirror.share().buckets[0].take(1.0, 500.0)
    assert not mirror.idle(500.0)
    assert mirror.idle(502.0)
    mirror.lease.lent([1.0], 1, 502.0)
    assert not mirror.idle(502.0)
    mirror.lease.end(503.0)
    assert mirror.idle(503.0)


def test_the_longest_of_what_a_decision_asks_for_is_denied():
    """By its name, with what it costs and what is left of it."""
    mirror = mirror_of(Told(), rpm=60, tpm=6_000)
    decision = Decision(granted=False, wait=7.0, by="tpm", left=(Left(9.0, 1.0), Left(300.0, 7.0)))
    denied = mirror.heard(decision, Costs(1.0, 1_000.0), 500.0)
    assert (denied.limit, denied.retry_after, denied.cost, denied.amount) == ("tpm", 7.0, 1_000.0, 6_000)
    assert denied.remaining == pytest.approx(300.0)
    assert mirror.spent(Costs(1.0, 999.0), 500.1, 0.0) is None, "a cheaper one may pass"
    assert mirror.spent(Costs(1.0, 1_000.0), 500.1, 6.9) is None, "who may wait for so long asks"
    assert mirror.spent(Costs(1.0, 1_000.0), 500.1, 6.8).retry_after == pytest.approx(6.9)
    assert mirror.spent(Costs(1.0, 1_000.0), 501.0, 0.0) is None, "a second later nothing is certain"


def test_a_share_is_what_was_left_in_parts():
    """Of ten at once four are left, and one a second flows in: two processes have two each, and a half."""
    mirror = mirror_of(Told(), rpm=60)
    mirror.heard(Decision(granted=True, wait=0.0, by="", left=(Left(4.0, 6.0),)), Costs(1.0), 500.0)
    (part,) = mirror.share().buckets
    assert part.remaining(500.0) == pytest.approx(2.0)
    assert part.remaining(501.0) == pytest.approx(2.5)
    assert part.wait(10.0, 500.0) == pytest.approx(6.0), "what may pass the whole may pass a part of it"


# -- who is there


def test_who_changes_its_sum_is_there_and_who_does_not_is_gone_after_a_while():
    """However long his last sum is still told."""
    census = Census()
    assert census.count({"a": 1, "b": 1}, 0.0) == 2
    assert census.count({"a": 2, "b": 1}, 29.0) == 2
    assert census.count({"a": 3, "b": 1}, 30.0) == 1
    assert census.count({"a": 4, "b": 1}, 90.0) == 1, "he is not met anew"
    assert census.count({"a": 5, "b": 2}, 91.0) == 2
    assert census.count({"a": 1}, 92.0) == 2, "the sums were begun anew, and the other has not come yet"
    assert census.count({}, 300.0) == 1, "whoever asks is there"


@given(st.lists(st.tuples(st.floats(0.0, 20.0), st.dictionaries(st.sampled_from("abcd"), st.integers(1, 5)))))
def test_no_more_are_counted_than_were_heard_of(heard):
    """And never none."""
    census, now, names = Census(), 0.0, set()
    for seconds, sums in heard:
        now += seconds
        names |= set(sums)
        assert 1 <= census.count(sums, now) <= max(1, len(names))
