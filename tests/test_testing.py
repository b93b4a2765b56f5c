"""The test kit itself: virtual time, the scripted world, and the drivers that cancel and fail everywhere."""

import asyncio
import json
from math import inf

import pytest

from outlast.model.errors import BadResponse, Connect, Failure, TimedOut
from outlast.model.events import BackIn, TakenOut
from outlast.model.target import Provider, Target
from outlast.ports import Outgoing
from outlast.testing import (
    FAULTS,
    CallbackFault,
    Deadlock,
    Leaked,
    RecordingSink,
    ScriptedIo,
    cancel_everywhere,
    cut,
    endless,
    fail_everywhere,
    ok,
    pings,
    reset,
    run,
    silent,
    slow_headers,
    stall,
    unreachable,
)


def target_named(name="alpha/m", dialect="openai"):
    provider, _, model = name.partition("/")
    return Target(name=name, provider=Provider(provider, dialect, "http://127.0.0.1:9"), model=model)


def asking(*, stream=False, dialect="openai", **fields):
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream, **fields}
    path = b"/v1/messages" if dialect == "anthropic" else b"/chat/completions"
    return Outgoing(path, json.dumps(body).encode())


async def read_all(exchange, due=inf):
    pieces = []
    try:
        while piece := await exchange.read(due):
            pieces.append(piece)
    finally:
        exchange.release()
    return pieces


def test_an_hour_passes_in_an_instant():
    """Sleeping for an hour ends within the time limit of a test, and moves the clock by exactly an hour."""

    async def story():
        loop = asyncio.get_running_loop()
        await asyncio.sleep(3600)
        return loop.time()

    assert run(story()) == 3600.0


def test_timeouts_of_asyncio_obey_virtual_time():
    """`asyncio.timeout` fires at its moment of virtual time."""

    async def story():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(50):
                await asyncio.sleep(100)
        return asyncio.get_running_loop().time()

    assert run(story()) == 50.0


def test_waiting_for_nothing_is_a_deadlock():
    """When no callback and no timer is left, the run ends with an error that names who waits."""

    async def story():
        await asyncio.create_task(asyncio.Event().wait(), name="the-waiting-one")

    with pytest.raises(Deadlock, match="the-waiting-one"):
        run(story())


def test_an_error_in_a_callback_fails_the_run():
    """What is raised where nobody awaits it is not lost."""

    async def story():
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)

    with pytest.raises(CallbackFault) as caught:
        run(story())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def order_of_tasks(seed):
    async def story():
        order = []

        async def step(name):
            for _ in range(3):
                order.append(name)
                await asyncio.sleep(0)

        await asyncio.gather(*(step(name) for name in range(6)))
        return order

    return run(story(), seed=seed)


def test_the_same_seed_gives_the_same_order_of_tasks():
    """Two runs with one seed are alike, another seed shuffles otherwise, and seed 0 does not shuffle."""
    assert order_of_tasks(3) == order_of_tasks(3)
    assert order_of_tasks(0) == [0, 1, 2, 3, 4, 5] * 3
    assert len({tuple(order_of_tasks(seed)) for seed in range(1, 6)}) > 1


def test_a_whole_answer_arrives_when_its_script_says():
    """An unscripted model answers at once, a slow one after the time of its tokens."""

    async def story():
        io = ScriptedIo()
        io.script("alpha/m", ok("one two three", first=2.0, between=0.5))
        exchange = await io.send(target_named(), asking(), 1, 60)
        reply = json.loads(await exchange.whole(60))
        exchange.release()
        return exchange.status, reply["choices"][0]["message"]["content"], io.now(), io.open

    assert run(story()) == (200, "one two three", 3.0, 0)


def test_a_stream_arrives_token_by_token():
    """Each piece is read at its own virtual moment."""

    async def story():
        io = ScriptedIo()
        io.script("alpha/m", ok("one two three", first=1.0, between=0.25))
        exchange = await io.send(target_named(), asking(stream=True), 1, 60)
        moments = []
        while piece := await exchange.read(60):
            if b'"content":"' in piece and b'"role"' not in piece:
                moments.append(io.now())
        exchange.release()
        return moments

    assert run(story()) == [1.0, 1.25, 1.5]


def test_the_last_behaviour_repeats():
    """A script of 503, ok answers 503 once, and well for ever after."""

    async def story():
        io = ScriptedIo()
        io.script("alpha/m", 503, ok())
        statuses = []
        for _ in range(4):
            exchange = await io.send(target_named(), asking(), inf, inf)
            await exchange.whole(inf)
            exchange.release()
            statuses.append(exchange.status)
        return statuses, [sent.over for sent in io.sent]

    assert run(story()) == ([503, 200, 200, 200], ["released"] * 4)


