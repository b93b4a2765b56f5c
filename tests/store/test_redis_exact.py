"""Limits are exact, however many processes ask at once; and what it costs to ask, counted by Redis itself."""

import asyncio
import json
import os
import subprocess
import sys
import traceback
from bisect import bisect_left
from pathlib import Path

import pytest

from outlast.ports import Asked, Charge, StoreFailed
from outlast.store.redis import RedisStore

from .sickroom import LONG, asked

HAMMER = Path(__file__).with_name("hammer.py")
PROCESSES = 8


@pytest.fixture
def server(redis_server):
    """Empty."""
    redis_server.do("FLUSHDB")
    return redis_server


def hammered(server, *numbers):
    """What all processes were granted: the interval in which each may go, and of each process how many."""
    words = [sys.executable, str(HAMMER), server.url, *map(str, numbers)]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    told = []
    for process in running:
        out, _ = process.communicate(timeout=LONG)
        assert process.returncode == 0
        told.append([json.loads(line) for line in out.splitlines()])
    grants = [(before + wait, after + wait) for each in told for before, after, wait in each]
    return sorted(grants), [len(each) for each in told]


def test_many_processes_are_granted_the_burst_and_not_one_more(server):
    """Of a limit that does not fill again while they ask."""
    grants, each = hammered(server, 4, 25, 0.0, 200.0, 1e9, 200.0)
    assert len(grants) == sum(each) == 200


def test_in_no_second_more_go_than_the_burst_and_a_second_s_worth(server):
    """By the places that they were given, by the clock of the server; and in all no more than that time brings."""
    burst, rate = 20.0, 200.0
    grants, _ = hammered(server, 4, 25, 0.5, rate, 1.0, burst)
    starts = [first for first, _ in grants]
    ends = sorted(last for _, last in grants)
    for start in starts:
        surely = bisect_left(ends, start + 1.0) - bisect_left(starts, start)
        assert surely <= burst + rate
    assert len(grants) <= burst + rate * (ends[-1] - starts[0]) + 1
    assert len(grants) >= burst


def reads(client):
    """How often it has read from its connections: round trips, and one for each time that this asks."""
    return client.info("stats")["total_reads_processed"]


def test_a_request_costs_one_round_trip_at_most(server, monkeypatch):
    """With limits of two scopes, and with what it used settled along with the next; the connection aside."""
    monkeypatch.setattr("outlast.store.redis.line.SOON", LONG)

    async def story(client):
        store = RedisStore.from_url(server.url, timeout=LONG)
        reads(client)
        key, user = asked(1.0, burst=1e6, amount=1e6), asked(1.0, scope="user b", burst=1e6, amount=1e6)
        await store.take([key, user], 0.0)
        store.settle([key])
        await store.check()
        before = reads(client)
        for _ in range(100):
            decisions = await store.take([key, user], 0.0)
            assert all(decision.granted for decision in decisions)
            store.settle([asked(-0.5, burst=1e6, amount=1e6)])
        one_by_one = reads(client) - before
        before = reads(client)
        await asyncio.gather(*(store.take([key, user], 0.0) for _ in range(100)))
        at_once = reads(client) - before
        await store.aclose()
        return one_by_one, at_once

    with server.client() as client:
        one_by_one, at_once = asyncio.run(story(client))
    assert one_by_one == 100 + 1  # that of who counts
    assert at_once <= 30  # all in one turn of the loop, and so in few pieces


def test_what_one_scope_refuses_is_given_back_to_the_others(server):
    """With the next command; over many requests no place is lost, and none is made."""

    async def story():
        store = RedisStore.from_url(server.url, timeout=LONG)
        wide, narrow = asked(1.0, burst=50.0, period=1e9), asked(1.0, scope="user b", burst=5.0, period=1e9)
        granted = 0
        for _ in range(40):
            first, second = await store.take([wide, narrow], 0.0)
            assert first.granted is second.granted
            granted += first.granted
        nothing = Asked("key a", (Charge("rpm", 0.0, 100.0, 1e9, 50.0),))
        [decision] = await store.take([nothing], 0.0)
        await store.aclose()
        return granted, decision.left[0].remaining

    granted, left = asyncio.run(story())
    assert granted == 5
    assert left == pytest.approx(45.0, abs=1e-3)


