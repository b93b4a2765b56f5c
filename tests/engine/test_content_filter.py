"""What a provider will not say: told as it is, asked of another where the route wants that, or asked in other words."""

import pytest

from outlast.dialects import DIALECTS
from outlast.lab.named import behaviour
from outlast.model.errors import ContentFilter
from outlast.model.events import FailedOver, Fault, Rewritten
from outlast.model.messages import Message, Text
from outlast.testing import ok, silent, status

from .world import World

REFUSES = status(400, error="content_policy_violation")
"""On the way in."""
ENDS = ok("", finish="content_filter")
"""On the way out, before a word."""
NEXT = '[routes.default]\ntargets = ["alpha/m", "beta/m"]\non_content_filter = "next"'
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def politely(request, failure):
    """Other words."""
    return [Message("user", (Text("said politely"),))]


@pytest.fixture
def worlds():
    """Makes worlds; nothing may be held in the end."""
    made = []

    def world(*args, **options):
        made.append(World(*args, **options))
        return made[-1]

    yield world
    for one in made:
        assert one.close() == {}


@STREAMED
@pytest.mark.parametrize("words", [{"error": "content_filter"}, {"message": "blocked by our safety system"}], ids=str)
def test_a_refusal_is_told_and_nobody_else_is_asked(worlds, stream, words):
    """The usual case: 422 natively, one attempt, and the circuit learns nothing."""
    world = worlds()
    world.script("alpha/m", status(400, **words))
    failure = world.fail(stream=stream)
    assert (type(failure), failure.status, failure.retryable) == (ContentFilter, 422, False)
    assert world.path() == ["alpha/m"]
    assert world.breaker().state == "closed"


@STREAMED
def test_an_answer_that_ends_so_stays_an_answer(worlds, stream):
    """A 200 whose finish says it: the caller sees it."""
    world = worlds()
    world.script("alpha/m", ENDS)
    assert world.hear(stream=stream).finish == "content_filter"
    assert (world.path(), world.last().kind) == (["alpha/m"], "ok")


@STREAMED
@pytest.mark.parametrize("how", [REFUSES, ENDS], ids=["refused", "ended"])
def test_the_next_one_is_asked_where_the_route_wants_that(worlds, stream, how):
    """Before a word has been handed over: the caller notices nothing."""
    world = worlds(more=NEXT)
    world.script("alpha/m", how)
    world.script("beta/m", ok("from beta"))
    answer = world.hear(stream=stream)
    assert (answer.text, answer.finish) == ("from beta", "stop")
    assert world.path() == ["alpha/m", "beta/m"]
    assert (world.last().source, world.last().attempts) == ("fallback", 2)
    assert [event.kind for event in world.events(FailedOver)] == ["content_filter"]


@STREAMED
def test_when_all_refuse_it_is_told(worlds, stream):
    """As the last one says it."""
    world = worlds(more=NEXT)
    world.script_all(REFUSES)
    assert isinstance(world.fail(stream=stream), ContentFilter)
    assert world.sent() == 2


@STREAMED
@pytest.mark.parametrize("last", [ENDS, REFUSES, status(503)], ids=["ended", "refused", "down"])
def test_when_no_other_answers_the_one_that_was_held_back_is_given(worlds, stream, last):
    """It is an answer, and says why it ended."""
    world = worlds(more=f"{NEXT}\n[retry]\nenabled = false")
    world.script("alpha/m", ENDS)
    world.script("beta/m", last)
    answer = world.hear(stream=stream)
    assert (answer.finish, world.last().kind, world.last().source) == ("content_filter", "ok", "primary")
    assert world.last().target == "alpha/m"
    assert world.path() == ["alpha/m", "beta/m"]


def test_what_has_been_handed_over_is_not_asked_for_again(worlds):
    """A stream that is ended in the middle is over: with the words it had."""
    world = worlds(more=NEXT)
    world.script("alpha/m", ok("one two", finish="content_filter"))
    part = world.hear(stream=True)
    assert (part.text, part.finish, part.error) == ("one two", "content_filter", None)
    assert world.sent() == 1


def test_both_legs_of_a_hedge_may_be_refused(worlds):
    """A refusal of one leg does not end the race where another target may be asked."""
    world = worlds(more=f"{NEXT}\n[hedge]\nenabled = true")
    world.script("alpha/m", REFUSES)
    world.script("beta/m", ok("from beta"))
    assert world.ask().text == "from beta"


