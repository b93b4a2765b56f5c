"""One gateway, one client and one simulated provider for each, for all faults; in the end nothing may be held."""

import contextlib

import pytest
from tests.gateway.house import House, toml_of

from outlast.testing import SimulatedProvider

pytest.register_assert_rewrite("tests.faults.check_gateway", "tests.faults.check_library")

from .asking import Stage  # noqa: E402
from .cases import ALL  # noqa: E402
from .library import Library  # noqa: E402


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    """The gateway, with an account for every case."""
    with SimulatedProvider() as provider, Stage(provider, ALL, tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """The library, with an account for every case."""
    with SimulatedProvider() as provider, Library(provider, ALL, tmp_path_factory.mktemp("library")) as running:
        yield running


@pytest.fixture(scope="module")
def module_provider():
    """Simulated providers for all tests of a module."""
    with SimulatedProvider() as running:
        yield running


@pytest.fixture
def provider():
    """Simulated providers on one port, told apart by their names."""
    with SimulatedProvider() as running:
        yield running


@pytest.fixture
def open_house(provider, tmp_path):
    """Makes gateways of a test's own; `providers` are tried in this order."""
    with contextlib.ExitStack() as houses:

        def opened(more="", *, providers=("alpha",), timers=None):
            toml = toml_of(provider.url, more, providers=providers, timers=timers)
            return houses.enter_context(House(toml, tmp_path))

        yield opened


@pytest.fixture
def house(open_house):
    """A gateway with one target, alpha/m."""
    return open_house()
