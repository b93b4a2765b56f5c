"""What every failure class means for a call: the table of SEMANTICS, end to end, whole and streamed."""

from typing import NamedTuple

import pytest

from outlast.model.events import AttemptEnded, Fault, RequestEnded
from outlast.testing import FAULTS, ok


class Row(NamedTuple):
    """One fault of the first target. `calls`: on it while another is left; `alone`: on it when it is the only one."""

    fault: str
    kind: str
    calls: int
    onward: bool
    alone: int
    status: int
    gap: tuple[float, float] = (0.0, 0.0)
    counted: bool = False


AT_ONCE = (0.0, 0.0)
SOON = (0.0, 0.25)
OVERLOADED = (0.0, 1.0)


def connect(fault, calls=2, alone=3):
    return Row(fault, "connect", calls, True, alone, 503, AT_ONCE, counted=True)


def transient(fault, gap=SOON, calls=2, alone=3, status=503):
    return Row(fault, "transient", calls, True, alone, status, gap, counted=True)


def no_answer(fault, calls=2, alone=3, status=502):
    return Row(fault, "bad_response", calls, True, alone, status, SOON, counted=True)


def timeout(fault, alone=1):
    return Row(fault, "timeout", 1, True, alone, 504, SOON, counted=True)


def throttled(fault, low, high):
    return Row(fault, "throttled", 2, True, 3, 429, (low, high))


def elsewhere(fault, kind, status):
    return Row(fault, kind, 1, True, 1, status)


def final(fault, kind, status, calls=1, gap=AT_ONCE):
    return Row(fault, kind, calls, False, calls, status, gap)


ANY = (
    connect("A1-refused"),
    connect("A4-rst-at-once"),
    connect("A9-no-such-name"),
    connect("A12-tls-alert", calls=1, alone=1),
    connect("C1-fin-first"),
    connect("C2-rst-first"),
    no_answer("A6-random-bytes"),
    no_answer("A7-ssh-banner"),
    transient("B15-server-error"),
    transient("B19-503-retry-after-1", gap=(1.0, 1.1)),
    transient("B22-overloaded-529", gap=OVERLOADED),
    transient("B24-should-not-retry", calls=1, alone=1),
    transient("D14-error-in-200"),
    transient("D14-error-string-in-200"),
    no_answer("B17-html-502"),
    no_answer("B21-cloudflare-520"),
    no_answer("B21-cloudflare-524", status=504),
    no_answer("B44-redirect-307", calls=1, alone=1),
    no_answer("B44-redirect-308", calls=1, alone=1),
    no_answer("B46-no-content-204"),
    no_answer("B46-partial-206"),
    no_answer("C6-half-status-line-fin"),
    no_answer("C6-half-header-fin"),
    no_answer("C14-http-0.9"),
    no_answer("C16-length-too-short"),
    no_answer("C16-length-too-long"),
    no_answer("C20-bad-chunk"),
    no_answer("D1-empty"),
    no_answer("D2-truncated-json"),
    no_answer("D3-html-200"),
    no_answer("D4-null"),
    no_answer("D4-list"),
    no_answer("D4-string"),
    no_answer("D11-nested"),
    no_answer("D16-choices-empty"),
    no_answer("D17-choices-null"),
    no_answer("D17-choices-missing"),
    no_answer("D26-other-vendor"),
    throttled("B26-retry-after-1", 1.0, 1.1),
    throttled("B27-retry-after-quarter", 0.25, 0.275),
    throttled("B28-retry-after-ms", 1.5, 1.65),
    throttled("B29-retry-after-0", 0.5, 1.0),
    throttled("B30-retry-after-negative", 0.5, 1.0),
    throttled("B31-retry-after-nan", 0.5, 1.0),
    throttled("B32-retry-after-inf", 0.5, 1.0),
    throttled("B32-retry-after-1e400", 0.5, 1.0),
    throttled("B33-retry-after-words", 0.5, 1.0),
    throttled("B36-retry-after-date", 2.0, 2.2),
    throttled("B37-retry-after-2015", 0.5, 1.0),
    throttled("B39-retry-after-year-99999", 0.5, 1.0),
    throttled("B41-reset-1s", 1.0, 1.1),
    throttled("B42-reset-rfc3339", 2.0, 2.2),
    elsewhere("B34-retry-after-day", "throttled", 429),
    elsewhere("B41-reset-6m0s", "throttled", 429),
    elsewhere("B4-credit-balance", "quota", 503),
    elsewhere("B5-key-refused", "credential", 401),
    elsewhere("B6-payment", "quota", 503),
    elsewhere("B43-insufficient-quota", "quota", 503),
    elsewhere("B7-region", "permission", 403),
    elsewhere("B8-no-model", "missing", 404),
    elsewhere("B9-method", "unsupported", 503),
    elsewhere("B16-not-implemented", "unsupported", 503),
    elsewhere("B14-legal", "legal", 422),
    final("B1-invalid-request", "caller", 400),
    final("B2-context-length", "context_length", 413),
    final("B12-too-large", "caller", 413),
    final("B11-conflict", "conflict", 409, calls=2, gap=SOON),
)
WHOLE = (
    timeout("A2-black-hole", alone=2),
    timeout("C4-billed-then-silent"),
    timeout("C7-half-header-silence"),
    no_answer("E31-fin-after-4"),
    no_answer("E31-rst-after-4"),
)
STREAMED = (
    timeout("A2-black-hole", alone=2),
    timeout("C4-billed-then-silent", alone=2),
    timeout("C7-half-header-silence", alone=2),
    timeout("C9-drip", alone=2),
    timeout("E19-role-then-silence", alone=2),
    no_answer("E21-zero-events"),
    no_answer("E22-headers-rst"),
    no_answer("E24-done-only"),
    throttled("E26-first-event-rate-limit", 0.5, 1.0),
    final("E26-first-event-invalid", "caller", 400),
)
TABLE = [
    pytest.param(row, stream, id=f"{row.fault}-{'streamed' if stream else 'whole'}")
    for stream, rows in ((False, ANY + WHOLE), (True, ANY + STREAMED))
    for row in rows
]


