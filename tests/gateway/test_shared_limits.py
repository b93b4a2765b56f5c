"""Eight gateways in processes of their own, one Redis, one limit: it holds for all of them together.

How fast the machine is decides nothing. What was let through is compared with the time that it really took; and of a
request it is known only that it was let through between the moment when its caller asked and that when he was answered.
"""

import itertools
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from .house import PATIENCE, chat, toml_of
from .process import Process

PATH = "/v1/chat/completions"
KEY = "k-0123456789012345678901234567890123456789"
RATE, BURST = 20.0, 20.0
"""A second, and at once."""
LIMITED = f"""
[keys.app]
key = "{KEY}"
[keys.app.limits]
rpm = {60 * RATE:g}
[breaker]
enabled = false
[guard]
patience = 30.0
[limits]
burst = 1.0
"""
"""The store is waited for, however busy the machine is: who is not answered in time counts for itself."""
SKEWED = [8, 4, 2, 2, 1, 1, 1, 1]
"""How many callers each gateway has, all asking one request after the other."""


def ask(gateway, more):
    """Requests on one connection, as long as more are wanted: of each when it was asked, answered, and how."""
    asked = []
    with gateway.caller() as caller:
        while more(asked):
            began = time.monotonic()
            caller.post(PATH, chat(), f"authorization: Bearer {KEY}")
            status = caller.answer().status
            asked.append((began, time.monotonic(), status))
    return asked


def times(count):
    """So many of them."""
    return lambda asked: len(asked) < count


def good(asked):
    """Those that were let through."""
    return [(began, ended) for began, ended, status in asked if status == 200]


def load(gateways, shares, more):
    """So many callers at each gateway, all at the same time; of each gateway its requests."""
    start = threading.Barrier(sum(shares))

    def one(gateway):
        start.wait(PATIENCE)
        return gateway, ask(gateway, more)

    callers = [gateway for gateway, share in zip(gateways, shares, strict=True) for _ in range(share)]
    with ThreadPoolExecutor(len(callers)) as threads:
        heard = list(threads.map(one, callers))
    return [[one for of, asked in heard if of is gateway for one in asked] for gateway in gateways]


def surely_in(spans, seconds):
    """The most requests that were certainly let through within one window of so many seconds."""
    return max(sum(1 for began, ended in spans if start <= began and ended <= start + seconds) for start, _ in spans)


def trips(redis):
    """How often the server has read something of its clients: each is one round trip of somebody."""
    return redis.info("stats", "total_reads_processed")


@pytest.mark.parametrize("more", ["", "leases = true\n"])
def test_eight_gateways_keep_one_limit(gateways, more):
    """Under many times what it lets through: over all the time, and over every second."""
    processes = gateways(8, LIMITED + more)
    for process in processes:
        ask(process, times(1))
    let = itertools.count(1)
    enough = threading.Event()

    def wanted(asked):
        if asked and asked[-1][2] == 200 and next(let) >= 80:
            enough.set()
        return not enough.is_set()

    began = time.monotonic()
    asked = load(processes, SKEWED, wanted)
    took = time.monotonic() - began
    each = [good(of) for of in asked]
    spans = sorted(span for of in each for span in of)
    print(f"of {SKEWED} callers {[len(of) for of in each]} were let through in {took:.1f} s")  # noqa: T201
    assert {status for of in asked for _, _, status in of} == {200, 429}
    assert 80 <= len(spans) <= BURST + RATE * took
    assert surely_in(spans, 1.0) <= BURST + RATE + (BURST / 2 if more else 0)


@pytest.mark.parametrize(("more", "most"), [("", 1.0), ("leases = true\n", 0.3)])
def test_a_request_is_a_round_trip_at_most(gateways, redis, more, most):
    """Counted by the Redis itself, where everything is let through; with loans it is three for ten."""
    processes = gateways(8, LIMITED.replace(f"{60 * RATE:g}", "600_000") + more)
    for process in processes:
        ask(process, times(1))
    before, began = trips(redis), time.monotonic()
    asked = load(processes, SKEWED, times(20))
    took, made = time.monotonic() - began, trips(redis) - before
    count = sum(map(len, asked))
    print(f"{made / count:.2f} round trips for a request")  # noqa: T201
    assert {status for of in asked for _, _, status in of} == {200}
    beats = 8 * (took + 1.0)  # that a process is there it says every second, not for a request
    back = 8 * took if more else 0.0  # and it gives back, each second at most, what it has been lent
    looking = 2  # our own
    assert made - beats - back - looking <= most * count


def test_a_limit_goes_on_when_the_redis_is_gone_and_holds_when_it_is_back(gateways, redis):
    """Each of two gateways has its half meanwhile; nobody waits for it, and nobody restarts anything.

    So little comes in that no caller is too slow to use it up.
    """
    slow = LIMITED.replace(f"{60 * RATE:g}", "60").replace("burst = 1.0", f"burst = {BURST}")
    processes = gateways(2, slow + "processes = 2\n")
    for process in processes:
        assert good(ask(process, times(1)))
    redis.kill()
    began = time.monotonic()
    asked = load(processes, [1, 1], times(60))
    took = time.monotonic() - began
    for of in asked:
        assert 1 <= len(good(of)) <= (BURST + took) / 2 + 1
        assert {status for _, _, status in of} == {200, 429}
    assert all(apart(process) for process in processes)
    redis.start()
    for process in processes:
        while apart(process):
            ask(process, times(1))


def test_what_is_spent_of_a_day_stays_spent_over_a_restart(provider, tmp_path):
    """In a file: the gateway is killed and started again, and knows what the key has used."""
    more = LIMITED.replace(f"rpm = {60 * RATE:g}", "rpm = 0.01").replace("patience", "disk")
    toml = 'store = "sqlite:///spent.db"\n' + toml_of(provider.url, more, providers=("alpha",))
    with Process(toml, tmp_path) as first:
        assert [status for _, _, status in ask(first, times(2))] == [200, 429]
        first.signal(signal.SIGKILL)
        first.ended()
    with Process(toml, tmp_path) as second:
        assert [status for _, _, status in ask(second, times(1))] == [429]


def apart(process):
    """Does its page say that it counts for itself?"""
    with process.caller() as caller:
        caller.request("GET", "/metrics", b"", f"authorization: Bearer {KEY}")
        page = caller.answer().body.decode()
    (line,) = [line for line in page.splitlines() if line.startswith("limits_apart")]
    return float(line.rpartition(" ")[2]) == 1.0