@pytest.mark.parametrize("amount", [1.0, 7.3, 60.0, 1e6, 3.7e8])
def test_no_fraction_of_a_microsecond_is_lost(server, amount):
    """A limit of hundreds of millions a minute gives as much as one of sixty: digits are not cut off on the way."""

    async def story():
        store = RedisStore.from_url(server.url, timeout=LONG)
        day = Asked("key a", (Charge("tpm", amount / 1_000.0, amount, 1e7, amount),))
        for _ in range(500):
            await store.take([day], 0.0)
        [decision] = await store.take([Asked("key a", (Charge("tpm", 0.0, amount, 1e7, amount),))], 0.0)
        await store.aclose()
        return decision.left[0].remaining / amount

    assert asyncio.run(story()) == pytest.approx(0.5, abs=1e-5)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(server):
    """The parent's are not touched, nor what it had still to send."""

    async def claims(store, key):
        found = await store.claim(key, b"%d" % os.getpid(), 1_000.0)
        await store.aclose()
        return found

    def in_child(store, write):
        try:
            os.write(write, repr(asyncio.run(claims(store, "own:child"))).encode())
        except BaseException:  # noqa: BLE001  (a child must never come back into pytest)
            os.write(write, traceback.format_exc().encode())
        finally:
            os._exit(0)

    async def story():
        store = RedisStore.from_url(server.url, timeout=LONG)
        woken = asyncio.Event()
        end = store.listen("log:a", woken.set)
        await store.claim("own:parent", b"mine", 1_000.0)
        store.settle([asked(3.0)])
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            asyncio.events._set_running_loop(None)
            in_child(store, write)
        os.close(write)
        loop = asyncio.get_running_loop()
        told = await loop.run_in_executor(None, os.read, read, 10_000)
        os.close(read)
        await loop.run_in_executor(None, os.waitpid, pid, 0)
        assert (await store.get("own:child")).value == b"%d" % pid
        [decision] = await store.take([asked(0.0)], 0.0)
        async with asyncio.timeout(LONG):
            await woken.wait()
            woken.clear()
            await store.append("log:a", [b"one"], 100.0)
            await woken.wait()
        end()
        await store.aclose()
        return told, decision.left[0].remaining

    told, left = asyncio.run(story())
    assert told == b"None"
    assert left == pytest.approx(7.0, abs=0.5)


def test_it_may_be_used_on_one_loop_after_the_other(server):
    """Each time it connects anew."""
    store = RedisStore.from_url(server.url, timeout=LONG)

    async def story():
        await store.put("x:a", b"one", 100.0)
        found = await store.get("x:a")
        await store.aclose()
        return found.value

    assert [asyncio.run(story()) for _ in range(3)] == [b"one"] * 3


def test_after_its_end_nothing_is_begun(server):
    """Who still asks is told; what is only told is lost, and nobody listens."""

    async def story():
        store = RedisStore.from_url(server.url, timeout=LONG)
        await store.check()
        await store.aclose()
        store.settle([asked()])
        store.tighten(asked())
        store.listen("log:a", lambda: None)()
        with pytest.raises(StoreFailed, match="closed"):
            await store.get("x:a")
        await store.aclose()
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert not asyncio.run(story())


def test_a_socket_in_the_file_system_is_as_good(server):
    """And so is another database."""

    async def story():
        for url in (server.unix_url, f"{server.unix_url}?db=3"):
            store = RedisStore.from_url(url, timeout=LONG)
            assert await store.claim("own:a", b"mine", 100.0) is None
            await store.aclose()
        return server.do("EXISTS", "outlast:1:b:{own:a}")

    assert asyncio.run(story()) == 1


@pytest.mark.parametrize("url", ["http://x", "nonsense:secret", ""])
def test_an_address_that_is_none_is_refused_without_repeating_it(url):
    """It may hold a password."""
    with pytest.raises(ValueError, match="redis://") as refused:
        RedisStore.from_url(url)
    assert "secret" not in str(refused.value)


def test_a_prefix_must_not_decide_on_the_slot():
    """Or what belongs together would not lie together."""
    with pytest.raises(ValueError, match="braces"):
        RedisStore.from_url("redis://x", prefix="a{b}")
