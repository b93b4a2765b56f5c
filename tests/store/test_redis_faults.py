"""Group I of the faults: whatever becomes of Redis, requests go on, and what it can do again it does by itself."""

import asyncio
import threading

import pytest
import redis

from outlast.model.events import StoreAdvice, StoreDown
from outlast.ports import StoreFailed
from outlast.store.redis import RedisStore
from outlast.store.redis.line import MOST_TOLD

from .redis_server import RedisServer, Slow
from .sickroom import LONG, Ward, asked, gone, until

SILENT = 0.3
"""Patience with a server that is meant to be silent."""
AWAY = "redis: it cannot be reached, or has hung up"


def test_i1_it_is_not_there_at_the_start(tmp_path):
    """No request is the first to find out; when it comes, it is used."""
    server = RedisServer(tmp_path)

    async def story():
        async with Ward(server.url) as ward:
            ward.store.start()
            [down] = await ward.ear.wait(StoreDown)
            assert down.reason == AWAY
            assert await ward.fails() == f"the store is down: {AWAY}"
            server.start()
            await ward.comes_back()

    try:
        asyncio.run(story())
    finally:
        server.close()


def test_i2_it_is_killed(breakable):
    """Three requests hear of it at once, the others do not ask; it comes back empty, and is used again."""
    server = breakable()

    async def story():
        async with Ward(server.url) as ward:
            await ward.works()
            server.kill()
            assert await ward.goes_down() == AWAY
            server.start()
            await ward.comes_back()
            assert server.do("EXISTS", "ward:1:b:{x:y}") == 0

    asyncio.run(story())


def test_i2_what_it_keeps_on_its_disk_is_there_when_it_is_back(breakable):
    """What was claimed stays claimed."""
    server = breakable(keeps=True)

    async def story():
        async with Ward(server.url) as ward:
            assert await ward.store.claim("own:a", b"first", 1_000.0) is None
            server.restart()
            found = None
            while found is None:
                try:
                    found = await ward.inner.claim("own:a", b"second", 1_000.0)
                except StoreFailed:
                    continue
            assert found.value == b"first"

    asyncio.run(story())


def test_i2_it_stands_still(breakable):
    """Three requests pay their patience, the others nothing; what was asked then is nobody else's answer later."""
    server = breakable()

    async def story():
        async with Ward(server.url, patience=SILENT) as ward:
            for n in range(20):
                await ward.inner.put(f"n:{n}", b"%d" % n, 1_000.0)
            server.stop()
            told = [await ward.fails() for _ in range(4)]
            assert told[:3] == [f"the store did not answer within {SILENT} s"] * 3
            assert told[3] == f"the store is down: {told[0]}"
            server.go_on()
            await until(lambda: not ward.store.down)
            got = await asyncio.gather(*(ward.inner.get(f"n:{n}") for n in range(20)))
            assert [stored.value for stored in got] == [b"%d" % n for n in range(20)]

    asyncio.run(story())


def test_i4_it_is_slow(redis_server):
    """As one that stands still: it is of no use, and comes back when it is quick again."""

    async def story():
        async with Slow(redis_server) as way, Ward(way.url, patience=SILENT) as ward:
            await ward.inner.check()
            way.goes.clear()
            assert await ward.goes_down() == f"the store did not answer within {SILENT} s"
            way.goes.set()
            await until(lambda: not ward.store.down)

    asyncio.run(story())


def test_i6_scripts_may_not_be_called_by_their_names(breakable):
    """As some proxies have it: they are sent as text, and limits are exact."""
    server = breakable('rename-command EVALSHA ""', 'rename-command SCRIPT ""')

    async def story():
        async with Ward(server.url) as ward:
            decisions = [(await ward.store.take([asked()], 0.0))[0].granted for _ in range(15)]
            assert decisions == [True] * 10 + [False] * 5
            await ward.works()
        assert "cmdstat_evalsha" not in server.client().info("commandstats")

    asyncio.run(story())


def test_scripts_are_forgotten(breakable):
    """They are sent again, and nobody notices; also when many ask at once."""
    server = breakable()

    async def story():
        async with Ward(server.url) as ward:
            granted = []
            for _ in range(3):
                granted += [(await ward.store.take([asked()], 0.0))[0].granted for _ in range(2)]
                server.do("SCRIPT", "FLUSH")
                told = await asyncio.gather(*(ward.store.take([asked()], 0.0) for _ in range(3)))
                granted += [decision.granted for [decision] in told]
                server.do("SCRIPT", "FLUSH")
            assert sum(granted) == 10
            assert ward.ear.of(StoreDown) == []

    asyncio.run(story())


