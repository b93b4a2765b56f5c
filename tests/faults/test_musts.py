"""What must hold of single faults beside their class: told in the last column of the table."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.gateway.house import chat

from outlast.model.events import RetryScheduled
from outlast.testing import FAULTS, ok, status

HINTS = {
    "B19-503-retry-after-1": 1.0,
    "B26-retry-after-1": 1.0,
    "B27-retry-after-quarter": 0.25,
    "B28-retry-after-ms": 1.5,
    "B36-retry-after-date": 2.0,
    "B41-reset-1s": 1.0,
    "B42-reset-rfc3339": 2.0,
    "B60-429-azure-ms": 1.5,
    "B61-retry-after-twice": 1.0,
    "B62-ms-garbage-then-seconds": 1.0,
    "B63-reset-epoch": 2.0,
    "B63-reset-not-exhausted": 1.0,
    "B65-gemini-fraction": 1.5,
    "B65-gemini-header-wins": 2.0,
}
PATH = "/v1/chat/completions"


def test_nobody_comes_back_before_a_hint_is_over(provider, open_house):
    """The second attempt begins when the hint is over, and not a moment earlier; all of them at once, to wait once."""
    names = {name.lower(): name for name in HINTS}
    routes = "".join(f'[routes.{name}]\ntargets = ["{name}/m"]\n' for name in names)
    house = open_house(routes, providers=tuple(names))
    for name, fault in names.items():
        provider.script(name, FAULTS[fault], ok("again"))
    with ThreadPoolExecutor(len(names)) as callers:
        answers = list(callers.map(lambda name: house.chat(model=name), names))
    for (name, fault), answer in zip(names.items(), answers, strict=True):
        assert (answer.status, answer.json["choices"][0]["message"]["content"]) == (200, "again"), fault
        first, second = provider.requests(name)
        assert second.started - first.started >= HINTS[fault], fault


@pytest.mark.parametrize("fault", ["C35-closes-unsaid", "C30-http-1.0", "C35-keep-alive-0", "every third"])
def test_a_server_that_keeps_no_connection_is_never_noticed(provider, house, fault):
    """Request after request is answered at the first attempt, although each finds its connection gone or going."""
    every_third = [ok(), ok(), FAULTS["C35-closes-unsaid"]] * 4
    provider.script("alpha", *(every_third if fault == "every third" else [FAULTS[fault]] * 12))
    answers = [house.chat() for _ in range(12)]
    assert [(answer.status, answer.headers["outlast-attempts"]) for answer in answers] == [(200, "1")] * 12
    window = house.outlast.stack.breakers.of("alpha/m")._window
    assert (window.ok, window.failed) == (12, 0)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_redirect_is_never_followed(provider, open_house, code, streamed):
    """B44: the host that we are sent to sees nothing at all: no connection, so no key and no prompt."""
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        place = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/v1/chat/completions"
        provider.script("alpha", status(code, {"location": place}), status(code, {"location": place}, body=""))
        house = open_house(providers=("alpha", "beta"))
        for _ in range(2):
            answer = house.chat(stream=streamed)
            assert (answer.status, answer.headers["outlast-target"]) == (200, "beta/m")
            assert "location" not in answer.headers
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    assert [attempt.kind for ended in house.heard(2) for attempt in ended.history] == ["bad_response", "ok"] * 2


def test_what_nobody_asked_for_reaches_nobody(provider, house):
    """C17: a second answer on the connection closes it; the next caller gets its own answer on a new one."""
    provider.script("alpha", *[FAULTS["C17-second-response"]] * 3, ok("my own"))
    bodies = [house.chat().body for _ in range(4)]
    assert not [body for body in bodies if b"FORGED" in body]
    assert json.loads(bodies[3])["choices"][0]["message"]["content"] == "my own"
    assert len({seen.connection for seen in provider.requests("alpha")}) == 4


@pytest.mark.parametrize(
    "fault",
    [
        "C16-length-too-short",
        "C16-length-too-long",
        "C19-te-and-cl",
        "C20-two-lengths",
        "C37-size-too-small",
        "C36-length-list",
    ],
)
def test_a_connection_of_doubtful_framing_is_not_used_again(provider, house, fault):
    """C16, C19: whatever may be left on it is for nobody."""
    provider.script("alpha", FAULTS[fault], ok("clean"))
    assert house.chat().json["choices"][0]["message"]["content"] == "clean"
    first, second = provider.requests("alpha")
    assert first.connection != second.connection


def test_an_answer_is_read_although_our_writing_failed(provider, house):
    """C12: the provider refuses a large request before it has read it; its 413 is what the caller hears."""
    provider.script("alpha", FAULTS["C12-early-413"])
    answer = house.chat("a" * 4_000_000)
    assert (answer.status, answer.headers["x-should-retry"]) == (413, "false")
    assert len(provider.requests("alpha")) == 1


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_errors_inside_a_200_are_failures_until_it_works(provider, open_house, streamed):
    """E27: two streams whose first event is an error, then an answer: the third attempt is all that the caller sees."""
    house = open_house("[pause]\nthrottled_floor = 0.02\nthrottled_max = 0.05")
    provider.script("alpha", *[FAULTS["E26-first-event-rate-limit"]] * 2, ok("at last"))
    answer = house.chat(stream=streamed)
    assert (answer.status, answer.headers["outlast-attempts"]) == (200, "3")
    assert b"rate" not in answer.body
    assert len(provider.requests("alpha")) == 3


def test_a_refused_connection_is_tried_again_at_once(provider, house):
    """A1: without a backoff the first time; a second refusal waits."""
    provider.script("alpha", FAULTS["A1-refused"], FAULTS["A1-refused"], ok("third"))
    assert house.chat().status == 200
    first, second = house.ear.wait(RetryScheduled, 2)
    assert first.delay == 0.0
    assert second.delay > 0.0


def test_an_overloaded_provider_is_given_longer(provider, open_house):
    """B22: 529 backs off from a base of its own, which is the longer one; here the other is nothing."""
    house = open_house("[retry]\nbase = 0.0\nbase_overloaded = 0.05")
    provider.script("alpha", FAULTS["B22-overloaded-529"], ok(), FAULTS["B15-server-error"])
    assert [house.chat().status for _ in range(2)] == [200, 200]
    overloaded, failed = house.ear.wait(RetryScheduled, 2)
    assert overloaded.delay > failed.delay == 0.0


def test_a_stream_ends_at_its_end_marker(provider, house):
    """E14: the connection is left open, and the caller is not kept waiting for it to be silent."""
    provider.script("alpha", FAULTS["E14-done-then-open"])
    with house.caller() as caller:
        caller.post(PATH, chat(stream=True))
        assert caller.answer().body.endswith(b"data: [DONE]\n\n")
    (seen,) = provider.wait(1, "alpha", ended=True)
    assert seen.hung_up == "caller"


def test_the_log_survives_whatever_a_provider_says(provider, house):
    """D7, C22: NUL in a text and bytes in a header leave one line for each request, in plain ASCII."""
    faults = ["D7-nul-in-text", "C22-utf8-header", "C22-latin1-header", "A6-random-bytes", "D5-not-utf8"]
    for fault in faults:
        provider.script("alpha", FAULTS[fault])
        house.chat()
    house.heard(len(faults))
    house.close()
    lines = [line for line in house.log() if line["event"] == "request"]
    assert len(lines) == len(faults)
    assert house.log_text().replace("\n", "").isprintable()


def test_a_prompt_that_does_not_fit_is_told_in_words_that_frameworks_read(provider, house):
    """B2: OpenAI's code and wording, with the provider's own numbers."""
    provider.script("alpha", FAULTS["B2-context-length"])
    answer = house.chat()
    assert (answer.status, answer.error["code"]) == (400, "context_length_exceeded")
    assert "200001" in answer.error["message"]
    assert "200000" in answer.error["message"]


@pytest.mark.parametrize(
    ("fault", "usage"),
    [("D24-usage-missing", True), ("D24-usage-null", True), ("D24-usage-words", True), ("D24-usage-negative", None)],
)
def test_usage_that_is_no_usage_is_estimated(provider, house, fault, usage):
    """D24: tokens are counted all the same, marked as estimated, and never below zero."""
    provider.script("alpha", FAULTS[fault])
    assert house.chat().status == 200
    (ended,) = house.heard()
    assert ended.usage.input >= 0
    assert ended.usage.output >= 0
    assert usage is None or ended.usage.estimated
