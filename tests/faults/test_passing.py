"""Faults of a provider whose answers are passed on unread, through the gateway, with one target and with two."""

import http.client
import json

import pytest

from outlast.testing import FAULTS

from .cases import ECHOES, PATIENCE, SPARE
from .passing_rows import PASSED, ROWS

PATH = "/v1/audio/speech"
LIMITS = "[retry]\nbase = 0.01\ncap = 0.05\nhint_max = 0.9\n[pause]\nthrottled_floor = 0.02\nthrottled_max = 0.05\n"


@pytest.fixture
def ask(provider, open_house):
    """Asks the first target alone, or with another behind it, and tells what came of it."""

    def asked(fault, *, paired):
        providers = ("alpha", SPARE) if paired else ("alpha",)
        house = open_house(LIMITS, providers=providers)
        provider.script("alpha", default=FAULTS[fault])
        link = http.client.HTTPConnection("127.0.0.1", house.port, timeout=PATIENCE)
        asking = json.dumps({"model": "default", "input": "hello", "voice": "alloy"})
        try:
            link.request("POST", PATH, asking, {"content-type": "application/json", "x-request-id": "it"})
            response = link.getresponse()
            body = response.read()
        finally:
            link.close()
        (ended,) = house.heard()
        return response, body, [attempt.kind for attempt in ended.history]

    return asked


@pytest.mark.parametrize("fault", ROWS)
def test_a_fault_of_the_only_target(ask, fault):
    """The class, its status, as many attempts as it may have; or the answer as it came."""
    row = ROWS[fault]
    response, body, kinds = ask(fault, paired=False)
    assert response.status == row.wanted.openai
    if row.comes == PASSED:
        assert len(kinds) == 1
        return
    assert kinds == [row.comes] * row.wanted.alone
    error = json.loads(body)["error"]
    assert error["request_id"] == "it"
    assert not [word for word in ECHOES if word.lower() in body.decode().lower()]


@pytest.mark.parametrize("fault", [fault for fault, row in ROWS.items() if row.comes != PASSED])
def test_a_fault_of_the_first_of_two(ask, fault):
    """The next one is asked, or nobody, as the class says."""
    row = ROWS[fault]
    response, body, kinds = ask(fault, paired=True)
    assert kinds == [row.comes] * row.wanted.first + ["ok"] * row.wanted.onward
    if row.wanted.onward:
        assert (response.status, response.getheader("outlast-source")) == (200, "fallback")
        assert body.startswith(b"ID3")
    else:
        assert response.status == row.wanted.openai
