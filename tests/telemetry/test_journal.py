"""The journal: the last calls are remembered, failed ones for longer, and never more than there is room for."""

import gc
import threading

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import outlast
from outlast.model.events import (
    AttemptEnded,
    BreakerChanged,
    CacheRenewed,
    LoopBlocked,
    RanOn,
    RequestEnded,
    TargetSkipped,
)
from outlast.telemetry.journal import MOST_EVENTS, MOST_UNDER_WAY, Journal, size_of
from outlast.testing import SimulatedProvider, cut

from .teller import Teller, names

END = RequestEnded("r", "default", "chat", "app", "key", False, "ok", 200, "a/m", "primary", 1, 1.0)
ATTEMPT = AttemptEnded("r", "a/m", "a", "m", 1, "ok", 1.0)


def end(call, kind="ok", **fields):
    """The end of that call."""
    return msgspec.structs.replace(END, call=call, kind=kind, **fields)


def told(journal, *events):
    for event in events:
        journal(event)
    return journal


def test_a_user_of_the_library_asks_why_with_the_failure():
    """A journal is a sink; the failure that a call ended with names its request."""
    journal = Journal()
    with SimulatedProvider() as provider:
        provider.script("sim-one", default=400)
        client = outlast.Client(outlast.simulated(provider.url), sinks=[journal])
        with client, pytest.raises(outlast.Failure) as caught:
            client.chat("hi")
    story = journal.why(caught.value)
    assert journal.failed() == [caught.value.call]
    assert story.ended.kind == "caller"
    assert names(story) == ["attempt_ended"]


def test_what_was_asked_for_behind_a_callers_back_has_a_story_of_its_own():
    """It ends with the news of what came of it, and is remembered like any other."""
    attempt = msgspec.structs.replace(ATTEMPT, call="r~")
    journal = told(Journal(), end("r"), attempt, CacheRenewed("r~", "r", "default", "ok", "a/m", 1.0))
    assert journal.calls() == ["r", "r~"]
    assert names(journal.why("r~")) == ["attempt_ended", "cache_renewed"]
    assert journal.failed() == []


def test_what_goes_on_for_the_sake_of_its_key_belongs_to_the_same_story():
    """Its caller has left; the call comes to its end later."""
    on = RanOn("r", "default", "ok", "a/m", 5.0)
    journal = told(Journal(), end("r", "cancelled", attempts=0), ATTEMPT, on)
    assert names(journal.why("r")) == ["attempt_ended", "ran_on"]
    assert journal.calls() == ["r"]
    assert "ran_on" in names(told(Journal(), end("r"), on).why("r"))
    assert names(told(Journal(), ATTEMPT, on).why("r")) == ["attempt_ended", "ran_on"]
    assert told(Journal(), end("r"), ATTEMPT, on)._under_way == {}


def test_a_broken_stream_s_failure_names_its_request():
    """It is raised while the answer is read, long after the call has returned."""
    journal = Journal()
    with SimulatedProvider() as provider:
        for name in ("sim-one", "sim-two"):
            provider.script(name, default=cut(2))
        client = outlast.Client(outlast.simulated(provider.url), sinks=[journal])
        with client, pytest.raises(outlast.Failure) as caught:
            for _ in client.stream("hi"):
                pass
    assert journal.why(caught.value).ended.kind == "broken_stream"


def test_the_last_calls_are_remembered():
    """So many as it was told; the oldest are forgotten."""
    journal = Journal(calls=3)
    for number in range(10):
        told(journal, end(str(number)))
    assert journal.calls() == ["7", "8", "9"]
    assert journal.why("6") is None
    assert journal.why("7").ended.call == "7"


def test_failed_calls_are_remembered_for_longer():
    """A flood of good ones does not wash them away."""
    journal = Journal(calls=3)
    told(journal, end("bad", "transient"))
    for number in range(1000):
        told(journal, end(str(number)))
    assert journal.failed() == ["bad"]
    assert journal.why("bad").ended.kind == "transient"


def test_failed_calls_have_so_many_bytes():
    """Long words cost room."""
    journal = Journal(calls=1, failed_bytes=20_000)
    for number in range(100):
        told(journal, end(str(number), "transient", message="x" * 1_000))
    assert 5 < len(journal.failed()) < 20
    assert journal.failed()[-1] == "99"
    told(journal, end("huge", "transient", message="x" * 30_000))
    assert journal.failed() == []
    assert journal.why("huge").call == "huge", "the last calls have room of their own"


def test_calls_under_way_are_known_too():
    """What has happened so far; and calls that never end are not kept for ever."""
    journal = told(Journal(), TargetSkipped("r", "a/m", "it is paused"))
    story = journal.why("r")
    assert story.ended is None
    assert names(story) == ["target_skipped"]
    for number in range(MOST_UNDER_WAY):
        told(journal, TargetSkipped(str(number), "a/m", "it is paused"))
    assert journal.why("r") is None


