"""Conversations that outlive the process that answered: other workers, a restart, a store that is shared."""

import json

import pytest

from .house import House, toml_of
from .process import Process

LEISURELY = "guard = { disk = 60.0, patience = 60.0 }\n"
PATIENT = "[responses]\npatience = 60.0\n"
WORKERS = f"{PATIENT}[server]\nworkers = 3\ndrain = 0.0\ngrace = 100.0\n"


def ask(gateway, given, **fields):
    """The answer to a request on a connection of its own."""
    body = json.dumps({"model": "default", "input": given, **fields}).encode()
    with gateway.caller() as caller:
        caller.post("/v1/responses", body)
        return caller.answer()


def goes_on(gateway, turns, **fields):
    """So many turns of one conversation, each on a connection of its own; the answer to the last."""
    last = ask(gateway, "I am Ann", **fields).json
    for number in range(turns):
        answer = ask(gateway, f"turn {number}", previous_response_id=last["id"], **fields)
        assert answer.status == 200, answer
        last = answer.json
    return last


@pytest.fixture
def sqlite(tmp_path):
    """A configuration's line for a file that all share."""
    return f'store = "sqlite:///{tmp_path}/kept.db"\n{LEISURELY}'


@pytest.fixture
def redis(redis):
    """The same for a server."""
    return f'store = "{redis.url}"\n{LEISURELY}'


def test_a_conversation_goes_on_over_workers(provider, tmp_path, sqlite):
    """Whichever of them is asked next, at once: what was answered is in the store by then."""
    toml = sqlite + toml_of(provider.url, WORKERS, providers=("alpha",))
    with Process(toml, tmp_path) as process:
        goes_on(process, 12)
        sent = json.dumps(provider.requests()[-1].json)
        assert all(words in sent for words in ("I am Ann", *(f"turn {number}" for number in range(12))))
        process.signal()
        assert process.ended() == 0


def test_workers_without_a_common_store_say_that_they_remember_nothing(provider, tmp_path):
    """Each time, not every third."""
    with Process(toml_of(provider.url, WORKERS, providers=("alpha",)), tmp_path) as process:
        for _ in range(5):
            first = ask(process, "I am Ann").json
            assert first["store"] is False
            told = ask(process, "and?", previous_response_id=first["id"])
            assert told.status == 400
            assert "send the whole conversation as input" in told.error["message"]
        process.signal()
        assert process.ended() == 0


@pytest.mark.parametrize("where", ["sqlite", "redis"])
def test_a_conversation_outlives_a_restart(provider, tmp_path, where, request):
    """With what a provider thought it was asked, and the items of its answers."""
    toml = request.getfixturevalue(where) + toml_of(provider.url, PATIENT, providers=("alpha",))
    with House(toml, tmp_path) as house:
        last = goes_on(house, 2)
    with House(toml, tmp_path) as house:
        answer = ask(house, "who am I?", previous_response_id=last["id"])
        assert answer.status == 200
        sent = json.dumps(provider.requests()[-1].json)
        assert all(words in sent for words in ("I am Ann", "turn 0", "turn 1", "who am I?"))
        items = [{"type": "item_reference", "id": item["id"]} for item in last["output"]]
        assert ask(house, [*items, {"role": "user", "content": "and?"}]).status == 200
        assert house.get(f"/v1/responses/{last['id']}").json == last
