"""Pages of several processes as one: it says what one process would say that had seen all of it."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from outlast.model.events import BreakerChanged, LimitHit
from outlast.telemetry.prometheus import Prometheus
from outlast.telemetry.prometheus.merged import merged

from .test_prometheus import ATTEMPT, REQUEST, samples_of

EVENTS = [
    ATTEMPT,
    REQUEST,
    replace(ATTEMPT, kind="timeout", seconds=12.0, first=None, status=0, usage=None),
    replace(REQUEST, kind="caller", status=400, seconds=0.01, cost=None, route="other"),
    BreakerChanged("openai/gpt", "closed", "open", 10.0, "5 failures in a row"),
    LimitHit("r1", "key a", "rpm", "key", 3.0, 1.0, 0.0, 60.0, 0.0),
]


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 2))))
def test_what_is_counted_by_several_is_what_one_would_have_counted(events):
    """Counters and histograms; however the events are spread."""
    alone, several = Prometheus(), [Prometheus() for _ in range(3)]
    for event, number in events:
        alone(event)
        several[number](event)
    one, all_of_them = samples_of(alone.render()), samples_of(merged([page.render() for page in several]))
    gauges = {name for name in one if not name[0].endswith(("_total", "_bucket", "_count", "_sum"))}
    assert {name: round(value, 6) for name, value in all_of_them.items() if name not in gauges} == {
        name: round(value, 6) for name, value in one.items() if name not in gauges
    }


def a_page(**values):
    page = Prometheus()
    for name, value in values.items():
        (page.counter if name.endswith("_total") else page.gauge)(name, "Text.").at().value = value
    return page.render()


def test_what_is_held_is_added_up_and_the_worst_state_tells():
    """Queues and slots are sums; a circuit is as open as the most open one, a store up if it is for all; who has ended
    holds nothing.
    """
    page = merged(
        [
            a_page(queue=2, circuit_breaker_state=0, seen_total=1, store_up=1),
            a_page(queue=3, circuit_breaker_state=2, store_up=0),
        ],
        [a_page(queue=100, circuit_breaker_state=1, seen_total=5, store_up=0)],
    )
    found = {name: value for (name, _), value in samples_of(page).items()}
    wanted = {"queue": 5.0, "circuit_breaker_state": 2.0, "seen_total": 6.0, "store_up": 0.0}
    assert {name: found[name] for name in wanted} == wanted
    assert samples_of(merged([a_page(store_up=1), a_page(store_up=1)]))["store_up", frozenset()] == 1.0


def test_nothing_is_a_page_too():
    """No process, nothing counted."""
    assert merged([]) == b""
