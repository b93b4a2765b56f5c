"""A queue in the hand for code without an event loop: threads hand in, threads work, and real time passes.

Nothing waits for time: events say when something has happened.
"""

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import CancelledError

import pytest

from outlast import Queue
from outlast.edge.deadline import time_left
from outlast.model.errors import Rejected
from outlast.model.events import Fault
from outlast.testing import RecordingSink

PATIENCE = 120.0


@pytest.fixture
def sink():
    return RecordingSink()


@pytest.fixture
def queue(sink):
    with Queue(concurrency=2, sinks=[sink]) as made:
        yield made
    state = made.state
    assert sum(state.waiting.values()) == state.running == 0
    assert state.submitted == state.done + state.failed + state.cancelled + state.rejected + state.given_back


class Gate:
    """Work that says when it has begun, and ends when it is let go."""

    def __init__(self):
        self.begun = threading.Event()
        self.open = threading.Event()

    def __call__(self):
        self.begun.set()
        assert self.open.wait(PATIENCE)
        return threading.current_thread().name


def test_plain_functions_run_in_threads_of_the_queue(queue):
    """Two at once, and not in the caller's."""
    gates = [Gate(), Gate()]
    tickets = [queue.submit("normal", gate) for gate in gates]
    assert all(gate.begun.wait(PATIENCE) for gate in gates)
    third = queue.submit("normal", str.upper, "later")
    assert (queue.state.running, third.state) == (2, "waiting")
    for gate in gates:
        gate.open.set()
    names = {ticket.result(PATIENCE) for ticket in tickets}
    assert len(names) == 2
    assert all(name.startswith("queue") for name in names)
    assert third.result(PATIENCE) == "LATER"


def test_coroutine_functions_run_on_the_background_loop(queue):
    """A ticket can be awaited on any loop."""

    async def where():
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    ticket = queue.submit("normal", where)
    loop = ticket.result(PATIENCE)

    async def waits():
        return asyncio.get_running_loop(), await queue.submit("normal", where)

    mine, theirs = asyncio.run(waits())
    assert loop is theirs is not mine


