"""The strong model before the weak one, as functions and as a route."""

import pytest
from tests.guard.world import Takes

import outlast
from outlast import Exhausted, tiers
from outlast.model.errors import Throttled
from outlast.testing import ScriptedIo, run


def weak_of(world, gives):
    """A second function of the world's kind."""

    def plain(*args):
        return gives

    async def coroutine(*args):
        return gives

    return plain if world.face == "plain" else coroutine


def test_a_weaker_answer_says_so(world):
    """Its name, its source, and why."""
    ask = tiers(strong=world.dependency("good", Throttled("no")), weak=weak_of(world, "weaker"), io=world.io)
    first, second = world.call(ask, "hi"), world.call(ask, "hi")
    assert (first.value, first.by, first.source, first.degraded) == ("good", "strong", "primary", False)
    assert (second.value, second.by, second.source, second.degraded) == ("weaker", "weak", "weaker", True)
    assert [why.target for why in second.failures] == ["strong"]


def test_a_wrong_request_is_not_tried_on_every_model(world):
    """It is wrong for all of them."""
    wrong = ValueError("his")
    ask = tiers(strong=world.dependency(wrong), weak=weak_of(world, "weaker"), io=world.io)
    assert world.fails(ask, "hi") is wrong


def test_a_strong_model_that_hangs_costs_its_cap(loop):
    """Then it is left alone, and tried again later."""
    ask = tiers(strong=loop.dependency(Takes(600)), weak=weak_of(loop, "weaker"), within=5, io=loop.io)
    assert [loop.call(ask, "hi").by for _ in range(6)] == ["weak"] * 6
    assert loop.now() == 25


def test_all_in_vain(world):
    """The reason of each is told."""
    ask = tiers(strong=world.dependency(OSError), weak=world.dependency(TimeoutError), io=world.io)
    error = world.fails(ask)
    assert type(error) is Exhausted
    assert [why.target for why in error.attempts] == ["strong", "weak"]


def test_one_is_no_tier():
    """Two at least."""
    with pytest.raises(TypeError, match="two functions or more"):
        tiers(strong=len)


def test_for_models_it_is_a_route_of_three_lines():
    """Both models behind one name that callers use; the client asks the second when the first fails, and says so."""
    config = outlast.simulated("http://127.0.0.1:1")
    strong, weak = config.routes.find("default").targets[:2]

    async def story():
        io = ScriptedIo()
        io.script(strong.name, 503)
        async with outlast.AsyncClient(config, io=io) as client:
            return await client.chat("hi")

    reply = run(story())
    assert reply.target == weak.name
