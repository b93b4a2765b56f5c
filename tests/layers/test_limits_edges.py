"""The limits at their edges: what is free, what is in debt, what is given back twice, and what headers do not say."""

import pytest

from outlast.layers.limits import Costs, Denied, Gcra, LimitConfig, Limits
from outlast.layers.limits.gcra import NEVER, NOTHING
from outlast.model.messages import Quota


def bucket(amount=60.0, burst=5.0):
    """A limit that gets one back each second."""
    return Gcra("rpm", "requests", amount, amount, burst)


def all_three():
    """A limit of each unit: 60 requests, 60,000 tokens a minute, 24 dollars a day."""
    return Limits.of(LimitConfig(rpm=60, tpm=60_000, usd_per_day=24))


def left(limits, now=0.0):
    """What is left of each."""
    return [round(bucket.remaining(now), 6) for bucket in limits.buckets]


def test_who_spends_nothing_waits_for_no_debt_of_others():
    """The bucket is a minute in debt; a cost of zero goes at once."""
    of = bucket()
    of.take(60.0, 0.0)
    assert of.wait(1.0, 0.0) == pytest.approx(56.0)
    assert of.wait(0.0, 0.0) == 0.0


def test_a_cost_above_the_burst_waits_for_a_full_bucket_and_no_longer():
    """8 of a burst of 5: from a full bucket at once, with 2 taken after 2 seconds; the next one waits for the debt."""
    of = bucket()
    assert of.wait(8.0, 0.0) == 0.0
    of.take(2.0, 0.0)
    assert of.wait(8.0, 0.0) == pytest.approx(2.0)
    assert of.wait(5.0, 0.0) == pytest.approx(2.0)
    of.take(8.0, 2.0)
    assert of.wait(1.0, 2.0) == pytest.approx(4.0)


def test_the_most_that_can_be_had_is_a_whole_periods_amount():
    """60 of 60 pass, one more never does; a burst above the amount is the most then."""
    assert bucket().wait(60.0, 0.0) == 0.0
    assert bucket().wait(60.5, 0.0) == NEVER
    assert bucket(amount=2.0, burst=5.0).wait(5.0, 0.0) == 0.0


def test_long_rest_earns_no_more_than_the_burst():
    """After an hour without a call, five go at once and the sixth waits a second."""
    of = bucket()
    for _ in range(5):
        assert of.wait(1.0, 3_600.0) == 0.0
        of.take(1.0, 3_600.0)
    assert of.wait(1.0, 3_600.0) == pytest.approx(1.0)


def test_a_count_of_less_than_nothing_is_nothing():
    """What a confused provider tells is believed down to zero, and not above what is known."""
    of = bucket()
    of.anchor(-7.0, 0.0)
    assert (of.remaining(0.0), of.wait(1.0, 0.0)) == (0.0, pytest.approx(1.0))
    of = bucket()
    of.take(3.0, 0.0)
    of.anchor(1e6, 0.0)
    assert of.remaining(0.0) == pytest.approx(2.0)


def test_headers_tighten_the_unit_that_they_speak_of():
    """Requests, tokens, both or neither; money is never theirs."""
    said = {
        Quota(): [10, 10_000, 24],
        Quota(requests_left=3): [3, 10_000, 24],
        Quota(tokens_left=400): [10, 400, 24],
        Quota(requests_left=0, tokens_left=0): [0, 0, 24],
    }
    for quota, expected in said.items():
        limits = all_three()
        limits.learn(quota, 0.0)
        assert left(limits) == expected


def test_a_request_is_one_request_unless_told_otherwise():
    """No tokens, no money; and what was never sent costs nothing at all."""
    limits = all_three()
    limits.take(Costs(), 0.0)
    assert left(limits) == [9, 10_000, 24]
    limits.take(NOTHING, 0.0)
    assert left(limits) == [9, 10_000, 24]


def test_a_refusal_names_the_limit_and_its_numbers():
    """What was asked for, what is left, and of how much."""
    limits = all_three()
    for costs, expected in [
        (Costs(1.0, 12_000.0), Denied("tpm", pytest.approx(2.0), 12_000.0, 8_000.0, 60_000)),
        (Costs(1.0, 0.0, 3.0), Denied("usd_per_day", pytest.approx(3_600.0), 3.0, pytest.approx(2.0), 24)),
        (Costs(1.0, 60_001.0), Denied("tpm", None, 60_001.0, 8_000.0, 60_000)),
    ]:
        limits = all_three()
        limits.take(Costs(1.0, 2_000.0, 22.0), 0.0)
        assert limits.ask(costs, 0.0) == expected


def test_who_may_not_wait_is_refused_however_short_the_wait():
    """Half a second, and none allowed; allowed to the moment, it is granted."""
    limits = Limits([bucket()])
    limits.take(Costs(4.5), 0.0)
    assert limits.ask(Costs(), 0.0) == Denied("rpm", pytest.approx(0.5), 1.0, pytest.approx(0.5), 60.0)
    assert limits.acquire(Costs(), 0.0, max_wait=0.5) == pytest.approx(0.5)
    assert isinstance(limits.acquire(Costs(), 0.0), Denied)


def test_places_at_once_tell_a_second():
    """Nobody knows when one of the calls under way ends; both may go, the third may not."""
    limits = Limits([], concurrent=2)
    assert [limits.acquire(Costs(), 0.0) for _ in range(3)] == [0.0, 0.0, Denied("concurrent", 1.0, 1.0, 0.0, 2)]
    limits.settle(Costs(), NOTHING, 0.0, limits.number())
    assert limits.acquire(Costs(), 0.0) == 0.0


