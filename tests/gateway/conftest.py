"""Gateways over simulated providers; each must be at rest in the end."""

import contextlib

import pytest

from outlast.testing import SimulatedProvider

from .house import House, toml_of


@pytest.fixture
def provider():
    """Simulated providers on one port, told apart by their names."""
    with SimulatedProvider() as running:
        yield running


@pytest.fixture
def open_house(provider, tmp_path):
    """Makes gateways with more configuration; `providers` are tried in this order."""
    with contextlib.ExitStack() as houses:

        def opened(more="", *, providers=("alpha", "beta"), dialects=None, **options):
            toml = toml_of(provider.url, more, providers=providers, dialects=dialects)
            return houses.enter_context(House(toml, tmp_path, **options))

        yield opened


@pytest.fixture
def house(open_house):
    """A gateway whose route `default` goes to alpha/m, then beta/m."""
    return open_house()


@pytest.fixture
def lone(open_house):
    """A gateway with one target, alpha/m."""
    return open_house(providers=("alpha",))
