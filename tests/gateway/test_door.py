"""Who may come in: keys, tokens, and what nobody learns from a refusal."""

import hashlib

import pytest

from outlast.model.events import RequestEnded

from .house import chat

KEY = "sk-caller-0123456789abcdef"
KEYS = f'[keys.app]\nkey = "{KEY}"\n[keys.other]\nsha256 = "{hashlib.sha256(b"sk-other-0123456789").hexdigest()}"'
PATH = "/v1/chat/completions"


@pytest.fixture
def guarded(open_house):
    """A gateway with two keys."""
    return open_house(KEYS)


WRONG = {
    "none": [],
    "wrong": ["authorization: Bearer sk-wrong"],
    "prefix": [f"authorization: Bearer {KEY[:-1]}"],
    "longer": [f"authorization: Bearer {KEY}x"],
    "upper": [f"authorization: Bearer {KEY.upper()}"],
    "two words": [f"authorization: Bearer {KEY} {KEY}"],
    "SQL": ["authorization: Bearer ' OR 1=1 --"],
    "basic": [f"authorization: Basic {KEY}"],
    "bare": [f"authorization: {KEY}"],
    "its digest": [f"x-api-key: {hashlib.sha256(KEY.encode()).hexdigest()}"],
    "its name": ["x-api-key: app"],
    "long": ["x-api-key: " + "k" * 10_000],
    "not ASCII": ["x-api-key: \xe9\xff"],
    "JWT of nobody": ["authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."],
}


@pytest.mark.parametrize("path", [PATH, "/v1/messages", "/v1/generate", "/v1/embeddings"])
@pytest.mark.parametrize("case", WRONG)
def test_a_stranger_gets_401_and_learns_nothing(provider, guarded, path, case):
    """G22: the same answer to every wrong key, which is nowhere in it; nothing is sent to a provider."""
    answer = guarded.post(path, chat(), *WRONG[case])
    assert answer.status == 401
    assert answer.headers["x-should-retry"] == "false"
    for header in WRONG[case]:
        for word in header.partition(": ")[2].split():
            assert (
                word in {"Bearer", "Basic", "app", "1=1", "--", "OR", "'"} or word.encode("latin-1") not in answer.body
            )
    assert provider.requests() == []


def test_a_key_that_fills_the_head_is_refused_as_a_head(provider, guarded):
    """G22: 64 KiB of key."""
    assert guarded.post(PATH, chat(), "x-api-key: " + "k" * (64 << 10)).status == 431


@pytest.mark.parametrize(
    "header",
    [f"authorization: Bearer {KEY}", f"authorization: bearer  {KEY}", f"x-api-key: {KEY}", f"x-goog-api-key: {KEY}"],
)
def test_both_vendors_ways_to_send_a_key_are_taken(provider, guarded, header):
    """Bearer in any case, x-api-key and x-goog-api-key, on either vendor's path."""
    assert guarded.post(PATH, chat(), header).status == 200
    (ended,) = guarded.heard()
    assert (ended.caller, ended.user_type) == ("app", "key")


def test_a_stranger_is_refused_before_its_body_is_read(provider, guarded):
    """Nobody without a key makes us hold 32 MiB."""
    with guarded.caller() as caller:
        caller.send(caller.head("POST", PATH, f"content-length: {30 << 20}") + b"{")
        assert caller.answer().status == 401
        assert caller.rest() == b""


def test_models_and_metrics_need_a_key_too_and_health_does_not(provider, guarded):
    """K17: what tells of the house is for its callers; what balancers ask is for everybody."""
    assert guarded.get("/v1/models").status == 401
    assert guarded.get("/v1/models/default").status == 401
    assert guarded.get("/metrics").status == 401
    assert guarded.get("/metrics", f"x-api-key: {KEY}").status == 200
    for path in ("/livez", "/readyz", "/healthz"):
        assert guarded.get(path).status == 200


def test_no_refused_key_is_logged_or_counted(provider, guarded):
    """A mistyped key is a secret of its owner."""
    assert guarded.post(PATH, chat(), "authorization: Bearer sk-mistyped-0123").status == 401
    metrics = guarded.get("/metrics", f"x-api-key: {KEY}").body
    assert b"mistyped" not in metrics
    assert not guarded.ear.of(RequestEnded)
    assert "mistyped" not in guarded.log_text()


def test_only_a_trusted_key_names_its_user(provider, open_house):
    """outlast-user from another key is not believed."""
    house = open_house(f'[keys.plain]\nkey = "{KEY}"\n[keys.front]\nkey = "sk-front-0123456789abcdef"\ntrusted = true')
    house.chat("hi", f"x-api-key: {KEY}", "outlast-user: eve")
    house.chat("hi", "x-api-key: sk-front-0123456789abcdef", "outlast-user: ann")
    assert [(ended.caller, ended.user_type) for ended in house.heard(2)] == [("plain", "key"), ("front/ann", "user")]


def test_a_class_above_the_keys_own_is_not_given(provider, open_house):
    """outlast-priority is heard up to the key's class; nonsense is told."""
    house = open_house(f'[keys.low]\nkey = "{KEY}"\npriority = "low"')
    assert house.chat("hi", f"x-api-key: {KEY}", "outlast-priority: critical").status == 200
    answer = house.chat("hi", f"x-api-key: {KEY}", "outlast-priority: vip")
    assert (answer.status, "critical, high, normal, low, batch" in answer.error["message"]) == (400, True)


@pytest.mark.parametrize("value", ["0", "-5", "soon", "nan", "inf", "1e400", ""])
def test_a_deadline_that_is_none_is_told(provider, house, value):
    """outlast-deadline-ms must be a positive number."""
    answer = house.chat("hi", f"outlast-deadline-ms: {value}")
    assert (answer.status, "outlast-deadline-ms" in answer.error["message"]) == (400, True)


def test_what_an_sdk_says_of_its_own_timer_never_fails_a_request(provider, house):
    """A read timeout that is no number is no deadline."""
    for value in ("600", "600.0", "nan", "soon", "-1", ""):
        assert house.chat("hi", f"x-stainless-read-timeout: {value}", f"x-stainless-timeout: {value}").status == 200
        assert house.chat("hi", f"x-server-timeout: {value}").status == 200


def test_a_deadline_ends_a_request_in_time(provider, lone):
    """A provider that says nothing: 504 after the caller's own deadline."""
    provider.script("alpha", "silent")
    answer = lone.chat("hi", "outlast-deadline-ms: 300")
    assert (answer.status, answer.error["code"]) == (504, "timeout")
