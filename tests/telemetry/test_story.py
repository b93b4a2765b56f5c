"""The story of a call: what was tried where, what was waited for, and what would have helped."""

from math import isfinite
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.engine.world import caller

from outlast.model.events import AttemptEnded, RequestEnded, TargetSkipped
from outlast.telemetry.record import KINDS, Unknown, event_of, fields_of, name_of
from outlast.telemetry.story import Story, story_of
from outlast.telemetry.story.words import words_of
from outlast.testing import cut, ok, silent, stall, status, throttled

from .teller import Teller, names

NO_RETRY = "[retry]\nenabled = false\n"
QUOTA = "[providers.alpha.limits]\nrpm = 6\n"
KEY = '[keys.app]\nkey = "k-0123456789012345678901234567890123456789"\n'
ONE = "[bulkhead]\nslots = 1\nqueue = 1\nwait = 2\n"


@pytest.fixture
def make():
    """Makes tellers; each must be at rest in the end."""
    tellers = []

    def made(*args, **kwargs):
        tellers.append(Teller(*args, **kwargs))
        return tellers[-1]

    yield made
    assert [teller.close() for teller in tellers] == [{}] * len(tellers)


def failed_over(make):
    world = make()
    world.script("alpha/m", 503, throttled(4))
    world.script("beta/m", ok(first=0.5))
    world.hear(stream=True)
    return world


def queued(make):
    world = make(["alpha/m"], "[bulkhead]\nslots = 1\n")
    world.script("alpha/m", ok(first=1.5))
    world.crowd(2)
    return world


def shed(make):
    world = make(["alpha/m"], ONE)
    world.script("alpha/m", ok(first=30.0))
    world.crowd(3)
    return world


def opened(make):
    world = make(more=NO_RETRY)
    world.script("alpha/m", 500)
    for _ in range(5):
        world.hear()
    world.wait(2.5)
    world.hear()
    return world


def out_of_time(make):
    world = make(["alpha/m"])
    world.script("alpha/m", silent())
    world.hear(timeout=5)
    return world


def broken(make):
    world = make(["alpha/m"])
    world.script("alpha/m", stall(2))
    world.hear(stream=True)
    return world


def waited(make):
    world = make(["alpha/m"], QUOTA)
    world.crowd(2)
    return world


def came_back(make):
    world = make()
    world.script("alpha/m", throttled(5), ok(first=0.25))
    world.script("beta/m", throttled(9))
    world.hear()
    return world


def limited(make):
    world = make(more=KEY + "[keys.app.limits]\nrpm = 6\n")
    world.hear(caller=caller("app"))
    world.hear(caller=caller("app"))
    return world


def good(make):
    world = make()
    world.script("alpha/m", ok(first=0.75, between=0.25))
    world.hear(stream=True)
    return world


SCENES = {
    "failed over": (failed_over, "1"),
    "queued": (queued, "2"),
    "shed": (shed, "3"),
    "shed late": (shed, "2"),
    "opened": (opened, "5"),
    "open": (opened, "6"),
    "out of time": (out_of_time, "1"),
    "broken": (broken, "1"),
    "waited": (waited, "2"),
    "came back": (came_back, "1"),
    "limited": (limited, "2"),
    "good": (good, "1"),
}


# -- the facts ---------------------------------------------------------------------------------------------------------


def test_a_story_has_its_steps_in_the_order_in_which_they_began(make):
    """Each at its time after the beginning; an attempt stands where it began, although it is told when it ends."""
    world = failed_over(make)
    story = world.why()
    assert names(story) == [
        "attempt_ended",
        "retry_scheduled",
        "attempt_ended",
        "taken_out",
        "retry_refused",
        "failed_over",
        "attempt_ended",
    ]
    times = [step.at for step in story.steps]
    assert times == sorted(times)
    delay = story.steps[1].event.delay
    assert times == pytest.approx([0.0, 0.0, *[delay] * 5])
    assert story.ended.seconds >= delay + 0.5


def test_a_story_tells_who_what_and_why(make):
    """In a person's words, with the numbers behind each decision."""
    text = failed_over(make).text()
    for words in (
        "request 1: chat on the route default, streamed, for library (operator)",
        "answered by beta/m (fallback) in",
        "3 attempts",
        "asks alpha/m: transient 503",
        "again in 0.844 s (by chance from 0 s to 1 s)",
        "throttled 429",
        "it wants to be left alone for 4 s",
        "no attempts left on this target",
        "moves on from alpha/m to beta/m: throttled",
        "asks beta/m: answered in",
        "time:",
        "before retries",
    ):
        assert words in text