@pytest.mark.parametrize(("row", "stream"), TABLE)
def test_with_another_target_left(world, row, stream):
    """The first target is asked as often as its failure's class allows, and the next one where that may help."""
    world.script("alpha/m", row.fault)
    heard = world.hear(stream=stream)
    assert world.sent("alpha/m") == row.calls
    assert world.sent("beta/m") == row.onward
    if row.onward:
        assert heard.text.startswith("This is the simulated provider beta")
        assert (world.last().source, world.last().attempts) == ("fallback", row.calls + 1)
    else:
        assert (heard.kind, heard.status) == (row.kind, row.status)
    assert [kind for _, kind in world.story()] == [row.kind] * row.calls + ["ok"] * row.onward


@pytest.mark.parametrize(("row", "stream"), TABLE)
def test_between_two_calls_on_a_target(make, row, stream):
    """The wait before the same target is asked again is the one that the class and the provider's hint ask for."""
    world = make(["alpha/m"])
    world.script("alpha/m", row.fault, ok())
    world.hear(stream=stream)
    (first, *again) = world.io.sent
    if row.alone > 1:
        low, high = row.gap
        assert low <= again[0].at - first.over_at <= high + 1e-9
    else:
        assert not again


@pytest.mark.parametrize(("row", "stream"), TABLE)
def test_without_another_target(make, row, stream):
    """The failure of the only target is told as what it is, with the history of its attempts."""
    world = make(["alpha/m"])
    world.script("alpha/m", row.fault)
    failure = world.fail(stream=stream)
    assert (failure.kind, failure.status, failure.target) == (row.kind, row.status, "alpha/m")
    assert [attempt.kind for attempt in failure.attempts] == [row.kind] * row.alone
    assert (world.last().kind, world.last().attempts) == (row.kind, row.alone)
    assert world.breaker()._window.failed == (row.alone if row.counted else 0)


ALL = [
    (fault, stream) for fault in sorted(FAULTS) for stream in (False, True) if (fault, stream) != ("E37-endless", False)
]


@pytest.mark.parametrize(("fault", "stream"), ALL)
def test_every_fault_ends_in_an_answer_or_an_honest_error(make, fault, stream):
    """Whatever the providers do, the caller hears of it within its deadline, and never in a bare 500."""
    world = make(more="[attempt]\nmax_stream_bytes = 200_000")
    world.script_all(fault)
    heard = world.hear(stream=stream)
    error = heard if isinstance(heard, Exception) else getattr(heard, "error", None)
    assert error is None or error.kind not in {"internal", "cancelled"}
    assert (world.last().first or 0.0) <= 180.0
    assert len(world.events(RequestEnded)) == 1
    assert len(world.events(AttemptEnded)) == world.sent()
    assert not world.events(Fault)


def test_the_answer_of_the_first_target_is_primary(world):
    """Without a failure the first target answers, and nobody else is asked."""
    reply = world.ask()
    assert (reply.target, reply.source, reply.attempts) == ("alpha/m", "primary", 1)
    assert world.path() == ["alpha/m"]


def test_the_last_real_failure_is_the_one_that_is_told(world):
    """When every target fails, the caller is told of the last failure and of all attempts before it."""
    world.script("alpha/m", 402)
    world.script("beta/m", 500)
    failure = world.fail()
    assert (failure.kind, failure.target) == ("transient", "beta/m")
    assert [attempt.kind for attempt in failure.attempts] == ["quota", "transient", "transient", "transient"]


def test_six_attempts_are_all_that_a_call_gets(make):
    """Over any number of targets a routed call makes six upstream calls at most."""
    world = make([f"p{n}/m" for n in range(9)])
    world.script_all(503)
    failure = world.fail()
    assert world.sent() == len(failure.attempts) == 6


def test_attempts_are_kept_for_the_targets_that_are_left(make):
    """A target is asked again only while more attempts are left than untried healthy targets."""
    world = make(["a/m", "b/m", "c/m", "d/m"])
    world.script_all(503)
    world.fail()
    assert world.path() == ["a/m", "a/m", "b/m", "b/m", "c/m", "d/m"]


def test_an_answer_never_comes_from_two_attempts(world):
    """What a failed attempt had brought before its first content does not show in the next one's answer."""
    world.script("alpha/m", "E19-role-then-silence")
    part = world.hear(stream=True)
    assert part.text == "This is the simulated provider beta, no model at all. You said: hi"
