"""The retry budget at its edges: what expires when, what comes back, and how little is kept in mind."""

import pytest

from outlast.layers.retry import Budget, RetryConfig

CONFIG = RetryConfig(deposit=0.2, deposit_ttl=60.0, floor=2, floor_seconds=10.0, floor_at_once=2)


def budget(*deposits, config=CONFIG):
    """A budget into which so many requests were paid at such times."""
    made = Budget(config)
    for now, count in deposits:
        for _ in range(count):
            made.deposit(now)
    return made


def test_each_deposit_expires_in_its_own_time():
    """One of the first second, two hundred of half a minute later: the first goes alone."""
    of = budget((0.0, 1), (30.0, 1_000))
    assert [round(of.balance(now), 6) for now in (59.9, 60.0, 89.9, 90.0)] == [200.2, 200.0, 200.0, 0.0]


def test_deposits_close_together_expire_together():
    """Within a tenth of a second they go with the first; a tenth later is later."""
    of = budget((0.0, 5), (0.05, 5), (0.1, 5))
    assert [round(of.balance(now), 6) for now in (59.9, 60.0, 60.1)] == [3.0, 1.0, 0.0]


def test_a_budget_remembers_no_more_than_its_time_is_divided_into():
    """An hour of requests, and nobody has ever retried."""
    of = budget(*((number * 0.01, 1) for number in range(20_000)))
    assert len(of._deposits) <= 601
    of = budget(*((number * 1.0, 1) for number in range(3_600)))
    assert len(of._deposits) <= 61


def test_a_retry_draws_on_the_oldest_deposits_and_leaves_the_rest():
    """Of one request and five later ones it takes the one's and most of the five's; undone, all are as they were."""
    of = budget((0.0, 1), (30.0, 5))
    draw = of.withdraw(1.0, 30.0)
    assert (draw.free, round(of.balance(30.0), 6)) == (False, 0.2)
    draw.undo(30.0)
    assert [round(of.balance(now), 6) for now in (30.0, 59.9, 60.0, 89.9, 90.0)] == [1.2, 1.2, 1.0, 1.0, 0.0]


def test_what_was_spent_is_not_spent_again():
    """Ten requests pay for two retries; whatever expires afterwards, nothing comes back of them."""
    of = budget((0.0, 5), (30.0, 5))
    for _ in range(2):
        of.withdraw(1.0, 30.0).done()
    assert [round(of.balance(now), 6) for now in (30.0, 60.0, 89.0)] == [0.0, 0.0, 0.0]
    assert of.withdraw(1.0, 61.0).free


def test_what_was_drawn_and_has_expired_does_not_come_back():
    """Undone when the first deposits would have gone, or after it, only the later ones are there again."""
    for now in (60.0, 70.0):
        of = budget((0.0, 3), (30.0, 2))
        draw = of.withdraw(1.0, 30.0)
        draw.undo(now)
        assert of.balance(now) == pytest.approx(0.4)


def test_a_retry_without_a_deposit_is_free_and_its_place_comes_back_when_it_is_undone():
    """Two in ten seconds; one undone, one more."""
    of = budget()
    first, second = of.withdraw(1.0, 0.0), of.withdraw(1.0, 0.0)
    assert (first.free, second.free, of.withdraw(1.0, 0.0)) == (True, True, None)
    first.done()
    second.undo(0.0)
    assert of.withdraw(1.0, 0.0).free
    assert of.withdraw(1.0, 9.9) is None
    assert of.withdraw(1.0, 10.0).free


def test_a_budget_is_as_good_as_new_when_nothing_is_under_way_nor_remembered():
    """Not with a deposit, nor with a free retry that still counts, nor with one under way."""
    assert budget().idle(0.0)
    deposited = budget((0.0, 1))
    assert [deposited.idle(now) for now in (59.9, 60.0)] == [False, True]
    free = budget()
    draw = free.withdraw(1.0, 0.0)
    draw.done()
    assert [free.idle(now) for now in (9.9, 10.0)] == [False, True]
    busy = budget()
    busy.withdraw(1.0, 0.0)
    assert not busy.idle(1_000.0)


def test_in_a_child_process_no_retry_is_under_way():
    """They are its parent's."""
    of = budget()
    of.withdraw(1.0, 0.0)
    of.withdraw(1.0, 0.0)
    of.ground()
    assert [of.withdraw(1.0, 20.0) is None for _ in range(3)] == [False, False, True]


def test_what_has_expired_leaves_nothing_not_even_what_rounding_left():
    """Three times 0.2 less three times 0.2 is nothing."""
    of = budget((0.0, 1), (1.0, 1), (2.0, 1))
    assert of.balance(62.0) == 0.0
    assert of.withdraw(1e-12, 62.0) is not None
    assert of.balance(62.0) == 0.0


def test_what_is_undone_is_there_again_beside_the_rest():
    """Ten deposits of which five were drawn are ten again."""
    of = budget((0.0, 1), (30.0, 50))
    draw = of.withdraw(1.0, 30.0)
    draw.undo(30.0)
    assert of.balance(30.0) == pytest.approx(10.2)


def test_a_free_place_that_is_free_again_anyway_is_not_given_back():
    """Undone after its ten seconds, when others have been taken note of."""
    of = budget()
    draw = of.withdraw(1.0, 0.0)
    assert of.balance(20.0) == 0.0
    draw.undo(20.0)
    assert of.idle(20.0)


def test_a_retry_ends_once():
    """However often it is said."""
    of = budget()
    draw = of.withdraw(1.0, 0.0)
    draw.done()
    draw.done()
    draw.undo(0.0)
    assert of.idle(10.0)
    assert [of.withdraw(1.0, 10.0) is None for _ in range(3)] == [False, False, True]