def test_many_threads_hand_in_and_nothing_is_lost(queue):
    """Sixteen at once; every ticket has its own answer."""
    barrier = threading.Barrier(16)
    answers = {}

    def hands_in(number):
        barrier.wait(PATIENCE)
        tickets = [queue.submit("normal", lambda n=n: n * 2) for n in range(number, number + 800, 16)]
        answers[number] = [ticket.result(PATIENCE) for ticket in tickets]

    threads = [threading.Thread(target=hands_in, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == {number: [n * 2 for n in range(number, number + 800, 16)] for number in range(16)}
    assert queue.state.done == 800


def test_work_hands_in_work_from_its_thread_and_from_the_loop(queue):
    """Both are quick enough not to wait for themselves; to wait for the end of all work is refused."""

    async def on_the_loop():
        return await queue.submit("normal", len, "three")

    assert queue.submit("normal", lambda: queue.submit("normal", len, "four").result(PATIENCE)).result(PATIENCE) == 4
    assert queue.submit("normal", on_the_loop).result(PATIENCE) == 5
    with pytest.raises(RuntimeError, match="that includes it"):
        queue.submit("normal", queue.drain).result(PATIENCE)


def test_a_callback_runs_in_a_thread_and_may_block(queue, sink):
    """The loop of all clients is not held up by it; one that raises, or exits, is told and kills nobody."""
    gate = Gate()
    first = queue.submit("normal", len, "four", callback=lambda _: gate())
    assert gate.begun.wait(PATIENCE)
    assert first.result(PATIENCE) == 4
    assert queue.submit("normal", len, "three", callback=lambda _: 1 / 0).result(PATIENCE) == 5
    assert queue.submit("normal", len, "three", callback=lambda _: exit()).result(PATIENCE) == 5  # noqa: PLR1722
    gate.open.set()
    assert queue.drain(PATIENCE)
    assert [fault.error.partition(" ")[0] for fault in sink.of(Fault)] == ["ZeroDivisionError", "SystemExit"]


def test_a_function_that_exits_has_failed(queue):
    """The worker goes on."""
    ticket = queue.submit("normal", exit)
    with pytest.raises(SystemExit):
        ticket.result(PATIENCE)
    assert ticket.state == "failed"
    assert queue.submit("normal", len, "four").result(PATIENCE) == 4


def test_a_plain_function_that_runs_cannot_be_taken_back(queue):
    """It says so; what waits can be, and what runs on the loop."""
    gates = [Gate(), Gate()]
    running = [queue.submit("normal", gate) for gate in gates]
    waiting = queue.submit("normal", len, "never")
    assert all(gate.begun.wait(PATIENCE) for gate in gates)
    assert (running[0].cancel(), waiting.cancel()) == (False, True)
    with pytest.raises(CancelledError):
        waiting.result(PATIENCE)
    gates[0].open.set()
    running[0].result(PATIENCE)
    on_the_loop = queue.submit("normal", asyncio.sleep, 3600)
    queue.submit("normal", asyncio.sleep, 0)
    while on_the_loop.state == "waiting":
        assert queue.state.submitted
    assert on_the_loop.cancel()
    assert isinstance(on_the_loop.error() or CancelledError(), CancelledError)
    gates[1].open.set()


def test_a_plain_function_sees_how_much_time_is_left(queue):
    """Its timeout cannot interrupt it."""
    assert 0 < queue.submit("normal", time_left, timeout=60).result(PATIENCE) <= 60
    assert queue.submit("normal", time_left).result(PATIENCE) is None


def test_waiting_for_a_result_may_be_bounded(queue):
    """The work goes on."""
    gate = Gate()
    ticket = queue.submit("normal", gate)
    with pytest.raises(TimeoutError):
        ticket.result(0.01)
    gate.open.set()
    assert ticket.result(PATIENCE)


def test_stopping_gives_back_and_tells_what_still_runs():
    """A thread that outlasts the timeout is named; its callback is called when it is through."""
    told, over = [], threading.Event()

    def tell(ticket):
        told.append(ticket)
        over.set()

    queue = Queue(concurrency=1)
    queue.start()
    gate = Gate()
    runs = queue.submit("normal", gate, callback=tell)
    assert gate.begun.wait(PATIENCE)
    waits = queue.submit("low", len, "four")
    left = queue.stop(timeout=0.01)
    assert (left.given_back, left.running) == ((waits,), (runs,))
    with pytest.raises(Rejected, match="stopped before the work began"):
        waits.result(PATIENCE)
    assert left.given_back[0].fn(*left.given_back[0].args) == 4
    gate.open.set()
    assert over.wait(PATIENCE)
    assert told == [runs]
    assert queue.stop().running == ()


def test_leaving_by_an_exception_gives_back():
    """What runs is not waited for longer than it takes to cancel it."""
    queue = Queue(concurrency=1)
    with pytest.raises(LookupError), queue:  # noqa: PT012
        runs, waits = queue.submit("normal", asyncio.sleep, 3600), queue.submit("normal", len, "four")
        raise LookupError
    assert (runs.state, waits.state) == ("cancelled", "given back")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_told_to_make_its_own(queue):
    """The parent's threads do not exist there; the parent's queue goes on."""
    queue.submit("normal", len, "four").result(PATIENCE)
    child = os.fork()
    if not child:
        status = 1
        try:
            try:
                queue.submit("normal", len, "four")
            except RuntimeError as error:
                with Queue() as own:
                    status = 0 if "after the fork" in str(error) and own.submit("low", len, "x").result(120) == 1 else 2
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert queue.submit("normal", len, "four").result(PATIENCE) == 4


ENDS = """
import asyncio, threading
from outlast import Queue

begun = threading.Event()

async def waits():
    begun.set()
    await asyncio.sleep(SECONDS)

queue = Queue(concurrency=1, name="mail")
queue.start()
for _ in range(3):
    queue.submit("normal", waits)
begun.wait(120)
"""


@pytest.mark.parametrize(
    ("seconds", "end", "says"),
    [
        (3600, "", "the queue mail was neither drained nor stopped, and 3 pieces"),
        (0, "queue.drain()", ""),
        (3600, "queue.stop(0)", ""),
    ],
)
def test_a_process_that_ends_without_ending_its_queue_is_told(seconds, end, says):
    """What nobody will do any more is lost, but not without a word."""
    program = ENDS.replace("SECONDS", str(seconds)) + end
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert says in done.stderr
    assert bool(says) == bool(done.stderr)
