"""What a caller is told of the cache (RFC 9211), and what becomes of answers at the very edges of their windows.

A `Shelf` stands in for the store, so that a story can say to the second how long it will keep what is there.
"""

import asyncio

import pytest
from msgspec.structs import replace

from outlast.engine import Asked
from outlast.flow.call import Looked
from outlast.flow.entry import packed, unpacked
from outlast.flow.stream import Stream
from outlast.gateway.headers import of_cache
from outlast.layers.cache.names import name_of
from outlast.model.caller import Caller
from outlast.model.errors import Failure
from outlast.model.events import CacheKept, CacheLooked, CacheRenewed, RequestEnded
from outlast.model.freshness import wishes_of
from outlast.ports import Stored
from outlast.testing import ok, slow_headers, status

from .world import chat, read

ALL = "{fresh = 60, stale_while_revalidate = 30, stale_if_error = 600}"


class Shelf:
    """A store that keeps everything, for as long as the story says."""

    shared = False

    def __init__(self):
        self.kept = {}

    async def get(self, key):
        return self.kept.get(key)

    async def put(self, key, value, seconds):
        self.kept[key] = Stored(value, seconds)

    async def delete(self, key):
        self.kept.pop(key, None)

    async def check(self):
        """It works, though it may be slow."""

    def age(self, seconds):
        """Let what is there be so old."""
        for key, stored in self.kept.items():
            self.kept[key] = Stored(stored.value, unpacked(stored.value).life - seconds)

    def change(self, **fields):
        """Let what is there say something else."""
        for key, stored in self.kept.items():
            self.kept[key] = Stored(packed(replace(unpacked(stored.value), **fields)), stored.left)


def rules(cache, more=""):
    """The route `default` with this table of the cache."""
    return f'[routes.default]\ntargets = ["alpha/m", "beta/m"]\ncache = {cache}\n{more}'


async def heard(world, wishes="", request=None):
    """The answer, or the failure, and what the engine has told beside it."""
    world._asked += 1
    asked = Asked(str(world._asked), wishes=wishes_of(wishes))
    try:
        answer = await world.engine.answer(request or chat(), asked)
    except Failure as failure:
        return failure, asked
    return answer, asked


def told(world, wishes="", request=None):
    """The answer, its `Cache-Status` without the cache's name, and its `Age`; None where it has none."""
    answer, asked = world.run(heard(world, wishes, request))
    headers = {} if asked.looked is None else dict(of_cache(asked.looked))
    status_ = headers.get(b"cache-status", b"").decode().removeprefix("outlast; ").partition("; key=")[0]
    return answer, status_ or None, headers.get(b"age")


@pytest.mark.parametrize(
    ("after", "wishes", "said", "age", "found", "reason"),
    [
        (0, "", "hit; ttl=60", b"0", "fresh", ""),
        (18, "", "hit; ttl=42", b"18", "fresh", ""),
        (70, "", "hit; ttl=-10", b"70", "renew", ""),
        (100, "", "fwd=stale; stored", None, "spare", "stale"),
        (700, "", "fwd=miss; stored", None, "none", "miss"),
        (10, "no-cache", "fwd=request; stored", None, "none", "request"),
        (10, "max-age=10", "fwd=request; stored", None, "none", "request"),
        (10, "max-age=11", "hit; ttl=50", b"10", "fresh", ""),
    ],
)
def test_what_the_cache_had_is_told(make, after, wishes, said, age, found, reason):
    """In the words of the RFC, to the second; and to whoever listens."""
    world = make(more=rules(ALL))
    assert told(world)[1:] == ("fwd=miss; stored", None)
    world.wait(after)
    assert told(world, wishes)[1:] == (said, age)
    last = world.events(CacheLooked)[1]
    assert (last.found, last.reason) == (found, reason)
    assert (last.age, last.left) == ((None, 0.0) if after == 700 or wishes == "no-cache" else (after, 60 - after))
    world.wait(1.0)


def test_who_wants_nothing_kept_is_told_nothing(make):
    """Nobody has looked."""
    world = make(more=rules(ALL))
    assert told(world, "no-store")[1:] == (None, None)
    assert world.events(CacheLooked) == world.events(CacheKept) == []


