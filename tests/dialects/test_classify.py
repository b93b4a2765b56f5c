"""What a provider's refusal means: one row for each way of saying it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects import DIALECTS
from outlast.dialects.classify import classify, in_band
from outlast.model.errors import Failure
from outlast.model.target import Quirks

NOTHING = {}.get


def openai(type_=None, code=None, message="no", **more):
    return json.dumps({"error": {"message": message, "type": type_, "param": None, "code": code} | more}).encode()


def anthropic(type_, message="no", **more):
    return json.dumps(
        {"type": "error", "error": {"type": type_, "message": message} | more, "request_id": "r"}
    ).encode()


HTML = b"<html><body>502 Bad Gateway</body></html>"
ENVELOPE = openai("server_error")

FACTS = {
    "bad_response": (502, "backoff", True, "failure"),
    "caller": (400, "never", False, "neutral"),
    "conflict": (409, "once", False, "neutral"),
    "content_filter": (422, "never", False, "neutral"),
    "context_length": (413, "never", False, "neutral"),
    "credential": (401, "never", True, "neutral"),
    "legal": (422, "never", True, "neutral"),
    "missing": (404, "never", True, "neutral"),
    "permission": (403, "never", True, "neutral"),
    "quota": (503, "never", True, "neutral"),
    "throttled": (429, "pause", True, "throttled"),
    "transient": (503, "backoff", True, "failure"),
    "unsupported": (503, "never", True, "neutral"),
}
"""Each class: native status, same target again, next target, what the breaker learns."""

# (id, status, body, class, and the native status where it is not the one of the class)
ROWS = [
    ("B1-400-openai", 400, openai("invalid_request_error", "unknown_parameter"), "caller", 400),
    ("B1-400-anthropic", 400, anthropic("invalid_request_error"), "caller", 400),
    ("B2-context-openai", 400, openai("invalid_request_error", "context_length_exceeded"), "context_length"),
    (
        "B2-context-anthropic",
        400,
        anthropic("invalid_request_error", "prompt is too long: 205000 tokens > 200000 maximum"),
        "context_length",
    ),
    (
        "B2-context-together",
        400,
        openai("invalid_request_error", None, "`inputs` tokens + `max_new_tokens` must be <= 4097"),
        "context_length",
    ),
    ("B2-context-cohere", 400, b'{"message":"too many tokens: size limit exceeded"}', "context_length"),
    (
        "B4-credit-anthropic",
        400,
        anthropic("invalid_request_error", "Your credit balance is too low to access the API"),
        "quota",
    ),
    (
        "B4-usage-limit-anthropic",
        400,
        anthropic("invalid_request_error", "You have reached your specified API usage limits."),
        "quota",
    ),
    ("B6-402-empty", 402, b"", "quota"),
    ("B6-402-billing", 402, anthropic("billing_error"), "quota"),
    ("B7-403-region", 403, openai("request_forbidden", "unsupported_country_region_territory"), "permission"),
    ("B7-400-place", 400, openai(message="User location is not supported for the API use."), "permission"),
    ("B7-400-country", 400, openai(message="Gemini API free tier is not available in your country."), "permission"),
    ("B7-403-permission", 403, anthropic("permission_error"), "permission"),
    ("B7-403-waf", 403, HTML, "permission"),
    ("403-authentication", 403, anthropic("authentication_error"), "credential"),
    ("401-openai", 401, openai("invalid_request_error", "invalid_api_key"), "credential"),
    ("401-no-code", 401, openai("invalid_request_error"), "credential"),
    ("401-empty", 401, b"", "credential"),
    (
        "400-gemini-key",
        400,
        openai(message="API key not valid. Please pass a valid API key.", status="INVALID_ARGUMENT"),
        "credential",
    ),
    ("400-gemini-reason", 400, openai(details=[{"reason": "API_KEY_INVALID"}]), "credential"),
    ("498-cohere", 498, b'{"message":"invalid token"}', "credential"),
    ("498-groq", 498, openai("internal_server_error", "capacity_exceeded"), "transient"),
    ("404-openai", 404, openai("invalid_request_error", "model_not_found"), "missing"),
    ("404-anthropic", 404, anthropic("not_found_error", "model: m-1"), "missing"),
    ("404-ollama", 404, b'{"error":"model \\"x\\" not found, try pulling it first"}', "missing"),
    ("404-groq-retired", 400, openai("invalid_request_error", "model_decommissioned"), "missing"),
    ("404-other", 404, openai("invalid_request_error", None, "Invalid URL"), "caller", 404),
    ("404-html", 404, HTML, "caller", 404),
    ("B9-405", 405, b"", "unsupported"),
    ("B16-501", 501, b"", "unsupported"),
    ("408", 408, b"", "transient"),
    ("425", 425, b"", "transient"),
    ("B11-409", 409, anthropic("conflict_error"), "conflict"),
    ("B12-413-size", 413, anthropic("request_too_large", "Request exceeds the maximum size"), "caller", 413),
    ("B12-413-tokens", 413, openai(None, None, "maximum context length is 8192 tokens"), "context_length"),
    ("415", 415, b"", "caller", 415),
    ("422", 422, b'{"detail":[{"loc":["body"]}]}', "caller", 422),
    ("418", 418, b"", "caller", 418),
    ("B14-451", 451, b"", "legal"),
    ("filter-openai", 400, openai("invalid_request_error", "content_policy_violation"), "content_filter"),
    (
        "filter-azure",
        400,
        openai(None, "content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}),
        "content_filter",
    ),
    (
        "filter-anthropic",
        400,
        anthropic("invalid_request_error", "Output blocked by content filtering policy"),
        "content_filter",
    ),
    ("429-openai", 429, openai("tokens", "rate_limit_exceeded"), "throttled"),
    ("429-slow-down", 429, openai("rate_limit_error", "slow_down"), "throttled"),
    ("429-ramp", 429, anthropic("rate_limit_error", details={"error_code": "ramp_limit_exceeded"}), "throttled"),
    ("429-empty", 429, b"", "throttled"),
    ("429-html", 429, HTML, "throttled"),
    ("429-gemini", 429, openai(code=429, status="RESOURCE_EXHAUSTED"), "throttled"),
    *(
        (f"429-{code}", 429, openai("insufficient_quota", code), "quota")
        for code in (
            "insufficient_quota",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
        )
    ),
    ("429-type-alone", 429, openai("insufficient_quota"), "quota"),
    *(
        (f"429-{code}", 429, anthropic("rate_limit_error", details={"error_code": code}), "quota")
        for code in ("enforced_spend_limit_reached", "contract_spend_limit_reached")
    ),
    ("500", 500, ENVELOPE, "transient"),
    ("500-anthropic", 500, anthropic("api_error"), "transient"),
    ("500-vllm", 500, b'{"object":"error","message":"","type":"InternalServerError","code":500}', "transient"),
    ("500-html", 500, HTML, "bad_response"),
    ("B17-502-html", 502, HTML, "bad_response"),
    ("502-empty", 502, b"", "bad_response"),
    ("502", 502, ENVELOPE, "transient"),
    ("503", 503, openai("service_unavailable_error", "server_is_overloaded"), "transient"),
    ("503-ollama", 503, b'{"error":"server busy, please try again"}', "transient"),
    ("504", 504, ENVELOPE, "transient", 504),
    ("504-anthropic", 504, anthropic("timeout_error"), "transient", 504),
    ("505", 505, ENVELOPE, "transient"),
    ("B21-520", 520, HTML, "bad_response"),
    ("B21-524", 524, HTML, "bad_response", 504),
    ("522", 522, ENVELOPE, "transient", 504),
    ("B22-529", 529, anthropic("overloaded_error"), "transient"),
    ("codes-beat-400", 400, anthropic("overloaded_error"), "transient"),
    ("codes-beat-500", 500, openai("invalid_request_error", "context_length_exceeded"), "context_length"),
    ("B44-307", 307, b"", "bad_response"),
    ("301-html", 301, HTML, "bad_response"),
    ("B46-204", 204, b"", "bad_response"),
]


@pytest.mark.parametrize(("row"), [pytest.param(row[1:], id=row[0]) for row in ROWS])
def test_every_refusal_has_its_class(wire, row):
    """Status, code, type and phrase give the class, and the class what the layers may do."""
    status, body, kind, *native = row
    again = "never" if 300 <= status < 400 else FACTS[kind][1]
    failure = classify(status, NOTHING, body, wire.target())
    assert (failure.kind, failure.status) == (kind, *(native or FACTS[kind][:1]))
    assert (failure.again, failure.onward, failure.outcome) == (again, *FACTS[kind][2:])


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_both_dialects_read_the_same_table(wire, dialect):
    """An aggregator may answer in another vendor's words."""
    failure = DIALECTS[dialect].classify(529, NOTHING, anthropic("overloaded_error"), wire.target(dialect))
    assert failure.kind == "transient"
    assert failure.overloaded


