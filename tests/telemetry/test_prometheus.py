"""The metrics: what events add up to, and labels that stay few."""

import typing

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from outlast.model.events import (
    AttemptEnded,
    BackIn,
    BreakerChanged,
    CameBack,
    Diverted,
    Event,
    FailedOver,
    Fault,
    GaveUp,
    HedgeLost,
    HedgeRefused,
    HedgeWon,
    LimitAwaited,
    LimitChanged,
    LimitHit,
    LoopBlocked,
    Overdrawn,
    PauseAwaited,
    ProbeSent,
    Refused,
    RequestEnded,
    RetryRefused,
    RetryScheduled,
    Rewritten,
    Shed,
    SlotAwaited,
    StoreAdvice,
    StoreAsked,
    StoreDown,
    StoreUp,
    TakenOut,
    TargetSkipped,
)
from outlast.model.messages import Usage
from outlast.telemetry.prometheus import Prometheus

ATTEMPT = AttemptEnded(
    "r1", "openai/gpt", "openai", "gpt", 1, "ok", 0.7, first=0.2, status=200, usage=Usage(input=10, output=4, cached=6)
)
REQUEST = RequestEnded(
    call="r1",
    route="chat",
    operation="chat",
    caller="team-a",
    user_type="key",
    stream=False,
    kind="ok",
    status=200,
    target="openai/gpt",
    source="primary",
    attempts=1,
    seconds=250.0,
    first=3.0,
    cost=0.25,
)
GPT = {"provider": "openai", "model": "gpt"}


def samples_of(page: bytes) -> dict[tuple[str, frozenset], float]:
    """Every sample of a page, as a scraper reads it."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def samples(sink: Prometheus) -> dict[tuple[str, frozenset], float]:
    """Every sample of its page."""
    return samples_of(sink.render())


def after(*events: Event, cap: int = 200):
    """A look-up of samples after these events."""
    sink = Prometheus(cap=cap)
    for event in events:
        sink(event)
    page = samples(sink)

    def value(name: str, /, **labels: str) -> float | None:
        return page.get((name, frozenset(labels.items())))

    return value


def test_every_event_there_is_can_be_counted():
    """The sink has a place for each kind of event."""
    assert set(Prometheus()._takes) == set(typing.get_args(Event))


def test_one_attempt_is_one_observation_of_its_target():
    """An attempt counts once by its class, with its latency, first content and tokens."""
    value = after(ATTEMPT, msgspec.structs.replace(ATTEMPT, kind="timeout", first=None, usage=None, seconds=30.5))
    assert value("attempts_total", **GPT, kind="ok") == 1
    assert value("attempts_total", **GPT, kind="timeout") == 1
    assert value("llm_latency_seconds_count", **GPT) == 2
    assert value("llm_latency_seconds_sum", **GPT) == pytest.approx(31.2)
    assert value("llm_latency_seconds_bucket", **GPT, le="1.0") == 1
    assert value("llm_first_content_seconds_count", **GPT) == 1
    assert value("tokens_total", **GPT, type="input") == 10
    assert value("tokens_total", **GPT, type="output") == 4
    assert value("tokens_total", **GPT, type="cached") == 6
    assert value("tokens_total", **GPT, type="reasoning") is None


def test_one_request_is_one_observation_of_its_route():
    """A request counts once with its whole latency, up to ten minutes, its first content and its cost."""
    value = after(REQUEST)
    assert value("requests_total", route="chat", kind="ok", source="primary") == 1
    assert value("request_latency_seconds_bucket", route="chat", le="120.0") == 0
    assert value("request_latency_seconds_bucket", route="chat", le="300.0") == 1
    assert value("request_latency_seconds_bucket", route="chat", le="600.0") == 1
    assert value("request_first_content_seconds_sum", route="chat") == 3.0
    assert value("cost_usd_total", **GPT) == 0.25
    assert value("degraded_total", source="primary") is None


def test_a_degraded_answer_is_counted_by_its_source():
    """An answer from a stale cache counts as degraded."""
    value = after(msgspec.structs.replace(REQUEST, source="stale"))
    assert value("degraded_total", source="stale") == 1


def test_a_blocked_loop_is_counted_in_seconds():
    """The counter is there from the start, and grows by as long as each block took."""
    name = "event_loop_blocked_seconds_total"
    assert after()(name) == 0
    assert after(LoopBlocked(0.5), LoopBlocked(2.25))(name) == 2.75


def test_what_the_store_is_asked_is_measured_by_the_millisecond():
    """With how it ended; and how often and for how long it was not asked."""
    value = after(
        StoreAsked("get", 0.0012, "ok"),
        StoreAsked("get", 0.0009, "ok"),
        StoreAsked("get", 0.025, "late"),
        StoreDown("gone"),
        StoreUp(12.5),
        StoreAdvice("mend it"),
    )
    assert value("store_latency_seconds_bucket", doing="get", result="ok", le="0.001") == 1
    assert value("store_latency_seconds_bucket", doing="get", result="ok", le="0.0025") == 2
    assert value("store_latency_seconds_bucket", doing="get", result="late", le="0.025") == 1
    assert value("store_latency_seconds_bucket", doing="get", result="late", le="+Inf") == 1
    assert value("store_latency_seconds_sum", doing="get", result="late") == 0.025
    assert (value("store_down_total"), value("store_down_seconds_total")) == (1, 12.5)
    assert (after()("store_down_total"), after()("store_down_seconds_total")) == (0, 0)


@pytest.mark.parametrize(
    ("state", "number"),
    [("closed", 0), ("open", 1), ("half_open", 2), ("forced_open", 1), ("disabled", 0), ("observe", 0)],
)
def test_the_state_of_a_circuit_is_a_number(state, number):
    """0 is closed, 1 is open, 2 is half open; an operator's word counts as what it does."""
    value = after(BreakerChanged("openai/gpt", "closed", state, 30.0, "5 of 8 failed"))
    assert value("circuit_breaker_state", **GPT) == number
    assert value("circuit_breaker_transitions_total", **GPT, from_state="closed", to_state=state) == 1


