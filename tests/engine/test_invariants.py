"""Random providers, random deadlines, random callers: what must hold whatever happens."""

import asyncio
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outlast.model.errors import Failure
from outlast.model.events import AttemptEnded, Fault, HedgeLost, HedgeStarted, HedgeWon, RequestEnded, StreamBroke
from outlast.testing import (
    Behaviour,
    cut,
    drip,
    ended,
    error_event,
    garbled,
    ok,
    pings,
    silent,
    slow_headers,
    stall,
    throttled,
)

from .world import World, caller

TARGETS = ("alpha/m", "beta/m", "gamma/m")
seconds = st.sampled_from([0.0, 0.01, 0.3, 1.0, 4.0, 9.0, 11.0])
pieces = st.integers(0, 8)
hints = st.sampled_from([0.1, 0.4, 1.0, 2.0, 5.0, 30.0, 70.0, "nan", "0"])


def hinting(hint):
    """A throttle that is called by its hint."""
    return Behaviour(f"hint {hint}", throttled(hint).play)


behaviours = st.one_of(
    st.builds(ok, first=seconds, between=st.sampled_from([0.0, 0.1, 2.0])),
    st.builds(cut, pieces, st.sampled_from(["fin", "rst"]), first=seconds),
    st.builds(stall, pieces, first=seconds),
    st.builds(hinting, hints),
    st.builds(garbled, pieces),
    st.builds(ended, pieces),
    st.builds(error_event, pieces),
    st.builds(pings, pieces, every=st.sampled_from([0.5, 3.0])),
    st.builds(slow_headers, seconds),
    st.just(drip(0.0)),
    st.just(silent()),
    st.sampled_from([400, 401, 402, 403, 404, 405, 408, 409, 429, 451, 500, 501, 502, 503, 529]),
    st.sampled_from(["A1-refused", "A2-black-hole", "C1-fin-first", "D1-empty", "D2-truncated-json",
                     "B24-should-not-retry",
                     "B2-context-length", "E24-done-only", "E25-no-done", "D21-content-filter"]),
)  # fmt: skip
scripts = st.lists(behaviours, min_size=1, max_size=4)


class Ask:
    """One caller: when it comes, what it wants, how long it waits for it."""

    def __init__(self, at, stream, timeout, leaves, rank):
        self.at, self.stream, self.timeout, self.leaves, self.rank = at, stream, timeout, leaves, rank

    def __repr__(self):
        return f"Ask({self.at}, {self.stream}, {self.timeout}, {self.leaves}, {self.rank})"


asks = st.lists(
    st.builds(
        Ask,
        st.sampled_from([0.0, 0.0, 0.5, 3.0, 12.0, 40.0]),
        st.booleans(),
        st.sampled_from([None, 0.02, 0.5, 3.0, 20.0, 100.0]),
        st.sampled_from([None, None, None, 0.0, 0.2, 5.0]),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=12,
)
small = st.sampled_from(
    ["", "[bulkhead]\nslots = 2\nqueue = 3\n", "[providers.alpha.limits]\nrpm = 30\nconcurrent = 2\n"]
)


class Heard:
    """What one caller got, and when."""

    def __init__(self, ask, number):
        self.ask, self.number = ask, number
        self.text, self.finish, self.error = "", None, None
        self.asked = self.gone = False
        self.began, self.answered_at = 0.0, None
        self.target = ""


async def listen(world, ask, heard):
    await asyncio.sleep(ask.at)
    heard.asked, heard.began = True, world.io.now()
    try:
        answer = await world.answer(
            f"nonce-{heard.number}-", stream=ask.stream, timeout=ask.timeout, caller=caller(f"c{ask.rank}", ask.rank)
        )
        heard.answered_at, heard.target = world.io.now(), answer.target
        if not ask.stream:
            heard.text, heard.finish = answer.text, answer.finish
            return
        async for chunk in answer:
            heard.text += chunk.text
        heard.finish = answer.finish
    except Failure as failure:
        heard.error = failure
        if heard.answered_at is None:
            heard.answered_at = world.io.now()


async def one(world, ask, heard):
    task = asyncio.ensure_future(listen(world, ask, heard))
    if ask.leaves is not None:
        await asyncio.sleep(ask.at + ask.leaves)
        heard.gone = task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    if task.done() and not task.cancelled() and task.exception() is not None:
        raise task.exception()


def told(scripts_of, asked, more, seed):
    """The world after all callers have been heard, and what they heard."""
    world = World(TARGETS, more, seed=seed)
    for target, script in scripts_of.items():
        world.script(target, *script)
    heard = [Heard(ask, number) for number, ask in enumerate(asked)]

    async def story():
        await asyncio.gather(*(one(world, each.ask, each) for each in heard))

    world.run(story())
    return world, heard


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries(dict.fromkeys(TARGETS, scripts)), asks, small, st.integers(0, 3))
def test_whatever_happens(scripts_of, asked, more, seed):
    """Deadlines, attempts, hints, texts and endings are as promised, and all is at rest afterwards."""
    world, heard = told(scripts_of, asked, more, seed)
    for each in heard:
        within_the_deadline(each)
        an_honest_text(each)
    attempts_are_bounded(world)
    hints_are_heeded(world)
    everything_is_told_once(world, heard)
    assert world.close() == {}