def test_what_another_call_did_to_a_target_is_told_before_the_beginning(make):
    """The circuit had opened 2.5 s before this call came, and why."""
    world = opened(make)
    story = world.why("6")
    assert names(story) == ["breaker_changed", "target_skipped", "failed_over", "attempt_ended"]
    assert story.steps[0].at == pytest.approx(-2.5)
    assert "the circuit of alpha/m opens for" in story.steps[0].text
    assert "5 failures in a row" in story.steps[0].text
    assert "breaker_changed" in names(world.why("5")), "who opened it has it among its own steps"
    assert "breaker_changed" not in names(world.why("4"))


def test_slots_that_were_cut_explain_a_queue(make):
    """What the provider had said of too much is told before who had to wait for it; after a minute no more."""
    world = make(["alpha/m"], "[bulkhead]\nslots = 2\n[retry]\nenabled = false\n")
    world.script("alpha/m", throttled(0.5), ok(first=0.5))
    world.hear()
    world.wait(1.0)
    world.crowd(2)
    story = world.why("3")
    assert names(story) == ["limit_changed", "slot_awaited", "attempt_ended"]
    assert story.steps[0].at == pytest.approx(-1.0)
    assert story.steps[0].text == "alpha/m gets 1 call at once instead of 2: throttled with 1 in flight"
    assert world.logged("3").steps[0].text == story.steps[0].text
    world.script("alpha/m", throttled(0.5), ok(first=0.5))
    world.hear()
    world.wait(90.0)
    world.slots().resize(1, world.now)
    world.crowd(2)
    assert "limit_changed" not in names(world.why("6")) + names(world.why("5"))


def test_the_time_is_added_up_by_what_it_was_spent_on(make):
    """In vain, for the answer, and for each kind of wait."""
    assert queued(make).why("2").times.seconds == pytest.approx({"answer": 1.5, "slot": 1.5})
    assert waited(make).why("2").times.seconds == pytest.approx({"limit": 10.0})
    assert out_of_time(make).why().times.seconds == pytest.approx({"in_vain": 5.0})


@pytest.mark.parametrize("scene", SCENES)
def test_the_log_tells_the_same_story_as_the_journal(make, scene):
    """The lines of a log hold all that a story needs; their times are true to a few milliseconds."""
    play, call = SCENES[scene]
    world = play(make)
    live, read = world.why(call), world.logged(call)
    assert names(read) == names(live)
    assert [step.at for step in read.steps] == pytest.approx([step.at for step in live.steps], abs=0.003)
    assert read.times.seconds == pytest.approx(live.times.seconds, abs=0.003)
    assert read.helping == live.helping
    same = [(one.text, other.text) for one, other in zip(read.steps, live.steps, strict=True)]
    assert all(one.split(", first")[0] == other.split(", first")[0] for one, other in same)


def test_without_decisions_the_log_still_tells_what_was_tried(make):
    """A log of requests alone has the attempts in their order, and how it ended; no waits and no reasons."""
    world = make(decisions=False)
    world.script("alpha/m", 503, throttled(4))
    world.hear()
    assert not any(b'"event":"attempt_ended"' in line or b'"failed_over"' in line for line in world.lines)
    story = world.logged()
    assert [step.event.kind for step in story.steps if step.name == "attempt_ended"] == ["transient", "throttled", "ok"]
    assert story.ended.target == "beta/m"


# -- what would have helped --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        ("shed", "more slots for alpha/m than 1"),
        ("shed late", "more slots for alpha/m than 1"),
        ("queued", "more slots, or fewer calls at once"),
        ("out of time", "a longer deadline than 5 s, of which alpha/m took 5 s"),
        ("broken", "a longer stall timer than 10 s"),
        ("waited", "a higher limit of the provider's"),
        ("came back", "another target beside those that were to be waited for"),
        ("limited", "a higher limit rpm of key app than 6, or coming back after 10 s"),
    ],
)
def test_a_story_says_what_would_have_helped(make, scene, words):
    """By rules of thumb over its facts; each names a mend."""
    play, call = SCENES[scene]
    assert any(words in text for text in play(make).why(call).helping)


@pytest.mark.parametrize("scene", ["good", "failed over", "open"])
def test_who_was_answered_in_good_time_needs_no_help(make, scene):
    """No advice where nothing of weight was lost."""
    play, call = SCENES[scene]
    assert play(make).why(call).helping == ()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (401, "a key that alpha takes"),
        (402, "credit at alpha"),
        (400, "another request: no target would take this one"),
        ("B2-context-length", "a target with a larger window"),
        (status(404, error="model_not_found", message="The model does not exist."), "another model than alpha/m"),
        (500, "a second target on the route default: there was only alpha/m"),
    ],
)
def test_each_kind_of_failure_has_its_mend(make, fault, words):
    """Keys, credit, models and requests are different people's business."""
    world = make(["alpha/m"])
    world.script("alpha/m", fault)
    world.fail()
    assert words in "; ".join(world.why().helping)


