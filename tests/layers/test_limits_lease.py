"""What a process has been lent of two limits at once, by hand."""

import pytest

from outlast.flow.call import NOWHERE
from outlast.layers.limits import (
    Costs,
    Gcra,
    LimitConfig,
    Limits,
    LimitsConfig,
    Peers,
    Scope,
    SharedKeeper,
)
from outlast.layers.limits.lease import Lease
from outlast.layers.limits.mirror import Mirror
from outlast.model.errors import Rejected

from .calls import a_call
from .test_limits_shared_machine import Alarm, Store, at_once

TWO = LimitConfig(rpm=600, tpm=60_000)
"""Ten requests and a thousand tokens a second."""


class Given:
    """Who is given back."""

    def __init__(self):
        self.back = []

    def __call__(self, each, number, now):
        self.back.append((list(each), number, now))


def a_lease(given=None):
    """Of 10 a second, 20 at once, and of 1,000 a second, 8,000 at once."""
    buckets = [Gcra("rpm", "requests", 600.0, 60.0, 20.0), Gcra("tpm", "tokens", 60_000.0, 60.0, 8_000.0)]
    return Lease(buckets, given or Given())


@pytest.mark.parametrize(("processes", "wanted"), [(1, [2.5, 250.0]), (4, [2.5, 250.0]), (8, [1.25, 250.0])])
def test_a_quarter_of_a_second_is_wanted_and_half_of_a_part_of_the_burst_at_most(processes, wanted):
    """Of each limit for itself."""
    assert a_lease().wanted(processes) == pytest.approx(wanted)


def test_a_loan_suits_calls_that_it_would_cover():
    """By both limits, to the last token."""
    lease = a_lease()
    assert lease.suits([1.0, 250.0], 8)
    assert not lease.suits([1.0, 251.0], 8)
    assert not lease.suits([1.3, 250.0], 8)


def test_a_loan_covers_what_both_limits_have_left():
    """And is spent of both, never below nothing."""
    lease = a_lease()
    assert not lease.covers([1.0, 0.0])
    lease.lent([2.0, 200.0], 7, 100.0)
    assert lease.covers([2.0, 200.0])
    assert not lease.covers([2.1, 1.0])
    assert not lease.covers([1.0, 201.0])
    lease.spend([1.5, 200.0])
    assert lease.covers([0.5, 0.0])
    assert not lease.covers([0.5, 1.0])
    lease.spend([1.0, 0.0])
    lease.spend([-1.0, 0.0])
    assert lease.covers([1.0, 0.0]), "it had none, and not less than none"


def test_a_loan_knows_the_oldest_charge_that_it_is_of():
    """As long as anything of that is left; refunds go by it."""
    lease = a_lease()
    lease.lent([2.0, 200.0], 7, 100.0)
    lease.spend([2.0, 100.0])
    lease.lent([2.0, 200.0], 8, 100.5)
    assert lease.number == 7
    lease.spend([2.0, 300.0])
    lease.lent([2.0, 200.0], 9, 100.6)
    assert lease.number == 9


def test_a_loan_ends_a_second_after_the_last_one():
    """And then what is left is given back, once, though of one limit nothing was."""
    given = Given()
    lease = a_lease(given)
    lease.expire()
    assert lease.lent([2.0, 200.0], 7, 100.0) == 101.0
    assert lease.lent([1.0, 100.0], 8, 100.5) == 101.5
    lease.spend([3.0, 100.0])
    assert not lease.idle
    lease.expire()
    lease.expire()
    assert given.back == [([0.0, 200.0], 7, 101.5)]
    assert lease.idle


def test_whoever_asks_is_not_idle():
    """Though nothing is lent."""
    lease = a_lease()
    assert lease.idle
    lease.asking = []
    assert not lease.idle


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 0.5), (0.5, 1.0), (0.999, 1.499)])
def test_who_got_nothing_waits_for_the_time_of_four_such_calls_of_each_process(chance, seconds):
    """By the slower of its limits, half of it more or less: here 8 processes, and a tenth of a second for one."""
    lease = a_lease()
    lease.dry([1.0, 50.0], 8, chance, 100.0)
    assert lease.again == pytest.approx(100.0 + 3.2 * seconds)
    lease.dry([1.0, 200.0], 8, chance, 100.0)
    assert lease.again == pytest.approx(100.0 + 6.4 * seconds)


