"""Every named fault at the first target, hedged: no caller is worse off than without, and nothing is held."""

import pytest

from outlast.flow.stream import Stream
from outlast.lab.named import FAULTS
from outlast.model.errors import Failure
from outlast.model.events import AttemptEnded, Fault, HedgeLost, HedgeStarted, HedgeWon, RequestEnded
from outlast.testing import ok

from .world import TEXT, World, read

HEDGED = "[hedge]\nenabled = true\nleast_samples = 1\nextra = 1.0\n"
LARGE = ("C21", "C27", "E36", "E37")
"""Faults that are much work, however they are asked for."""
CHOSEN = [name for name in FAULTS if name[0] in "ACE" and not name.startswith(LARGE)]
"""Of connections, framing and streams: those that may take their time; a bad status comes at once."""
SLICES = range(12)


async def heard(world, stream):
    """What the caller has in the end: "whole" with its text, "broken" after its first words, or the failure's kind."""
    try:
        answer = await world.answer(stream=stream)
    except Failure as failure:
        return failure.kind, ""
    if not isinstance(answer, Stream):
        return "whole", answer.text
    part = await read(answer)
    return ("whole" if part.error is None else "broken"), part.text


def played(fault, more, stream):
    """How a call ends whose first target plays this fault, once it has answered well."""
    world = World(more=more)
    world.script("alpha/m", ok(TEXT), FAULTS[fault])
    world.script("beta/m", ok(TEXT, first=0.5))
    world.run(heard(world, stream))
    world.forget()
    ended = world.run(heard(world, stream))
    assert len(world.events(AttemptEnded)) == world.sent()
    assert len(world.events(RequestEnded)) == 1
    assert len(world.events(HedgeStarted)) == len(world.events(HedgeWon)) + len(world.events(HedgeLost)) <= 1
    assert not world.events(Fault)
    hedged = bool(world.events(HedgeStarted))
    assert world.close() == {}, fault
    return ended, hedged


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("part", SLICES)
def test_no_caller_is_worse_off_for_a_hedge(part, stream):
    """Whoever has a whole answer without one has it with one; and what is handed over is never the two mixed."""
    for fault in CHOSEN[part :: len(SLICES)]:
        (plain, _), _ = played(fault, "", stream)
        (ended, text), _ = played(fault, HEDGED, stream)
        assert ended in {plain, "whole"}, fault
        if ended == "whole" and plain != "whole":
            assert text == TEXT, fault


def test_some_of_them_are_hedged():
    """Those that take their time."""
    slow = [name for name in CHOSEN[::3] if played(name, HEDGED, stream=True)[1]]
    assert len(slow) >= 5
