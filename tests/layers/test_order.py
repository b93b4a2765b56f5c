"""The order of one call: everybody once, the chosen one in front, and small windows last."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from outlast.layers.routing.order import Order

from .calls import ALPHA

WINDOWS = st.lists(st.sampled_from([0, 100, 1_000, 10_000]), min_size=1, max_size=8)


@given(windows=WINDOWS, first=st.integers(0, 7), tokens=st.sampled_from([0, 50, 500, 5_000, 50_000]))
def test_everybody_once_the_chosen_one_in_front_and_small_windows_last(windows, first, tokens):
    """As if it had been sorted; looked at any number of times."""
    targets = tuple(replace(ALPHA, name=f"alpha/{number}", window=window) for number, window in enumerate(windows))
    first %= len(targets)
    order = Order(targets, first=first, small=lambda target: 0 < target.window < tokens)
    led = [targets[first], *(target for target in targets if target is not targets[first])]
    wanted = sorted(led, key=lambda target: bool(tokens and target.window and tokens > target.window))
    assert list(order) == list(order) == wanted
    assert len(order) == len(targets)
    assert targets[first] in order
    assert ALPHA not in order
