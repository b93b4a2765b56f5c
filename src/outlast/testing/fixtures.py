"""Fixtures for pytest: a simulated provider that is started once, and a scripted world for each test.

    # conftest.py
    pytest_plugins = ["outlast.testing.fixtures"]

    def test_my_client_tries_again(simulated_provider):
        simulated_provider.script("alpha", 503, "ok")
        my_client(simulated_provider.base_url("alpha")).ask("hi")
        simulated_provider.expect("alpha", statuses=[503, 200])

The provider serves in a thread of its own, so it is there for blocking clients and for those of any event loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from outlast.testing import ScriptedIo, SimulatedProvider

WAYS_TO_FAIL = (
    "reset",
    "hang-up",
    "status-500",
    "status-503",
    "status-429",
    "B26-retry-after-1",
    "html",
    "empty",
    "truncated-json",
    "garbled-2",
    "cut-2",
    "cut-2-rst",
    "ended-2",
    "error-event-2",
)
"""What `failing_provider` does, one after another: each class of failure that a client meets and can survive."""


@pytest.fixture(scope="session")
def _simulation() -> Iterator[SimulatedProvider]:
    from outlast.testing import SimulatedProvider  # noqa: PLC0415  (whoever uses no fixture pays for none)

    with SimulatedProvider() as provider:
        yield provider


@pytest.fixture
def simulated_provider(_simulation: SimulatedProvider) -> Iterator[SimulatedProvider]:
    """A simulated provider over real sockets: no script, nothing seen, and nothing told to it."""
    yield _simulation
    _simulation.reset()
    for name in _simulation.conducts():
        _simulation.dismiss(name)


@pytest.fixture(params=WAYS_TO_FAIL)
def failing_provider(simulated_provider: SimulatedProvider, request: pytest.FixtureRequest) -> SimulatedProvider:
    """The same, whose provider "failing" fails once before it is well: the test runs for each way to fail.

    A stream breaks after two words, so what the test must hold is: the right answer, or an error; never half an answer.
    """
    simulated_provider.script("failing", str(request.param))
    return simulated_provider


@pytest.fixture
def scripted_io() -> Iterator[ScriptedIo]:
    """The scripted world, for `outlast.testing.run`. Fails the test if an exchange is still open at its end."""
    from outlast.testing import ScriptedIo  # noqa: PLC0415

    io = ScriptedIo()
    yield io
    assert io.open == 0, f"{io.open} exchanges are still open"  # noqa: S101  (it is a test's)
