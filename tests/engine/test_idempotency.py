"""Idempotency keys, through the whole engine in virtual time: one process."""

import asyncio

import pytest

from outlast.dialects import DIALECTS
from outlast.model.errors import Failure
from outlast.model.events import AttemptEnded, KeyFound, KeyKept, RanOn, RequestEnded
from outlast.testing import cut, ok, silent, slow_headers, status

from .keyed import later, leaves
from .world import caller, chat, read

SLOW = slow_headers(5.0, ok("once"))
WORDS = "one two three four five six"


@pytest.fixture
def slow(make):
    """Two targets; the first takes 5 s to answer."""
    world = make()
    world.script("alpha/m", SLOW)
    return world


def found(world):
    """What was found under the keys, in order."""
    return [event.found for event in world.events(KeyFound)]


def keys(world):
    """What became of the keys of all requests so far."""
    return [event.key for event in world.events(RequestEnded)]


# -- done --------------------------------------------------------------------------------------------------------------


def test_the_same_key_gets_the_same_answer_and_nobody_is_asked(world):
    """To the byte, with its id and usage; it cost once, and says what it is."""
    first, again = world.ask(key="k"), world.ask(key="k")
    assert world.sent() == 1
    assert (again.raw, again.id, again.text, again.usage) == (first.raw, first.id, first.text, first.usage)
    assert (again.target, again.source, again.attempts, again.cost) == ("alpha/m", "primary", 0, 0.0)
    assert (first.replayed, again.replayed) == (False, True)
    assert found(world) == ["nothing", "answer"]
    assert keys(world) == ["first", "replayed"]


def test_without_a_key_nothing_is_kept(world):
    """Two requests are two requests, and nothing is told of keys."""
    world.ask()
    world.ask()
    assert world.sent() == 2
    assert found(world) == []
    assert keys(world) == ["", ""]


def test_switched_off_a_key_means_nothing(make):
    """It is not even looked at."""
    world = make(more="[idempotency]\nenabled = false")
    world.ask(key="k" * 1_000)
    world.ask(key="k" * 1_000)
    assert world.sent() == 2


def test_another_body_under_the_same_key_is_refused(world):
    """And the key's own request is still answered."""
    world.ask("hi", key="k")
    failure = world.fail("ho", key="k")
    assert (failure.kind, failure.status, failure.code) == ("caller", 422, "idempotency_key_reused")
    assert keys(world) == ["first", ""]
    assert world.ask("hi", key="k").replayed
    assert world.sent() == 1


def test_another_body_is_refused_while_the_first_is_under_way(slow):
    """It joins nothing."""

    async def story():
        return await asyncio.gather(slow.heard("hi", key="k"), later(1.0, slow.heard("ho", key="k")))

    first, other = slow.run(story())
    assert first.text == "once"
    assert other.status == 422


def test_the_order_of_fields_makes_no_other_body(world):
    """A retry may be written anew."""
    world.ask(key="k", temperature=0.5, max_tokens=9)
    assert world.ask(key="k", max_tokens=9, temperature=0.5).replayed


def test_whole_and_streamed_are_two_requests(world):
    """They are two bodies."""
    world.ask(key="k")
    assert world.fail(key="k", stream=True).status == 422


@pytest.mark.parametrize(
    "others", [(caller("ada"), caller("bob")), (caller("ada", user="x"), caller("ada", user="y"))], ids=["key", "user"]
)
def test_keys_are_each_callers_own(world, others):
    """The same word of two callers is two keys."""
    one, two = others
    world.ask(key="k", caller=one)
    assert not world.ask("ho", key="k", caller=two).replayed
    assert world.ask(key="k", caller=one).replayed


@pytest.mark.parametrize("key", ["k" * 256, "with\nbreak", "grüß", "\x7f"])
def test_what_is_no_key_is_refused(world, key):
    """With what a key may be."""
    failure = world.fail(key=key)
    assert (failure.kind, failure.status, failure.code) == ("caller", 400, "idempotency_key_invalid")
    assert world.sent() == 0


def test_an_answer_is_kept_for_a_day(make):
    """Or for as long as is configured; then the key is free."""
    for more, life in (("", 86_400.0), ("[idempotency]\nlifetime = 60", 60.0)):
        world = make(more=more)
        world.ask(key="k")
        world.wait(life - 1.0)
        assert world.ask(key="k").replayed
        world.wait(1.0)
        assert not world.ask("ho", key="k").replayed


