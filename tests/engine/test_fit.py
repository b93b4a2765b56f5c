"""Conversations that are too long: a larger window first, then less of it, and the caller is told what was left out."""

import json

import pytest

from outlast.lab.script import cut as cut_off
from outlast.lab.script import ok
from outlast.model.events import FailedOver, RequestCut, TargetSkipped

from .test_count import count_of, counted
from .world import read

WORDS = "one two three four five six seven eight nine ten " * 10
TOO_LONG = "B2-context-length"


def routes(fit, **windows):
    """Models with these windows in one route."""
    models = "".join(f"[providers.{name}.models.m]\nwindow = {size}\n" for name, size in windows.items())
    targets = json.dumps([f"{name}/m" for name in windows])
    return f'{models}[routes.default]\ntargets = {targets}\nfit = "{fit}"\n'


def history(turns=20):
    """Messages of about a hundred tokens each, and a last question."""
    said = [{"role": role, "content": f"{number} {WORDS}"} for number in range(turns) for role in ("user", "assistant")]
    return [{"role": "system", "content": "Be brief."}, *said, {"role": "user", "content": "And now?"}]


def skipped(world):
    """Whom routing passed by, and why."""
    return [(event.target, event.reason) for event in world.events(TargetSkipped)]


def sent_messages(world, number=-1):
    return json.loads(world.io.sent[number].body)["messages"]


@pytest.fixture
def make_fit(make):
    def make_it(fit="drop_oldest", **windows):
        return make([f"{name}/m" for name in windows], routes(fit, **windows))

    return make_it


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_too_long_is_shortened_and_the_answer_says_so(make_fit, stream):
    world = make_fit(alpha=2_000)

    async def asking():
        answer = await world.answer(messages=history(), max_tokens=100, stream=stream)
        if stream:
            assert (await read(answer)).finish == "stop"
        return answer.cut

    cut, told = world.run(asking()), world.events(RequestCut)[0]
    sent = sent_messages(world)
    assert (cut.fit, cut.of, cut.messages) == ("drop_oldest", 42, 42 - len(sent))
    assert (sent[0]["role"], sent[1]["role"], sent[-1]["content"]) == ("system", "user", "And now?")
    assert sent[1]["content"].split()[0] != "0"
    assert (told.target, told.messages, told.of, told.window) == ("alpha/m", cut.messages, 42, 2_000)
    assert told.before > 2_000 > told.after


def test_the_middle_goes_where_the_route_wants_the_beginning(make_fit):
    world = make_fit("middle_out", alpha=2_000)
    assert world.ask(messages=history(), max_tokens=100).cut.fit == "middle_out"
    assert sent_messages(world)[1]["content"].startswith("0 ")


def test_without_being_asked_to_nothing_is_left_out(make_fit):
    world = make_fit("error", alpha=2_000)
    answer = world.ask(messages=history(), max_tokens=100)
    assert answer.cut is None
    assert len(sent_messages(world)) == 42


def test_what_fits_is_passed_on_as_it_came(make_fit):
    world = make_fit(alpha=100_000)
    answer = world.ask(messages=history(), max_tokens=100, unheard_of=1)
    assert answer.cut is None
    assert json.loads(world.io.sent[0].body)["unheard_of"] == 1


def test_a_larger_window_is_preferred_over_shortening(make_fit):
    world = make_fit(alpha=2_000, beta=100_000)
    answer = world.ask(messages=history(), max_tokens=100)
    assert (answer.target, answer.cut, world.path()) == ("beta/m", None, ["beta/m"])
    assert skipped(world) == [("alpha/m", "its window of 2000 tokens is too small")]


def test_when_the_larger_window_is_down_the_smaller_gets_less(make_fit):
    world = make_fit(alpha=2_000, beta=100_000)
    world.script("beta/m", 503)
    answer = world.ask(messages=history(), max_tokens=100)
    assert answer.target == "alpha/m"
    assert answer.cut.messages > 0


def test_who_says_too_long_is_asked_once_more_with_less(make_fit):
    """The estimate was wrong, and no larger window is left."""
    world = make_fit(alpha=100_000)
    world.script("alpha/m", TOO_LONG, ok())
    answer = world.ask(messages=history(), max_tokens=100)
    assert (world.path(), answer.cut.of) == (["alpha/m", "alpha/m"], 42)
    assert len(sent_messages(world)) < len(sent_messages(world, 0)) == 42


def test_less_comes_only_after_every_larger_window(make_fit):
    world = make_fit(alpha=50_000, beta=50_000, gamma=100_000)
    world.script("alpha/m", TOO_LONG, ok())
    world.script("gamma/m", TOO_LONG, ok())
    answer = world.ask(messages=history(), max_tokens=100)
    assert (world.path(), answer.target) == (["alpha/m", "gamma/m", "gamma/m"], "gamma/m")
    assert skipped(world) == [("beta/m", "its window of 50000 tokens is too small")]
    assert answer.cut.messages > 0


def test_less_is_tried_once(make_fit):
    world = make_fit(alpha=100_000)
    world.script("alpha/m", TOO_LONG)
    failure = world.fail(messages=history(), max_tokens=100)
    assert (failure.kind, failure.status, world.sent()) == ("context_length", 413, 2)


def test_nobody_knows_whether_another_window_is_larger(make):
    world = make(["alpha/m", "beta/m"])
    world.script("alpha/m", TOO_LONG)
    assert world.fail(messages=history()).kind == "context_length"
    assert skipped(world) == [("beta/m", "nobody knows whether its window is larger")]


def test_without_being_asked_to_nobody_is_asked_again(make_fit):
    world = make_fit("error", alpha=100_000)
    world.script("alpha/m", TOO_LONG)
    assert world.fail(messages=history()).kind == "context_length"
    assert world.sent() == 1


def test_what_must_stay_and_fits_nowhere_is_the_callers_to_know(make_fit):
    world = make_fit(alpha=2_000, beta=3_000)
    failure = world.fail(messages=[{"role": "user", "content": WORDS * 50}])
    assert (failure.kind, failure.status, world.sent()) == ("context_length", 413, 0)
    assert "tokens > 3000 maximum" in failure.message
    assert [event.kind for event in world.events(FailedOver)] == ["context_length"]


def test_a_count_is_of_all_that_is_asked(make):
    """It says how much too long it is."""
    world = make(["alpha/m"], routes("drop_oldest", alpha=2_000), dialect="anthropic")
    messages = [message for message in history() if message["role"] != "system"]
    assert counted(world, count_of(messages=messages)).source == "primary"
    assert sent_messages(world) == messages
    assert world.events(RequestCut) == []


def test_a_stream_that_breaks_is_gone_on_with_by_who_gets_it_shortened(make_fit):
    world = make_fit(alpha=100_000, beta=2_000)
    world.script("alpha/m", cut_off(after=2))
    heard = world.hear(messages=history(), max_tokens=100, stream=True)
    assert heard.error is None
    assert world.path() == ["alpha/m", "beta/m"]
    assert len(sent_messages(world)) < 42