@pytest.mark.parametrize(
    ("behaviour", "error", "words"),
    [
        (reset(), Connect, "before an answer"),
        (unreachable("refused"), Connect, "refused"),
        (unreachable("dns"), Connect, "name"),
        (FAULTS["C6-half-status-line-fin"], BadResponse, "head"),
        (FAULTS["A6-random-bytes"], BadResponse, "not HTTP"),
    ],
)
def test_a_connection_that_fails_early_raises_at_send(behaviour, error, words):
    """What goes wrong before the head is in is raised by send, and leaves nothing open."""

    async def story():
        io = ScriptedIo()
        io.script("alpha/m", behaviour)
        with pytest.raises(error, match=words):
            await io.send(target_named(), asking(), 3, 10)
        return io.open, io.sent[0].over

    assert run(story()) == (0, "failed")


def test_a_tls_failure_is_never_tried_again():
    """A certificate will not be better the next time."""

    async def story():
        io = ScriptedIo()
        io.script("alpha/m", unreachable("tls"))
        with pytest.raises(Connect) as caught:
            await io.send(target_named(), asking(), 3, 10)
        return caught.value.again

    assert run(story()) == "never"


@pytest.mark.parametrize(
    ("behaviour", "phase", "moment"),
    [(silent(), "head", 10.0), (unreachable("blackhole"), "connect", 3.0), (slow_headers(30), "head", 10.0)],
)
def test_nothing_in_time_raises_timed_out_at_the_due_moment(behaviour, phase, moment):
    """The limit of connecting holds for what never connects, the other for what never answers."""

    async def story():
        io = ScriptedIo()
        io.script("alpha/m", behaviour)
        with pytest.raises(TimedOut) as caught:
            await io.send(target_named(), asking(), 3, 10)
        return caught.value.phase, io.now(), io.open

    assert run(story()) == (phase, moment, 0)


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_cut_is_told_after_what_came_before_it(how):
    """All pieces before a cut can be read; then it is a bad response."""

    async def story():
        io = ScriptedIo()
        io.script("alpha/m", cut(after=4, how=how))
        exchange = await io.send(target_named(), asking(stream=True), inf, inf)
        pieces = [await exchange.read(inf) for _ in range(5)]
        with pytest.raises(BadResponse, match="cut"):
            await exchange.read(inf)
        return len(pieces), io.open

    assert run(story()) == (5, 0)  # a role, four words


def test_a_stall_runs_into_the_readers_limit():
    """Silence after two pieces is a timeout when the reader's moment comes, not before."""

    async def story():
        io = ScriptedIo()
        io.script("alpha/m", stall(after=2))
        exchange = await io.send(target_named(), asking(stream=True), inf, inf)
        for _ in range(3):
            await exchange.read(5)
        with pytest.raises(TimedOut):
            await exchange.read(5)
        return io.now()

    assert run(story()) == 5.0


def test_a_slow_reader_does_not_look_like_a_slow_provider():
    """What came while nobody read is there at once, also after its reader's limit."""

    async def story():
        io = ScriptedIo()
        io.script("alpha/m", ok("one two three", between=1.0))
        exchange = await io.send(target_named(), asking(stream=True), inf, inf)
        await io.sleep(100)
        pieces = await read_all(exchange, due=50)
        return len(pieces), io.now()

    assert run(story()) == (6, 100.0)


def test_an_endless_stream_is_held_back_while_nobody_reads():
    """The provider's steps stop at a bounded amount of unread bytes, and go on when it is read."""

    async def story():
        io = ScriptedIo()
        io.script("alpha/m", endless(between=0.01))
        exchange = await io.send(target_named(), asking(stream=True), inf, inf)
        await io.sleep(3600)
        waiting = exchange.unread
        total = 0
        while total < 4 * waiting:
            total += len(await exchange.read(inf))
        exchange.abort()
        return waiting

    assert 65_536 <= run(story()) < 66_536


def test_an_abort_is_recorded_with_its_moment():
    """A test can see that and when an answer was given up."""

    async def story():
        io = ScriptedIo()
        io.script("alpha/m", pings(after=1, every=1.0))
        exchange = await io.send(target_named(), asking(stream=True), inf, inf)
        await io.sleep(7)
        assert io.open == 1
        exchange.abort()
        exchange.abort()
        return io.sent[0].over, io.sent[0].over_at, io.open

    assert run(story()) == ("aborted", 7.0, 0)


def test_cancelling_a_send_leaves_nothing_open():
    """A caller who leaves while the head is awaited costs no connection."""

    async def story():
        io = ScriptedIo()
        io.script("alpha/m", silent())
        task = asyncio.create_task(io.send(target_named(), asking(), inf, inf))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled(), io.open, io.sent[0].over

    assert run(story()) == (True, 0, "aborted")


class Alarm:
    def __init__(self, io):
        self.io = io
        self.due = inf
        self.rang = []

    def expire(self):
        self.rang.append(self.io.now())


def test_watch_honours_the_last_deadline_of_each_timed():
    """A deadline can be moved later, earlier, by hand, and away; it rings once, at its moment."""

    async def story():
        io = ScriptedIo()
        later, earlier, by_hand, away, dropped = alarms = [Alarm(io) for _ in range(5)]
        for alarm in alarms:
            io.watch(alarm, 10)
        io.watch(later, 20)
        io.watch(earlier, 5)
        by_hand.due = 15
        io.watch(away, inf)
        dropped.due = inf
        await io.sleep(100)
        return [alarm.rang for alarm in alarms], later.due

    assert run(story()) == ([[20.0], [5.0], [15.0], [], []], inf)


