"""Errors in the words of whoever is asked: the vendor's status and shape, our hints beside them, one id everywhere."""

import math
import re

import pytest

from outlast.testing import behaviour, html, throttled

from .house import chat

OPENAI, ANTHROPIC, NATIVE = "/v1/chat/completions", "/v1/messages", "/v1/generate"
KEY = "sk-caller-0123456789abcdef"


def asking(path, **fields):
    """A body that is good at this path."""
    return chat(**fields, **({"max_tokens": 50} if path == ANTHROPIC else {}))


FAILURES = {
    # played                        OpenAI                                Anthropic                         native
    "503": (503, (503, "service_unavailable_error"), (529, "overloaded_error"), (503, "transient")),
    "504": (504, (504, "service_unavailable_error"), (504, "timeout_error"), (504, "transient")),
    "html": (html(502), (502, "server_error"), (502, "api_error"), (502, "bad_response")),
    "401": (401, (502, "server_error"), (502, "api_error"), (401, "credential")),
    "402": (402, (429, "insufficient_quota"), (402, "billing_error"), (503, "quota")),
    "403": (403, (403, "invalid_request_error"), (403, "permission_error"), (403, "permission")),
    "429": (throttled(86400), (429, "rate_limit_error"), (429, "rate_limit_error"), (429, "throttled")),
    "400": (400, (400, "invalid_request_error"), (400, "invalid_request_error"), (400, "caller")),
    "context": (
        behaviour("B2-context-length"),
        (400, "invalid_request_error"),
        (400, "invalid_request_error"),
        (413, "context_length"),
    ),
    "405": (405, (503, "service_unavailable_error"), (529, "overloaded_error"), (503, "unsupported")),
    "451": (451, (451, "invalid_request_error"), (451, "invalid_request_error"), (422, "legal")),
    "409": (409, (409, "conflict_error"), (409, "conflict_error"), (409, "conflict")),
}


@pytest.mark.parametrize("case", FAILURES)
@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC, NATIVE])
def test_a_failure_is_told_as_the_vendor_would(provider, open_house, path, case):
    """Status and type of each surface, the same class in the log."""
    house = open_house("[retry]\nenabled = false", providers=("alpha",))
    played, *expected = FAILURES[case]
    provider.script("alpha", played)
    answer = house.post(path, asking(path))
    want = expected[[OPENAI, ANTHROPIC, NATIVE].index(path)]
    assert (answer.status, answer.error["type"]) == want
    assert house.heard()[0].kind == expected[2][1]
    assert {"retryable", "retry_after", "request_id", "attempts"} <= set(answer.error)
    assert answer.error["attempts"] == int(answer.headers["outlast-attempts"]) == 1
    assert answer.headers["outlast-target"] == "alpha/m"
    assert b"simul" not in answer.body.lower(), "the provider's own words"
    if path == ANTHROPIC:
        assert (answer.json["type"], answer.json["request_id"]) == ("error", answer.headers["request-id"])


@pytest.mark.parametrize("case", FAILURES)
@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_semantic_statuses_are_given_where_asked_for(provider, open_house, path, case):
    """errors = "semantic": the native status under the vendor's body."""
    house = open_house('[server]\nerrors = "semantic"\n[retry]\nenabled = false', providers=("alpha",))
    played, *expected = FAILURES[case]
    provider.script("alpha", played)
    answer = house.post(path, asking(path))
    assert answer.status == expected[2][0]
    assert answer.error["type"] == expected[[OPENAI, ANTHROPIC].index(path)][1]


def test_what_cannot_change_is_not_to_be_repeated(provider, open_house):
    """x-should-retry: false for permanent failures, and nothing of the kind for passing ones."""
    house = open_house("[retry]\nenabled = false", providers=("alpha",))
    said = {}
    for case in (400, 401, 402, 403, 451, 503, 504):
        provider.script("alpha", case)
        said[case] = house.chat().headers.get("x-should-retry")
        house.outlast.stack.pauses._credentials.clear()
    assert said == dict.fromkeys((400, 401, 402, 403, 451), "false") | {503: None, 504: None}