IN_BAND = [
    ("E26-rate-limit", {"type": "rate_limit_error", "message": "x"}, "throttled"),
    ("E26-invalid", {"type": "invalid_request_error", "message": "x"}, "caller"),
    ("overloaded", {"type": "overloaded_error"}, "transient"),
    ("numeric-429", {"code": 429, "message": "x"}, "throttled"),
    ("numeric-text", {"code": "502", "message": "x"}, "transient"),
    ("context", {"code": "context_length_exceeded"}, "context_length"),
    ("D14-text", "something is wrong", "transient"),
    ("empty", {}, "transient"),
    ("null", None, "transient"),
    ("list", [1], "transient"),
]


@pytest.mark.parametrize(("error", "kind"), [pytest.param(*row[1:], id=row[0]) for row in IN_BAND])
def test_an_error_inside_a_200_is_classified_by_its_words(wire, error, kind):
    """The 200 says nothing; without a telling word it is transient."""
    assert in_band(error, wire.target()).kind == kind


@pytest.mark.parametrize(
    ("status", "advice", "body", "again"),
    [
        pytest.param(400, b"true", openai("invalid_request_error"), "backoff", id="RT-17-true-on-400"),
        pytest.param(500, b"false", ENVELOPE, "never", id="RT-17-false-on-500"),
        pytest.param(500, b"false", ENVELOPE, "never", id="B24"),
        pytest.param(429, b"true", b"", "pause", id="true-on-429"),
        pytest.param(429, b"false", b"", "never", id="false-on-429"),
        pytest.param(500, b"maybe", ENVELOPE, "backoff", id="garbage"),
    ],
)
def test_the_provider_says_whether_to_ask_again(wire, status, advice, body, again):
    """`x-should-retry` beats status and code for the same target."""
    assert classify(status, {b"x-should-retry": advice}.get, body, wire.target()).again == again


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_rt_18_may_be_asked_again(wire, status):
    """RT-18: these statuses are worth another try at the same target."""
    assert classify(status, NOTHING, ENVELOPE, wire.target()).again != "never"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_rt_19_may_not_be_asked_again(wire, status):
    """RT-19: these are not."""
    assert classify(status, NOTHING, openai(), wire.target()).again == "never"