@pytest.mark.parametrize("stream", [False, True])
def test_an_old_answer_when_nobody_answers_says_how_old_it_is(make, stream):
    """As old as it is by the time that all have failed; and how often somebody was asked."""
    world = make(more=rules(ALL))
    told(world)
    world.wait(500.0)
    world.script("alpha/m", slow_headers(4.0, status(403)))
    world.script("beta/m", 403)
    answer, said, age = told(world, request=chat(stream=stream))
    assert (said, age) == ("fwd=stale; ttl=-444; detail=stale-if-error", b"504")
    assert (answer.source, answer.attempts, isinstance(answer, Stream)) == ("stale", 2, stream)
    if stream:
        world.run(read(answer))


def test_a_fallbacks_answer_is_spare_while_the_primary_would_answer(make):
    """Fresh as it may be; when the primary fails after all, it is given, and is stale then."""
    world = make(more=rules("{fresh = 60}"))
    world.script("alpha/m", 401, 403)
    world.script("beta/m", ok(), 403)
    assert told(world)[0].target == "beta/m"
    world.wait(31.0)
    answer, said, _ = told(world)
    assert (answer.source, answer.degraded, answer.target) == ("stale", True, "beta/m")
    assert said == "fwd=stale; ttl=29; detail=stale-if-error"
    assert world.sent() == 4


def test_a_fallbacks_answer_is_not_renewed_while_the_primary_would_answer(make):
    """The primary is asked, and the caller waits for it; without a window for failures nothing else is given."""
    world = make(more=rules("{fresh = 20, stale_while_revalidate = 60}"))
    world.script("alpha/m", 401, 403, ok("new"))
    world.script("beta/m", ok(), 403)
    told(world)
    world.wait(31.0)
    failure, said, _ = told(world)
    assert (failure.kind, said) == ("permission", "fwd=stale")
    assert world.events(CacheLooked)[-1].found == "none"
    world.wait(31.0)
    answer, said, _ = told(world)
    assert (answer.text, answer.target, said) == ("new", "alpha/m", "fwd=stale; stored")
    assert world.events(CacheRenewed) == []


def test_a_window_for_failures_is_over_for_a_fallbacks_answer_too(make):
    """At its last second it is of no use, although it could still be renewed."""
    shelf = Shelf()
    world = make(more=rules("{fresh = 20, stale_while_revalidate = 60, stale_if_error = 5}"), store=shelf)
    world.script("alpha/m", 401, 403)
    world.script("beta/m", ok(), 403)
    told(world)
    world.wait(31.0)
    for age, found, source in ((24, "spare", "stale"), (25, "none", None)):
        shelf.age(age)
        answer, _, _ = told(world)
        assert getattr(answer, "source", None) == source
        assert world.events(CacheLooked)[-1].found == found


def test_what_the_caller_finds_too_old_is_no_spare(make):
    """A fallback's answer neither."""
    world = make(more=rules("{fresh = 60}"))
    world.script("alpha/m", 401, ok("new"))
    told(world)
    world.wait(31.0)
    assert told(world, "max-age=5")[:2][1] == "fwd=request; stored"
    assert world.events(CacheLooked)[-1].found == "none"


@pytest.mark.parametrize("wishes", ["max-age=5", "max-age=500"])
def test_who_names_an_age_wants_no_stale_answer_when_nobody_answers(make, wishes):
    """RFC 9111: it has to say so if it would take one."""
    world = make(more=rules(ALL))
    told(world)
    world.wait(100.0)
    world.script_all(403)
    assert told(world, wishes)[0].kind == "permission"


def test_at_the_last_second_of_freshness_it_is_stale(make):
    """And renewed."""
    shelf = Shelf()
    world = make(more=rules(ALL), store=shelf)
    told(world)
    shelf.age(60)
    answer, said, _ = told(world)
    assert (answer.source, said) == ("stale", "hit; ttl=0")
    world.wait(1.0)
    assert len(world.events(CacheRenewed)) == 1