HEDGED = '[hedge]\nenabled = true\nleast_samples = 1\nextra = 1.0\nlowest = "batch"\n'


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries(dict.fromkeys(TARGETS, scripts)), asks, small, st.integers(0, 3))
def test_whatever_happens_with_hedges(scripts_of, asked, more, seed):
    """The same where a second target is asked whenever the first takes longer than it ever did."""
    world, heard = told(scripts_of, asked, more + HEDGED, seed)
    for each in heard:
        within_the_deadline(each)
        an_honest_text(each)
    hedges_are_bounded(world)
    hints_are_heeded(world)
    everything_is_told_once(world, heard)
    assert world.close() == {}


def hedges_are_bounded(world):
    """One hedge at most of a call, and of each rest of a stream, one end of each, and never two at one target."""
    started = [event.call for event in world.events(HedgeStarted)]
    broke = [event.call for event in world.events(StreamBroke)]
    assert all(started.count(call) <= 1 + broke.count(call) for call in started)
    assert sorted(started) == sorted(event.call for event in (*world.events(HedgeWon), *world.events(HedgeLost)))
    for told_of in world.events(RequestEnded):
        assert sorted(event.number for event in told_of.history) == list(range(1, told_of.attempts + 1))
        assert told_of.attempts <= (12 if broke.count(told_of.call) else 6)
    busy = {}
    for sent in world.io.sent:
        key = (sent.target, sent.json["messages"][0]["content"])
        assert busy.get(key, -1.0) <= sent.at
        busy[key] = sent.over_at


def within_the_deadline(each):
    """I11: an answer, the first content of a stream, or a failure comes by the deadline."""
    limit = 180.0 if each.ask.timeout is None else each.ask.timeout
    if not each.gone:
        assert each.answered_at - each.began <= limit + 1e-6


def an_honest_text(each):
    """I12, I13, I14: the beginning of what targets say to this question, and whole if and only if it has a finish.

    Several may have said it, so that the name in it may be another's than that of who answered first.
    """
    whole = f"This is the simulated provider WHO, no model at all. You said: nonce-{each.number}-"
    text = re.sub(r"\b(alpha|beta|gamma)\b", "WHO", each.text)
    assert whole.startswith(text)
    if each.error is None and not each.gone and each.text:
        assert (text, each.finish is not None) == (whole, True)
    if each.error is not None and each.text:
        assert (each.error.kind, each.finish) == ("broken_stream", None)


def attempts_are_bounded(world):
    """I8: no more than six attempts to a first content, twelve in all, and after a break each of another leg."""
    by_call = {}
    for event in world.events(AttemptEnded):
        by_call.setdefault(event.call, []).append(event)
    for attempts in by_call.values():
        assert [event.number for event in attempts] == list(range(1, len(attempts) + 1))
        begun = [event.number for event in attempts if event.first is not None]
        assert (begun or [len(attempts)])[0] <= 6
        assert len(attempts) <= 12
        assert all(event.kind in {"broken_stream", "cancelled"} for event in attempts[:-1] if event.first is not None)


def hints_are_heeded(world):
    """I10: after a hint nothing goes to that target before its time, save what was under way."""
    for target in TARGETS:
        sent = world.io.sent_to(target)
        for throttle in sent:
            word, _, hint = throttle.behaviour.partition(" ")
            if word != "hint" or throttle.over != "released" or hint == "nan":
                continue
            later = [other.at for other in sent if other.at > throttle.over_at]
            assert all(at - throttle.over_at >= float(hint) - 1e-6 for at in later)


def everything_is_told_once(world, heard):
    """Every upstream call has one event, every request one, and nothing of our own went wrong."""
    assert len(world.events(AttemptEnded)) == world.sent()
    assert len(world.events(RequestEnded)) == sum(each.asked for each in heard)
    assert not world.events(Fault)
