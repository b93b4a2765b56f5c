"""The page of faults says what the table says."""

from .page import PAGE, page


def test_the_page_is_up_to_date():
    """When this fails: `python -m tests.faults.page`."""
    assert PAGE.read_text() == page()
