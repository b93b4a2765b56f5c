"""Every dialect in, every dialect out: text, streams, tools and schemas, through the vendors' own clients over sockets.

The providers are simulated, and refuse what the vendor would refuse: a field too much or too little fails the test.
"""

import pytest

from .speaking import SPOKEN

BEHIND = {f"at-{dialect}": dialect for dialect in SPOKEN}
SAYS = "This is the simulated provider {}, no model at all. You said: hi"


@pytest.fixture(scope="module")
def dialects():
    """One provider of each dialect."""
    return BEHIND


@pytest.fixture(scope="module")
def more():
    """They are as they come."""
    return ""


@pytest.mark.parametrize("behind", BEHIND)
def test_a_text(caller, behind):
    """The provider's words, to the letter."""
    assert caller.text(behind) == SAYS.format(behind)


@pytest.mark.parametrize("behind", BEHIND)
def test_a_text_piece_by_piece(caller, behind):
    """The same words, in more than one piece, and with their end."""
    pieces = caller.pieces(behind)
    assert "".join(pieces) == SAYS.format(behind)
    assert len(pieces) > 3


@pytest.mark.parametrize("behind", BEHIND)
def test_a_tool(caller, behind):
    """The call of the tool, with its arguments."""
    assert caller.call(behind) == ("get_weather", {"city": "text"})


@pytest.mark.parametrize("behind", BEHIND)
def test_a_schema(caller, behind):
    """An object as the schema wants it."""
    assert caller.shaped(behind) == {"city": "text"}
