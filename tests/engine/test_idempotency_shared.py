"""Idempotency keys of several processes over one store, in virtual time: who follows whom, and what death does."""

import asyncio

import pytest

from outlast.model.events import Fault, KeyFound, KeyKept, StoreTrouble
from outlast.store import Memory
from outlast.testing import ok, slow_headers, status

from .keyed import Deaf, dies, later, leaves, now, processes
from .world import read

SLOW = slow_headers(5.0, ok("once"))
WORDS = "one two three four five six"
DRIP = ok(WORDS, between=1.0)


@pytest.fixture
def two(make):
    """Two processes, whose first target takes 5 s to answer."""
    worlds = processes(make)
    for world in worlds:
        world.script("alpha/m", SLOW)
    return worlds


@pytest.fixture
def streaming(make):
    """Two processes, whose first target streams for 5 s."""
    worlds = processes(make)
    for world in worlds:
        world.script("alpha/m", DRIP)
    return worlds


def sent(worlds):
    """Upstream calls of all of them."""
    return [world.sent() for world in worlds]


def at_rest(*worlds):
    """The store is back, and everybody has heard of it."""
    for world in worlds:
        world.wire.mend()
    worlds[0].wait(60.0)


def found(world):
    """What was found under the keys, in order."""
    return [event.found for event in world.events(KeyFound)]


# -- done and running --------------------------------------------------------------------------------------------------


def test_what_one_has_answered_the_other_gives_again(two):
    """Whole, to the byte."""
    one, other = two
    first, again = one.ask(key="k"), other.ask(key="k")
    assert (again.raw, again.replayed, again.cost) == (first.raw, True, 0.0)
    assert sent(two) == [1, 0]


def test_a_stream_too(streaming):
    """Batch by batch."""
    one, other = streaming
    assert one.hear(key="k", stream=True).text == WORDS
    again = other.hear(key="k", stream=True)
    assert (again.text, again.finish) == (WORDS, "stop")
    assert sent(streaming) == [1, 0]


def test_what_the_other_is_making_is_waited_for(two):
    """At once when it is there, and it is one call."""
    one, other = two

    async def story():
        first, second = await asyncio.gather(one.heard(key="k"), later(1.0, other.heard(key="k")))
        return first, second, now()

    first, second, at = two[0].run(story())
    assert first.raw == second.raw
    assert at == pytest.approx(5.0, abs=0.1)
    assert (first.replayed, second.replayed) == (False, True)
    assert sent(two) == [1, 0]
    assert [(event.found, event.elsewhere) for event in other.events(KeyFound)] == [
        ("running", True),
        ("answer", False),
    ]


def test_a_stream_that_the_other_is_reading_is_read_along(streaming):
    """From its start, then as it comes: not only when it is over."""
    one, other = streaming
    heard = []

    async def follower():
        stream = await other.answer(key="k", stream=True)
        heard.append(now())
        part = await read(stream)
        return part, stream.replayed

    async def story():
        return await asyncio.gather(one.heard(key="k", stream=True), later(2.5, follower()))

    first, (second, replayed) = one.run(story())
    assert first.text == second.text == WORDS
    assert replayed
    assert heard[0] < 3.0
    assert sent(streaming) == [1, 0]


def test_several_may_follow_in_one_process(streaming):
    """They share one following, and who leaves takes nothing from the others."""
    one, other = streaming

    async def story():
        return await asyncio.gather(
            one.heard(key="k", stream=True),
            leaves(later(1.0, other.heard(key="k", stream=True)), 2.5),
            later(1.5, other.heard(key="k", stream=True)),
            later(3.5, other.heard(key="k", stream=True)),
        )

    first, _, second, third = one.run(story())
    assert first.text == second.text == third.text == WORDS
    assert sent(streaming) == [1, 0]


def test_who_follows_and_leaves_leaves_nothing(two):
    """The other's call goes on."""
    one, other = two

    async def story():
        first = asyncio.ensure_future(one.heard(key="k"))
        await leaves(later(1.0, other.heard(key="k")), 2.0)
        await asyncio.sleep(0)
        assert other.held() == {}
        return await first

    assert one.run(story()).text == "once"


def test_its_own_deadline_ends_the_waiting(two):
    """With an honest error, long before the other is done."""
    one, other = two

    async def story():
        return await asyncio.gather(one.heard(key="k"), other.heard(key="k", timeout=2.0), _at_two())

    async def _at_two():
        await asyncio.sleep(2.5)
        return other.held()

    first, second, held = one.run(story())
    assert first.text == "once"
    assert second.kind == "timeout"
    assert held == {}