def test_a_circuit_that_never_changed_shows_as_closed():
    """Known targets have a state from the start, so that an alert can tell closed from unknown."""
    sink = Prometheus()
    sink.know(["openai/gpt"], ["chat"])
    assert samples(sink)["circuit_breaker_state", frozenset(GPT.items())] == 0


def test_how_many_calls_at_once_a_target_bears_is_shown_from_the_start():
    """All its slots until something is learned, then what was learned last."""
    sink = Prometheus()
    sink.know(["openai/gpt"], ["chat"], slots=64)
    assert samples(sink)["concurrency_limit", frozenset(GPT.items())] == 64
    sink(LimitChanged("openai/gpt", 64, 51, 60, "throttled"))
    sink(LimitChanged("openai/gpt", 51, 52, 40, "answered"))
    assert samples(sink)["concurrency_limit", frozenset(GPT.items())] == 52


@pytest.mark.parametrize(
    ("event", "name", "labels"),
    [
        (RetryScheduled("r", "openai/gpt", "transient", 0.5), "retries_total", {**GPT, "kind": "transient"}),
        (RetryRefused("r", "openai/gpt", "transient", "budget"), "retries_refused_total", {**GPT, "kind": "transient"}),
        (
            FailedOver("r", "openai/gpt", "anthropic/opus", "timeout"),
            "fallback_total",
            {"from_provider": "openai", "to_provider": "anthropic"},
        ),
        (HedgeWon("r", "openai/gpt", 0.5), "hedges_total", {**GPT, "kind": "won"}),
        (HedgeLost("r", "openai/gpt", "cancelled"), "hedges_total", {**GPT, "kind": "cancelled"}),
        (HedgeRefused("r", "openai/gpt", "no other target is ready"), "hedges_refused_total", GPT),
        (Rewritten("r", "openai/gpt"), "requests_rewritten_total", GPT),
        (TargetSkipped("r", "openai/gpt", "open"), "targets_skipped_total", GPT),
        (
            TakenOut("credential", "openai", "quota", 30.0),
            "taken_out_total",
            {"scope": "credential", "name": "openai", "kind": "quota"},
        ),
        (BackIn("target", "openai/gpt"), "back_in_total", {"scope": "target", "name": "openai/gpt"}),
        (LimitHit("r", "team-a", "requests", "anonymous", 2.0), "rate_limit_hits_total", {"user_type": "anonymous"}),
        (Shed("r", "normal", "full", 1.0), "shed_total", {"queue": "normal"}),
        (GaveUp("r", "no time is left", 2, 6, 0.0), "gave_up_total", {"reason": "no time is left"}),
        (Refused("r", "openai/gpt", "pause", "it is paused", 1.0), "gate_refusals_total", {**GPT, "gate": "pause"}),
        (Diverted("r", "openai/gpt", 2, 2.0, 1.0), "diverted_total", GPT),
        (ProbeSent("r", "openai/gpt", "breaker"), "probes_total", {**GPT, "gate": "breaker"}),
        (Overdrawn("r", "openai/gpt", 10.0, 20.0, 0.0, 0.0), "overdrawn_total", GPT),
        (msgspec.structs.replace(ATTEMPT, timer="stall"), "timers_fired_total", {**GPT, "timer": "stall"}),
        (Fault("journal", "OSError"), "faults_total", {"where": "journal"}),
    ],
)
def test_each_decision_is_counted(event, name, labels):
    """What the layers decide is a counter with the labels that tell it."""
    assert after(event, event)(name, **labels) == 2


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (RetryScheduled("r", "openai/gpt", "transient", 0.5), "retry"),
        (CameBack("r", "openai/gpt", 0.5), "return"),
        (PauseAwaited("r", "openai/gpt", 0.5), "pause"),
        (LimitAwaited("r", "openai", "rpm", "operator", 0.5), "limit"),
        (SlotAwaited("r", "openai/gpt", 0.5), "slot"),
    ],
)
def test_each_wait_is_counted_with_its_seconds(event, reason):
    """By what was waited for; what took no time is no wait."""
    value = after(event, event, CameBack("r", "openai/gpt", 0.0), RetryScheduled("r", "openai/gpt", "connect", 0.0))
    assert value("waits_total", reason=reason) == 2
    assert value("wait_seconds_total", reason=reason) == 1.0


