"""A queue in the hand, on an event loop, in virtual time: order, rate, deadlines, and that nothing is lost."""

import asyncio
import contextvars
from functools import partial

import pytest

from outlast import AsyncQueue
from outlast.edge.deadline import time_left, within
from outlast.model.errors import Rejected, TimedOut
from outlast.model.events import Fault, Shed
from outlast.testing import ScriptedIo, run


class Bench:
    """A queue in virtual time, and work for it that notes when it began."""

    def __init__(self, **options):
        self.io = ScriptedIo()
        self.queue = AsyncQueue(io=self.io, **options)
        self.began = []
        self.told = []

    async def work(self, name, seconds=1.0):
        self.began.append((name, self.io.now()))
        await asyncio.sleep(seconds)
        return name

    def names(self):
        return [name for name, _ in self.began]

    def submit(self, name, priority="normal", seconds=1.0, **options):
        return self.queue.submit(priority, self.work, name, seconds, **options)


def in_queue(story, **options):
    """Runs a story with a bench whose queue is started, drained and stopped around it; the bench."""

    async def main():
        bench = Bench(**options)
        async with bench.queue:
            await story(bench)
        assert_nothing_is_lost(bench.queue)
        return bench

    return run(main())


def assert_nothing_is_lost(queue):
    """All that was handed in has ended in one way."""
    state = queue.state
    assert sum(state.waiting.values()) == state.running == 0
    assert state.submitted == state.done + state.failed + state.cancelled + state.rejected + state.given_back


# -- results -----------------------------------------------------------------------------------------------------


def test_a_ticket_gives_what_the_work_gave():
    """Awaited as often as one likes."""

    async def story(bench):
        ticket = bench.submit("one")
        assert (ticket.state, ticket.over, ticket.priority) == ("running", False, "normal")
        assert await ticket == await ticket == "one"
        assert (ticket.state, ticket.result(), ticket.error()) == ("done", "one", None)

    assert in_queue(story).queue.state.done == 1


def test_a_ticket_raises_what_the_work_raised():
    """The very exception; and the queue goes on."""
    broken = LookupError("not there")

    async def fails():
        raise broken

    async def story(bench):
        ticket = bench.queue.submit("normal", fails)
        with pytest.raises(LookupError) as caught:
            await ticket
        assert caught.value is broken is ticket.error()
        assert await bench.submit("next") == "next"

    assert in_queue(story).queue.state.failed == 1


def test_plain_functions_run_in_threads_and_what_they_give_is_awaited():
    """So that a lambda around a coroutine does what it says; partials and callable objects are seen through."""

    class Called:
        async def __call__(self, name):
            return name

    async def main():  # real time: threads know no other
        async with AsyncQueue() as queue:
            work = Bench().work
            lambda_ = queue.submit("normal", lambda: asyncio.sleep(0, "slept"))
            assert await queue.submit("normal", len, "four") == 4
            assert await queue.submit("normal", partial(asyncio.sleep, 0), "part") == "part"
            assert await queue.submit("normal", Called(), "object") == "object"
            assert await lambda_ == "slept"
            with pytest.raises(RuntimeError):
                await queue.submit("normal", next, iter([]))  # StopIteration cannot travel through coroutines
            assert work

    asyncio.run(main())


def test_context_variables_go_along_and_stay_inside():
    """The work sees what its owner saw when handing it in, and changes nothing for others."""
    user = contextvars.ContextVar("user", default="nobody")

    async def whose():
        seen = user.get()
        user.set("changed")
        return seen

    async def story(bench):
        user.set("ann")
        first = bench.queue.submit("normal", whose)
        user.set("bob")
        second = bench.queue.submit("normal", whose)
        assert (await first, await second, user.get()) == ("ann", "bob", "bob")

    in_queue(story, concurrency=1)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("urgent", len), "priority must be one of critical, high"),
        (("normal", "len"), "a str cannot be called"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(asked, says):
    """With the mend in the error; nothing is counted."""

    async def story(bench):
        with pytest.raises((ValueError, TypeError), match=says):
            bench.queue.submit(*asked)
        with pytest.raises(TypeError, match="not a coroutine"):
            bench.queue.submit("normal", bench.work("x"))
        with pytest.raises(TypeError, match="function of the ticket"):
            bench.queue.submit("normal", bench.work, "x", callback="no")

    assert in_queue(story).queue.state.submitted == 0


def test_waiting_for_a_result_on_the_queues_own_loop_is_refused():
    """It would stand still for ever; what is over is given."""

    async def story(bench):
        ticket = bench.submit("one")
        with pytest.raises(RuntimeError, match="await it"):
            ticket.result()
        with pytest.raises(TimeoutError):
            ticket.result(0)
        await ticket
        assert ticket.result() == "one"

    in_queue(story)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"concurrency": 0}, r"AsyncQueue\(concurrency=…\): Expected `int` >= 1"),
        ({"rpm": 0}, r"AsyncQueue\(rpm=…\)"),
        ({"rpm": -1.0}, r"AsyncQueue\(rpm=…\)"),
        ({"rpm": float("nan")}, r"AsyncQueue\(rpm=…\)"),
        ({"burst": 0}, r"AsyncQueue\(burst=…\)"),
        ({"size": 0}, r"AsyncQueue\(size=…\)"),
        ({"expires": 0}, r"AsyncQueue\(expires=…\)"),
        ({"age": "soon"}, r"AsyncQueue\(age=…\)"),
    ],
)
def test_numbers_out_of_bounds_are_refused(options, says):
    """When the queue is made, and with what they may be."""
    with pytest.raises(ValueError, match=says):
        AsyncQueue(**options)