def test_two_targets_of_one_provider_are_one_provider(make):
    """Where all of them are at one, another one would have helped."""
    world = make(["alpha/m", "alpha/n"])
    world.script_all(500)
    world.fail()
    assert world.why().helping[0] == "a target at another provider: all were at alpha"


LADDER = "degrade on the route default"
FIT = 'fit = "drop_oldest" on the route default'


def helped(world, words, call="1"):
    """Is there such advice? The log must say the same."""
    assert world.logged(call).helping == world.why(call).helping
    return any(text.startswith(words) for text in world.why(call).helping)


@pytest.mark.parametrize("fault", [500, 401, 402, 404, silent(), throttled(600)])
def test_a_ladder_would_have_met_what_is_not_the_callers_fault(make, fault):
    """A lesser answer is better than none."""
    world = make(["alpha/m"])
    world.script("alpha/m", *[fault] * 4)
    world.fail()
    assert helped(world, LADDER)
    assert world.why().helping[-1].startswith(LADDER)


@pytest.mark.parametrize("fault", [400, "B2-context-length", "B14-legal"])
def test_no_ladder_meets_what_is(make, fault):
    """It would hide the caller's own fault, so it is not advised; nor is it met where there is one."""
    more = '[routes.default]\ntargets = ["alpha/m"]\ndegrade = [{static = "Later."}]\n'
    for world in (make(["alpha/m"]), make(["alpha/m"], more)):
        world.script("alpha/m", fault)
        world.fail()
        assert not helped(world, LADDER)


def test_a_ladder_that_had_nothing_is_not_advised(make):
    """There is one; it did not help."""
    more = '[routes.default]\ntargets = ["alpha/m"]\ncache = {stale_if_error = 60}\ndegrade = ["stale"]\n'
    world = make(["alpha/m"], more)
    world.script("alpha/m", *[500] * 4)
    world.fail()
    assert not helped(world, LADDER)


def test_a_caller_over_its_limit_is_not_advised_a_ladder(make):
    """None is climbed for it."""
    assert not helped(limited(make), LADDER, call="2")


def test_what_was_too_long_could_have_been_shortened(make):
    """Where nothing was to be left out; not where that was tried, by the route or by the caller."""
    world = make(["alpha/m"])
    world.script("alpha/m", "B2-context-length")
    world.fail()
    assert helped(world, FIT)
    world = make(["alpha/m"], '[routes.default]\ntargets = ["alpha/m"]\nfit = "middle_out"\n')
    world.script("alpha/m", *["B2-context-length"] * 2)
    world.fail()
    assert not helped(world, FIT)
    world = make(["alpha/m"])
    world.script("alpha/m", 500)
    world.fail()
    assert not helped(world, FIT)


def test_attempts_and_budgets_that_ran_out_are_named(make):
    """The setting, or the target that failed too often."""
    world = make(more="[retry]\ntotal = 2\n")
    world.script_all(500)
    world.fail()
    assert any("[retry] total" in text for text in world.why().helping)
    world = make(more="[retry]\nfloor = 0\n")
    world.script_all(500)
    world.fail()
    assert any("fewer failures of alpha/m and beta/m" in text for text in world.why().helping)


def test_a_timer_that_cost_too_much_is_named(make):
    """The answer came from elsewhere, long after the first target had said nothing."""
    world = make()
    world.script("alpha/m", silent())
    world.hear(stream=True)
    assert world.why().helping == ("a shorter first_content timer for alpha/m: it was waited for during 10 s in vain",)


def test_a_stream_that_another_target_went_on_with(make):
    """Where it broke, who went on and how, and how long the caller heard nothing new."""
    world = make()
    world.script("alpha/m", cut(3, between=0.1))
    world.script("beta/m", ok(first=0.5))
    assert world.hear(stream=True).error is None
    assert names(world.why()) == ["attempt_ended", "stream_broke", "attempt_ended", "stream_resumed"]
    text = world.text()
    assert "1 time another target went on with its stream" in text
    assert "the stream of alpha/m breaks after 11 characters" in text
    assert "beta/m goes on after 11 characters, as it was asked to; for 0.5 s there was nothing new" in text
    assert world.logged().told()[1] == world.why().told()[1].replace(" (estimated)", "")


def test_a_stream_that_nobody_could_go_on_with(make):
    """A second target would have helped."""
    world = make(["alpha/m"])
    world.script("alpha/m", cut(3))
    world.hear(stream=True)
    assert world.why().helping[0] == "a second target on the route default: there was only alpha/m"


def test_an_answer_that_only_broke_can_be_asked_for_again(make):
    """No timer would have saved it."""
    world = make(["alpha/m"], '[routes.default]\ntargets = ["alpha/m"]\non_break = "error"\n')
    world.script("alpha/m", cut(2))
    world.hear(stream=True)
    assert world.why().helping == ("asking again: what was read is not the whole answer",)