def test_a_short_wait_is_told_truly_and_may_be_slept_out(provider, open_house):
    """Retry-After in whole seconds, rounded up, and in milliseconds beside it."""
    house = open_house("[retry]\nenabled = false", providers=("alpha",))
    provider.script("alpha", throttled(50.5))
    answer = house.chat()
    assert (answer.status, answer.error["code"]) == (429, "rate_limit_exceeded")
    wait = answer.error["retry_after"]
    assert 40 < wait <= 56
    assert int(answer.headers["retry-after"]) == math.ceil(wait)
    assert int(answer.headers["retry-after-ms"]) / 1000 == pytest.approx(wait, abs=0.002)
    assert "x-should-retry" not in answer.headers


def test_less_than_a_second_is_not_0_and_no_wait_is_no_header(provider, open_house):
    """Who reads "0" comes back at once and for ever; who reads "None" breaks."""
    house = open_house("[retry]\nenabled = false", providers=("alpha",))
    provider.script("alpha", throttled(0.4), 500)
    answer = house.chat()
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")
    assert 0 < int(answer.headers["retry-after-ms"]) < 1000
    provider.script("beta", 500)
    house = open_house("[retry]\nenabled = false", providers=("beta",))
    answer = house.chat()
    assert answer.status == 503
    assert "retry-after" not in answer.headers


def test_a_long_wait_is_told_truly_and_not_to_be_slept_out(provider, lone):
    """Above 60 s an SDK would sleep: the true value, and x-should-retry: false. The next caller hears it too."""
    provider.script("alpha", throttled(86400))
    for want in (429, 503):
        answer = lone.chat()
        assert answer.status == want
        assert 86000 < int(answer.headers["retry-after"]) <= 86402
        assert answer.headers["x-should-retry"] == "false"
        assert len(provider.requests()) == 1


@pytest.mark.parametrize(
    ("method", "path", "want", "allow"),
    [
        ("GET", OPENAI, 405, "POST"),
        ("PUT", ANTHROPIC, 405, "POST"),
        ("DELETE", NATIVE, 405, "POST"),
        ("POST", "/v1/models", 405, "GET, HEAD"),
        ("DELETE", "/v1/models/default", 405, "GET, HEAD"),
        ("POST", "/metrics", 405, "GET, HEAD"),
        ("OPTIONS", OPENAI, 405, "POST"),
        ("GET", "/nothing", 404, None),
        ("POST", "/v1/nothing", 404, None),
        ("OPTIONS", "/nothing", 404, None),
    ],
)
def test_a_wrong_path_or_method_is_told_in_the_dialect_of_the_path(provider, house, method, path, want, allow):
    """404 and 405 have an envelope, an id, `allow` where that helps, and nothing of CORS."""
    answer = house.ask(method, path)
    assert (answer.status, answer.headers.get("allow")) == (want, allow)
    assert answer.headers["content-type"] == "application/json"
    assert ("type" in answer.json) == (path == ANTHROPIC)
    assert answer.error["request_id"] == answer.headers["x-request-id"]
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_path_of_neither_vendor_follows_the_callers_headers(provider, house):
    """anthropic-version makes the answer Anthropic's."""
    answer = house.get("/nothing", "anthropic-version: 2023-06-01")
    assert (answer.status, answer.json["type"], answer.error["type"]) == (404, "error", "not_found_error")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/metrics", "/v1/models", "/v1/models/default"])
def test_head_is_get_without_a_body(provider, house, path):
    """Same status and length, no byte of body, and the connection goes on."""
    with house.caller() as caller:
        caller.request("HEAD", path)
        head = caller.answer(bodiless=True)
        caller.request("GET", path)
        whole = caller.answer()
    assert head.status == whole.status == 200
    assert abs(int(head.headers["content-length"]) - int(whole.headers["content-length"])) < 2000


def test_everything_has_a_request_id(provider, house):
    """Whatever is asked, and whatever it comes to; the caller's own where that is a plain word."""
    asked = {
        "GET": ("/livez", "/readyz", "/metrics", "/v1/models", "/v1/models/default", "/v1/models/none", "/nothing"),
        "POST": (OPENAI, ANTHROPIC, NATIVE),
        "PATCH": ("/metrics", OPENAI),
    }
    for method, path in ((method, path) for method, paths in asked.items() for path in paths):
        given = house.ask(method, path, b"", "x-request-id: my.own:id_1-2")
        assert given.headers["x-request-id"] == "my.own:id_1-2"
        made = [house.ask(method, path).headers["x-request-id"] for _ in range(2)]
        assert made[0] != made[1]
        assert made[0].startswith("req_")


