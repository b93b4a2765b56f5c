"""Numbers of a configuration that was made in code are held to the bounds that a file's are."""

import pytest

from outlast.flow.bounds import checked
from outlast.layers.resume import ResumeConfig


def test_what_is_within_its_bounds_is_as_it_was():
    """With all that was said of it."""
    config = ResumeConfig(enabled=False, longest=5)
    assert checked("resume", config) == config


@pytest.mark.parametrize(
    ("names", "called"), [(None, "longest"), ({"longest": "most"}, "most"), ({"other": "most"}, "longest")]
)
def test_what_is_out_of_bounds_is_named_as_its_caller_names_it(names, called):
    """Who was called, with which parameter, and what it may be."""
    with pytest.raises(ValueError, match=rf"^resume\({called}=…\): .* >= 1$") as told:
        checked("resume", ResumeConfig(longest=0), names)
    assert told.value.__cause__ is None
