"""The log: one line for each request, safe to read, and never in the way."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.model.events import (
    AttemptEnded,
    BackIn,
    BreakerChanged,
    Fault,
    LimitChanged,
    LimitHit,
    LimitsApart,
    LimitsTogether,
    LoopBlocked,
    RequestEnded,
    RetryScheduled,
    Shed,
    StoreAdvice,
    StoreAsked,
    StoreDown,
    StoreUp,
    TakenOut,
)
from outlast.model.messages import Usage
from outlast.telemetry.log import LONGEST, Log

NOON = 1_795_262_400.25

FIRST = AttemptEnded("r1", "openai/gpt", "openai", "gpt", 1, "transient", 0.5, status=503, code="down")
SECOND = AttemptEnded("r1", "anthropic/opus", "anthropic", "opus", 2, "ok", 0.75, first=0.25, status=200)
SURVIVED = RequestEnded(
    call="r1",
    route="chat",
    operation="chat",
    caller="team-a",
    user_type="key",
    stream=True,
    kind="ok",
    status=200,
    target="anthropic/opus",
    source="fallback",
    attempts=2,
    seconds=1.2504,
    first=0.8,
    usage=Usage(input=11, output=7),
    cost=0.0125,
    history=(FIRST, SECOND),
)


def line(event) -> dict:
    """The one line that the log writes of an event."""
    written: list[bytes] = []
    Log(written.append, clock=lambda: NOON)(event)
    (only,) = written
    assert only.endswith(b"\n")
    assert only.count(b"\n") == 1
    return json.loads(only)


def test_a_request_is_one_line_with_who_how_long_and_what_it_cost():
    """A request is one line with who asked, who answered, how long it took and what it cost."""
    assert line(SURVIVED) == {
        "time": "2026-11-21T12:00:00.250Z",
        "level": "info",
        "event": "request",
        "request_id": "r1",
        "route": "chat",
        "operation": "chat",
        "stream": True,
        "caller": "team-a",
        "user_type": "key",
        "status": 200,
        "source": "fallback",
        "target": "anthropic/opus",
        "provider": "anthropic",
        "model": "opus",
        "attempts": 2,
        "duration_ms": 1250.4,
        "ttft_ms": 800.0,
        "tokens_in": 11,
        "tokens_out": 7,
        "cost_usd": 0.0125,
        "history": [
            {"target": "openai/gpt", "kind": "transient", "status": 503, "duration_ms": 500.0},
            {"target": "anthropic/opus", "kind": "ok", "status": 200, "duration_ms": 750.0},
        ],
    }


def test_a_failed_request_names_its_class_and_its_own_words():
    """A request that failed names its class, our own words for it, and is a warning."""
    failed = msgspec.structs.replace(SURVIVED, kind="transient", status=503, message="every target failed", target="")
    written = line(failed)
    assert written["error.type"] == "transient"
    assert written["error.message"] == "every target failed"
    assert written["level"] == "warning"
    assert "provider" not in written


@pytest.mark.parametrize(
    ("kind", "status", "level"),
    [("ok", 200, "info"), ("caller", 400, "info"), ("cancelled", 499, "info"), ("internal", 500, "error")],
)
def test_the_level_tells_whose_business_it_is(kind, status, level):
    """What a caller did wrong is information, what we did wrong is an error."""
    assert line(msgspec.structs.replace(SURVIVED, kind=kind, status=status))["level"] == level


@pytest.mark.parametrize(
    ("source", "degraded"), [("primary", False), ("cache", False), ("stale", True), ("static", True)]
)
def test_a_degraded_answer_says_so(source, degraded):
    """An answer that is less than what was asked for is marked."""
    assert line(msgspec.structs.replace(SURVIVED, source=source)).get("degraded", False) is degraded


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            BreakerChanged("openai/gpt", "closed", "open", 30.0, "5 of 8 failed"),
            {
                "level": "warning",
                "event": "breaker",
                "target": "openai/gpt",
                "before": "closed",
                "after": "open",
                "seconds": 30.0,
                "reason": "5 of 8 failed",
            },
        ),
        (
            BreakerChanged("openai/gpt", "half_open", "closed", 0.0, "2 probes succeeded"),
            {
                "level": "info",
                "event": "breaker",
                "target": "openai/gpt",
                "before": "half_open",
                "after": "closed",
                "seconds": 0.0,
                "reason": "2 probes succeeded",
            },
        ),
        (
            LimitChanged("openai/gpt", 10, 8, 9, "throttled"),
            {
                "level": "info",
                "event": "limit_cut",
                "target": "openai/gpt",
                "before": "10",
                "after": "8",
                "reason": "throttled with 9 in flight",
            },
        ),
        (LimitsApart(8), {"level": "warning", "event": "limits_apart", "processes": 8}),
        (LimitsTogether(2.5), {"level": "info", "event": "limits_together", "seconds": 2.5}),
        (
            TakenOut("credential", "openai", "quota", 30.0),
            {"level": "warning", "event": "taken_out", "credential": "openai", "seconds": 30.0, "reason": "quota"},
        ),
        (BackIn("target", "openai/gpt"), {"level": "info", "event": "back_in", "target": "openai/gpt"}),
        (
            Fault("sink", "ValueError"),
            {"level": "error", "event": "fault", "where": "sink", "reason": "ValueError"},
        ),
    ],
)
def test_what_an_operator_should_hear_of_has_a_line(event, expected):
    """Circuits, credentials and faults of our own are told as they change."""
    assert line(event) == {"time": "2026-11-21T12:00:00.250Z", **expected}


def test_a_blocked_loop_is_a_warning():
    """F4: the operator hears that something has blocked the event loop, and for how long."""
    told = line(LoopBlocked(0.41234))
    assert told == {
        "time": "2026-11-21T12:00:00.250Z",
        "level": "warning",
        "event": "loop_blocked",
        "seconds": 0.412,
    }


def test_a_store_that_goes_and_comes_back_has_a_line_each_time():
    """And so has what is not set up well there; that it was asked has none."""
    noon = {"time": "2026-11-21T12:00:00.250Z"}
    reason = "redis: it cannot be reached, or has hung up"
    assert line(StoreDown(reason)) == noon | {"level": "warning", "event": "store_down", "reason": reason}
    assert line(StoreUp(12.3456)) == noon | {"level": "info", "event": "store_up", "seconds": 12.346}
    assert line(StoreAdvice("x" * 5_000)) == noon | {
        "level": "warning",
        "event": "store_advice",
        "reason": "x" * LONGEST,
    }
    written: list[bytes] = []
    Log(written.append, decisions=True)(StoreAsked("get", 0.001, "ok"))
    assert written == []


@pytest.mark.parametrize(
    ("clock", "written"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (-0.25, "1969-12-31T23:59:59.750Z"),
        (1483228799.5, "2016-12-31T23:59:59.500Z"),
        (2147483648.0, "2038-01-19T03:14:08.000Z"),
        (253402300799.5, "9999-12-31T23:59:59.500Z"),
        (253402300800.0, "10000-01-01T00:00:00.000Z"),
    ],
)
def test_any_time_can_be_written(clock, written):
    """F6: clocks before 1970, after 2038 and after 9999 are told as they are, in UTC."""
    put: list[bytes] = []
    Log(put.append, clock=lambda: clock)(LoopBlocked(1.0))
    assert json.loads(put[0])["time"] == written


def test_what_happens_within_a_request_has_no_line_of_its_own():
    """Attempts, retries and refusals are part of their request's line."""
    written: list[bytes] = []
    log = Log(written.append)
    for event in (
        FIRST,
        RetryScheduled("r1", "openai/gpt", "transient", 0.5),
        LimitHit("r1", "team-a", "requests", "key", 1.0),
        Shed("r1", "normal", "full", 1.0),
    ):
        log(event)
    assert written == []


