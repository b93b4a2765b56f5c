"""Worlds for the stories; on leaving, nothing may be held for anybody and no task be left."""

import pytest

from .fleet import Fleet
from .world import World


@pytest.fixture
def make():
    """Makes worlds; each must be at rest in the end."""
    worlds = []

    def made(*args, **kwargs):
        worlds.append(World(*args, **kwargs))
        return worlds[-1]

    yield made
    left = [world.close() for world in worlds]
    assert left == [{}] * len(worlds)


@pytest.fixture
def world(make):
    """Two targets, alpha/m and beta/m."""
    return make()


@pytest.fixture
def fleet_of():
    """Makes fleets of so many processes; each must be at rest in the end."""
    fleets = []

    def made(*args, **kwargs):
        fleets.append(Fleet(*args, **kwargs))
        return fleets[-1]

    yield made
    left = [fleet.close() for fleet in fleets]
    assert left == [{}] * len(fleets)