@STREAMED
@pytest.mark.parametrize("how", [REFUSES, ENDS], ids=["refused", "ended"])
def test_other_words_are_asked_for_once(worlds, stream, how):
    """They go out in the dialect of the target, with all else that was asked."""
    heard = []

    def rewrite(request, failure):
        heard.append((request.content().messages[0].parts[0].text, failure.target, failure.kind))
        assert failure.code == ("content_filter" if how is ENDS else "content_policy_violation")
        return politely(request, failure)

    world = worlds(rewrite=rewrite)
    world.script("alpha/m", how, ok("gladly"))
    answer = world.hear("rudely", stream=stream, temperature=0.5)
    assert (answer.text, heard) == ("gladly", [("rudely", "alpha/m", "content_filter")])
    again = world.io.sent[1].json
    assert (again["messages"], again["temperature"]) == ([{"role": "user", "content": "said politely"}], 0.5)
    assert [event.target for event in world.events(Rewritten)] == ["alpha/m"]
    world.script("alpha/m", how)
    second = world.hear("rudely", stream=stream)
    assert isinstance(second, ContentFilter) or second.finish == "content_filter"
    assert (len(heard), world.sent()) == (2, 4)


@STREAMED
@pytest.mark.parametrize("how", [REFUSES, ENDS], ids=["refused", "ended"])
def test_who_has_no_other_words_leaves_it_at_that(worlds, stream, how):
    """The refusal is told as it was."""
    world = worlds(rewrite=lambda request, failure: None)
    world.script("alpha/m", how)
    answer = world.hear(stream=stream)
    assert isinstance(answer, ContentFilter) or answer.finish == "content_filter"
    assert world.sent() == 1


@STREAMED
def test_an_answer_is_not_asked_for_in_other_words(worlds, stream):
    """Nobody has refused anything."""
    world = worlds(rewrite=lambda request, failure: 1 / 0)
    assert world.hear(stream=stream).finish == "stop"
    assert (world.sent(), world.events(Fault)) == (1, [])


def test_vectors_are_not_asked_for_in_other_words(worlds):
    """They would be those of something else."""
    world = worlds(rewrite=lambda request, failure: 1 / 0)
    world.script("alpha/m", REFUSES)
    request = DIALECTS["openai"].parse("embed", b'{"model": "default", "input": "rudely"}')
    assert isinstance(world.fail(request), ContentFilter)
    assert world.events(Fault) == []
    world.script("alpha/m", ok())
    assert world.hear(request).source == "primary"


@STREAMED
@pytest.mark.parametrize("resume", ["true", "false"])
def test_the_other_words_need_no_second_slot(worlds, stream, resume):
    """What was refused is over when they are asked."""
    more = f"[bulkhead]\nslots = 1\nqueue = 0\n[resume]\nenabled = {resume}"
    world = worlds(("alpha/m",), more=more, rewrite=politely)
    world.script("alpha/m", ENDS, ok("gladly"))
    assert world.hear(stream=stream).text == "gladly"


def test_other_words_are_asked_for_once_whatever_is_tried_in_their_place(worlds):
    """The weaker model that a ladder leads to refuses them as well: that is told."""
    heard = []

    def rewrite(request, failure):
        heard.append(failure.target)
        return politely(request, failure)

    ladder = '[routes.default]\ntargets = ["alpha/m"]\ndegrade = ["weaker"]\nweaker = "beta/m"'
    world = worlds(more=ladder, rewrite=rewrite)
    world.script("alpha/m", REFUSES, 403)
    world.script("beta/m", REFUSES)
    assert world.fail().kind == "permission"
    assert (world.path(), heard) == (["alpha/m", "alpha/m", "beta/m"], ["alpha/m"])


def test_the_other_words_are_for_every_target(worlds):
    """All refuse, then the route is tried again from the top."""
    world = worlds(more=NEXT, rewrite=politely)
    world.script("alpha/m", REFUSES, silent())
    world.script("beta/m", REFUSES, ok("gladly"))
    assert world.ask().text == "gladly"
    assert world.path() == ["alpha/m", "beta/m", "alpha/m", "beta/m"]


def test_a_fault_of_the_application_is_told_and_harms_nobody(worlds):
    """The caller hears of the refusal."""

    def broken(request, failure):
        raise ZeroDivisionError

    world = worlds(rewrite=broken)
    world.script("alpha/m", REFUSES)
    assert isinstance(world.fail(), ContentFilter)
    assert [(event.where, "ZeroDivisionError" in event.error) for event in world.events(Fault)] == [("rewrite", True)]


def test_other_failures_ask_for_no_other_words(worlds):
    """Only a filter does."""
    world = worlds(rewrite=lambda request, failure: 1 / 0)
    world.script_all(behaviour("status-400"))
    assert world.fail().kind == "caller"
    assert world.events(Fault) == []