def test_a_call_of_many_facts_keeps_its_beginning_and_its_end():
    """What is left out is counted."""
    journal = Journal()
    for _ in range(1_000):
        told(journal, TargetSkipped("r", "a/m", "it is paused"))
    story = told(journal, end("r")).why("r")
    assert story.missing == 1_000 - MOST_EVENTS
    assert story.ended is not None
    assert any(f"and {story.missing} facts more, which were not kept" in line for line in story.told())


def test_who_loses_a_race_is_part_of_the_story():
    """An attempt that was cancelled when another had answered ends after the request; it is no new call."""
    journal = told(Journal(), msgspec.structs.replace(ATTEMPT, number=2), end("r", attempts=2))
    told(journal, msgspec.structs.replace(ATTEMPT, number=1, kind="cancelled"))
    story = journal.why("r")
    assert sorted(step.event.number for step in story.steps) == [1, 2]
    assert story.ended.attempts == 2


def test_an_id_that_is_given_again_tells_of_the_last_call():
    """The call before it is forgotten when the new one has ended."""
    journal = told(Journal(), TargetSkipped("r", "a/m", "it is paused"), end("r", route="one"))
    told(journal, ATTEMPT, end("r", route="two"))
    story = journal.why("r")
    assert (story.ended.route, names(story)) == ("two", ["attempt_ended"])
    assert journal.calls() == ["r"]


def test_what_is_about_no_call_is_no_call():
    """A blocked loop belongs to none; a circuit that an operator has opened neither, but explains others."""
    journal = told(
        Journal(), LoopBlocked(1.0), BreakerChanged("a/m", "closed", "forced_open", 9.0, "an operator's word")
    )
    assert journal.why("") is None
    assert names(told(journal, TargetSkipped("r", "a/m", "x")).why("r")) == ["breaker_changed", "target_skipped"]


def test_it_can_be_asked_from_another_thread_while_calls_go_on():
    """As a blocking client's is, whose engine lives in a thread of its own."""
    journal = Journal(calls=50)
    over = threading.Event()
    wrong = []

    def ask():
        while not over.is_set():
            for call in journal.calls():
                story = journal.why(call)
                if story is not None and story.call != call:
                    wrong.append(story)

    asking = threading.Thread(target=ask)
    asking.start()
    for number in range(3_000):
        told(journal, TargetSkipped(str(number), "a/m", "x"), end(str(number), "transient"))
    over.set()
    asking.join(120)
    assert not asking.is_alive()
    assert not wrong


def test_a_story_is_kept_without_its_call():
    """The journal holds facts, no request and no prompt."""
    teller = Teller(["alpha/m"])
    teller.script("alpha/m", 500)
    teller.fail("a prompt that nobody else uses")
    gc.collect()
    assert "a prompt" not in str(teller.why("1").plain())
    assert teller.close() == {}


class Machine(RuleBasedStateMachine):
    """Whatever happens in whatever order: within its bounds, and what it tells belongs to who was asked for."""

    ids = st.sampled_from("abcdefgh")

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.journal = Journal(calls=3, bytes=5_000, failed_bytes=3_000, clock=lambda: self.now)

    @rule(call=ids, wait=st.floats(0, 10))
    def something(self, call, wait):
        self.now += wait
        self.journal(TargetSkipped(call, "a/m", "it is paused", 1.0))

    @rule(call=ids, number=st.integers(1, 3), kind=st.sampled_from(["ok", "transient", "cancelled"]))
    def attempt(self, call, number, kind):
        self.journal(msgspec.structs.replace(ATTEMPT, call=call, number=number, kind=kind))

    @rule(call=ids, kind=st.sampled_from(["ok", "transient"]), words=st.integers(0, 4_000))
    def over(self, call, kind, words):
        self.journal(end(call, kind, message="x" * words, attempts=3))
        assert self.journal._under_way.get(call) is None

    @rule(call=st.sampled_from(["", "a", "b"]))
    def circuit(self, call):
        self.journal(BreakerChanged("a/m", "closed", "open", 1.0, "x", call=call))

    @invariant()
    def within_bounds(self):
        for shelf, most in ((self.journal._recent, 5_000), (self.journal._failed, 3_000)):
            held = sum(entry.bytes for entry in shelf._entries.values())
            assert shelf._bytes <= most
            assert held >= shelf._bytes, "an afterword may have come since"
        assert len(self.journal._recent) <= 3

    @invariant()
    def tells_of_who_was_asked_for(self):
        for call in "abcdefgh":
            story = self.journal.why(call)
            if story is not None:
                assert story.call == call
                assert {getattr(step.event, "call", call) for step in story.steps} - {call} <= {"", "a", "b"}


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestMachine = Machine.TestCase


def test_the_size_of_an_event_counts_its_words():
    """More words, more bytes."""
    assert size_of(end("r", message="x" * 500)) == size_of(end("r")) + 500
