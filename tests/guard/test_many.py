"""One guard in many threads, event loops and processes at once."""

import asyncio
import gc
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from outlast import Breaker, Deadline, Limit, Rejected, Retry, Slots, Timeout, guard, time_left
from outlast.edge.blocking import BlockingIo
from outlast.guard import OutOfTime

from .world import Takes, World

THREADS = 16


def at_once(many, function):
    """What it gives in so many threads."""
    with ThreadPoolExecutor(many) as pool:
        return [one.result(120) for one in [pool.submit(function, number) for number in range(many)]]


def test_sixteen_threads_are_inside_at_once():
    """Each waits inside for all the others: nothing is locked while a function runs."""
    search = guard(Deadline(30), Retry(), Limit(rpm=6e6), Slots(THREADS), Breaker(), Timeout(20))
    barrier = threading.Barrier(THREADS)

    @search
    def meet(number):
        barrier.wait(120)
        return number

    assert at_once(THREADS, meet) == list(range(THREADS))
    assert search.state().in_flight == 0


def test_backing_off_holds_nobody_up():
    """While one call sleeps before its retry, others go through the same guard."""
    backs_off = threading.Event()
    others = threading.Event()

    def heard(event):
        if type(event).__name__ == "RetryScheduled":
            backs_off.set()

    class Io:
        """A world whose sleep ends when the others have been through."""

        def __getattr__(self, name):
            return getattr(search_io, name)

        async def sleep(self, seconds):
            assert others.wait(120)

    search_io = BlockingIo()
    search = guard(Retry(attempts=2, base=60, cap=60), Slots(1), Breaker(), sinks=[heard], io=Io())
    outcomes = iter([OSError, None])

    def fails_once():
        if error := next(outcomes):
            raise error
        return "well"

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(search.call, fails_once)
        assert backs_off.wait(120)
        assert [search.call(max, number, 1) for number in range(5)] == [1, 1, 2, 3, 4]
        others.set()
        assert slow.result(120) == "well"


def test_slots_hold_among_threads_and_are_handed_on():
    """Never more than three inside, and everybody gets in."""
    search = guard(Slots(3, queue=THREADS, wait=30))
    lock = threading.Lock()
    inside, most = 0, 0

    @search
    def enter(number):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        for _ in range(100):
            os.sched_yield()
        with lock:
            inside -= 1
        return number

    for _ in range(5):
        assert at_once(THREADS, enter) == list(range(THREADS))
    assert most <= 3
    assert search.state().in_flight == 0


def test_what_threads_learn_adds_up():
    """No result is lost: as many failures as it takes, from as many threads, and no limit is overdrawn."""
    search = guard(Breaker(failures=THREADS, failure_rate=2.0))

    @search
    def fail(number):
        raise ConnectionError

    def failed(number):
        with pytest.raises(ConnectionError):
            fail(number)

    at_once(THREADS - 1, failed)
    assert search.state().breaker == "closed"
    failed(0)
    assert search.state().breaker == "open"
    limited = guard(Limit(rpm=60, max_wait=0))(len)

    def passed(number):
        try:
            return limited("x")
        except Rejected:
            return 0

    assert sum(at_once(THREADS, passed)) == 10


def test_several_loops_share_one_guard():
    """A slot that one loop frees wakes who waits for it on another, and a thread without any."""
    search = guard(Slots(1, queue=THREADS, wait=30), Breaker(), Timeout(30))
    began = threading.Event()
    go = threading.Event()

    async def hold():
        began.set()
        await asyncio.to_thread(go.wait)
        return "held"

    async def ask(number):
        return number

    @search
    def plain(number):
        return number

    def on_a_loop(number):
        return asyncio.run(search.call(ask, number))

    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(lambda: asyncio.run(search.call(hold)))
        assert began.wait(120)
        waiting = [pool.submit(on_a_loop if number % 2 else plain, number) for number in range(8)]
        while search.state().waiting < 8:
            os.sched_yield()
        go.set()
        assert first.result(120) == "held"
        assert [one.result(120) for one in waiting] == list(range(8))
    assert search.state().in_flight == 0


def test_one_loop_after_another():
    """What waits and rings belongs to the loop of the call, not to the guard."""
    search = guard(Retry(attempts=2, base=0.001), Timeout(60))
    outcomes = iter([OSError, None] * 3)

    async def ask():
        await asyncio.sleep(0)
        if error := next(outcomes):
            raise error
        return "well"

    assert [asyncio.run(search.call(ask)) for _ in range(3)] == ["well"] * 3