def test_a_store_whose_clock_is_ahead_makes_nothing_younger_than_new(make):
    """What it will keep for longer than it was told to is no older than nothing."""
    shelf = Shelf()
    world = make(more=rules(ALL), store=shelf)
    told(world)
    shelf.age(-5)
    assert told(world)[1:] == ("hit; ttl=60", b"0")


@pytest.mark.parametrize("age", [10, 70, 200])
def test_what_cannot_be_read_any_more_is_as_if_it_were_not_there(make, age):
    """Kept in a dialect that is gone, say. The request is answered anew; and fails as it would have failed."""
    shelf = Shelf()
    world = make(more=rules(ALL), store=shelf)
    told(world)
    shelf.change(dialect="klingon")
    shelf.age(age)
    answer, asked = world.run(heard(world))
    assert answer.source == "primary"
    if age < 90:  # else it was not tried
        assert replace(asked.looked, key="") == Looked(found="none", why="miss", kept=True)
    shelf.change(dialect="klingon")
    shelf.age(age)
    world.script_all(403)
    failure, asked = world.run(heard(world))
    assert failure.kind == "permission"
    assert replace(asked.looked, key="") == Looked(found="none", why="miss")
    (name,) = shelf.kept
    assert name.endswith(asked.looked.key or "no name")


# -- where ------------------------------------------------------------------------------------------------------------


def test_a_route_without_a_table_is_as_all_routes_are(make):
    """And they keep nothing, although the route beside it does."""
    world = make(more=f'{rules(ALL)}\n[routes.chat]\ntargets = ["alpha/m"]')
    assert [told(world, request=chat(model="chat"))[0].source for _ in range(2)] == ["primary"] * 2
    assert world.events(CacheLooked) == []
    assert [told(world)[0].source for _ in range(2)] == ["primary", "cache"]


