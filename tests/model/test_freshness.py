"""How long an answer is good for what, over all ages, windows and wishes; and what a Cache-Control means."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.model.freshness import LONGEST, NO_WISHES, Windows, Wishes, use_of, wishes_of

SECONDS = st.one_of(st.just(0.0), st.floats(0.0, 1e6))
WISHES = st.builds(
    Wishes, no_cache=st.booleans(), no_store=st.booleans(), only_if_cached=st.booleans(), max_age=st.just(inf) | SECONDS
)
ORDER = ["fresh", "renew", "spare", "none"]


@given(SECONDS, st.builds(Windows, SECONDS, SECONDS, SECONDS), WISHES)
def test_what_an_answer_is_good_for(age, windows, wishes):
    """Nothing beyond its window, whatever the windows are, and never more than the caller wants."""
    use = use_of(age, windows, wishes)
    if use == "fresh":
        assert age < windows.fresh
    if use == "renew":
        assert windows.fresh <= age < windows.fresh + windows.stale_while_revalidate
    if use == "spare":
        assert windows.fresh <= age < windows.fresh + windows.stale_if_error
    if use != "none":
        assert age < windows.life
        assert age < wishes.max_age
        assert not wishes.no_cache
        assert not wishes.no_store


@given(st.builds(Windows, SECONDS, SECONDS, SECONDS), SECONDS, SECONDS)
def test_it_only_becomes_worse(windows, age, more):
    """Older is never better."""
    younger, older = use_of(age, windows), use_of(age + more, windows)
    assert ORDER.index(younger) <= ORDER.index(older)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("", NO_WISHES),
        ("no-cache", Wishes(no_cache=True)),
        ("No-Store , no-cache", Wishes(no_cache=True, no_store=True)),
        ("only-if-cached", Wishes(only_if_cached=True)),
        ('max-age=5, max-age="3"', Wishes(max_age=3.0)),
        ("max-age=0", Wishes(max_age=0.0)),
        ("max-age=-1, max-age=, max-age=1e3, max-age=\u0663", NO_WISHES),
        ("no-cachet, xno-cache, private, max-stale=5", NO_WISHES),
        ("x" * LONGEST + ",no-cache", NO_WISHES),
    ],
)
def test_what_a_cache_control_means(said, meant):
    """What we do not know, or cannot read, is passed over."""
    assert wishes_of(said) == meant


@given(st.text(max_size=600))
def test_anything_can_be_read(said):
    """Whatever a caller sends."""
    assert wishes_of(said).max_age >= 0