def test_a_waiter_says_whether_it_was_woken():
    """Woken before or while waiting is True, a deadline that comes first is False."""

    async def story():
        io = ScriptedIo()
        early, timely, never = io.waiter(), io.waiter(), io.waiter()
        early.wake()
        asyncio.get_running_loop().call_later(2, timely.wake)
        return [await early.wait(1), await timely.wait(5), await never.wait(6)], io.now()

    assert run(story()) == ([True, True, False], 6.0)


def trace(seed):
    async def story():
        io = ScriptedIo(seed)
        io.script("alpha/m", ok(between=0.1), 503, cut(after=3))

        async def call(number):
            await io.sleep(io.random())
            try:
                exchange = await io.send(target_named(), asking(stream=True), inf, inf)
                return number, io.now(), exchange.status, len(await read_all(exchange))
            except Failure as error:
                return number, io.now(), error.kind

        return await asyncio.gather(*(call(number) for number in range(8)))

    return run(story(), seed=seed)


def test_the_same_seed_gives_the_same_run():
    """Times, statuses and failures repeat exactly; another seed gives other times."""
    assert trace(5) == trace(5)
    assert trace(5) != trace(6)


def test_the_recording_sink_keeps_events_by_kind():
    """Events come back in order, all of them or those of one kind."""
    sink = RecordingSink()
    events = [TakenOut("target", "alpha/m", "throttled", 1.0), BackIn("target", "alpha/m")]
    for event in events:
        sink(event)
    assert sink.kinds() == ["TakenOut", "BackIn"]
    assert sink.of(BackIn) == [events[1]]


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_ends_as_an_answer_or_a_failure(name, stream, dialect):
    """Whatever a provider does, a reader with limits gets bytes or a `Failure`, in bounded virtual time."""

    async def story():
        io = ScriptedIo()
        io.script("alpha/m", FAULTS[name])
        outgoing = asking(stream=stream, dialect=dialect)
        size, kind = 0, "ok"
        try:
            exchange = await io.send(target_named(dialect=dialect), outgoing, io.now() + 3, io.now() + 60)
            while size < 1_000_000 and io.now() < 60 and (piece := await exchange.read(io.now() + 20)):
                size += len(piece)
            exchange.release()
        except Failure as error:
            kind = error.kind
        return kind, io.now(), io.open

    kind, moment, left = run(story())
    assert kind in {"ok", "connect", "timeout", "bad_response"}
    assert moment <= 80
    assert left == 0


def story_that(finishes):
    """A call that reads a stream of three words and holds a permit meanwhile."""

    def story(io):
        io.script("alpha/m", ok("one two three", first=1.0, between=1.0))
        permits = [0]

        async def scenario():
            permits[0] += 1
            try:
                exchange = await io.send(target_named(), asking(stream=True), inf, inf)
                try:
                    while await exchange.read(inf):
                        pass
                    exchange.release()
                except BaseException:
                    if finishes:
                        exchange.abort()
                    raise
            finally:
                permits[0] -= 1

        def check():
            assert permits == [0]

        return scenario(), check

    return story


def test_a_clean_scenario_survives_cancellation_everywhere():
    """Each suspension of the scenario is tried, and nothing is left behind."""
    assert cancel_everywhere(story_that(finishes=True)) >= 4


def test_a_scenario_that_forgets_to_clean_up_is_found():
    """An exchange that is left open at one of many cancellations is reported with the place."""
    with pytest.raises(Leaked, match="cancelled at suspension 2"):
        cancel_everywhere(story_that(finishes=False))


def test_a_result_that_is_lost_on_the_way_is_found():
    """A permit that was granted in the same turn as the cancellation is lost by naive code, and that is seen."""

    def story(io):
        held = []

        async def scenario():
            ready = asyncio.get_running_loop().create_future()

            def grant():
                held.append("permit")
                ready.set_result(None)

            asyncio.get_running_loop().call_later(1, grant)
            await ready  # cancelled here, after the grant: nobody gives the permit back
            held.remove("permit")

        def check():
            assert held == []

        return scenario(), check

    with pytest.raises(AssertionError) as caught:
        cancel_everywhere(story)
    assert caught.value.__notes__ == ["cancelled at suspension 1 (late)"]


def test_every_network_call_can_be_made_to_fail():
    """Send and each read fail in turn, and the scenario cleans up each time."""
    calls = fail_everywhere(story_that(finishes=True), lambda: BadResponse("made to fail"))
    assert calls >= 5


def test_the_anthropic_dialect_is_answered_in_its_words():
    """The scripted world speaks the dialect of the target."""

    async def story():
        io = ScriptedIo()
        exchange = await io.send(
            target_named("beta/m", "anthropic"), asking(stream=True, dialect="anthropic"), inf, inf
        )
        return b"".join(await read_all(exchange))

    body = run(story())
    assert body.startswith(b"event: message_start\n")
    assert body.endswith(b'data: {"type":"message_stop"}\n\n')