def test_b19_a_busy_provider_says_when(wire):
    """B19: a 503 keeps its Retry-After."""
    failure = classify(503, {b"retry-after": b"1"}.get, ENVELOPE, wire.target())
    assert (failure.kind, failure.retry_after) == ("transient", 1.0)


def test_resets_count_only_for_a_limit(wire):
    """OpenAI sends resets with every answer: after a 500 they say nothing."""
    header = {b"x-ratelimit-reset-requests": b"6m0s"}.get
    assert classify(500, header, ENVELOPE, wire.target()).retry_after is None
    assert classify(429, header, ENVELOPE, wire.target()).retry_after == 360.0


def test_a_delay_in_the_body_counts_last(wire):
    """Gemini's retryDelay is heard where no header says anything."""
    body = openai(code=429, details=[{"@type": "x", "retryDelay": "27s"}])
    assert classify(429, NOTHING, body, wire.target()).retry_after == 27.0
    assert classify(429, {b"retry-after": b"3"}.get, body, wire.target()).retry_after == 3.0


def test_some_providers_are_throttled_by_another_status(wire):
    """Together says 503 for too fast, which its row in the catalog tells."""
    target = wire.target(quirks=Quirks(throttle_statuses=(503,)))
    assert classify(503, NOTHING, ENVELOPE, target).kind == "throttled"


def test_numbers_go_on_and_words_do_not(wire):
    """A context error keeps the provider's numbers, and nothing of its text."""
    body = anthropic("invalid_request_error", "prompt is too long: 205000 tokens > 200000 maximum. SECRET")
    assert classify(400, NOTHING, body, wire.target()).message == "prompt is too long: 205000 tokens > 200000 maximum"


@pytest.mark.parametrize("echo", ["sk-canary", "Incorrect API key provided: sk-canary", "CANARY", "canary"])
def test_k1_nothing_of_the_provider_is_told(wire, echo):
    """An echoed key, as code, type or message, is in no part of the failure."""
    for status in (400, 401, 429, 500):
        failure = classify(status, NOTHING, openai(echo, echo, echo), wire.target())
        assert "canary" not in f"{failure.message} {failure.code}".lower()


def test_a_plain_code_is_told(wire):
    """B1: our words, and the provider's code."""
    failure = classify(400, NOTHING, openai("invalid_request_error", "unknown_parameter"), wire.target())
    assert failure.code == "unknown_parameter"
    assert "openai/m-1" in failure.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["error", "type", "code", "message", "details", "status", "innererror", "detail"]), inner
        )
    ),
    max_leaves=12,
)
STATUSES = st.integers(200, 599)


@given(STATUSES, JSON.map(lambda value: json.dumps(value).encode()) | st.binary(), st.binary(max_size=30))
def test_any_answer_is_some_failure(wire, status, body, value):
    """Whatever a provider sends is classified, without an exception."""
    failure = classify(status, lambda _: value, body, wire.target())
    assert isinstance(failure, Failure)
    assert failure.retry_after is None or 0 < failure.retry_after < float("inf")


def test_a_body_nested_too_deeply_is_no_envelope(wire):
    """D11 for refusals: 100,000 arrays are a bad response, not a crash."""
    body = b'{"error":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert classify(500, NOTHING, body, wire.target()).kind == "bad_response"


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error":{"type":"invalid_request_error","message":"no"}}'])
@pytest.mark.parametrize("status", [300, 301, 307, 308])
def test_b44_a_redirect_is_a_bad_response_whatever_it_says(wire, status, body):
    """B44: never followed, never asked again on this target, and never the caller's fault."""
    failure = classify(status, NOTHING, body, wire.target())
    assert (failure.kind, failure.again, failure.onward, failure.status) == ("bad_response", "never", True, 502)