def test_embeddings_are_kept_too(make):
    """With every bit of their vectors."""
    world = make()

    def asked():
        return DIALECTS["openai"].parse("embed", b'{"model": "default", "input": ["a", "b"]}')

    first, again = world.ask(asked(), key="k"), world.ask(asked(), key="k")
    assert again.vectors == first.vectors
    assert again.replayed
    assert world.sent() == 1


# -- streams -----------------------------------------------------------------------------------------------------------


def test_a_stream_is_given_again_as_it_was(world):
    """The same chunks, the same bytes, the same usage, for nothing."""

    async def story():
        batches = []
        for _ in range(2):
            stream = await world.answer(key="k", stream=True, stream_options={"include_usage": True})
            got = []
            while (batch := await stream.next()) is not None:
                got.append((batch.raw, batch.chunks, batch.last))
            batches.append((got, stream.usage, stream.opening, stream.target, stream.source))
        return batches, stream

    (first, again), stream = world.run(story())
    assert first == again
    assert (stream.replayed, stream.cost, stream.attempts) == (True, 0.0, 0)
    assert world.sent() == 1
    assert keys(world) == ["first", "replayed"]


def test_who_joins_a_stream_gets_it_from_its_start(make):
    """And then as it comes; it is one call."""
    world = make()
    world.script("alpha/m", ok(WORDS, between=1.0))

    async def story():
        first = world.heard(key="k", stream=True)
        second = later(3.5, world.heard(key="k", stream=True))
        return await asyncio.gather(first, second)

    first, second = world.run(story())
    assert first.text == second.text == WORDS
    assert world.sent() == 1
    one, two = world.events(RequestEnded)
    assert one.seconds == pytest.approx(two.seconds + 3.5)
    assert keys(world) == ["first", "attached"]


def test_each_reads_at_its_own_speed(make):
    """Who dawdles keeps nobody waiting, and misses nothing."""
    world = make()
    world.script("alpha/m", ok(WORDS, between=1.0))

    async def dawdler():
        stream = await world.answer(key="k", stream=True)
        await asyncio.sleep(60.0)
        return (await read(stream)).text, asyncio.get_running_loop().time()

    async def reader():
        return (await world.heard(key="k", stream=True)).text, asyncio.get_running_loop().time()

    (slow, slow_at), (fast, fast_at) = world.run(_both(dawdler(), reader()))
    assert slow == fast == WORDS
    assert fast_at < 10.0 < slow_at


async def _both(*calls):
    return await asyncio.gather(*calls)


def test_a_stream_goes_on_when_its_caller_leaves(make):
    """So that the retry finds all of it; what it cost is told when it is over."""
    world = make(("alpha/m",), more="[providers.alpha.models.m]\nprice = {input = 1000.0, output = 1000.0}")
    world.script("alpha/m", ok(WORDS, between=1.0))

    async def story():
        stream = await world.answer(key="k", stream=True)
        await stream.next()
        await stream.aclose()
        await asyncio.sleep(60.0)
        return await world.heard(key="k", stream=True)

    assert world.run(story()).text == WORDS
    assert world.sent() == 1
    (ran,) = world.events(RanOn)
    assert (ran.kind, ran.target, ran.call) == ("ok", "alpha/m", "1")
    assert ran.cost == world.events(AttemptEnded)[0].cost > 0
    assert not any(event.cost for event in world.events(RequestEnded))


def test_a_retry_gets_what_its_first_try_was_cut_from(make):
    """While the call is under way still."""
    world = make()
    world.script("alpha/m", ok(WORDS, between=1.0))

    async def story():
        await leaves(world.heard(key="k", stream=True), 3.5)
        return await world.heard(key="k", stream=True)

    assert world.run(story()).text == WORDS
    assert world.sent() == 1


def test_a_broken_stream_is_not_kept(make):
    """All who read it are told; the next try gets the whole from the start."""
    world = make(more="[resume]\nenabled = false")
    world.script("alpha/m", cut(after=2), ok(WORDS))

    async def story():
        return await asyncio.gather(*(world.heard(key="k", stream=True) for _ in range(2)))

    one, two = world.run(story())
    assert one.error.kind == two.error.kind == "broken_stream"
    assert one.error is not two.error
    assert one.text == two.text != ""
    assert world.hear(key="k", stream=True).text == WORDS
    assert [event.reason for event in world.events(KeyKept)] == ["another try may succeed", ""]


# -- running -----------------------------------------------------------------------------------------------------------


