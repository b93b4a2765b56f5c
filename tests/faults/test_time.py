"""Group F: clocks that are wrong, jump or stop, and a loop that does nothing for a while."""

import ast
import re
import threading
import time
from pathlib import Path

import pytest
from tests.engine.world import World
from tests.gateway.house import PATIENCE, SILENT, chat

from outlast.model.errors import Rejected
from outlast.model.events import AttemptEnded, BreakerChanged, LoopBlocked, TakenOut
from outlast.testing import Behaviour, ok, silent, throttled

SOURCE = Path(__file__).parents[2] / "src" / "outlast"
WALL = re.compile(r"^(time\.(time|time_ns|localtime|ctime|gmtime)|(datetime\.)*(datetime|date)\.(now|utcnow|today))$")
FORMATS = {
    *("telemetry/log.py", "gateway/headers.py", "gateway/flow.py", "catalog/prices.py"),
    *("client.py", "gateway/workers/pages.py", "store/sqlite/__init__.py"),
}
"""Who may ask what day it is: to write it, for the day's price list, or to tell how old another process's words are."""
PATH = "/v1/chat/completions"


def test_no_decision_depends_on_the_wall_clock():
    """F1: whether it is set an hour ahead or back, only what is written for people changes."""
    readers = set()
    for path in SOURCE.rglob("*.py"):
        names = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        if any(WALL.match(name) for name in names):
            readers.add(str(path.relative_to(SOURCE)))
    assert {reader for reader in readers if not reader.startswith(("lab/", "demo/"))} == FORMATS


def story(start):
    """What a world decides whose clock shows `start` at the beginning."""
    world = World(("alpha/m", "beta/m"))
    loop = world._runner.get_loop()
    loop._now = start
    loop._clock_resolution = 1e-5  # of a float of this size
    world.script_all(503)
    for _ in range(6):
        world.hear()
        world.wait(1.0)
    world.script("alpha/m", throttled(7), "ok")
    world.script("beta/m", "ok")
    for seconds in (0.0, 15.0, 3.0, 5.0, 60.0):
        world.wait(seconds)
        world.hear(stream=True)
    told = [
        (type(event).__name__, getattr(event, "target", ""), getattr(event, "after", getattr(event, "kind", "")))
        for event in world.io.sink.events
        if isinstance(event, (AttemptEnded, BreakerChanged, TakenOut))
    ]
    times = [round(at - start, 3) for at in world.times()]
    assert world.close() == {}
    return told, times


@pytest.mark.parametrize("start", [1e-9, 0.3, 1_000_003.7, 2.0**31, 2.0**32])
def test_it_does_not_matter_what_the_monotonic_clock_shows(start):
    """F7: just booted or up for a century, the same decisions at the same moments."""
    assert story(start) == story(0.0)


@pytest.mark.parametrize("back", [0.001, 30.0, 3600.0])
def test_a_monotonic_clock_that_goes_back_does_no_harm(back):
    """F7: nothing is negative and nothing crashes; requests are answered, or told truly how long the wait became."""
    world = World(("alpha/m",), "[providers.alpha.limits]\nrpm = 60000\ntpm = 60000000")
    loop = world._runner.get_loop()
    loop._now = 4000.0
    world.script("alpha/m", 503, 503, throttled(0.5), "ok")
    world.hear()
    world.script("alpha/m", "ok")
    loop._now -= back
    for answer in (world.hear(timeout=7200.0), world.hear(stream=True, timeout=7200.0)):
        if isinstance(answer, Rejected):
            assert 60.0 < answer.retry_after <= back + 1.0
        else:
            assert answer.finish == "stop"
    breaker, (limits,) = world.breaker(), world.stack.target_limits._kept.values()
    assert (breaker.flying, world.slots().used) == (0, 0)
    assert min(breaker._window.ok, breaker._window.failed) >= 0
    assert min(bucket.remaining(world.now) for bucket in limits.buckets) >= 0
    assert world.stack.retries.budget("alpha/m").balance(world.now) >= 0
    assert all(event.seconds >= 0 for event in world.events(AttemptEnded))
    assert world.close() == {}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_blocked_loop_trips_no_circuit(provider, open_house, streamed):
    """F4: the answer came while our own loop was blocked past the limit: it is read, and nobody is blamed."""
    house = open_house("[timers]\nwhole = 1.0\nfirst_content = 1.0")
    said = threading.Event()

    def block():
        said.wait(PATIENCE)
        time.sleep(1.6)

    def play(asked):
        house._loop.call_soon_threadsafe(block)
        return ok("in time").play(asked)

    provider.script("alpha", Behaviour("blocking", play))
    with house.caller() as caller:
        caller.post(PATH, chat(stream=streamed))
        provider.wait(1, ended=True)
        said.set()
        answer = caller.answer()
    assert (answer.status, b"error" in answer.body) == (200, False)
    assert b"in" in answer.body
    (ended,) = house.heard()
    assert (ended.kind, ended.attempts) == ("ok", 1)
    window = house.outlast.stack.breakers.of("alpha/m")._window
    assert (window.ok, window.failed) == (1, 0)
    (blocked, *_) = house.ear.wait(LoopBlocked)
    assert blocked.seconds > 0.25
    assert float(metric(house, "event_loop_blocked_seconds_total")) >= blocked.seconds


def test_a_timer_fires_late_but_fires(provider, open_house):
    """F4: who says nothing for the whole of a block is over its limit all the same."""
    house = open_house("[retry]\nenabled = false", timers={"alpha": SILENT})
    provider.script("alpha", silent())
    with house.caller() as caller:
        caller.post(PATH, chat())
        provider.wait(1)
        house._loop.call_soon_threadsafe(time.sleep, 1.6)
        assert caller.answer().status == 504
    (seen,) = provider.wait(1, ended=True)
    assert seen.hung_up == "caller"


def metric(house, name):
    """The value of a metric without labels."""
    lines = house.get("/metrics").body.decode().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name} "))
