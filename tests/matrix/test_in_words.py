"""Every dialect in, every dialect out, to models that no provider holds to a schema, and that are bad at JSON.

The vendors' own clients get an object of their schema all the same: the words that ask for it can be said in every
dialect, and the simulated providers refuse a field too much or too little.
"""

import pytest

from outlast.testing import bad_json

from .speaking import SPOKEN

MANNERS = ("fences", "learns")


def at(dialect, manner):
    """The provider of that dialect whose model spoils its JSON so."""
    return f"at-{dialect}-{manner}"


@pytest.fixture(scope="module")
def dialects(provider):
    """One provider of each dialect and manner."""
    for manner in MANNERS:
        for dialect in SPOKEN:
            provider.script(at(dialect, manner), default=bad_json(manner))
    return {at(dialect, manner): dialect for dialect in SPOKEN for manner in MANNERS}


@pytest.fixture(scope="module")
def more(dialects):
    """No model is held to a schema by its provider."""
    return "\n".join(f"[providers.{name}.models.m]\nschema = false" for name in dialects)


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("behind", SPOKEN)
def test_a_schema_in_words(caller, behind, manner):
    """Exactly the object, out of its fences, or once the model was told what was wrong with it."""
    assert caller.shaped(at(behind, manner)) == {"city": "text"}