def test_of_a_store_that_brings_no_news_it_is_told_to_ask_again(make):
    """409, and when; every SDK does that by itself. Then it gets the answer."""
    one, other = processes(make, store=Deaf(now))
    one.script("alpha/m", SLOW)

    async def story():
        first = asyncio.ensure_future(one.heard(key="k"))
        busy = await later(1.0, other.heard(key="k"))
        await first
        return busy, await other.heard(key="k")

    busy, again = one.run(story())
    assert (busy.status, busy.code, busy.retry_after, busy.retryable) == (409, "idempotency_key_in_use", 1.0, True)
    assert again.text == "once"
    assert found(other) == ["busy", "answer"]


def test_another_body_is_refused_by_both(two):
    """Also while it runs."""
    one, other = two

    async def story():
        return await asyncio.gather(one.heard("hi", key="k"), later(1.0, other.heard("ho", key="k")))

    _, refused = one.run(story())
    assert refused.status == 422
    assert other.fail("ho", key="k").status == 422
    assert sent(two) == [1, 0]


def test_a_failure_that_may_pass_frees_the_key_for_who_waits(make):
    """The other process makes its own try at once."""
    one, other = processes(make, more="[retry]\nenabled = false")
    one.script_all(slow_headers(3.0, status(503)))
    other.script_all(ok("second"))

    async def story():
        return await asyncio.gather(one.heard(key="k"), later(1.0, other.heard(key="k")))

    failure, reply = one.run(story())
    assert failure.kind == "transient"
    assert (reply.text, reply.replayed) == ("second", False)


# -- death -------------------------------------------------------------------------------------------------------------


def test_a_dead_owner_is_waited_for_no_longer_than_its_lease(two):
    """Then its call is taken over, and the answer says that there was another."""
    one, other = two

    async def story():
        doomed = asyncio.ensure_future(one.heard(key="k"))
        await asyncio.sleep(2.0)
        await dies(one)
        reply = await other.heard(key="k")
        return reply, now(), (await doomed).kind

    reply, at, told = one.run(story())
    assert told == "cancelled"
    assert reply.text == "once"
    assert 30.0 <= at < 40.0
    assert sent(two) == [1, 1]
    assert found(other) == ["running", "dead"]
    assert [event.key for event in other.events(type(other.last()))] == ["again"]


def test_or_is_not_made_again_where_that_is_wanted(make):
    """Nobody knows whether it was carried out: the key says so, and when to give it up."""
    one, other = processes(make, more='[idempotency]\nafter_crash = "refuse"')
    one.script("alpha/m", SLOW)

    async def story():
        doomed = asyncio.ensure_future(one.heard(key="k"))
        await asyncio.sleep(2.0)
        await asyncio.gather(dies(one), doomed)
        return await other.heard(key="k")

    failure = one.run(story())
    assert (failure.status, failure.code, failure.retryable) == (409, "idempotency_outcome_unknown", False)
    assert sent((one, other)) == [1, 0]


def test_a_restarted_process_gives_what_was_answered_before(make):
    """Nothing that a caller was given is made again."""
    one, other = processes(make)

    async def story():
        first = await one.heard(key="k")
        await dies(one)
        return first, await other.heard(key="k")

    first, again = one.run(story())
    assert again.raw == first.raw
    assert sent((one, other)) == [1, 0]


def test_an_owner_that_lives_keeps_its_key(make):
    """However long it takes: the lease is renewed each third."""
    one, other = processes(make, more="[idempotency]\nlease = 3")
    one.script("alpha/m", slow_headers(50.0, ok("once")))

    async def story():
        return await asyncio.gather(one.heard(key="k"), later(40.0, other.heard(key="k")))

    first, second = one.run(story())
    assert first.raw == second.raw
    assert sent((one, other)) == [1, 0]


def test_of_two_who_would_take_over_one_does(make):
    """The other follows it."""
    one, two, three = processes(make, 3)
    for world in (one, two, three):
        world.script("alpha/m", SLOW)

    async def story():
        doomed = asyncio.ensure_future(one.heard(key="k"))
        await asyncio.sleep(2.0)
        await asyncio.gather(dies(one), doomed)
        return await asyncio.gather(two.heard(key="k"), three.heard(key="k"))

    replies = one.run(story())
    assert [reply.text for reply in replies] == ["once", "once"]
    assert sorted(sent((two, three))) == [0, 1]


def test_a_stale_owner_writes_nothing(make):
    """Its caller has its answer; the key has the answer of who took it over."""
    one, other = processes(make, more="[idempotency]\nlease = 3\n[timers]\nwhole = 60.0")
    one.script("alpha/m", slow_headers(20.0, ok("stale")))
    other.script("alpha/m", ok("fresh"))

    async def story():
        first = asyncio.ensure_future(one.heard(key="k"))
        await asyncio.sleep(1.0)
        one.wire.cut()  # it lives, and cannot say so
        fresh = await later(6.0, other.heard(key="k"))
        one.wire.mend()
        return await first, fresh, await one.heard(key="k")

    stale, fresh, again = one.run(story())
    assert (stale.text, fresh.text, again.text) == ("stale", "fresh", "fresh")
    assert [event.reason for event in one.events(KeyKept)] == ["another process has taken the key over"]


