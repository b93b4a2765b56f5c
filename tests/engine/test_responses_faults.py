"""Every named fault, played by a provider of OpenAI's Responses API: an answer is whole, or an honest failure."""

import pytest

from outlast.lab.answer import Asked, compose
from outlast.model.errors import Failure
from outlast.testing import FAULTS

from .test_responses import also, ask

ONCE = "\n[retry]\ntotal = 1\n[resume]\nenabled = false\n"
LARGE = {"D12-32-mib", "E36-line-16-mib", "E37-endless"}
"""Megabytes, which say nothing here that they do not say elsewhere."""
USUAL = compose(Asked("responses", body={"model": "m", "input": "hi"}, provider="alpha")).text


def outcome(make, name, *, stream):
    """What becomes of one request: the failure, or words and reason."""
    world = make(["alpha/m"], ONCE + also("alpha"))
    world.script("alpha/m", name)
    heard = world.hear(ask(stream=stream))
    if isinstance(heard, Failure):
        return heard, "", None
    if stream:
        return heard.error, heard.text, heard.finish
    return None, heard.text, heard.finish


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - LARGE))
def test_no_part_of_an_answer_is_taken_for_the_whole(make, name):
    """Streamed or not: who is told that it is complete has all of it, and whoever has not is told why."""
    for stream in (False, True):
        failure, text, finish = outcome(make, name, stream=stream)
        assert (failure is None) == (finish is not None)
        assert failure is not None or not USUAL.startswith(text) or text in {"", USUAL}
        assert failure is None or failure.kind != "internal"
