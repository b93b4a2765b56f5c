"""Gateways with one route to each of some simulated providers, and the clients that ask them."""

import pytest
from tests.gateway.house import House, toml_of

from outlast.testing import SimulatedProvider

from .callers import CALLERS, caller_of


@pytest.fixture(scope="module")
def provider():
    """Simulated providers on one port."""
    with SimulatedProvider() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(provider, dialects, more, tmp_path_factory):
    """A gateway to `dialects` (by provider), each behind a route of its provider's name; `more` is TOML."""
    routes = "\n".join(f'[routes.{name}]\ntargets = ["{name}/m"]' for name in dialects)
    toml = toml_of(provider.url, f"{more}\n{routes}", providers=tuple(dialects), dialects=dialects)
    with House(toml, tmp_path_factory.mktemp("gateway")) as house:
        yield house


@pytest.fixture(params=CALLERS)
def caller(request, gateway):
    """The vendor's client of each dialect."""
    with caller_of(request.param, gateway.url) as one:
        yield one
