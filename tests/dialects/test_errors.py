"""A failure, told as each vendor would."""

import json

import pytest

from outlast.dialects import DIALECTS
from outlast.model import errors as e

ROWS = [
    (e.Connect("x"), 503, 503, 529, "overloaded_error"),
    (e.Transient("x"), 503, 503, 529, "overloaded_error"),
    (e.Transient("x", status=504), 504, 504, 504, "timeout_error"),
    (e.BadResponse("x"), 502, 502, 502, "api_error"),
    (e.TimedOut("x"), 504, 504, 504, "timeout_error"),
    (e.Throttled("x"), 429, 429, 429, "rate_limit_error"),
    (e.Quota("x"), 503, 429, 402, "billing_error"),
    (e.Credential("x"), 401, 502, 502, "api_error"),
    (e.Permission("x"), 403, 403, 403, "permission_error"),
    (e.Missing("x"), 404, 404, 404, "not_found_error"),
    (e.Unsupported("x"), 503, 503, 529, "overloaded_error"),
    (e.Conflict("x"), 409, 409, 409, "conflict_error"),
    (e.Caller("x", status=413), 413, 413, 413, "request_too_large"),
    (e.Caller("x", status=422), 422, 422, 422, "invalid_request_error"),
    (e.ContextLength("x"), 413, 400, 400, "invalid_request_error"),
    (e.ContentFilter("x"), 422, 400, 400, "invalid_request_error"),
    (e.Legal("x"), 422, 451, 451, "invalid_request_error"),
    (e.InvalidOutput("x"), 502, 502, 502, "api_error"),
    (e.BrokenStream("x"), 502, 502, 502, "api_error"),
    (e.Rejected("x", gate="queue"), 503, 503, 529, "overloaded_error"),
    (e.Rejected("x", gate="limits", status=429), 429, 429, 429, "rate_limit_error"),
    (e.Unauthorized("x"), 401, 401, 401, "authentication_error"),
    (e.Internal("x"), 500, 500, 500, "api_error"),
]


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row[0].kind}-{row[1]}") for row in ROWS])
def test_every_class_has_its_status(row):
    """The native surface tells the class, the vendors' surfaces what the vendor would."""
    failure, native, openai, anthropic, kind = row
    told = {name: DIALECTS[name].error(failure, "req-1") for name in DIALECTS}
    assert [told["native"][0], told["openai"][0], told["anthropic"][0]] == [native, openai, anthropic]
    body = json.loads(told["anthropic"][1])
    assert (body["type"], body["error"]["type"], body["request_id"]) == ("error", kind, "req-1")
    assert json.loads(told["openai"][1])["error"].keys() >= {"message", "type", "param", "code"}
    assert json.loads(told["native"][1])["error"]["type"] == failure.kind


@pytest.mark.parametrize("name", ["openai", "anthropic", "native"])
def test_all_bodies_carry_our_facts(name):
    """Whether and when to try again, which request, and how many attempts it took."""
    error = json.loads(DIALECTS[name].error(e.Throttled("slow", retry_after=2.5), "req-9")[1])["error"]
    facts = {key: error[key] for key in ("retryable", "retry_after", "request_id", "attempts")}
    assert facts == {"retryable": True, "retry_after": 2.5, "request_id": "req-9", "attempts": 0}


@pytest.mark.parametrize(
    ("failure", "kind", "code"),
    [
        (e.Quota("x"), "insufficient_quota", "insufficient_quota"),
        (
            e.Rejected("x", gate="budget", status=429, code="insufficient_quota"),
            "insufficient_quota",
            "insufficient_quota",
        ),
        (e.Throttled("x"), "rate_limit_error", "rate_limit_exceeded"),
        (e.Missing("x"), "invalid_request_error", "model_not_found"),
        (e.ContextLength("x"), "invalid_request_error", "context_length_exceeded"),
        (e.ContentFilter("x"), "invalid_request_error", "content_filter"),
        (e.Credential("x"), "server_error", "provider_authentication"),
        (e.Unauthorized("x"), "invalid_request_error", "invalid_api_key"),
        (e.Caller("x", code="unknown_parameter"), "invalid_request_error", "unknown_parameter"),
        (e.Caller("x"), "invalid_request_error", None),
    ],
)
def test_openai_types_and_codes(failure, kind, code):
    """SDKs and frameworks look at these."""
    error = json.loads(DIALECTS["openai"].error(failure, "r")[1])["error"]
    assert (error["type"], error["code"]) == (kind, code)


@pytest.mark.parametrize("message", ["prompt is too long: 9 tokens > 8 maximum", "the prompt does not fit"])
def test_a_context_error_is_in_the_words_that_frameworks_look_for(message):
    """langchain looks for one of these phrases, at status 400."""
    failure = e.ContextLength(message)
    status, body = DIALECTS["openai"].error(failure, "r")
    assert status == 400
    assert "Input tokens exceed the configured limit" in json.loads(body)["error"]["message"]
    assert json.loads(DIALECTS["anthropic"].error(failure, "r")[1])["error"]["message"].startswith(
        "prompt is too long: "
    )