# -- order -------------------------------------------------------------------------------------------------------


def test_the_best_class_goes_first_and_ties_are_first_come_first_served():
    """Whatever the order of handing in."""

    async def story(bench):
        bench.submit("busy")
        for name, priority in [
            ("b1", "batch"),
            ("n1", "normal"),
            ("n2", "normal"),
            ("c1", "critical"),
            ("n3", "normal"),
        ]:
            bench.submit(name, priority)

    assert in_queue(story, concurrency=1, age=100).names() == ["busy", "c1", "n1", "n2", "n3", "b1"]


def test_an_old_queue_is_still_worked_off_in_order():
    """What was accepted is owed: nobody is passed over because the queue is slow."""

    async def story(bench):
        for number in range(30):
            bench.submit(number, seconds=10)

    assert in_queue(story, concurrency=1).names() == list(range(30))


def test_callers_take_turns():
    """Who hands in a thousand does not keep out who hands in one."""

    async def story(bench):
        for number in range(20):
            bench.submit(f"much {number}", caller="ann")
        bench.submit("one", caller="bob")

    assert in_queue(story, concurrency=1).names().index("one") <= 2


def test_a_flood_of_better_work_starves_nobody():
    """While high work comes faster than it can be done, low work is served within a few of its steps of age."""

    async def story(bench):
        low = bench.submit("low", "low", seconds=1)
        for number in range(100):
            bench.submit(f"high {number}", "high", seconds=1)
            await asyncio.sleep(0.9)
            if low.over:
                break
        assert low.state in {"running", "done"}
        assert low.waited <= 12

    in_queue(story, concurrency=1, age=2.0)


# -- rate --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.0, 7.0])
def test_the_rate_holds_over_all_workers(seconds):
    """Five workers and 60 a minute are 60 a minute and the burst, not 300; slow work does not slow the rate down."""

    async def story(bench):
        for number in range(150):
            bench.submit(number, seconds=seconds)

    bench = in_queue(story, concurrency=20, rpm=60, burst=5)
    times = [at for _, at in bench.began]
    assert all(later - earlier >= 10 for earlier, later in zip(times, times[14 + 1 :], strict=False))
    assert times[:5] == [0.0] * 5
    assert times[-1] == pytest.approx(145.0)


def test_whoever_is_best_when_the_rate_allows_one_goes():
    """Nobody holds a slot while the rate is waited for, so a late critical piece of work is next."""

    async def story(bench):
        for number in range(5):
            bench.submit(number, seconds=0)
        await asyncio.sleep(0.5)
        assert bench.queue.state.running == 0
        bench.submit("urgent", "critical", seconds=0)

    assert in_queue(story, concurrency=5, rpm=60, burst=1).names() == [0, "urgent", 1, 2, 3, 4]


def test_the_burst_is_ten_seconds_worth():
    """Unless it is said; and never less than one."""

    async def story(bench):
        for number in range(20):
            bench.submit(number, seconds=0)

    assert [at for _, at in in_queue(story, rpm=60).began].count(0.0) == 10
    assert [at for _, at in in_queue(story, rpm=3).began][:3] == pytest.approx([0.0, 20.0, 40.0])


# -- full, late, taken back --------------------------------------------------------------------------------------


