"""Outages by schedule: when they strike, whom, and how."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.lab.answer import Asked
from outlast.lab.outages import Blow, Outage, blown
from outlast.lab.steps import Head, Rst

MANY = 4000


def moments(outage, until=100):
    """The whole seconds at which it is active."""
    return [second for second in range(until) if outage.active(second)]


def share(outage, what, seed=1):
    """How many of many requests `what` holds for."""
    dice = Random(seed)
    return sum(1 for _ in range(MANY) if what(outage.blow(dice))) / MANY


def status_of(behaviour, vendor="openai"):
    """The status of an answer's head."""
    return next(step.status for step in behaviour.play(Asked(vendor=vendor)) if isinstance(step, Head))


def test_it_begins_ends_and_comes_again():
    """At, for and every, each to the second: the first moment belongs to it, the last does not."""
    assert moments(Outage(at=10, lasts=3)) == [10, 11, 12]
    assert moments(Outage(at=95)) == [95, 96, 97, 98, 99]
    assert moments(Outage(at=10, lasts=2, every=40)) == [10, 11, 50, 51, 90, 91]
    assert moments(Outage()) == list(range(100))


@given(at=st.integers(0, 50), lasts=st.integers(1, 20), gap=st.integers(1, 20), second=st.integers(0, 500))
def test_a_schedule_repeats_itself(at, lasts, gap, second):
    """After a period everything is as it was, and each period has as many seconds of trouble."""
    outage = Outage(at=at, lasts=lasts, every=lasts + gap)
    if second >= at:
        assert outage.active(second) == outage.active(second + lasts + gap)
        assert sum(outage.active(second + step) for step in range(lasts + gap)) == lasts
    else:
        assert not outage.active(second)


def test_flapping_is_down_and_up_in_turn():
    """It begins with down, and each state takes `flip` seconds."""
    assert moments(Outage(kind="flapping", at=4, lasts=10, flip=2)) == [4, 5, 8, 9, 12, 13]


def test_down_resets_everybody():
    """Every request gets a reset, and answers under way break off; with a share they do not."""
    outage = Outage(kind="down")
    assert share(outage, lambda blow: [*blow.behaviour.play(Asked())] == [Rst()]) == 1
    assert outage.breaking
    assert Outage(kind="flapping").breaking
    assert not Outage(kind="down", share=0.5).breaking
    assert not Outage(kind="brown-out").breaking


def test_a_brown_out_fails_half_and_slows_all():
    """503 from OpenAI and 529 from Anthropic; whoever is answered waits three times as long."""
    outage = Outage(kind="brown-out")
    assert share(outage, lambda blow: blow.behaviour is not None) == pytest.approx(0.5, abs=0.03)
    assert share(outage, lambda blow: blow.factor == 3) == 1
    struck = Outage(kind="brown-out", share=1, factor=5).blow(Random(1))
    assert (status_of(struck.behaviour), status_of(struck.behaviour, "anthropic"), struck.factor) == (503, 529, 5)


def test_gray_slows_a_tenth_and_fails_nobody():
    """Share, factor and delay can be said."""
    assert share(Outage(kind="gray"), lambda blow: blow == Blow(None, 10, 0)) == pytest.approx(0.1, abs=0.02)
    other = Outage(kind="gray", share=0.4, factor=2, delay=1.5)
    assert share(other, lambda blow: blow == Blow(None, 2, 1.5)) == pytest.approx(0.4, abs=0.03)
    assert share(other, lambda blow: blow is None) == pytest.approx(0.6, abs=0.03)


def test_throttling_refuses_with_a_hint():
    """429, and when to come again."""
    head = next(iter(Outage(kind="throttling", retry_after=3).blow(Random(1)).behaviour.play(Asked())))
    assert (head.status, dict(head.headers)["retry-after"]) == (429, "3")


@pytest.mark.parametrize(
    ("kind", "name"), [("cut-4", "cut-4-fin"), (500, "status-500"), ({"throttled": {"retry_after": 3}}, "throttled")]
)
def test_any_behaviour_can_be_an_outage(kind, name):
    """By name, status or fields, for a share."""
    outage = Outage(kind=kind, share=0.25)
    struck = share(outage, lambda blow: blow is not None and blow.behaviour.name == name)
    assert (outage.name, struck) == (name, pytest.approx(0.25, abs=0.03))


def test_outages_add_up():
    """The first answer wins, factors multiply, delays add; who is not struck is left alone."""
    outages = [
        Outage(kind="gray", share=1, factor=2, delay=1),
        Outage(kind="gray", share=1, factor=3, delay=2),
        Outage(kind=500),
        Outage(kind=501),
        Outage(kind=400, at=50),
    ]
    blow = blown(outages, 10, Random(1))
    assert (status_of(blow.behaviour), blow.factor, blow.delay) == (500, 6, 3)
    assert blown(outages[-1:], 10, Random(1)) == Blow(None, 1, 0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"kind": "dwon"}, 'did you mean "down"'),
        ({"share": 1.5}, "share must be from 0 to 1"),
        ({"every": 10}, 'needs a "for"'),
        ({"every": 10, "lasts": 10}, 'needs a "for"'),
        ({"flip": 0}, "flip must be more than 0"),
    ],
)
def test_what_cannot_be_is_refused(wrong, told):
    """One line says what is wrong."""
    with pytest.raises(ValueError, match=told):
        Outage(**wrong)