def test_a_loop_that_is_gone_is_woken_in_vain():
    """Its caller has gone with it; the slot goes to the next."""
    search = guard(Slots(1, queue=5, wait=30))
    loop = asyncio.new_event_loop()
    ask = search.entering(threading.Lock)
    ask.__enter__()

    def step():
        task = loop.create_task(search.call(asyncio.sleep, 0))
        loop.call_soon(loop.stop)
        loop.run_forever()
        return task

    task = at_once(1, lambda _: step())[0]
    assert search.state().waiting == 1
    loop.close()
    ask.__exit__(None, None, None)
    task._log_destroy_pending = False
    del task
    gc.collect()
    assert search.call(max, 1, 2) == 2
    assert search.state().in_flight == 0


def test_a_function_in_a_thread_is_left_behind(blocking):
    """The caller goes on at its timeout; the slot is held until the function really ends."""
    search = guard(Slots(1, queue=0), Breaker(failures=1), Timeout(0.01, in_thread=True))
    end, over = threading.Event(), threading.Event()

    @search
    def hang():
        assert time_left() is not None
        end.wait(120)
        over.set()

    with pytest.raises(OutOfTime, match=r"no answer within 0\.01 s"):
        hang()
    state = search.state()
    assert (state.breaker, state.in_flight) == ("open", 1)
    search.breaker.disable()
    with pytest.raises(Rejected):
        hang()
    end.set()
    assert over.wait(120)
    while search.state().in_flight:
        os.sched_yield()


def test_in_virtual_time_nobody_waits_for_a_thread():
    """What let too much time pass is late, whether it gave or raised; what was in time is given."""
    world = World("plain")
    timed = world.guard(Timeout(2, in_thread=True))
    assert world.call(timed(world.dependency(Takes(2, "well")))) == "well"
    for late in ("well", OSError):
        error = world.fails(timed(world.dependency(Takes(2.1, late))))
        assert (type(error), error.phase) == (OutOfTime, "attempt")
    assert type(world.fails(timed(world.dependency(Takes(1, OSError))))) is OSError
    world.close()


def test_a_function_in_a_thread_gives_what_it_gives():
    """Its answer, its exception, and what a context variable says there."""
    search = guard(Retry(attempts=2, base=0), Timeout(20, in_thread=True))
    assert search.call(max, 1, 2) == 2
    names = iter(["one", "two"])

    def named():
        if next(names) == "one":
            raise ConnectionError
        return threading.current_thread().name, time_left() > 10

    assert search.call(named) == (f"outlast {search.name}", True)
    with pytest.raises(ValueError, match="mine"):
        search.call(int, "mine")


def test_a_destructor_may_settle_in_the_middle_of_a_transition():
    """The collector runs anywhere, also while the desk's lock is held: nothing hangs, nothing is lost."""
    search = guard(Slots(2), Breaker())

    @search
    def items():
        yield 1
        yield 2

    held = [items()]
    next(held[0])
    assert search.state().in_flight == 1
    search._desk.locked(held.clear)
    assert search.state().in_flight == 0


def in_child(work):
    """What `work` says in a forked child: True or an exception's text."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(20)  # a child that hangs must not outlive the test
        try:
            said = str(work())
        except BaseException as error:  # noqa: BLE001
            said = repr(error)
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        said = told.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_child_knows_what_was_learned_and_holds_nothing():
    """The open circuit stays open; the slots of the parent's calls are free, and their ends change nothing."""
    search = guard(Slots(1, queue=0), Breaker(failures=1))
    opened = guard(Breaker(failures=1))
    with pytest.raises(ConnectionError):
        opened.call(_fail)

    @search
    def forks():
        def work():
            return search.state().in_flight, search.call(max, 1, 2), opened.state().breaker

        return in_child(work), search.state().in_flight

    assert forks() == ("(0, 2, 'open')", 1)
    assert search.state().in_flight == 0


def _fail():
    raise ConnectionError


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_call_that_forks_ends_in_both():
    """In the child its permit is nobody's, so that nothing is given back twice."""
    search = guard(Slots(1, queue=0), Breaker())
    reader, writer = os.pipe()

    @search
    def forks():
        return os.fork()

    if not (child := forks()):
        signal.alarm(20)
        state = search.state()
        os.write(writer, f"{state.in_flight} {search.call(max, 1, 2)} {search.state().in_flight}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as told:
        assert told.read() == "0 2 0"
    assert search.state().in_flight == 0


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_forks_among_busy_threads():
    """No child inherits a lock that a thread of its parent held."""
    search = guard(Retry(), Limit(rpm=6e9), Slots(THREADS), Breaker())
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            search.call(max, 1, 2)

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            assert in_child(lambda: search.call(max, 1, 2)) == "2"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert search.state().in_flight == 0