@pytest.mark.parametrize(("word", "number"), [("forced_open", 1), ("disabled", 0), ("observe", 0)])
def test_an_operator_s_word_is_a_state_too(word, number):
    """Held open is open; what lets everything pass is closed."""
    value = after(BreakerChanged("openai/gpt", "closed", word, 0.0, "an operator's word"))
    assert value("circuit_breaker_state", **GPT) == number


def test_made_up_names_share_one_label():
    """Beyond the cap, targets and routes are counted together, and nothing is lost."""
    events = [msgspec.structs.replace(ATTEMPT, target=f"openai/{number}") for number in range(50)]
    routes = [msgspec.structs.replace(REQUEST, route=f"route-{number}") for number in range(50)]
    value = after(*events, *events, *routes, cap=5)
    assert value("attempts_total", provider="openai", model="4", kind="ok") == 2
    assert value("attempts_total", provider="openai", model="5", kind="ok") is None
    assert value("attempts_total", provider="other", model="other", kind="ok") == 90
    assert value("requests_total", route="other", kind="ok", source="primary") == 45


def test_known_names_keep_their_labels_under_a_flood():
    """Configured targets and routes have their labels even when made-up names came first in number."""
    sink = Prometheus(cap=1)
    sink.know(["openai/gpt"], ["chat"])
    for number in range(10):
        sink(msgspec.structs.replace(REQUEST, route=f"route-{number}"))
    sink(ATTEMPT)
    sink(REQUEST)
    page = samples(sink)
    assert page["requests_total", frozenset({"route": "chat", "kind": "ok", "source": "primary"}.items())] == 1
    assert page["attempts_total", frozenset({**GPT, "kind": "ok"}.items())] == 1


def test_a_queue_is_asked_for_its_length_at_each_scrape():
    """A measured metric shows what its owner says at that moment."""
    waiting = {"high": 1, "low": 2}
    sink = Prometheus()
    sink.measure(
        "queue_depth",
        "Requests that wait.",
        lambda: [((name,), depth) for name, depth in waiting.items()],
        labels=("priority",),
    )
    assert samples(sink)["queue_depth", frozenset({("priority", "high")})] == 1
    waiting["high"] = 7
    assert samples(sink)["queue_depth", frozenset({("priority", "high")})] == 7


def test_a_measured_counter_follows_the_rules_of_counters():
    """A counter kept elsewhere is shown under its name as a counter."""
    sink = Prometheus()
    sink.measure("log_lines_lost_total", "Lines that could not be written.", lambda: [((), 3.0)], kind="counter")
    assert b"# TYPE log_lines_lost_total counter\nlog_lines_lost_total 3.0\n" in sink.render()


def test_no_series_tells_only_when_it_was_made():
    """The page has no `_created` series."""
    sink = Prometheus()
    sink(ATTEMPT)
    assert b"_created" not in sink.render()


def test_two_sinks_share_nothing():
    """Several engines in one process count for themselves."""
    one, two = Prometheus(), Prometheus()
    one(ATTEMPT)
    assert b"attempts_total{" not in two.render()
    assert b"attempts_total{" in one.render()
