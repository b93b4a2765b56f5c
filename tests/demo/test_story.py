"""The story is one that can be told: it fits the screen, the run, and the providers that there are."""

import itertools

import pytest

from outlast.demo.settings import settings, shortened
from outlast.demo.story import LENGTH, MOMENTS, PARTS, STORY, active, conduct
from outlast.demo.traffic import traffic


def test_every_trouble_is_told_in_words_that_fit():
    """At most 31 characters, and a provider that there is."""
    names = {part.name for part in PARTS}
    assert [trouble for trouble in STORY if len(trouble.words) > 31 or trouble.provider not in names] == []


@pytest.mark.parametrize("name", [part.name for part in PARTS])
def test_a_provider_has_one_trouble_at_a_time(name):
    """Its troubles follow one another, and the last is over before the run is."""
    own = [trouble for trouble in STORY if trouble.provider == name]
    for before, after in itertools.pairwise(own):
        assert before.begins < before.ends <= after.begins
    assert all(trouble.ends < LENGTH for trouble in own)


def test_somebody_is_always_well():
    """At no moment are all four in trouble, so that every request can be answered."""
    assert max(len({trouble.provider for trouble in active(moment)}) for moment in MOMENTS) == 3


def test_what_is_told_is_what_happens():
    """The words on the screen and the provider's own schedule begin and end at the same moments of any run."""
    for part in PARTS:
        outages = conduct(part, 12.0).outages
        told = [
            (trouble.begins * 0.4, (trouble.ends - trouble.begins) * 0.4)
            for trouble in STORY
            if trouble.provider == part.name
        ]
        assert [(outage.at, outage.lasts) for outage in outages] == [pytest.approx(times) for times in told]


def test_the_same_seed_gives_the_same_traffic():
    """Everybody is sent the same; another seed gives another."""
    assert list(traffic(20, 12, 1)) == list(traffic(20, 12, 1))
    assert list(traffic(20, 12, 1)) != list(traffic(20, 12, 2))


def test_the_traffic_is_mixed_and_as_much_as_was_asked_for():
    """Both dialects, whole and streamed, every priority; in order, and within the time."""
    asks = list(traffic(100, 20, 1))
    assert 1800 < len(asks) < 2200
    assert [ask.number for ask in asks] == list(range(len(asks)))
    assert [ask.at for ask in asks] == sorted(ask.at for ask in asks)
    assert 0 < asks[0].at < asks[-1].at < 100
    assert {(ask.dialect, ask.stream) for ask in asks} == {
        ("openai", True),
        ("openai", False),
        ("anthropic", True),
        ("anthropic", False),
    }
    assert {ask.priority for ask in asks} == {"critical", "high", "normal", "low", "batch"}


def test_the_settings_are_the_defaults_but_for_shorter_timers():
    """What the screen says of it is all that differs, and nothing is switched off."""
    config = settings("http://127.0.0.1:1")
    assert shortened(config) == [
        "timers.first_content 10 → 2 s",
        "timers.stall 10 → 2 s",
        "timers.whole 120 → 3 s",
        "breaker.open 10 → 2 s",
        "breaker.open_max 20 → 4 s",
        "breaker.ramp 5 → 1 s",
    ]
    usual = settings("http://127.0.0.1:1").layers
    for name in ("retry", "pause", "limits", "bulkhead", "admission", "routing", "attempt"):
        assert getattr(config.layers, name) == getattr(type(usual)(), name)


def test_each_dialect_has_its_own_provider_first():
    """And then all the others."""
    routes = {
        route.name: [target.provider.name for target in route.targets]
        for route in settings("http://127.0.0.1:1").routes
    }
    assert routes == {"assistant": ["alpha", "beta", "gamma", "delta"], "writer": ["beta", "alpha", "gamma", "delta"]}