@given(st.text())
def test_whatever_a_caller_is_called_a_line_stays_one_printable_line(name):
    """No name breaks a line, forges another or sends a control code to a terminal."""
    written: list[bytes] = []
    Log(written.append)(msgspec.structs.replace(SURVIVED, caller=name, route=name))
    (only,) = written
    assert all(0x20 <= byte < 0x7F for byte in only[:-1])
    assert only[-1:] == b"\n"
    assert json.loads(only)["caller"] == name[:LONGEST]


def test_a_very_long_name_is_cut():
    """A caller cannot fill the disk with one name."""
    assert line(msgspec.structs.replace(SURVIVED, route="x" * 100_000))["route"] == "x" * LONGEST


def lines(*events, decisions=True) -> list[dict]:
    """The lines that a log of decisions writes of these events."""
    written: list[bytes] = []
    log = Log(written.append, decisions=decisions, clock=lambda: NOON)
    for event in events:
        log(event)
    return [json.loads(text) for text in written]


def test_decisions_have_lines_where_they_are_asked_for():
    """Each with its request's id and the numbers behind it; what went well is told by the request's line alone."""
    failed, waits, hit = lines(
        FIRST,
        RetryScheduled("r1", "openai/gpt", "transient", 0.5, number=2, most=1.0, cost=1.0, before=2.2, after=1.2),
        SECOND,
        LimitHit("r1", "key team-a", "rpm", "key", None, cost=1.0, amount=6.0),
    )
    assert failed == {
        "time": "2026-11-21T12:00:00.250Z",
        "level": "info",
        "event": "attempt_ended",
        "request_id": "r1",
        "target": "openai/gpt",
        "provider": "openai",
        "model": "gpt",
        "number": 1,
        "kind": "transient",
        "seconds": 0.5,
        "status": 503,
        "code": "down",
        "maybe_billed": False,
    }
    assert (waits["event"], waits["request_id"], waits["delay"], waits["before"]) == ("retry_scheduled", "r1", 0.5, 2.2)
    assert (hit["event"], hit["limit"], hit["amount"], hit["retry_after"]) == ("limit_hit", "rpm", 6.0, None)


