"""What time is spent on, and what is held meanwhile: nothing by who sleeps, and no wait is made twice."""

import json

import pytest

from outlast.lab.answer import compose
from outlast.lab.rendering import opened
from outlast.lab.steps import Body, End, Pause
from outlast.testing import Behaviour, ScriptedIo, ok, pings, throttled

from .world import World, chat

SCARCE = ("slots of", "permits of", "exchanges", "timers")


class Sleepless(ScriptedIo):
    """Notes what is held whenever somebody sleeps."""

    def __init__(self):
        super().__init__()
        self.world = None
        self.held = []

    async def sleep(self, seconds):
        """What is held now, gateway and budget aside."""
        self.held.append([name for name in self.world.held() if name.startswith(SCARCE)])
        await super().sleep(seconds)


SLEEPS = {
    "a backoff": ({"alpha/m": [529, ok()]}, "", 1),
    "a pause that a throttle has brought": ({"alpha/m": [throttled(2), ok()]}, "", 1),
    "a pause that is met": ({"alpha/m": [throttled(2)], "beta/m": [ok()]}, "", 2),
    "a quota": ({}, "[providers.alpha.limits]\nrpm = 6\n", 1),
    "coming back": ({"alpha/m": [throttled(5), ok()], "beta/m": [402]}, "", 1),
}


@pytest.mark.parametrize("name", SLEEPS)
def test_who_sleeps_holds_nothing_scarce(name):
    """No slot, no permit of a circuit, no connection: whatever is slept for comes before them, or after."""
    script, more, least = SLEEPS[name]
    io = Sleepless()
    alone = "" if "beta/m" in script else '[routes.default]\ntargets = ["alpha/m"]\n'
    io.world = world = World(io=io, more=more + alone)
    for target, behaviours in script.items():
        world.script(target, *behaviours)
    for _ in range(2):
        world.hear()
    assert len(io.held) >= least
    assert [held for held in io.held if held] == []
    assert world.close() == {}


def test_a_pause_is_not_waited_for_a_second_time_by_the_limiter(make):
    """A throttle of 2 s costs 2 s, whatever else the provider says is used up."""
    world = make(["alpha/m"], "[providers.alpha.limits]\nrpm = 60\n")
    gone = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s"}
    world.script("alpha/m", throttled(2, gone), ok())
    assert world.ask().attempts == 2
    assert 2.0 <= world.times()[1] <= 2.3


def test_a_first_attempt_on_the_next_target_is_no_retry(make):
    """It is made although the budget has nothing, and takes nothing out of it."""
    world = make(more="[retry]\nfloor = 0\ndeposit = 0.0\n")
    world.script("alpha/m", 503)
    assert [world.ask().target for _ in range(4)] == ["beta/m"] * 4
    assert world.path() == ["alpha/m", "beta/m"] * 4


TEN_MINUTES = "[providers.alpha.models.m]\nreasoning = true\n"


@pytest.mark.parametrize(
    ("more", "timeout", "expected"),
    [("", None, 180.0), (TEN_MINUTES, None, 600.0), ("", 5.0, 5.0), ("", 3_600.0, 600.0), (TEN_MINUTES, 30.0, 30.0)],
)
def test_a_request_has_three_minutes_or_as_long_as_its_caller_says_or_as_one_attempt_needs(
    make, more, timeout, expected
):
    """But never more than ten minutes."""
    world = make(["alpha/m"], more)
    request = chat()
    assert world.engine.time_for(request, world.engine.routes.find("default"), timeout) == expected


def saying(*pieces):
    """A stream of (seconds before it, delta)."""

    def play(asked):
        head, *_ = opened(asked, compose(asked, "x"), 0)
        yield head
        for seconds, delta in pieces:
            yield Pause(seconds)
            finish = "stop" if delta == {} else None
            chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
            yield Body(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        yield Body(b"data: [DONE]\n\n")
        yield End()

    return Behaviour("saying", play)


CALL = {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "look", "arguments": ""}}]}
ARGUMENTS = {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}


@pytest.mark.parametrize(
    "delta",
    [{"reasoning_content": "hm"}, {"refusal": "no"}, CALL, {"content": "a"}],
    ids=["thought", "no", "tool", "word"],
)
def test_content_of_every_kind_stops_the_first_content_timer(world, delta):
    """A thought, a refusal, a tool's name, a word: nine seconds, and nine more to the next."""
    world.script("alpha/m", saying((9.0, delta), (9.0, ARGUMENTS if delta is CALL else {"content": "b"}), (0.0, {})))
    assert world.hear(stream=True).error is None
    assert world.path() == ["alpha/m"]


@pytest.mark.parametrize("delta", [{"role": "assistant"}, {"content": ""}, {"reasoning_content": ""}, {"unknown": "x"}])
def test_what_is_no_content_does_not(world, delta):
    """A role, an empty word, an unknown field: the next target is asked after ten seconds."""
    world.script("alpha/m", saying((9.0, delta), (9.0, {"content": "late"}), (0.0, {})))
    world.hear(stream=True)
    assert world.times("beta/m") == [10.0]


def test_a_thought_commits_when_it_is_handed_over(world):
    """The stream is there with the thought, and nobody else is asked for the words."""
    world.script("alpha/m", saying((0.0, {"reasoning_content": "hm"}), (60.0, {"content": "late"})))

    async def story():
        stream = await world.answer(stream=True)
        return (await anext(stream)).reasoning, world.path()

    assert world.run(story()) == ("hm", ["alpha/m"])


def test_pings_of_an_answer_under_way_defeat_no_timer(make):
    """Every second one, after two words: the stall limit is what counts."""
    world = make(["alpha/m"], '[routes.default]\ntargets = ["alpha/m"]\non_break = "error"\n[timers]\nstall = 4.0')
    world.script("alpha/m", pings(2, every=1.0))
    assert world.hear(stream=True).error.stalled
    assert world.now == 4.0