def test_the_id_of_the_answer_is_the_id_in_the_log(provider, house):
    """One id for the answer, the events and the log line."""
    answer = house.chat("hi", "x-request-id: traced-1")
    streamed = house.chat(stream=True)
    assert [ended.call for ended in house.heard(2)] == ["traced-1", streamed.headers["x-request-id"]]
    assert answer.headers["x-request-id"] == "traced-1"


def test_an_unknown_model_is_told_what_there_is(provider, house):
    """G26: 404, nobody is asked."""
    answer = house.chat(model="gpt-none")
    assert (answer.status, answer.error["code"]) == (404, "model_not_found")
    assert "default" in answer.error["message"]
    assert provider.requests() == []
    assert [(ended.route, ended.kind, ended.status) for ended in house.heard()] == [("", "caller", 404)]


def test_models_are_listed_as_each_vendor_does(provider, house):
    """Routes first, then targets; one of them by its name, with its slash as it is or escaped."""
    assert house.get("/v1/models").json["data"][0]["id"] == "default"
    theirs = house.get("/v1/models", "anthropic-version: 2023-06-01").json
    assert (theirs["data"][0]["type"], theirs["first_id"], theirs["has_more"]) == ("model", "default", False)
    assert house.get("/v1/models/alpha/m").json["id"] == "alpha/m"
    assert house.get("/v1/models/alpha%2Fm").json["id"] == "alpha/m"
    missing = house.get("/v1/models/none")
    assert (missing.status, missing.error["code"]) == (404, "model_not_found")
    theirs = house.get("/v1/models/none", "anthropic-version: 2023-06-01")
    assert (theirs.status, theirs.error["type"]) == (404, "not_found_error")


LIMITED = f'[keys.app]\nkey = "{KEY}"\nlimits = {{ rpm = 6, tpm = 100000 }}'


def test_an_answer_tells_what_is_left_of_the_limits(provider, open_house):
    """The draft's fields and the vendor's own, on answers and on refusals."""
    house = open_house(LIMITED)
    answer = house.chat("hi", f"x-api-key: {KEY}")
    assert answer.headers["ratelimit-policy"] == '"rpm";q=6;w=60, "tpm";q=100000;w=60'
    assert re.match(r'"rpm";r=0;t=([1-9]|10), "tpm";r=', answer.headers["ratelimit"])
    assert answer.headers["x-ratelimit-limit-requests"] == "6"
    assert answer.headers["x-ratelimit-remaining-requests"] == "0"
    assert answer.headers["x-ratelimit-reset-requests"].endswith("s")
    assert int(answer.headers["x-ratelimit-remaining-tokens"]) < 100_000


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC, NATIVE])
def test_a_caller_over_its_limit_is_told_when_to_come_back(provider, open_house, path):
    """429 with Retry-After, and RateLimit fields that promise nothing earlier."""
    house = open_house(LIMITED)
    assert house.post(path, asking(path), f"x-api-key: {KEY}").status == 200
    answer = house.post(path, asking(path), f"x-api-key: {KEY}")
    assert answer.status == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert answer.headers["ratelimit"].startswith(f'"rpm";r=0;t={answer.headers["retry-after"]}')
    assert "x-should-retry" not in answer.headers
    if path == ANTHROPIC:
        assert answer.error["type"] == "rate_limit_error"
        assert answer.headers["anthropic-ratelimit-requests-remaining"] == "0"
        assert answer.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    if path == OPENAI:
        assert (answer.error["type"], answer.error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert len(provider.requests()) == 1


def test_a_cost_that_can_never_be_paid_is_refused_for_good(provider, open_house):
    """More tokens than a whole minute's amount: 429 insufficient_quota, not to be repeated."""
    house = open_house(f'[keys.app]\nkey = "{KEY}"\nlimits = {{ tpm = 10 }}')
    answer = house.chat("word " * 100, f"x-api-key: {KEY}")
    assert (answer.status, answer.error["code"]) == (429, "insufficient_quota")
    assert "retry-after" not in answer.headers
    assert answer.headers["x-should-retry"] == "false"