def test_who_asks_while_it_runs_waits_for_it(slow):
    """All get one answer; it costs one of them."""
    replies = slow.crowd_alike(5, key="k")
    assert {reply.text for reply in replies} == {"once"}
    assert len({id(reply) for reply in replies}) == 5
    assert slow.sent() == 1
    assert sorted(reply.replayed for reply in replies) == [False, True, True, True, True]
    assert found(slow) == ["running"] * 4 + ["nothing"]
    assert sorted(keys(slow)) == ["attached"] * 4 + ["first"]


def test_it_costs_once(make):
    """In what is told of the requests, too."""
    world = make(more="[providers.alpha.models.m]\nprice = {input = 1000.0, output = 1000.0}")
    world.script("alpha/m", SLOW)
    replies = world.crowd_alike(3, key="k")
    assert sum(reply.cost > 0 for reply in replies) == 1
    assert sum(event.cost for event in world.events(RequestEnded)) == world.events(AttemptEnded)[0].cost
    assert world.events(RanOn) == []


def test_a_call_goes_on_when_its_caller_leaves(slow):
    """The retry finds it; that is what the key is for."""

    async def story():
        await leaves(slow.heard(key="k"), 1.0)
        return await slow.heard(key="k")

    assert slow.run(story()).text == "once"
    assert slow.sent() == 1
    assert slow.now == pytest.approx(5.0, abs=0.5)


def test_also_when_nobody_comes_back_before_its_end(slow):
    """It is kept all the same, and what it cost is told."""

    async def story():
        await leaves(slow.heard(key="k"), 1.0)
        await asyncio.sleep(10.0)
        return await slow.heard(key="k")

    reply = slow.run(story())
    assert (reply.text, reply.replayed) == ("once", True)
    assert slow.sent() == 1
    assert [event.kind for event in slow.events(RanOn)] == ["ok"]


def test_it_is_bounded_by_its_deadline(make):
    """Nobody waits for it, and it does not go on for ever."""
    world = make(("alpha/m",))
    world.script("alpha/m", silent())

    async def story():
        await leaves(world.heard(key="k", timeout=20.0), 1.0)
        await asyncio.sleep(30.0)

    world.run(story())
    assert world.held() == {}
    assert [event.kind for event in world.events(RanOn)] == ["timeout"]


def test_each_waits_until_its_own_deadline(make):
    """Who is in a hurry leaves; who has more time than the call had asks anew."""
    world = make(("alpha/m",))
    world.script("alpha/m", silent(), ok("second"))

    async def story():
        first = world.heard(key="k", timeout=20.0)
        hurried = later(1.0, world.heard(key="k", timeout=5.0))
        patient = later(2.0, world.heard(key="k", timeout=60.0))
        return await asyncio.gather(first, hurried, patient)

    first, hurried, patient = world.run(story())
    assert (first.kind, hurried.kind) == ("timeout", "timeout")
    assert patient.text == "second"
    assert world.sent() == 2


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [500, 503, 429, 401, 404])
@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_that_may_pass_is_not_kept(make, fault, stream):
    """The next try with the key is a try."""
    world = make(("alpha/m",), more="[retry]\nenabled = false")
    world.script("alpha/m", fault, ok("second"))
    assert isinstance(world.hear(key="k", stream=stream), Failure)
    world.wait(4_000.0)
    assert world.hear(key="k", stream=stream).text == "second"


@pytest.mark.parametrize("fault", [400, 413, 422])
@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_of_the_requests_own_is_kept(make, fault, stream):
    """It would be the same again, and nobody is asked."""
    world = make(("alpha/m",))
    world.script("alpha/m", fault, ok("second"))
    first, again = world.fail(key="k", stream=stream), world.fail(key="k", stream=stream)
    assert (again.kind, again.status, again.code, again.message, again.target) == (
        first.kind,
        first.status,
        first.code,
        first.message,
        first.target,
    )
    assert world.sent() == 1
    assert found(world) == ["nothing", "refusal"]
    assert keys(world)[1] == "replayed"


def test_all_who_wait_are_told_of_a_failure(make):
    """Each gets an error of its own, with its own id."""
    world = make()
    world.script_all(slow_headers(1.0, status(400)))
    failures = world.crowd_alike(3, key="k")
    assert len({id(failure) for failure in failures}) == 3
    assert [failure.call for failure in failures] == ["1", "2", "3"]
    assert world.sent() == 1