def test_a_full_queue_says_when_to_come_back():
    """An honest time: a place is free by then. Nobody who was accepted is sent away for somebody better."""

    async def story(bench):
        bench.submit("runs", seconds=4)
        accepted = [bench.submit(number, "batch", seconds=0) for number in range(3)]
        with pytest.raises(Rejected, match="queue: the queue is full") as refused:
            bench.submit("too much", "critical")
        assert (refused.value.gate, refused.value.code, refused.value.status) == ("queue", "overloaded", 503)
        assert all(ticket.state == "waiting" for ticket in accepted)
        assert bench.io.sink.of(Shed)[0].queue == "queue"

    state = in_queue(story, concurrency=1, size=3).queue.state
    assert (state.done, state.rejected) == (4, 1)


def test_the_time_to_come_back_is_true():
    """Known pace or known rate: at that time there is a place, and not long before."""

    async def story(bench):
        bench.submit("runs", seconds=0)
        for number in range(3):
            bench.submit(number, seconds=0)
        with pytest.raises(Rejected) as refused:
            bench.submit("too much")
        assert refused.value.retry_after == pytest.approx(6.0)
        await asyncio.sleep(refused.value.retry_after)
        bench.submit("in time", seconds=0)

    in_queue(story, concurrency=2, size=3, rpm=10, burst=1)


def test_what_cannot_begin_in_time_is_refused_at_once():
    """When the queue's pace is known, nobody waits in vain."""

    async def story(bench):
        for number in range(20):
            bench.submit(number, seconds=1)
        await asyncio.sleep(8)
        with pytest.raises(Rejected, match="could not be served in time") as refused:
            bench.submit("hurry", timeout=3)
        assert refused.value.retry_after == pytest.approx(13.0)

    in_queue(story, concurrency=1)


@pytest.mark.parametrize("by", ["timeout", "expires"])
def test_what_has_not_begun_in_time_is_told_so(by):
    """With its own time or the queue's; it never runs, and the next one does."""

    async def story(bench):
        bench.submit("long", seconds=10)
        ticket = bench.submit("late", timeout=3 if by == "timeout" else None, callback=bench.told.append)
        with pytest.raises(Rejected, match="did not begin in time"):
            await ticket
        assert (bench.io.now(), ticket.state, ticket.waited) == (3.0, "rejected", 3.0)
        assert bench.told == [ticket]
        bench.submit("next")

    bench = in_queue(story, concurrency=1, expires=3 if by == "expires" else None, age=0.1)
    assert "late" not in bench.names()


def test_work_that_takes_too_long_is_cancelled_and_fails():
    """Its timeout counts from the handing in; it can see how much is left, and its cleaning up is waited for."""
    seen = []

    async def slow():
        seen.append(time_left())
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("cleaned up")

    async def story(bench):
        bench.submit("before", seconds=2)
        ticket = bench.queue.submit("normal", slow, timeout=5)
        with pytest.raises(TimedOut):
            await ticket
        assert (bench.io.now(), ticket.state, seen) == (5.0, "failed", [3.0, "cleaned up"])

    in_queue(story, concurrency=1)


def test_a_result_that_came_although_time_was_over_is_given():
    """Who catches the cancellation and answers has answered."""

    async def stubborn():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "after all"

    async def story(bench):
        assert await bench.queue.submit("normal", stubborn, timeout=5) == "after all"

    in_queue(story)


def test_the_owners_own_deadline_does_not_go_along():
    """Who hands in work in a hurry and leaves has not said that the work is in a hurry."""

    async def left():
        return time_left()

    async def story(bench):
        with within(bench.io.now() + 1.0, bench.io.now):
            assert await bench.queue.submit("normal", left) is None
            assert await bench.queue.submit("normal", left, timeout=9) == 9.0

    in_queue(story)


def test_a_ticket_is_taken_back_before_it_begins():
    """It never runs; taking it back again does nothing."""

    async def story(bench):
        bench.submit("runs")
        ticket = bench.submit("never", callback=bench.told.append)
        assert ticket.cancel()
        assert not ticket.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ticket
        await asyncio.sleep(0)
        assert (bench.told, ticket.state) == ([ticket], "cancelled")

    assert in_queue(story, concurrency=1).names() == ["runs"]


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_a_ticket_is_taken_back_while_it_runs(steps):
    """Even before its task has made a step; the slot goes to the next."""

    async def story(bench):
        ticket = bench.submit("runs", seconds=60, callback=bench.told.append)
        for _ in range(steps):
            await asyncio.sleep(0)
        assert ticket.cancel()
        assert not ticket.cancel()
        assert await bench.submit("next") == "next"
        assert (ticket.state, bench.told, bench.io.now()) == ("cancelled", [ticket], 1.0)

    in_queue(story, concurrency=1)


