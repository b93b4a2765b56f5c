"""Limits of a shared store that are lent to processes in advance."""

import asyncio

import pytest

from outlast.model.errors import Failure
from outlast.model.events import LimitsApart

from .fleet import worst_window
from .test_limits import APP, limited
from .test_limits_shared import SKEWED
from .world import caller, chat

LENT = "\n[limits]\nburst = 1.0\nleases = true\n"
"""With 6,000 a minute: 100 a second and at once; one process is lent 25 at a time."""


def granted(heard):
    """How many of them were not refused."""
    return sum(not isinstance(answer, Failure) for answer in heard)


def test_a_loan_is_spent_without_asking(fleet_of):
    """Twenty-five requests, and one question."""
    fleet = fleet_of(1, limited(rpm=6_000) + LENT)
    (world,) = fleet.worlds
    for _ in range(25):
        world.ask(caller=APP)
    assert (fleet.store.count("lease"), fleet.store.count("take")) == (1, 0)
    world.ask(caller=APP)
    assert fleet.store.count("lease") == 2
    fleet.wait(1.0)


def test_many_at_once_wait_for_one_loan(fleet_of):
    """A hundred requests in one moment ask four times, one after the other, and all go."""
    fleet = fleet_of(1, limited(rpm=6_000) + LENT)
    (world,) = fleet.worlds
    fleet.store.ails = lambda _name: 0.01
    assert granted(world.crowd(100, caller=APP)) == 100
    assert fleet.store.count("lease") == 4
    fleet.wait(1.0)


def test_who_asks_for_the_others_may_leave(fleet_of):
    """The one who asks for a loan is cancelled; the others, who waited for it, ask again."""
    fleet = fleet_of(1, limited(rpm=6_000) + LENT)
    (world,) = fleet.worlds
    fleet.store.ails = lambda _name: 0.01

    async def story():
        first, *others = (asyncio.create_task(world.heard(caller=APP)) for _ in range(5))
        await asyncio.sleep(0.005)
        first.cancel()
        return await asyncio.gather(*others)

    assert granted(fleet.run(story())) == 4
    assert fleet.store.count("lease") == 2
    fleet.wait(1.0)


def test_what_is_not_used_for_a_second_is_given_back(fleet_of):
    """Lent are two and a half, used is one, and the other process spends the rest: a second later some are there."""
    fleet = fleet_of(2, limited(rpm=600) + "\n[limits]\nleases = true\n")
    one, other = fleet.worlds
    one.ask(caller=APP)
    other.crowd(110, caller=APP)
    full = fleet.store._limits._tats["key:app", "rpm"]
    fleet.wait(0.99)
    assert fleet.store._limits._tats["key:app", "rpm"] == full
    fleet.wait(0.02)
    assert full - fleet.store._limits._tats["key:app", "rpm"] == pytest.approx(0.2), "1.5 of the one, 0.5 of the other"


def test_all_is_given_back_when_the_process_ends(fleet_of):
    """Before anybody could have missed it."""
    fleet = fleet_of(1, limited(rpm=6_000) + LENT)
    (world,) = fleet.worlds
    world.ask(caller=APP)
    assert fleet.store._limits._tats["key:app", "rpm"] == pytest.approx(0.25)
    fleet.run(world.house.aclose())
    assert fleet.store._limits._tats["key:app", "rpm"] == pytest.approx(0.01)
    fleet.wait(1.0)


def test_who_got_nothing_asks_again_after_a_while_and_refuses_until_then(fleet_of):
    """All is spent: two questions, and for the time of about four requests of each process none."""
    fleet = fleet_of(1, limited(rpm=600) + "\n[limits]\nburst = 1.0\nleases = true\nprocesses = 1")
    (world,) = fleet.worlds
    heard = world.crowd(30, caller=APP)
    assert granted(heard) == 10
    asked = fleet.store.count("lease")
    refused = world.fail(caller=APP)
    assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
    assert 0.2 <= refused.retry_after <= 0.6
    assert fleet.store.count("lease") == asked
    fleet.wait(refused.retry_after)
    world.ask(caller=APP)
    assert fleet.store.count("lease") == asked + 1
    assert fleet.store.count("take") == 0
    fleet.wait(1.0)