# -- in its mirror


def mirror_of(store, config=TWO, *, concurrent=None):
    """Its bursts are of ten seconds."""
    whole = Limits.of(config)
    whole.concurrent = concurrent
    return Mirror(Scope("key a", config, "key"), whole, Peers(store, 2), leases=True)


def spent_store():
    """A store in which next to nothing is left."""
    store = Store()
    spender = mirror_of(store)
    store.settle([spender.asked(Costs(99.9, 9_990.0))])
    return store


def test_what_is_dry_denies_whoever_may_not_wait_by_the_limit_that_takes_longest():
    """Who may wait, or costs too much for any loan, asks the store; who costs what is left needs nobody."""
    store = spent_store()
    mirror, io = mirror_of(store), Alarm(store)
    at_once(mirror.borrow(mirror.lease, [1.0, 200.0], io))
    again = mirror.lease.again
    assert again == pytest.approx(store.now + 0.5 * 4 * 2 * 0.2)
    denied = mirror.ask(Costs(1.0, 200.0), store.now, 0.0)
    assert (denied.limit, denied.cost, denied.retry_after) == ("tpm", 200.0, pytest.approx(again - store.now))
    assert mirror.ask(Costs(1.0, 50.0), store.now, 0.0).limit == "rpm"
    assert mirror.ask(Costs(1.0, 200.0), store.now, 0.1) == 0.0
    assert mirror.ask(Costs(1.0, 300.0), store.now, 0.0) == 0.0
    assert mirror.ask(Costs(0.05, 5.0), store.now, 0.0) == 0.0
    assert mirror.ask(Costs(1.0, 200.0), again, 0.0) == 0.0


def test_calls_at_once_are_denied_by_their_number():
    """Of three, two for each of two processes; worth asking again in a second."""
    mirror = mirror_of(Store(), concurrent=3)
    mirror.under_way = 1
    assert mirror.ask(Costs(), 500.0) == 0.0
    mirror.under_way = 2
    denied = mirror.ask(Costs(), 500.0)
    assert (denied.limit, denied.retry_after, denied.cost, denied.remaining, denied.amount) == (
        "concurrent",
        1.0,
        1.0,
        0.0,
        2,
    )


def test_without_limits_that_could_be_lent_there_is_no_loan():
    """Only calls at once are limited."""
    mirror = mirror_of(Store(), LimitConfig(concurrent=3))
    assert mirror.lease is None
    assert not mirror.lendable([])
    assert not mirror.covered([])


def test_all_of_what_was_not_spent_is_given_back_to_the_store():
    """Also where it has flowed off by what this process knows: others have spent it."""
    store = Store()
    mirror, io = mirror_of(store), Alarm(store)
    at_once(mirror.borrow(mirror.lease, [1.0, 200.0], io))
    mirror.lease.spend([1.0, 200.0])
    store.settle([mirror_of(store).asked(Costs(97.5, 9_750.0))])
    before = dict(store.limits._tats)
    store.now += 1.0
    mirror.lease.expire()
    back = {name: before[name] - tat for name, tat in store.limits._tats.items()}
    assert back == {("key:a", "rpm"): pytest.approx(0.15), ("key:a", "tpm"): pytest.approx(0.05)}


def test_who_is_lent_enough_does_not_even_wait():
    """At the gate: the first call asks, the second goes at once, and the first that finds it dry is refused there."""
    store = Store()
    scope = Scope("key a", LimitConfig(rpm=600), "key")
    keeper = SharedKeeper(LimitsConfig(leases=True), lambda _call: [scope], Peers(store, 1))
    io = Alarm(store)
    first = keeper.admit(a_call(io, target=NOWHERE), store.now)
    assert first.waits
    mirror = keeper.mirror(scope, store.now)
    at_once(mirror.borrow(mirror.lease, [1.0], io))
    assert not keeper.admit(a_call(io, target=NOWHERE), store.now).waits
    mirror.lease.spend([2.0])
    mirror.lease.dry([1.0], 1, 0.5, store.now)
    refused = keeper.admit(a_call(io, target=NOWHERE), store.now)
    assert isinstance(refused, Rejected)
    assert refused.retry_after == pytest.approx(0.4)