def test_leaving_a_wait_does_not_take_the_work_back():
    """Others may wait for the same ticket."""

    async def story(bench):
        ticket = bench.submit("runs", seconds=5)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await ticket
        assert await ticket == "runs"

    in_queue(story)


# -- callbacks ---------------------------------------------------------------------------------------------------


def test_a_callback_that_raises_is_told_and_not_called_again():
    """The ticket keeps its result, the worker goes on, the sinks hear of it without its text."""
    calls = []

    def breaks(ticket):
        calls.append(ticket.state)
        raise ValueError("secret words")

    async def story(bench):
        assert await bench.submit("one", callback=breaks) == "one"
        assert await bench.submit("two") == "two"
        (fault,) = bench.io.sink.of(Fault)
        assert fault.where == "queue: callback"
        assert fault.error.startswith("ValueError at ")
        assert "secret" not in fault.error

    in_queue(story, concurrency=1)
    assert calls == ["done"]


def test_a_callback_may_be_a_coroutine_function_and_is_part_of_the_work():
    """Its slot is held until it is over, so that slow callbacks do not pile up; draining waits for it."""

    async def slowly(ticket):
        await asyncio.sleep(5)

    async def story(bench):
        first = bench.submit("one", callback=slowly)
        bench.submit("two")
        assert await first == "one"
        assert bench.io.now() == 1.0

    assert in_queue(story, concurrency=1).began == [("one", 0.0), ("two", 6.0)]


# -- the end -----------------------------------------------------------------------------------------------------


def test_draining_waits_for_all_and_refuses_newcomers_meanwhile():
    """Afterwards work is taken again."""

    async def story(bench):
        for number in range(4):
            bench.submit(number)
        draining = asyncio.create_task(bench.queue.drain())
        await asyncio.sleep(0.5)
        with pytest.raises(Rejected, match="being drained") as refused:
            bench.submit("too late")
        assert not refused.value.retryable
        assert await draining
        assert bench.io.now() == 2.0
        assert await bench.queue.drain()
        assert await bench.submit("again") == "again"

    in_queue(story, concurrency=2)


def test_draining_may_be_bounded():
    """It says that there is more, and the work goes on."""

    async def story(bench):
        ticket = bench.submit("long", seconds=10)
        assert not await bench.queue.drain(timeout=3)
        assert (bench.io.now(), ticket.state) == (3.0, "running")

    assert in_queue(story).queue.state.done == 1


def test_stopping_gives_back_what_has_not_begun():
    """Function and arguments are there to be handed in elsewhere; what runs is finished. Again it says the same."""

    async def story(bench):
        running = bench.submit("runs", seconds=3)
        waiting = [bench.submit(number, callback=bench.told.append) for number in range(3)]
        left, again = await asyncio.gather(bench.queue.stop(), bench.queue.stop())
        assert left == again == await bench.queue.stop()
        assert (left.given_back, left.running) == (tuple(waiting), ())
        assert [(ticket.fn, ticket.args) for ticket in waiting] == [(bench.work, (n, 1.0)) for n in range(3)]
        assert (running.result(), bench.io.now(), bench.told) == ("runs", 3.0, waiting)
        with pytest.raises(Rejected, match="stopped before the work began"):
            await waiting[0]
        with pytest.raises(Rejected, match="has stopped"):
            bench.submit("too late")
        with pytest.raises(RuntimeError, match="make a new one"):
            bench.queue.start()

    state = in_queue(story, concurrency=1).queue.state
    assert (state.done, state.given_back, state.rejected) == (1, 3, 1)


def test_stopping_in_time_cancels_what_still_runs():
    """Coroutines have a moment to clean up; one that will not end is told of."""

    async def never_ends():
        while True:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                if over:
                    raise

    over = []

    async def story(bench):
        cancelled, stuck = bench.submit("runs", seconds=60), bench.queue.submit("normal", never_ends)
        left = await bench.queue.stop(timeout=2)
        assert (cancelled.state, left.running) == ("cancelled", (stuck,))
        over.append(True)
        bench.queue._crew.works[stuck.number].task.cancel()
        assert await bench.queue.drain()

    in_queue(story)


