"""Simulated models that are bad at JSON: how each spoils it, whichever way it was asked for."""

import json

import pytest

from outlast.lab.answer import Asked
from outlast.lab.bad_json import bad_json
from outlast.lab.named import behaviour
from outlast.lab.steps import Body

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "number": {"type": "integer"}, "list": {"type": "array"}},
    "required": ["name", "number", "list"],
}
NATIVE = {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}}
WORDED = {"role": "system", "content": f"Answer. <json_schema>{json.dumps(SCHEMA)}</json_schema>"}
REPORT = [{"role": "assistant", "content": "{}"}, {"role": "user", "content": "Wrong: <report>[]</report>"}]


def said(manner, *more, native=True):
    """What the model says."""
    messages = [*([] if native else [WORDED]), {"role": "user", "content": "hi"}, *more]
    asked = Asked(body={"model": "m", "messages": messages, **(NATIVE if native else {})})
    steps = bad_json(manner).play(asked)
    whole = b"".join(step.data for step in steps if isinstance(step, Body))
    return json.loads(whole)["choices"][0]["message"]["content"]


@pytest.mark.parametrize("native", [True, False])
def test_each_manner(native):
    """The same, asked for natively or in words."""
    assert json.loads(said("fences", native=native).removeprefix("```json\n").removesuffix("\n```")).keys() == {
        "name", "number", "list"
    }  # fmt: skip
    assert "Sure!" in said("talks", native=native)
    assert json.loads(said("types", native=native)) == {"name": 7, "number": "seven", "list": 7}
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(said("cut", native=native))
    assert "{" not in said("never", native=native)


@pytest.mark.parametrize("native", [True, False])
def test_who_learns_is_right_when_it_is_told(native):
    """And wrong before."""
    assert json.loads(said("learns", native=native))["name"] == 7
    assert isinstance(json.loads(said("learns", *REPORT, native=native))["name"], str)


def test_it_has_a_name():
    """For model names, files and the control page."""
    assert behaviour("bad-json-learns").name == "bad-json-learns"
    with pytest.raises(ValueError, match="manner"):
        behaviour("bad-json-sings")