def test_a_lesser_answer_is_not_kept(make):
    """Who asks again may get the real one."""
    world = make(("alpha/m",), more='[routes.default]\ntargets = ["alpha/m"]\ndegrade = [{static = "sorry"}]')
    world.script("alpha/m", 400, 400, ok("real"))
    world.script("alpha/m", 503, 503, 503, ok("real"))
    for stream in (False, True):
        world.script("alpha/m", 503, 503, 503, ok("real"))
        lesser = world.hear(key=f"k{stream}", stream=stream)
        assert lesser.text == "sorry"
        world.wait(120.0)
        assert world.hear(key=f"k{stream}", stream=stream).text == "real"


# -- too large ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_of_an_answer_that_is_too_large_it_is_kept_that_it_was(make, stream):
    """The first has all of it; a second try is refused rather than made, with the mend."""
    world = make(more="[idempotency]\nlargest = 2000")
    long = "word " * 2_000
    world.script("alpha/m", ok(long))
    assert world.hear(key="k", stream=stream).text == long
    failure = world.fail(key="k", stream=stream)
    assert (failure.status, failure.code, failure.retryable) == (409, "idempotency_answer_not_kept", False)
    assert "largest" in failure.message
    assert world.sent() == 1
    assert [event.reason for event in world.events(KeyKept)] == ["it is too large"]


def test_a_stream_that_is_too_large_holds_no_more_than_that(make):
    """It waits for its slowest reader; who has left is not waited for."""
    world = make(more="[idempotency]\nlargest = 2000")
    world.script("alpha/m", ok("word " * 2_000, between=0.01))

    async def story():
        stream = await world.answer(key="k", stream=True)
        await asyncio.sleep(9.0)
        (shared,) = world.stack.idempotency._under_way.values()
        assert shared.recording.size < 4_000
        joins = await world.heard(key="k", stream=True)
        return await read(stream), joins

    part, joins = world.run(story())
    assert part.text == "word " * 2_000
    assert joins.code == "idempotency_answer_not_kept"


@pytest.mark.parametrize("callers", [1, 3])
def test_a_stream_that_is_too_large_in_one_piece_reaches_all_who_wait(make, callers):
    """Whoever was there when it came has all of it; who comes later is told that it was too large."""
    long = "word" * 2_000
    world = make(more="[idempotency]\nlargest = 1000")
    world.script("alpha/m", slow_headers(1.0, ok(long)))
    assert {part.text for part in world.crowd_alike(callers, key="k", stream=True)} == {long}
    assert world.fail(key="k", stream=True).code == "idempotency_answer_not_kept"
    assert world.sent() == 1


def test_when_nobody_is_left_a_stream_that_is_too_large_ends(make):
    """Nobody could have it; the key says that it was answered."""
    world = make(("alpha/m",), more="[idempotency]\nlargest = 2000")
    world.script("alpha/m", ok("word " * 2_000, between=0.01))

    async def story():
        await leaves(world.heard(key="k", stream=True), 9.0)
        await asyncio.sleep(1.0)
        assert world.held() == {}
        return await world.heard(key="k", stream=True)

    assert world.run(story()).code == "idempotency_answer_not_kept"
    assert world.sent() == 1


# -- what providers are told -------------------------------------------------------------------------------------------

TOLD = """
[providers.alpha.quirks]
idempotency_header = "idempotency-key"
"""


def sent_keys(world, target):
    """The keys that a target was told."""
    lines = [line for sent in world.io.sent_to(target) for line in sent.headers]
    return [line for line in lines if line.startswith(b"idempotency-key: ")]


def test_a_provider_that_takes_keys_is_told_one(make):
    """The same for each try of the same, another for another request; never the caller's own."""
    world = make(more=TOLD)
    world.script("alpha/m", 503, ok(), 503, ok())
    world.ask(key="my key")
    world.wait(120.0)
    world.ask("ho", key="your key")
    told = sent_keys(world, "alpha/m")
    assert len(told) == len(world.io.sent_to("alpha/m"))
    assert len(set(told)) == 2
    assert not any(b"my" in line for line in told)
    assert sent_keys(world, "beta/m") == []


def test_without_a_key_it_is_told_none(make):
    """There is nothing to tell."""
    world = make(more=TOLD)
    world.ask()
    assert sent_keys(world, "alpha/m") == []


def test_counting_is_not_concerned(world):
    """To count twice does no harm."""
    request = chat()
    request.operation = "count"
    world.hear(request, key="k")
    assert found(world) == []
