"""Secrets are taken out of bytes however they are cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from outlast.layers.attempt.mask import Mask
from outlast.model.target import Provider, Secret

KEY = "sk-0123456789abcdef"
MASK = Mask(Provider("p", "openai", "http://p", Secret(KEY)))
SAID = st.lists(st.sampled_from([KEY.encode(), b"sk-0123", b"sk-", b"word ", b"\n", KEY[4:].encode()]), max_size=12)


@given(SAID.map(b"".join), st.lists(st.integers(0, 200), max_size=6))
def test_cut_or_whole_it_is_the_same(said, cuts):
    """No secret, nothing lost, and nothing else kept back in the end."""
    places = [0, *sorted(min(cut, len(said)) for cut in cuts), len(said)]
    through = MASK.through()
    told = b"".join(through.feed(said[a:b]) for a, b in pairwise(places)) + through.rest()
    assert told == MASK.raw(said)
    assert KEY.encode() not in told
