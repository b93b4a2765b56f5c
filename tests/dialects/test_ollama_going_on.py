"""Asking an Ollama for the rest of an answer, by its caller's own bytes or written anew, and going on in its lines."""

import json

import pytest

from outlast.dialects import DIALECTS
from outlast.model.continuing import Beginning, ask_on
from outlast.model.messages import Chunk, Opening, Usage
from outlast.model.target import Provider, Target

SAID = "This is the"
HI = {"role": "user", "content": "hi"}
BODIES = {
    "ollama": {
        "model": "m", "messages": [HI], "format": {"type": "object"}, "think": "low", "keep_alive": 5,
        "options": {"num_predict": 50, "seed": 1},
    },
    "openai": {
        "model": "m", "messages": [HI], "max_tokens": 50, "response_format": {"type": "json_object"}, "seed": 1,
        "reasoning_effort": "low",
    },
    "ollama-prompts": {"model": "m", "prompt": "hi", "format": "json", "options": {"num_predict": 50, "seed": 1}},
}  # fmt: skip


def asked(spoken, *, able, prefill=True, **fields):
    """The body that asks an Ollama for the rest."""
    request = DIALECTS[spoken].parse("chat", json.dumps(BODIES[spoken] | fields).encode())
    target = Target("a/m", Provider("a", "ollama", "http://x"), "m", prefill=able, reasoning=True)
    return json.loads(DIALECTS["ollama"].encode(request.going_on(Beginning(SAID, prefill), 10), target).body)


@pytest.mark.parametrize("spoken", BODIES)
def test_a_model_that_takes_it_is_prefilled(spoken):
    """The last turn is what was said; neither a format for a whole answer nor thinking goes with it."""
    body = asked(spoken, able=True)
    assert body["messages"] == [HI, {"role": "assistant", "content": SAID}]
    assert body["options"] == {"num_predict": 40, "seed": 1}
    assert not {"format", "think"} & body.keys()
    assert (body.get("keep_alive") == 5) is (spoken == "ollama")


@pytest.mark.parametrize("spoken", BODIES)
@pytest.mark.parametrize("able", [True, False])
def test_others_are_asked_to_go_on(spoken, able):
    """Those that do not take a prefill, and those that have refused it; the rest of a JSON is to be JSON still."""
    body = asked(spoken, able=able, prefill=not able)
    assert body["messages"][-2:] == [{"role": "assistant", "content": SAID}, {"role": "user", "content": ask_on(SAID)}]
    assert body["options"]["num_predict"] == 40
    assert body["format"]


@pytest.mark.parametrize("spoken", ["ollama", "openai"])
def test_the_caller_s_own_beginning_becomes_one_with_it(spoken):
    """The answer began with it."""
    body = asked(spoken, able=True, messages=[HI, {"role": "assistant", "content": "Well. "}])
    assert body["messages"][1:] == [{"role": "assistant", "content": "Well. " + SAID}]


def test_its_writer_goes_on_where_the_provider_s_lines_ended():
    """No second beginning; one end, with the usage of all."""
    writer = DIALECTS["ollama"].writer(DIALECTS["ollama"].parse("chat", json.dumps(BODIES["ollama"]).encode()))
    said = writer.go_on(Opening(model="m", created=7)) + writer.write([Chunk(" rest")])
    assert [json.loads(line)["message"]["content"] for line in said.splitlines()] == [" rest"]
    writer.write([Chunk(finish="stop", usage=Usage(9, 8))])
    (last,) = map(json.loads, writer.end().splitlines())
    assert (last["done"], last["done_reason"], last["eval_count"]) == (True, "stop", 8)