def test_a_refusal_s_line_says_what_its_caller_was_told():
    """The code, when to come back, and the time that the request had."""
    refused = msgspec.structs.replace(
        SURVIVED, kind="rejected", status=429, code="rate_limit_exceeded", retry_after=2.5, deadline=30.0
    )
    written = line(refused)
    assert (written["error.code"], written["retry_after"], written["deadline_ms"]) == (
        "rate_limit_exceeded",
        2.5,
        30000.0,
    )
    assert not {"error.code", "retry_after", "deadline_ms"} & set(line(msgspec.structs.replace(SURVIVED, code="x")))


def test_a_circuit_s_line_has_the_counts_and_the_call_that_changed_it():
    """So that a story can say why a target was out."""
    written = line(
        BreakerChanged("openai/gpt", "closed", "open", 9.5, "5 of 8", call="r1", calls=8, failed=5, threshold=0.5)
    )
    assert (written["request_id"], written["calls"], written["failed"], written["threshold"]) == ("r1", 8, 5, 0.5)
    out = line(TakenOut("target", "openai/gpt", "throttled", 2.1, call="r1", hint=2.0, times=1))
    assert (out["request_id"], out["hint"], out["times"]) == ("r1", 2.0, 1)


@given(st.text())
def test_no_decision_breaks_a_line_either(name):
    """Whatever a scope is called."""
    written: list[bytes] = []
    Log(written.append, decisions=True)(LimitHit("r", name, "rpm", "user", 1.0))
    (only,) = written
    assert all(0x20 <= byte < 0x7F for byte in only[:-1])
    assert json.loads(only)["scope"] == name[:LONGEST]