def test_a_fault_of_ours_is_named_with_its_place(make):
    """What it was and where, never what it said."""
    world = make()

    def broken(model):
        raise KeyError("what the caller said")

    world.engine.routes = SimpleNamespace(find=broken)
    world.fail()
    text = world.text()
    assert "meets a fault of our own in engine: KeyError at tests.telemetry.test_story:" in text
    assert "what the caller said" not in text
    assert "help: a report to whoever maintains outlast" in text
    assert names(world.logged()) == names(world.why()) == ["fault"]


def test_a_caller_that_left_is_told_of_its_patience():
    """Its own time-out ended it."""
    gone = RequestEnded("r", "d", "chat", "c", "key", False, "cancelled", 499, "", "", 1, 3.0)
    assert story_of("r", [(3.0, gone)]).helping == ("more patience: the caller left after 3 s",)
    assert "internal" not in story_of("r", [(3.0, msgspec.structs.replace(gone, kind="internal"))]).told()[-1]


# -- whatever comes ----------------------------------------------------------------------------------------------------


def filled(kind):
    """Any event of that kind."""
    return st.builds(kind, call=st.just("r")) if "call" in kind.__struct_fields__ else st.builds(kind)


anything = st.one_of([filled(kind) for kind in KINDS.values()])


@given(st.lists(st.tuples(st.floats(0, 1e6), anything), max_size=12))
def test_whatever_is_heard_makes_a_story(heard):
    """In any order, with any numbers and names: a story is told, in lines without what a terminal would obey."""
    story = story_of("r", heard)
    lines = story.told(at="noon")
    assert all(line.isprintable() for line in lines)
    assert msgspec.json.decode(msgspec.json.encode(story.plain()))["request_id"] == "r"


@given(anything)
def test_an_event_goes_into_a_record_and_comes_back(event):
    """All of it that says something, names cut to their first 256 characters and numbers to a millionth."""
    assume(all(isfinite(value) for value in fields_of(event).values() if isinstance(value, float)))
    back = event_of(name_of(event), getattr(event, "call", ""), fields_of(event))
    assert type(back) is type(event)
    assert fields_of(back) == fields_of(event)


def test_an_event_of_a_later_version_is_told_by_its_name_and_fields():
    """A story is not spoilt by what it does not know."""
    later = event_of("stream_resumed", "r", {"from_target": "a/m", "to_target": "b/m", "said": 120, "seconds": 0.25})
    assert isinstance(later, Unknown)
    story = story_of("r", [(1.0, later)])
    assert names(story) == ["stream_resumed"]
    assert story.steps[0].text == "stream resumed: from_target a/m, to_target b/m, said 120, seconds 0.25"


def test_an_event_with_other_fields_is_told_as_it_came():
    """A later version may have changed what an event says."""
    odd = event_of("target_skipped", "r", {"target": 7})
    assert words_of(odd) == "target skipped: target 7"
    assert isinstance(event_of("target_skipped", "r", {"target": "a/m", "reason": "x", "new": 1}), TargetSkipped)


def test_a_race_is_told(make):
    """Who was asked too and after how long, who was faster, and what became of the other."""
    world = make(more="[hedge]\nenabled = true\nextra = 1.0\n")
    world.script("alpha/m", *[ok(first=0.5)] * 30, silent())
    for _ in range(30):
        world.hear(stream=True)
    world.hear(stream=True)
    story = world.why("31")
    assert names(story) == ["attempt_ended", "hedge_started", "hedge_won", "attempt_ended"]
    text = world.text("31")
    assert "asks beta/m too, since alpha/m has brought nothing for 0.50" in text
    assert "is answered by the second one first: by beta/m" in text
    assert "asks alpha/m: cancelled" in text
    assert names(world.logged("31")) == names(story)


def test_a_call_without_an_end_says_so():
    """It is under way, or its end is lost; its steps are told all the same."""
    attempt = AttemptEnded("r", "a/m", "a", "m", 1, "transient", 0.5, status=503)
    story = story_of("r", [(7.5, attempt)])
    assert story.began == 7.0
    assert story.told()[:2] == [
        "request r",
        "its end is not known: it is still under way, or what tells of it has been lost",
    ]
    assert isinstance(story, Story)
    assert story.helping == ()


def test_of_requests_with_one_id_the_last_is_told():
    """A caller may give several requests the same id."""
    first = RequestEnded("r", "one", "chat", "c", "key", False, "ok", 200, "a/m", "primary", 1, 1.0)
    second = msgspec.structs.replace(first, route="two")
    skipped = TargetSkipped("r", "a/m", "it is paused")
    story = story_of("r", [(1.0, skipped), (1.0, first), (5.0, second)])
    assert story.ended.route == "two"
    assert story.began == 4.0
    assert names(story) == ["attempt_ended"]