def test_i7_it_has_become_a_replica(breakable):
    """Nothing can be written there; when it is the primary again, it is used again."""
    server = breakable()

    async def story():
        async with Ward(server.url) as ward:
            await ward.works()
            server.do("REPLICAOF", "127.0.0.1", "1")
            why = await ward.goes_down()
            assert why == "redis: it is a replica that only reads: name the primary in the store's URL"
            server.do("REPLICAOF", "NO", "ONE")
            await ward.comes_back()

    asyncio.run(story())


def test_i7_the_address_leads_to_the_new_primary(breakable):
    """It is connected to anew and asked once more, so that not even the first request fails."""
    old, new = breakable(), breakable()

    async def story():
        async with Slow(old) as way, Ward(way.url) as ward:
            await ward.works()
            old.do("REPLICAOF", "127.0.0.1", str(new.port))
            way.server = new
            assert await ward.store.claim("own:a", b"mine", 100.0) is None
            assert new.do("EXISTS", "ward:1:b:{own:a}") == 1
            assert ward.ear.of(StoreDown) == []

    asyncio.run(story())


def test_i9_its_memory_is_full(breakable):
    """It says so, and what to do; when there is room it is used again."""
    server = breakable("maxmemory-policy noeviction")

    async def story():
        async with Ward(server.url) as ward:
            await ward.works()
            server.do("CONFIG", "SET", "maxmemory", "1")
            assert await ward.goes_down() == "redis: its memory is full: raise maxmemory"
            server.do("CONFIG", "SET", "maxmemory", "0")
            await ward.comes_back()

    asyncio.run(story())


@pytest.mark.parametrize(("policy", "told"), [("allkeys-lru", 1), ("volatile-ttl", 1), ("noeviction", 0)])
def test_i9_who_may_forget_is_told_to_change_that_at_the_start(breakable, policy, told):
    """Once, although it works."""
    server = breakable(f"maxmemory-policy {policy}")

    async def story():
        async with Ward(server.url) as ward:
            for _ in range(3):
                await ward.store.check()
            advice = ward.ear.of(StoreAdvice)
            assert len(advice) == told
            assert all(f"maxmemory-policy {policy}" in event.reason for event in advice)

    asyncio.run(story())


def test_i11_something_else_stands_under_our_keys(breakable):
    """It is moved out of the way and told; who asks gets an answer, and no limit is lost."""
    server = breakable()

    async def story():
        async with Ward(server.url) as ward:
            server.do("RPUSH", "ward:1:b:{x:a}", "not ours")
            server.do("HSET", "ward:1:l:{x:b}", "not", "ours")
            server.do("SET", "ward:1:s:{x:c}", "not ours")
            server.do("SADD", "ward:1:t:{key a}:rpm", "not ours")
            assert await ward.store.get("x:a") is None
            await ward.works()
            decisions = [(await ward.store.take([asked()], 0.0))[0].granted for _ in range(15)]
            assert decisions == [True] * 9 + [False] * 6
            assert server.do("LRANGE", "ward:1:b:{x:a}:aside", 0, -1) == [b"not ours"]
            for name in ("b:{x:a}", "l:{x:b}", "s:{x:c}", "t:{key a}:rpm"):
                assert 0 < server.do("PTTL", f"ward:1:{name}:aside") <= 86_400_000
            assert len(ward.ear.of(StoreAdvice)) == 4
            assert ward.ear.of(StoreDown) == []

    asyncio.run(story())


def test_i11_what_is_no_number_is_a_full_limit(breakable):
    """Somebody has written there."""
    server = breakable()

    async def story():
        async with Ward(server.url) as ward:
            server.do("SET", "ward:1:t:{key a}:rpm", "nonsense")
            [decision] = await ward.store.take([asked()], 0.0)
            assert (decision.granted, round(decision.left[0].remaining, 1)) == (True, 9.0)

    asyncio.run(story())


def test_i12_a_script_runs_on_and_on(breakable):
    """It says that it is busy; when that is over it is used again."""
    server = breakable("busy-reply-threshold 20")

    def occupy():
        with server.client() as client, pytest.raises(redis.ResponseError):
            client.eval("while true do end", 0)

    async def story():
        async with Ward(server.url) as ward:
            await ward.works()
            busy = threading.Thread(target=occupy)
            busy.start()
            await until(lambda: _busy(server))
            assert await ward.goes_down() == "redis: a script there runs on and on: see SCRIPT KILL"
            server.do("SCRIPT", "KILL")
            busy.join(LONG)
            await ward.comes_back()

    asyncio.run(story())


