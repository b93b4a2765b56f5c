"""Every dialect in, every dialect out: text, streams, tools and schemas, through the vendors' own clients over sockets.

The providers are simulated, and refuse what the vendor would refuse: a field too much or too little fails the test.
"""

import pytest
from tests.gateway.house import House, toml_of

from outlast.testing import SimulatedProvider

from .callers import CALLERS, caller_of

PROVIDERS = ("openai", "responses", "anthropic", "cohere", "gemini", "ollama")
SAYS = "This is the simulated provider at-{}, no model at all. You said: hi"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway with a route to one provider of each dialect."""
    dialects = {f"at-{dialect}": dialect for dialect in PROVIDERS}
    routes = "\n".join(f'[routes.{dialect}]\ntargets = ["{name}/m"]' for name, dialect in dialects.items())
    with SimulatedProvider() as provider:
        toml = toml_of(provider.url, routes, providers=tuple(dialects), dialects=dialects)
        with House(toml, tmp_path_factory.mktemp("gateway")) as house:
            yield house


@pytest.fixture(params=CALLERS)
def caller(request, gateway):
    """The vendor's client of each dialect."""
    with caller_of(request.param, gateway.url) as one:
        yield one


@pytest.mark.parametrize("behind", PROVIDERS)
def test_a_text(caller, behind):
    """The provider's words, to the letter."""
    assert caller.text(behind) == SAYS.format(behind)


@pytest.mark.parametrize("behind", PROVIDERS)
def test_a_text_piece_by_piece(caller, behind):
    """The same words, in more than one piece, and with their end."""
    pieces = caller.pieces(behind)
    assert "".join(pieces) == SAYS.format(behind)
    assert len(pieces) > 3


@pytest.mark.parametrize("behind", PROVIDERS)
def test_a_tool(caller, behind):
    """The call of the tool, with its arguments."""
    assert caller.call(behind) == ("get_weather", {"city": "text"})


@pytest.mark.parametrize("behind", PROVIDERS)
def test_a_schema(caller, behind):
    """An object as the schema wants it."""
    assert caller.shaped(behind) == {"city": "text"}
