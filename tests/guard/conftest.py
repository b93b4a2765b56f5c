"""Worlds for the stories, one for each face."""

import pytest

from .world import World


@pytest.fixture(params=["plain", "coroutine"])
def world(request):
    """A world of plain functions, and one of coroutine functions: what a guard does is the same in both."""
    made = World(request.param)
    yield made
    made.close()


@pytest.fixture
def loop():
    """A world of coroutine functions."""
    made = World("coroutine")
    yield made
    made.close()


@pytest.fixture
def blocking():
    """A world of plain functions."""
    made = World("plain")
    yield made
    made.close()
