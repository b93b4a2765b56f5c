"""Every dialect in, every dialect out, to models that no provider holds to a schema, and that are bad at JSON.

The vendors' own clients get an object of their schema all the same: the words that ask for it can be said in every
dialect, and the simulated providers refuse a field too much or too little.
"""

import pytest
from tests.gateway.house import House, toml_of

from outlast.testing import SimulatedProvider, bad_json

from .callers import CALLERS, caller_of
from .test_pairs import PROVIDERS

MANNERS = ("fences", "learns")


def at(dialect, manner):
    """The provider of that dialect whose model spoils its JSON so."""
    return f"at-{dialect}-{manner}"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway with a route to each of them."""
    dialects = {at(dialect, manner): dialect for dialect in PROVIDERS for manner in MANNERS}
    more = "\n".join(
        f'[providers.{name}.models.m]\nschema = false\n[routes.{name}]\ntargets = ["{name}/m"]' for name in dialects
    )
    with SimulatedProvider() as provider:
        for name in dialects:
            provider.script(name, default=bad_json(name.rpartition("-")[2]))
        toml = toml_of(provider.url, more, providers=tuple(dialects), dialects=dialects)
        with House(toml, tmp_path_factory.mktemp("gateway")) as house:
            yield house


@pytest.fixture(params=CALLERS)
def caller(request, gateway):
    """The vendor's client of each dialect."""
    with caller_of(request.param, gateway.url) as one:
        yield one


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("behind", PROVIDERS)
def test_a_schema_in_words(caller, behind, manner):
    """Exactly the object, out of its fences, or once the model was told what was wrong with it."""
    assert caller.shaped(at(behind, manner)) == {"city": "text"}
