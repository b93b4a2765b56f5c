"""Each feature of a request or an answer comes back from every dialect, or its loss is told; and the page says so."""

import pytest

from .features import ANSWERS, LOST, NAMES, REQUESTS
from .page import PAGE, page


@pytest.mark.parametrize("dialect", NAMES)
@pytest.mark.parametrize("feature", REQUESTS, ids=lambda feature: feature.name)
def test_nothing_of_a_request_is_lost_in_silence(feature, dialect):
    """Carried, named or refused."""
    assert feature.at(dialect) != LOST


@pytest.mark.parametrize("dialect", NAMES)
@pytest.mark.parametrize("feature", ANSWERS, ids=lambda feature: feature.name)
def test_an_answer_is_told_in_every_dialect(feature, dialect):
    """Carried, or told in the dialect's own way."""
    assert feature.at(dialect) != LOST


def test_the_page_is_up_to_date():
    """When this fails: `python -m tests.dialects.page`."""
    assert PAGE.read_text() == page()