def test_what_is_too_large_for_a_loan_is_asked_for_by_itself(fleet_of):
    """A fifth of the burst: more than a quarter of a second's worth."""
    fleet = fleet_of(1, limited(tpm=60_000) + "\n[limits]\nburst = 10.0\nleases = true\nexpected_output = 2000")
    (world,) = fleet.worlds
    world.ask(caller=APP)
    assert (fleet.store.count("lease"), fleet.store.count("take")) == (0, 1)


def test_one_limit_may_be_lent_and_the_other_asked_for(fleet_of):
    """The key's is large, the user's is small; where the user's refuses, the key's loan gets its part back."""
    fleet = fleet_of(1, limited(rpm=6_000) + LENT + "[users]\nrpm = 60")
    (world,) = fleet.worlds
    anna = caller("app", user="anna")
    world.ask(caller=anna)
    assert (fleet.store.count("lease"), fleet.store.count("take")) == (1, 1)
    for _ in range(30):
        assert "user" in world.fail(caller=anna).message
    for number in range(24):
        world.ask(caller=caller("app", user=str(number)))
    assert fleet.store.count("lease") == 1
    fleet.wait(1.0)


def test_without_the_store_there_are_no_loans(fleet_of):
    """What is lent is spent; then each process has its share."""
    fleet = fleet_of(1, limited(rpm=6_000) + LENT + "processes = 2")
    (world,) = fleet.worlds
    world.ask(caller=APP)
    fleet.store.ails = lambda _name: "before"
    heard = world.crowd(200, caller=APP)
    assert granted(heard) in range(24 + 37, 24 + 39), "the loan was of 25, the share is half of the other 75"
    assert len(world.events(LimitsApart)) == 1
    fleet.wait(1.0)


def test_what_was_spent_without_the_store_is_told_to_it_with_the_next_loan(fleet_of):
    """50 went on their own; when the store is back, there is room for the other half."""
    fleet = fleet_of(1, limited(rpm=6_000) + LENT)
    (world,) = fleet.worlds
    fleet.store.ails = lambda _name: "before"
    assert granted(world.crowd(50, caller=APP)) == 50
    fleet.store.ails = lambda _name: None
    assert granted(world.crowd(100, caller=APP)) == 50
    fleet.wait(1.0)


def test_an_unused_estimate_comes_back_whoever_lent_it(fleet_of):
    """Of a loan of 2,000 tokens a call was charged some 900 too many: those the store has again, at 20,000 a second."""
    fleet = fleet_of(1, limited(tpm=1_200_000) + "\n[limits]\nburst = 0.2\nleases = true\nexpected_output = 900")
    (world,) = fleet.worlds
    usage = world.ask(caller=APP).usage
    charged = chat("hi").tokens + 900
    unused = charged - usage.input - usage.output
    assert fleet.store._limits._tats["key:app", "tpm"] == pytest.approx((2_000 - unused) / 20_000)
    assert fleet.store.count("take") == 0
    fleet.wait(1.0)


@pytest.mark.parametrize("offered", [60, 150, 600])
def test_eight_processes_keep_one_limit_with_few_questions(fleet_of, offered):
    """What they have been lent may go beyond a second's bound, never the whole; three questions for ten requests."""
    fleet = fleet_of(8, limited(rpm=6_000) + LENT)
    heard = fleet.run(fleet.load(offered, 5.0, SKEWED, caller=APP))
    times = fleet.times()
    assert len(times) <= 100 + 100 * 5
    assert worst_window(times) <= 200 + 100 / 2
    assert len(times) >= min(0.9 * len(heard), 450)
    assert len(fleet.store.asked) <= 0.3 * len(heard)
    fleet.wait(1.0)
