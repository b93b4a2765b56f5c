"""What one process has learned, taken up by the next: circuits, pauses and credentials, less the time in between."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.learned import learned, restore
from outlast.model.events import BreakerChanged
from outlast.testing import ok, status, throttled

from .world import TEXT, World

WALL = 1_900_000_000.0


def known_by(world, at=WALL):
    return learned(world.stack, world.now, at)


def taken_up(world, text, at):
    restore(world.stack, text, world.now, at)
    return world


@pytest.fixture
def made():
    """Makes worlds, and closes them."""
    worlds = []

    def make(*args):
        worlds.append(World(*args))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


def failed(world):
    """A world in which alpha/m is down, as far as anybody knows."""
    world.script("alpha/m", 503)
    while world.breaker().state == "closed":
        world.ask()
    return world


def test_an_open_circuit_is_open_in_the_next_process(made):
    """Which asks the other target at once, and the first one again when its time is over."""
    before = failed(made())
    left = before.breaker().until - before.now
    after = taken_up(made(), known_by(before), WALL + 2.0)
    after.wait(0.5)
    assert after.ask().target == "beta/m"
    assert after.sent("alpha/m") == 0
    assert after.breaker().until == pytest.approx(left - 2.0)
    assert after.breaker().openings == before.breaker().openings
    after.script("alpha/m", ok(TEXT))
    after.wait(left)
    for _ in range(3):
        assert after.ask().target == "alpha/m"
    assert after.changes() == ["open", "half_open", "closed"]
    assert after.events(BreakerChanged)[0].reason == "as it was known before"


@pytest.mark.parametrize("later", [60.0, 1e6])
def test_what_is_over_is_over(made, later):
    """However long ago."""
    after = taken_up(made(), known_by(failed(made())), WALL + later)
    assert after.ask().target == "alpha/m"


def test_a_wall_clock_that_was_put_back_makes_nothing_longer(made):
    """It is out for as long as it was then, and not for an hour more."""
    before = failed(made())
    after = taken_up(made(), known_by(before), WALL - 3600.0)
    assert after.breaker().until - after.now == pytest.approx(before.breaker().until - before.now)


def test_pauses_and_credentials_too(made):
    """A throttled target until its hint, a refused credential until it is tried again."""
    before = made()
    before.script("alpha/m", throttled(30.0))
    before.ask()
    after = taken_up(made(), known_by(before), WALL + 10.0)
    assert after.ask().target == "beta/m"
    assert after.sent("alpha/m") == 0
    after.wait(25.0)
    assert after.ask().target == "alpha/m"
    refused = made()
    refused.script("alpha/m", status(401))
    refused.ask()
    after = taken_up(made(), known_by(refused), WALL + 1.0)
    assert after.ask().target == "beta/m"
    assert after.sent("alpha/m") == 0


def test_what_is_known_here_already_stays(made):
    """A process that has asked for itself knows better."""
    before = failed(made())
    here = made()
    here.ask()
    here.wait(1.0)
    here.ask()
    taken_up(here, known_by(before), WALL)
    assert here.breaker().state == "closed"


def test_an_operators_word_is_not_learned(made):
    """It is his, and for the process that he said it to."""
    world = made()
    world.breaker().operate("forced_open", world.now)
    assert json.loads(known_by(world))["circuits"] == {}


def test_it_holds_no_secret(made):
    """Names and numbers alone; and nothing when all is well."""
    assert json.loads(known_by(made())) == {"version": 1, "at": WALL, "circuits": {}, "targets": {}, "credentials": {}}
    assert "sk-" not in known_by(failed(made()))


def test_what_says_too_much_is_not_believed(made):
    """Nobody is out for longer than a process of today would take him out."""
    state = {"version": 1, "at": WALL, "circuits": {"alpha/m": [1e9, 999]}, "targets": {"beta/m": [1e9, 999]}}
    world = taken_up(made(), json.dumps(state | {"credentials": {"beta": [1e9, 999]}}), WALL)
    assert world.breaker().until <= 60.0
    targets, credentials = world.stack.pauses.known(world.now)
    assert (targets["beta/m"][0], credentials["beta"][0]) == (86_400.0, 300.0)


@given(
    st.text()
    | st.binary().map(lambda raw: raw.decode("latin-1"))
    | st.sampled_from(["{}", "[" * 10_000, '{"at":1e999}'])
)
def test_anything_else_is_refused_with_an_error_that_says_so(text):
    """And changes nothing."""
    world = World()
    with pytest.raises(ValueError, match="no state that can be restored"):
        restore(world.stack, text, 0.0, WALL)
    assert world.close() == {}


def test_another_version_is_told(made):
    """Rather than taken for something else."""
    with pytest.raises(ValueError, match="version 2"):
        taken_up(made(), known_by(made()).replace('"version":1', '"version":2'), WALL)
