"""A gateway killed in the middle of 200 requests with idempotency keys, and begun again over the same file."""

import itertools
import json
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from outlast.testing import ok

from .house import toml_of
from .process import Process

MANY, AT_ONCE = 200, 8
KILLED_AFTER = 60
"""Answers that callers have when the process is killed."""
QUIRKS = '[providers.alpha.quirks]\nidempotency_header = "idempotency-key"'
PATH = "/v1/chat/completions"


def toml(provider, tmp_path, after_crash):
    """One target, which takes keys; what is begun counts as dead when it has been silent for 2 s."""
    rules = f'[idempotency]\nlease = 2.0\nafter_crash = "{after_crash}"\n[retry]\nenabled = false'
    store = f'store = "sqlite:///{tmp_path}/kept.db"\nguard = {{ disk = 20.0 }}\n'
    return store + toml_of(provider.url, f"{QUIRKS}\n{rules}", providers=("alpha",))


def ask(process, number):
    """The answer to the request of that number; None when the connection is gone before it is whole."""
    body = json.dumps({"model": "default", "messages": [{"role": "user", "content": f"question {number}"}]}).encode()
    try:
        with process.caller() as caller:
            caller.post(PATH, body, f"idempotency-key: key-{number}")
            return caller.answer()
    except (AssertionError, OSError):
        return None


def settled(process, number):
    """The same, asked again as the answer says until there is one."""
    while True:
        answer = ask(process, number)
        assert answer is not None
        if answer.status != 409 or "retry-after" not in answer.headers:
            return answer
        time.sleep(float(answer.headers["retry-after"]))  # what every SDK does


def killed_in_the_middle(process):
    """What callers have of 200 requests, when the process is killed after some of them."""
    had, some, counted = {}, threading.Event(), itertools.count(1)

    def one(number):
        answer = ask(process, number)
        if answer is not None:
            had[number] = answer
            if next(counted) == KILLED_AFTER:
                some.set()

    with ThreadPoolExecutor(AT_ONCE) as callers:
        asks = [callers.submit(one, number) for number in range(MANY)]
        assert some.wait(60.0)
        process.signal(signal.SIGKILL)
        for asked in asks:
            asked.result()
    return had


@pytest.mark.parametrize("after_crash", ["again", "refuse"])
def test_no_effect_comes_about_twice(provider, tmp_path, after_crash):
    """What was given is given again to the byte; what was cut off is made again under the same upstream key, or not."""
    provider.script("alpha", default=ok("well", first=0.02))
    configured = toml(provider, tmp_path, after_crash)
    with Process(configured, tmp_path) as process:
        had = killed_in_the_middle(process)
        process.ended()
    assert KILLED_AFTER <= len(had) < MANY
    with Process(configured, tmp_path) as process, ThreadPoolExecutor(AT_ONCE) as callers:
        answers = dict(zip(range(MANY), callers.map(lambda number: settled(process, number), range(MANY)), strict=True))
    for number, first in had.items():
        assert (answers[number].body, answers[number].headers["idempotent-replayed"]) == (first.body, "true")
    told = {}
    for seen in provider.requests("alpha"):
        told.setdefault(seen.json["messages"][0]["content"], []).append(seen.headers["idempotency-key"])
    assert all(len(set(keys)) == 1 for keys in told.values()), "one request, two effects"
    assert len({keys[0] for keys in told.values()}) == len(told)
    again = [number for number in range(MANY) if len(told.get(f"question {number}", ())) > 1]
    assert not set(again) & set(had), "what was given was made again"
    if after_crash == "again":
        assert {answer.status for answer in answers.values()} == {200}
        assert all(answers[number].headers["outlast-idempotency"] == "again" for number in again)
        return
    assert again == []
    unknown = [answer for answer in answers.values() if answer.status != 200]
    assert {answer.error["code"] for answer in unknown} <= {"idempotency_outcome_unknown"}
    assert len(unknown) <= AT_ONCE
