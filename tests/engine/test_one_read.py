"""A bad event that comes with good ones in one read: what is told of it, and that nothing is kept for its sake."""

import gc

import pytest

from outlast.dialects.stream import EventReader
from outlast.flow.call import Call
from outlast.flow.stream import Ending, Stream
from outlast.lab.steps import Body, End
from outlast.layers.attempt import Upstream
from outlast.model.errors import BrokenStream
from outlast.testing import Behaviour, ScriptedExchange, ok

from .world import TEXT

JUNK = b'data: {"choices":[{"delta":{"content":"lo\n\n'
HEAVY = (Stream, Ending, Upstream, Call, ScriptedExchange, EventReader)
ERRORS = '[routes.default]\ntargets = ["alpha/m", "beta/m"]\non_break = "error"'


def in_one_read(junk_before):
    """A whole stream in one read, with a bad event before the event in which these bytes are."""

    def play(asked):
        head, *steps = ok(TEXT).play(asked)
        events = [step.data for step in steps if isinstance(step, Body)]
        (at, *_) = (number for number, event in enumerate(events) if junk_before in event)
        yield head
        yield Body(b"".join([*events[:at], JUNK, *events[at:]]))
        yield End()

    return Behaviour("in-one-read", play)


STORIES = {
    "before the first content": (b'"one', ["alpha/m", "alpha/m", "beta/m"], TEXT.replace("alpha", "beta"), False),
    "after some of it": (b"four", ["alpha/m"], "one two three", True),
    "behind the finish": (b"[DONE]", ["alpha/m"], TEXT, False),
}


@pytest.mark.parametrize("where", STORIES)
def test_what_was_good_is_handed_over_and_nothing_is_kept(make, where):
    """Not even until the cyclic collector comes."""
    junk_before, path, text, breaks = STORIES[where]
    world = make(more=ERRORS)
    world.script("beta/m", ok(TEXT))
    world.hear(stream=True)  # whatever is made once for each target is made
    world.script("alpha/m", in_one_read(junk_before))
    world.hear(stream=True)
    world.wait(1000)  # until the loop has forgotten the timers
    world.forget()
    gc.collect()
    gc.disable()
    try:
        before = [thing for thing in gc.get_objects() if isinstance(thing, HEAVY)]
        part = world.hear(stream=True)
        heard = (part.text.strip(), isinstance(part.error, BrokenStream), world.path())
        del part
        world.wait(1000)
        after = [thing for thing in gc.get_objects() if isinstance(thing, HEAVY)]
        kept = [type(thing).__name__ for thing in after if not any(thing is other for other in before)]
    finally:
        gc.enable()
    assert heard == (text, breaks, path)
    assert kept == []