@pytest.mark.parametrize(("fresh", "source", "looks"), [(0, "primary", 0), (1, "cache", 2)])
def test_a_table_of_zeros_is_no_cache(make, fresh, source, looks):
    """Nothing is looked for; one second is something."""
    world = make(more=f"[cache]\nenabled = true\n{rules(f'{{fresh = {fresh}}}')}")
    told(world)
    assert told(world)[0].source == source
    assert (len(world.events(CacheLooked)), len(world.events(CacheKept))) == (looks, looks // 2)


def test_an_answer_of_just_the_largest_size_is_kept(make):
    """One byte less is allowed, and it is not; and what is kept of an answer is little more than itself."""
    world = make(more=rules(ALL))
    world.script("alpha/m", ok("x" * 3_000))
    answer, _, _ = told(world)
    size = world.events(CacheKept)[0].size
    assert len(answer.raw) < size < len(answer.raw) + 400
    for largest, reason in ((size, ""), (size - 1, "it is too large")):
        world = make(more=f"[cache]\nlargest = {largest}\n{rules(ALL)}")
        world.script("alpha/m", ok("x" * 3_000))
        told(world)
        assert world.events(CacheKept)[0].reason == reason


def test_why_it_is_not_kept_is_told_whatever_its_size(make):
    """What was cut is not worth keeping, however short."""
    world = make(more=f"[cache]\nlargest = 10\n{rules(ALL)}")
    world.script("alpha/m", ok(finish="length"))
    told(world)
    assert world.events(CacheKept)[0].reason == "it was cut"


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_less_or_answers_other_words_is_not_kept(make, stream):
    """And it is told why: whoever asks again wants what was asked for."""

    def asked_again():
        answer, _, _ = told(world, request=chat(stream=stream))
        if stream:
            world.run(read(answer))
        return [event.reason for event in world.events(CacheKept)]

    world = make(more=rules(ALL, 'degrade = [{static = "later"}]'))
    world.script_all(403)
    assert asked_again() == ["it is static"]
    world = make(more=rules(ALL), rewrite=lambda request, _: request.content().messages)
    world.script_all(status(400, error="content_filter"), ok())
    assert asked_again() == ["it answers other words"]


def test_an_answer_that_is_given_when_nobody_answers_tells_its_name_too(make):
    """By which it can be forgotten."""
    shelf = Shelf()
    world = make(more=rules(ALL), store=shelf)
    told(world)
    shelf.age(200)
    world.script_all(403)
    _, asked = world.run(heard(world))
    (name,) = shelf.kept
    assert asked.looked.given
    assert name.endswith(asked.looked.key or "no name")


def test_what_everybody_shares_is_nobodys(make):
    """It is not forgotten with what callers without a key were answered."""
    shelf = Shelf()
    world = make(more=f'[cache]\nenabled = true\nshare = "everybody"\n{rules(ALL)}', store=shelf)
    told(world)
    (name,) = shelf.kept
    assert name_of("default", Caller(), "").split(":")[2] not in name
    assert name_of("default", Caller(key=""), "").split(":")[2] in name


def test_names_of_callers_may_hold_any_sign():
    """Half a character, too."""
    names = {name_of("m", Caller(key="a", user=user), "x") for user in ("", "\ud800", "\ud801", "a:b")}
    assert len(names) == 4
    assert all(name.isascii() for name in names)


# -- renewing ---------------------------------------------------------------------------------------------------------


def test_a_renewal_tells_its_own_story(make):
    """Under the request's id and a tilde: how long it took, and what it cost."""
    price = "[providers.alpha.models.m]\nprice = {input = 1000.0, output = 1000.0}"
    world = make(more=rules(ALL, price))
    told(world)
    world.script("alpha/m", ok("new", first=5.0))
    world.wait(70.0)
    told(world)
    world.wait(6.0)
    (renewed,) = world.events(CacheRenewed)
    assert (renewed.call, renewed.of, renewed.route, renewed.kind) == ("2~", "2", "default", "ok")
    assert renewed.seconds == pytest.approx(5.0)
    assert renewed.cost > 0


def test_a_renewal_adds_nothing_to_the_callers_story(make):
    """Who reads a stale stream slowly has asked nobody, although somebody was asked meanwhile."""
    world = make(more=rules(ALL))
    told(world)
    world.wait(70.0)

    async def slowly():
        answer, _ = await heard(world, request=chat(stream=True))
        await asyncio.sleep(1.0)
        return await read(answer)

    assert world.run(slowly()).finish == "stop"
    assert len(world.events(CacheRenewed)) == 1
    assert world.events(RequestEnded)[-1].attempts == 0


def test_a_renewal_is_not_answered_with_less(make):
    """Nobody waits for it, so the ladder is of no use; what was kept stays."""
    world = make(more=rules(ALL, 'degrade = [{static = "later"}]'))
    told(world)
    world.wait(70.0)
    world.script_all(403)
    told(world)
    world.wait(1.0)
    assert [event.kind for event in world.events(CacheRenewed)] == ["permission"]


def test_who_asks_for_what_is_kept_alone_renews_nothing(make):
    """It wants nobody to be asked."""
    world = make(more=rules(ALL))
    told(world)
    world.wait(70.0)
    assert told(world, "only-if-cached")[1] == "hit; ttl=-10"
    world.wait(1.0)
    assert world.sent() == 1


def test_a_renewal_ends_with_the_process(make):
    """It is told as cancelled, and the next one may begin."""
    world = make(more=rules(ALL))
    told(world)
    world.wait(70.0)
    world.script("alpha/m", slow_headers(30.0))

    async def ends():
        await heard(world)
        await asyncio.sleep(1.0)
        await world.io._beside.aclose()

    world.run(ends())
    assert [event.kind for event in world.events(CacheRenewed)] == ["cancelled"]


def test_of_two_answers_that_are_being_written_the_later_one_is_given(make):
    """Although the first has been written by then, and the store takes its time."""

    class Slow(Shelf):
        async def get(self, key):
            await asyncio.sleep(60.0)

        async def put(self, key, value, seconds):
            await asyncio.sleep(60.0)

    world = make(more=rules(ALL), store=Slow())
    world.script("alpha/m", ok("one"), ok("two"))

    async def story():
        await heard(world)
        await asyncio.sleep(0.02)  # the first is given up after 0.05
        await heard(world, "no-cache")
        await asyncio.sleep(0.04)
        return (await heard(world))[0]

    answer = world.run(story())
    assert (answer.text, answer.source) == ("two", "cache")
    world.wait(2.0)
