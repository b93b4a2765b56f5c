"""After a scenario: the metrics have the figures that an operator reads, and the log one line for each request."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from outlast.testing import cut, ok, status

from .house import chat

KEY = "sk-caller-0123456789abcdef"
MORE = f"""
[keys.app]
key = "{KEY}"
limits = {{ rpm = 0.4 }}
[limits]
burst = 600.0
[breaker]
failures = 2
"""


@pytest.fixture
def told(provider, open_house):
    """Two failovers that open a circuit, a broken stream, a good answer, a refusal; then everything that was said."""
    house = open_house(MORE)
    mine = f"x-api-key: {KEY}"
    provider.script("alpha", default=status(503))
    assert house.chat("hi", mine).headers["outlast-source"] == "fallback"
    provider.script("beta", cut(2))
    house.chat("hi", mine, stream=True, n=2)  # which nobody goes on with
    provider.script("beta", ok("Hello there."))
    assert house.chat("hi", mine).status == 200
    assert house.chat("hi", mine).status == 200
    assert house.chat("hi", mine).status == 429
    house.heard(5)
    return house, figures(house.get("/metrics", mine).body.decode())


def figures(page):
    """Name → labels → value."""
    found = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def at(found, name, **labels):
    """One figure."""
    return found[name][frozenset(labels.items())]


def test_the_metrics_add_up(told):
    """Names and labels as they are promised, and figures that are true."""
    _, found = told
    alpha, beta = {"provider": "alpha", "model": "m"}, {"provider": "beta", "model": "m"}
    assert at(found, "circuit_breaker_state", **alpha) == 1
    assert at(found, "circuit_breaker_state", **beta) == 0
    assert at(found, "concurrency_limit", **beta) == 64
    assert at(found, "circuit_breaker_transitions_total", **alpha, from_state="closed", to_state="open") == 1
    assert at(found, "fallback_total", from_provider="alpha", to_provider="beta") >= 1
    assert at(found, "rate_limit_hits_total", user_type="key") == 1
    assert at(found, "requests_total", route="default", kind="ok", source="fallback") == 3
    assert at(found, "requests_total", route="default", kind="broken_stream", source="fallback") == 1
    assert at(found, "requests_total", route="default", kind="rejected", source="") == 1
    assert at(found, "request_latency_seconds_count", route="default") == 5
    assert at(found, "llm_latency_seconds_count", **beta) == 4
    assert at(found, "llm_first_content_seconds_count", **beta) == 4
    assert at(found, "attempts_total", **beta, kind="broken_stream") == 1
    assert at(found, "tokens_total", **beta, type="output") > 0
    assert at(found, "queue_depth", queue="gateway") == 0
    assert at(found, "requests_under_way") == 1  # the one that asks
    assert at(found, "log_lines_lost_total") == 0


def test_the_log_has_one_line_for_each_request(told):
    """Who, how, how long, by whom; circuits beside; the refused caller too."""
    house, _ = told
    house.close()
    lines = house.log()
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["status"] for line in requests] == [200, 502, 200, 200, 429]
    first = requests[0]
    assert (first["caller"], first["route"], first["target"], first["source"]) == (
        "app",
        "default",
        "beta/m",
        "fallback",
    )
    assert first["attempts"] == len(first["history"]) >= 2
    assert first["history"][0]["kind"] == "transient"
    assert first["tokens_out"] > 0
    assert first["duration_ms"] >= first["ttft_ms"] > 0
    assert requests[1]["error.type"] == "broken_stream"
    assert requests[4]["error.type"] == "rejected"
    assert [line["after"] for line in lines if line["event"] == "breaker"] == ["open"]


def test_a_scrape_disturbs_nobody(told):
    """Many of them give the same page but for themselves."""
    house, found = told
    again = figures(house.get("/metrics", f"x-api-key: {KEY}").body.decode())
    assert again.keys() == found.keys()


def test_metrics_can_be_switched_off(open_house, provider):
    """Then there is nothing at that path."""
    house = open_house("[server]\nmetrics = false")
    assert house.get("/metrics").status == 404
    assert house.post("/v1/chat/completions", chat()).status == 200