def _busy(server):
    try:
        server.do("PING")
    except redis.ResponseError as error:
        return "BUSY" in str(error)
    return False


@pytest.mark.parametrize("password", ["wrong-password-of-ours", None], ids=["another", "none"])
def test_i14_it_wants_another_password(breakable, password):
    """It says what to set, and not which; when the server takes ours it is used."""
    server = breakable(password="the-right-one")
    own = f"redis://:{password}@" if password else "redis://"

    async def story():
        async with Ward(f"{own}127.0.0.1:{server.port}/0") as ward:
            why = await ward.goes_down()
            assert why == "redis: it wants another user or password: set them in the store's URL"
            server.do("CONFIG", "SET", "requirepass", password or "")
            server.password = password
            await ward.comes_back()
            assert "wrong-password" not in str(ward.ear.events)

    asyncio.run(story())


def test_i14_its_user_may_do_too_little(breakable):
    """It says so."""
    server = breakable()
    server.do("ACL", "SETUSER", "weak", "on", ">pw", "~*", "&*", "+get", "+ping")

    async def story():
        async with Ward(f"redis://weak:pw@127.0.0.1:{server.port}/0") as ward:
            assert (
                await ward.goes_down() == "redis: its user may not do this: see docs/stores for what it must be allowed"
            )

    asyncio.run(story())


def test_i14_what_one_scope_may_and_another_may_not_is_given_back(breakable):
    """The request has failed, and has cost nothing."""
    server = breakable()
    server.do("ACL", "SETUSER", "half", "on", ">pw", "~ward:1:t:{key-a}*", "&*", "+@all")

    async def story():
        async with Ward(f"redis://half:pw@127.0.0.1:{server.port}/0") as ward:
            with pytest.raises(StoreFailed, match="may not do this"):
                await ward.store.take([asked(5.0, scope="key-a"), asked(5.0, scope="key-b")], 0.0)
            await until(lambda: not server.do("EXISTS", "ward:1:t:{key-a}:rpm"))

    asyncio.run(story())


def test_i16_what_another_version_keeps_is_left_alone(breakable):
    """Its keys have another number."""
    server = breakable()

    async def story():
        async with Ward(server.url) as ward:
            server.do("SET", "ward:0:b:{x:a}", "of old")
            server.do("SET", "ward:2:b:{x:a}", "to come")
            assert await ward.store.get("x:a") is None
            await ward.store.put("x:a", b"ours", 100.0)
            assert await ward.store.purge("x:") == 1
            assert server.do("GET", "ward:0:b:{x:a}") == b"of old"
            assert server.do("GET", "ward:2:b:{x:a}") == b"to come"

    asyncio.run(story())


# -- callers who leave, and what is on its way -------------------------------------------------------------------------


def test_who_leaves_takes_nobody_s_answer_with_him(redis_server):
    """Whenever he does: all others get their own."""

    async def story():
        async with Ward(redis_server.url) as ward:
            for n in range(50):
                await ward.inner.put(f"n:{n}", b"%d" % n, 1_000.0)
            for turn in range(30):
                tasks = [asyncio.ensure_future(ward.inner.get(f"n:{n}")) for n in range(50)]
                for _ in range(turn % 7):
                    await asyncio.sleep(0)
                for task in tasks[turn % 3 :: 3]:
                    task.cancel()
                got = await asyncio.gather(*tasks, return_exceptions=True)
                for n, stored in enumerate(got):
                    assert isinstance(stored, asyncio.CancelledError) or stored.value == b"%d" % n
            await ward.inner.purge("n:")

    asyncio.run(story())


def test_a_place_that_was_taken_for_nobody_is_given_back(breakable):
    """He has left while the answer was on its way."""
    server = breakable()

    async def story():
        async with Slow(server) as way, Ward(way.url) as ward:
            await ward.inner.check()
            for ask in (lambda: ward.inner.take([asked(5.0)], 0.0), lambda: ward.inner.lease(asked(5.0))):
                way.goes.clear()
                caller = asyncio.ensure_future(ask())
                await until(lambda: server.do("EXISTS", "ward:1:t:{key a}:rpm"))
                await gone(caller)
                way.goes.set()
                await until(lambda: not server.do("EXISTS", "ward:1:t:{key a}:rpm"))

    asyncio.run(story())


