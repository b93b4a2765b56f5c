"""Calls, ready made, for tests that hold one layer in the hand."""

import traceback

from outlast.flow.call import Call
from outlast.model.caller import Caller
from outlast.model.messages import Request
from outlast.model.target import Provider, Route, Target

ALPHA = Target(name="alpha/m", provider=Provider("alpha", "openai", "http://127.0.0.1:1"), model="m", family="m")
BETA = Target(name="beta/m", provider=Provider("beta", "openai", "http://127.0.0.1:1"), model="m", family="m")


class Ear:
    """A world that stands still: a clock set by hand, a die with one face, and an ear."""

    def __init__(self, now=0.0, dice=0.0):
        self.time = now
        self.dice = dice
        self.events = []

    def now(self):
        return self.time

    def random(self):
        return self.dice

    def emit(self, event):
        self.events.append(event)


class Others:
    """So many other targets, worth such a wait."""

    def __init__(self, healthy=0, patience=float("inf")):
        self._healthy, self._patience = healthy, patience

    def healthy(self, now):
        return self._healthy

    def patience(self, now):
        return self._patience


def no_content(_body):
    """Nobody here reads what is asked."""
    raise AssertionError("a layer has read the request's content")


def a_call(
    io=None,
    *,
    target=ALPHA,
    targets=(ALPHA,),
    deadline=1_000.0,
    others=None,
    stream=False,
    tokens=0,
    max_tokens=None,
    **more,
):
    """A call bound for `target`."""
    return Call(
        request=Request(model="m", stream=stream, tokens=tokens, max_tokens=max_tokens, read=no_content),
        route=Route("m", targets),
        deadline=deadline,
        io=io or Ear(),
        id="r1",
        caller=Caller(key="team"),
        target=target,
        others=others or Others(),
        **more,
    )


def frames_when_raised(error):
    """How many frames the error's traceback has after being raised once."""
    try:
        raise error
    except type(error) as caught:
        return len(traceback.extract_tb(caught.__traceback__))