def test_an_exception_cancels_what_runs_and_gives_the_rest_back():
    """As a task group does."""

    async def main():
        bench = Bench(concurrency=1)
        with pytest.raises(LookupError):  # noqa: PT012
            async with bench.queue:
                running, waiting = bench.submit("runs", seconds=60), bench.submit("waits")
                await asyncio.sleep(1)
                raise LookupError
        assert (running.state, waiting.state, bench.io.now()) == ("cancelled", "given back", 1.0)

    run(main())


def test_who_leaves_while_draining_leaves_the_queue_as_it_was():
    """Newcomers are taken again, and the work goes on; to leave a stop does not undo it."""

    async def story(bench):
        ticket = bench.submit("long", seconds=10)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await bench.queue.drain()
        waiting = bench.submit("taken")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await bench.queue.stop()
        with pytest.raises(Rejected):
            bench.submit("too late")
        left = await bench.queue.stop()
        assert (left.given_back, ticket.state, bench.io.now()) == ((waiting,), "done", 10.0)

    in_queue(story, concurrency=1)


def test_what_is_over_cannot_be_taken_back():
    """Neither by its ticket nor by what the ticket asks."""

    async def story(bench):
        ticket = bench.submit("one")
        await ticket
        assert not ticket.cancel()
        await bench.queue.drain()
        assert not bench.queue._take_back(ticket.number)

    in_queue(story)


def test_an_interrupt_reaches_the_loop():
    """The work has failed with it, and the program ends as it should."""
    tickets = []

    async def interrupted():
        raise KeyboardInterrupt

    async def main():
        async with AsyncQueue(io=ScriptedIo()) as queue:
            tickets.append(queue.submit("normal", interrupted))
            await asyncio.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        run(main())
    assert tickets[0].state == "failed"


def test_before_it_is_started_it_takes_work_and_does_none():
    """And says so to who would wait for ever."""

    async def main():
        bench = Bench()
        ticket = bench.submit("early")
        await asyncio.sleep(5)
        assert ticket.state == "waiting"
        with pytest.raises(RuntimeError, match=r"has not been started: start\(\) it"):
            await bench.queue.drain()
        bench.queue.start()
        bench.queue.start()
        assert await ticket == "early"
        await bench.queue.stop()

    run(main())


def test_work_cannot_wait_for_the_end_of_itself():
    """It is told, rather than left waiting."""

    async def waits(queue):
        await queue.drain()

    async def story(bench):
        with pytest.raises(RuntimeError, match="that includes it"):
            await bench.queue.submit("normal", waits, bench.queue)

    in_queue(story)


def test_work_may_hand_in_work():
    """And wait for it, while there are slots."""

    async def outer(bench):
        return await bench.submit("inner")

    async def story(bench):
        assert await bench.queue.submit("normal", outer, bench) == "inner"

    in_queue(story, concurrency=2)


def test_it_works_on_one_loop():
    """Another loop is told where to wait."""
    queue = AsyncQueue()
    with pytest.raises(RuntimeError, match="from a coroutine first"):
        queue.submit("normal", len, "x")

    async def use():
        queue.start()
        return await queue.submit("normal", len, "four")

    async def end():
        return await queue.stop()

    assert asyncio.run(use()) == 4
    with pytest.raises(RuntimeError, match="does not run"):
        asyncio.run(end())
    assert queue.state.done == 1


def test_from_another_loop_one_hands_in_and_cannot_wait_for_the_end():
    """Handing in is safe from any thread; the end is waited for at home."""

    async def at_home():
        async with AsyncQueue() as queue:

            async def elsewhere():
                ticket = queue.submit("normal", len, "four")
                assert (await ticket, queue.state.done) == (4, 1)
                with pytest.raises(RuntimeError, match="wait for it there"):
                    await queue.drain()

            await asyncio.to_thread(asyncio.run, elsewhere())

    asyncio.run(at_home())


def test_the_state_says_where_everything_is():
    """Waiting by class, and the sum of all is what was handed in."""

    async def story(bench):
        bench.submit("runs", seconds=3)
        bench.submit("a", "high")
        bench.submit("b", "batch")
        bench.submit("c", "batch").cancel()
        state = bench.queue.state
        assert state.waiting == {"critical": 0, "high": 1, "normal": 0, "low": 0, "batch": 1}
        assert (state.submitted, state.running, state.cancelled, state.done) == (4, 1, 1, 0)
        assert repr(bench.submit("secret")) == "<Ticket 5 normal waiting>"

    in_queue(story, concurrency=1)