def test_settlements_go_by_themselves_when_nothing_else_goes(redis_server):
    """And at the end, whatever waits."""

    async def story():
        async with Ward(redis_server.url) as ward:
            redis_server.do("DEL", "ward:1:t:{key a}:rpm", "ward:1:t:{key b}:rpm")
            ward.store.settle([asked(3.0)])
            await until(lambda: redis_server.do("EXISTS", "ward:1:t:{key a}:rpm"))
            ward.store.settle([asked(3.0, scope="key b")])
        assert redis_server.do("EXISTS", "ward:1:t:{key b}:rpm") == 1

    asyncio.run(story())


def test_settlements_that_cannot_go_are_bounded():
    """The oldest are lost first, as they would be with the store."""

    async def story():
        store = RedisStore.from_url("redis://127.0.0.1:1/0")
        for n in range(MOST_TOLD + 500):
            store.settle([asked(1.0, scope=f"key {n}")])
        told = store._here.line._told
        assert len(told) == MOST_TOLD
        assert "key 500}" in told[0].keys[0]
        await store.aclose()

    asyncio.run(story())


def test_who_listens_hears_again_after_the_connection_was_lost(breakable):
    """He is woken for nothing, since something may have happened meanwhile."""
    server = breakable()

    async def story():
        async with Ward(server.url) as ward:
            woken = asyncio.Event()
            end = ward.store.listen("log:a", woken.set)
            async with asyncio.timeout(LONG):
                await woken.wait()
                for _ in range(2):
                    woken.clear()
                    server.do("CLIENT", "KILL", "TYPE", "pubsub")
                    await woken.wait()
                woken.clear()
                await ward.store.append("log:a", [b"one"], 100.0)
                await woken.wait()
            end()
            await until(lambda: server.do("PUBSUB", "CHANNELS") == [])

    asyncio.run(story())


def test_a_connection_on_which_nothing_comes_is_asked_whether_it_is_there(breakable, monkeypatch):
    """It is, and is kept; when it does not answer, another one is taken, and who listens is woken."""
    monkeypatch.setattr("outlast.store.redis.news.QUIET", SILENT)
    server = breakable()

    async def story():
        async with Ward(server.url) as ward:
            woken = asyncio.Event()
            end = ward.store.listen("log:a", woken.set)
            async with asyncio.timeout(LONG):
                await woken.wait()
                woken.clear()
                first = ward.inner._here.news._connection
                server.stop()
                await until(lambda: ward.inner._here.news._connection is not first)
                server.go_on()
                await woken.wait()
                await until(lambda: server.client().info("commandstats").get("cmdstat_ping", {"calls": 0})["calls"] > 2)
            end()

    asyncio.run(story())


def test_all_who_listen_share_one_connection(breakable):
    """However many keys."""
    server = breakable()

    async def story():
        async with Ward(server.url) as ward:
            ends = [ward.store.listen(f"log:{n}", lambda: None) for n in range(30)]
            await until(lambda: len(server.do("PUBSUB", "CHANNELS")) == 30)
            assert len(server.client().client_list("pubsub")) == 1
            for end in ends:
                end()

    asyncio.run(story())


def test_what_a_listener_raises_stops_nobody_else(breakable):
    """It is told to the loop; the news go on."""
    server = breakable()

    async def story():
        raised = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["exception"]))

        def wrong():
            raise ZeroDivisionError

        async with Ward(server.url) as ward:
            woken = asyncio.Event()
            ends = [ward.store.listen("log:a", wrong), ward.store.listen("log:b", woken.set)]
            async with asyncio.timeout(LONG):
                await woken.wait()
                woken.clear()
                await ward.store.append("log:a", [b"one"], 100.0)
                await ward.store.append("log:b", [b"one"], 100.0)
                await woken.wait()
            for end in ends:
                end()
        assert {type(error) for error in raised} == {ZeroDivisionError}

    asyncio.run(story())


def test_to_close_a_store_that_hangs_is_not_waited_for_long(breakable, monkeypatch):
    """Who still waits is told that it failed; what was only told is lost."""
    monkeypatch.setattr("outlast.store.redis.line.CLOSING", SILENT)
    server = breakable()

    async def story():
        store = RedisStore.from_url(server.url, timeout=LONG)
        await store.check()
        server.stop()
        asking = [asyncio.ensure_future(store.get(f"x:{n}")) for n in range(1_000)]
        for n in range(500):
            store.settle([asked(scope=f"key {n}")])
        await asyncio.sleep(0)
        async with asyncio.timeout(LONG):
            await store.aclose()
            told = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(error, StoreFailed) for error in told)
        server.go_on()

    asyncio.run(story())