def test_who_gives_up_gets_its_charge_and_its_place_back():
    """Both, once."""
    limits = Limits([bucket()], concurrent=2)
    limits.take(Costs(2.0), 0.0)
    limits.take(Costs(1.0), 0.0)
    limits.settle(Costs(1.0), NOTHING, 0.0, limits.number())
    assert (limits.under_way, left(limits)) == (1, [3])


def test_limits_without_a_window_give_ten_seconds_of_rate():
    """A thousandth of a token a minute is nothing that a request could pass with, whatever its burst."""
    assert Limits.of(LimitConfig(tpm=3)).buckets[0].burst == pytest.approx(0.5)
    assert Limits.of(LimitConfig(tpm=60), burst_seconds=30.0).buckets[0].burst == 30.0


def test_limits_are_as_good_as_new_when_nothing_is_under_way_and_every_bucket_is_full():
    """One of two in debt, or one call under way, and they must not be forgotten; full to the moment, they may."""
    limits = all_three()
    assert limits.idle(0.0)
    limits.take(NOTHING, 0.0)
    assert not limits.idle(0.0)
    limits.settle(NOTHING, Costs(0.0, 3_000.0), 0.0)
    assert not limits.idle(2.9)
    assert limits.idle(3.0)


def test_who_wants_to_be_left_alone_is_and_no_burst_follows():
    """For ten seconds; then one call goes, and the next a second later. A shorter wish shortens nothing."""
    limits = Limits([bucket()])
    limits.hold(10.0, 100.0)
    limits.hold(3.0, 100.0)
    of = limits.buckets[0]
    assert [of.wait(1.0, now) for now in (100.0, 104.0)] == [pytest.approx(10.0), pytest.approx(6.0)]
    assert of.wait(1.0, 110.0) == 0.0
    of.take(1.0, 110.0)
    assert of.wait(1.0, 110.0) == pytest.approx(1.0)


def test_what_was_charged_before_somebody_wanted_to_be_left_alone_does_not_come_back():
    """The refund of an earlier call would let another go too soon."""
    limits = Limits([Gcra("rpm", "requests", 120.0, 60.0, 5.0)])
    limits.take(Costs(), 0.0)
    limits.hold(10.0, 0.0)
    limits.settle(Costs(), NOTHING, 0.0, 1)
    assert limits.buckets[0].wait(1.0, 0.0) == pytest.approx(10.0)


def test_a_call_that_used_what_it_was_charged_is_over_and_that_is_all():
    """Its place at once is free, its charge stays."""
    limits = Limits([bucket()], concurrent=1)
    limits.take(Costs(), 0.0)
    limits.done()
    assert (limits.under_way, left(limits)) == (0, [4])


def test_a_place_that_has_been_taken_is_none_any_more():
    """Ten seconds after its time the bucket is full again, and what comes back then was there anyway."""
    of = Gcra("rpm", "requests", 60.0, 60.0, 1.0)
    for _ in range(2):
        of.take(1.0, 0.0)
    of.refund(1.0, 2, 1.5)
    assert of.tat == pytest.approx(1.5)
    of.refund(1.0, 2, 12.0)
    assert of.wait(1.0, 12.0) == 0.0
    assert of.remaining(12.0) == 1.0


# -- what comes back


def test_what_would_have_run_over_does_not_come_back():
    """The bucket was full again before the next call came; of the first one's five nothing is missing."""
    of = bucket()
    of.take(5.0, 0.0)
    of.take(2.0, 10.0)
    of.refund(5.0, 1, 10.0)
    assert (of.tat, of.remaining(10.0)) == (12.0, 3.0)


def test_before_what_is_owed_the_bucket_may_have_been_full_too():
    """The second call used four more than it was charged, when nothing was missing any more."""
    of = bucket()
    of.take(4.0, 0.0)
    of.take(1.0, 0.0)
    of.owe(4.0, 20.0)
    of.refund(4.0, 1, 20.0)
    assert of.tat == 24.0


def test_a_refund_leaves_to_who_waits_the_place_that_he_has():
    """Two a second: three of five wait until 1.5, when one second will still be missing; so much comes back."""
    of = Gcra("rpm", "requests", 120.0, 60.0, 5.0)
    of.take(5.0, 0.0)
    of.take(3.0, 0.0)
    of.refund(5.0, 1, 0.0)
    assert of.tat == pytest.approx(3.0)


def test_two_refunds_give_the_same_room_back_once():
    """Of what will be missing when the third goes the first takes all."""
    of = bucket()
    for cost in (2.0, 2.0, 3.0):
        of.take(cost, 0.0)
    of.refund(2.0, 1, 0.0)
    assert of.tat == 5.0
    of.refund(2.0, 2, 0.0)
    assert of.tat == 5.0


def test_what_the_provider_counts_is_spent_and_does_not_come_back():
    """It says that one is left of five where we think two; had it said two, the three could be refunded."""
    for told, tat in ((1, 4.0), (2, 0.0)):
        of = bucket()
        of.take(3.0, 0.0)
        of.anchor(told, 0.0)
        of.refund(3.0, 1, 0.0)
        assert of.tat == tat


def test_a_call_that_goes_at_once_finds_what_is_there():
    """One second was missing when it came; so much of the two that were charged before comes back, and no more."""
    of = bucket()
    of.take(2.0, 0.0)
    of.take(1.0, 1.0)
    of.refund(2.0, 1, 1.0)
    assert of.tat == 2.0