def test_a_stream_whose_owner_dies_is_broken(streaming):
    """For who has had words of it; the next try gets the whole, from its start."""
    one, other = streaming

    async def story():
        doomed = asyncio.ensure_future(one.heard(key="k", stream=True))
        await asyncio.sleep(0.5)
        follower = asyncio.ensure_future(other.heard(key="k", stream=True))
        await asyncio.sleep(2.0)
        await asyncio.gather(dies(one), doomed)
        broken = await follower
        return broken, await other.heard(key="k", stream=True)

    broken, whole = one.run(story())
    assert broken.error.kind == "broken_stream"
    assert WORDS.startswith(broken.text)
    assert broken.text
    assert whole.text == WORDS


# -- the store ---------------------------------------------------------------------------------------------------------

STEPS = ("claim", "swap", "get", "read", "append", "delete")


@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize("what", STEPS)
@pytest.mark.parametrize("stream", [False, True])
def test_whatever_the_store_fails_at_everybody_is_answered(make, what, how, stream):
    """In the process that makes it, and in the one that follows; what failed is told, and is no fault of ours."""
    one, other = processes(make)
    for world in (one, other):
        world.script("alpha/m", ok(WORDS, between=1.0))
        world.wire.fails = lambda asked, _number: how if asked == what else ""

    async def story():
        return await asyncio.gather(one.heard(key="k", stream=stream), later(0.5, other.heard(key="k", stream=stream)))

    for answer in one.run(story()):
        assert answer.text == WORDS
    for world in (one, other):
        assert world.events(Fault) == []
        if what in world.wire.asked:
            assert what in {event.doing for event in world.events(StoreTrouble)}
    at_rest(one, other)


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("how", ["before", "after"])
def test_a_moment_of_trouble_costs_no_more_than_that(make, number, how):
    """Whichever one command fails, a later try with the key gets an answer, and the process is at rest."""
    (one,) = processes(make, 1, more="[idempotency]\nlease = 3")
    one.script("alpha/m", slow_headers(4.0, ok("once")))
    one.wire.fails = lambda _asked, asked: how if asked == number else ""

    async def story():
        first = await one.heard(key="k")
        await asyncio.sleep(10.0)
        return first, await one.heard(key="k")

    first, again = one.run(story())
    assert first.text == again.text == "once"
    assert one.sent() in {1, 2}


def test_a_store_that_lost_the_claim_is_told_the_answer_all_the_same(make):
    """What was never heard of may be there or not; the answer is kept in both cases."""
    for how in ("before", "after"):
        (one,) = processes(make, 1)
        one.wire.fails = lambda asked, _number, how=how: how if asked == "claim" else ""
        first = one.ask(key="k")
        one.wire.mend()
        if how == "after":
            assert one.ask(key="k").raw == first.raw
            assert one.sent() == 1


def test_without_the_store_one_process_still_makes_one_call(make):
    """Those that come at once are held together; later ones are made again, and that is told."""
    (one,) = processes(make, 1)
    one.script("alpha/m", SLOW)
    one.wire.cut()
    replies = one.crowd_alike(3, key="k")
    assert [reply.text for reply in replies] == ["once"] * 3
    assert one.sent() == 1
    assert [event.reason for event in one.events(KeyKept)] == ["the store did not take it"]
    one.ask(key="k")
    assert one.sent() == 2
    at_rest(one)


def test_what_another_version_has_written_is_taken_for_nothing(make):
    """And replaced."""
    (one,) = processes(make, 1)
    one.ask(key="k")
    store = one.wire.store
    (name,) = [name[1:] for name in store._shelf.begin("b", 0.0)]
    one.run(store.put(name, b"\x00 not ours", 50.0))
    assert not one.ask(key="k").replayed
    assert one.ask(key="k").replayed


def test_names_and_records_tell_nothing_of_keys(make):
    """A store sees neither the caller's word nor who it is."""
    (one,) = processes(make, 1)
    one.ask("hi", key="my secret word")
    store = one.wire.store
    (name,) = [name[1:] for name in store._shelf.begin("b", 0.0)]
    assert name.startswith("idempotency1:")
    assert name.isascii()
    assert len(name) < 120
    value = one.run(store.get(name)).value
    assert b"secret word" not in value
    assert b"library" not in value


def test_a_log_is_gone_when_its_stream_is_over(streaming):
    """Soon after: all of it is in the record. It takes a bundle now and then, not one for each word."""
    one, _ = streaming
    one.hear(key="k", stream=True)
    one.wait(61.0)
    store = one.wire.store
    assert store._shelf.begin("l", one.now) == []
    assert one.wire.asked.count("append") <= 8


def test_memory_of_one_process_writes_no_log(make):
    """Nobody else could read it."""
    (one,) = processes(make, 1, store=Memory(now))
    one.script("alpha/m", DRIP)
    one.hear(key="k", stream=True)
    assert one.wire.asked == ["claim", "swap"]
