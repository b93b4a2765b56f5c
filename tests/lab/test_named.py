"""Behaviours by name, and values by schema."""

import re

import pytest

from outlast.lab.answer import Asked
from outlast.lab.faults import FAULTS
from outlast.lab.instance import instance
from outlast.lab.named import behaviour, by_model
from outlast.lab.script import ok
from outlast.lab.steps import Body, Fin, Head, Pause, Rst


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("ok", "ok"),
        ("stream", "ok"),
        ("status-503", "status-503"),
        ("cut-4", "cut-4-fin"),
        ("cut-4-rst", "cut-4-rst"),
        ("stream-cut-4", "cut-4-fin"),
        ("stall-2", "stall-2"),
        ("error-event-3", "error-event-3"),
        ("unreachable-tls", "unreachable-tls"),
        ("E31-fin-after-4", "E31-fin-after-4"),
        ("e31-FIN-after-4", "E31-fin-after-4"),
    ],
)
def test_a_word_means_a_behaviour(word, name):
    """The same words work in scripts and as model names."""
    assert behaviour(word).name == name
    assert by_model(f"sim-{word}").name == name
    assert by_model(f"alpha/sim-{word}").name == name


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("nothing", 'unknown behaviour "nothing"; there are: ok, stream, status'),
        ("ctu", 'unknown behaviour "ctu"; did you mean "cut"?'),
        ("cut-x", '"cut-x" does not fit: cut takes after, how, first, between'),
        ("cut-1-rst-2", '"cut-1-rst-2" does not fit: cut takes'),
        ("status-", '"status-" does not fit: status takes code'),
        ({"status": {"x": 1}}, '"status" does not fit: status takes code'),
        ({"ok": {}, "cut": {}}, "a behaviour is one name with its fields"),
        ({"no": {}}, 'unknown behaviour "no"'),
    ],
)
def test_an_unknown_behaviour_is_refused_with_its_mend(wrong, told):
    """A wrong name gets the one that was meant or all there are, wrong fields the right ones."""
    with pytest.raises(ValueError, match=re.escape(told)):
        behaviour(wrong)


def test_other_model_names_mean_nothing():
    """Only "sim-…" is a wish."""
    assert by_model("gpt-5") is None
    assert by_model("simple-ok") is None
    assert by_model("sim-nothing") is None


def test_a_behaviour_can_be_given_as_it_is_a_number_or_fields():
    """Python, a status, JSON."""
    mine = ok("x")
    assert behaviour(mine) is mine
    assert behaviour(502).name == "status-502"
    steps = list(behaviour({"ok": {"text": "a b", "first": 2, "between": 1}}).play(Asked()))
    assert steps[0] == Pause(3.0)


def test_every_fault_is_named_by_its_row():
    """A letter A to E, a number, plain words."""
    assert len(FAULTS) > 110
    assert {name[0] for name in FAULTS} == set("ABCDE")
    assert all(fault.name == name for name, fault in FAULTS.items())


def test_a_cut_after_zero_has_the_head_and_no_content():
    """Four means four content events, zero means none."""
    asked = Asked(body={"model": "m", "stream": True})
    for after in (0, 4):
        steps = list(behaviour(f"cut-{after}-rst").play(asked))
        contents = [step for step in steps if isinstance(step, Body) and b'"delta":{"content"' in step.data]
        assert isinstance(steps[0], Head)
        assert len(contents) == after
        assert steps[-1] == Rst()


def test_a_stream_without_content_marker_still_ends():
    """A cut after more pieces than there are has all content and no finish."""
    steps = list(behaviour("cut-1000").play(Asked(body={"model": "m", "stream": True})))
    assert steps[-1] == Fin()
    assert not any(b'finish_reason":"' in step.data for step in steps if isinstance(step, Body))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "minLength": 6, "maxLength": 8}, "textxx"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "integer", "maximum": -2}, -2),
        ({"type": "number", "minimum": 0.1, "multipleOf": 0.5}, 0.5),
        ({"type": "integer", "minimum": 7, "multipleOf": 5}, 10),
        ({"type": ["null", "string"]}, None),
        ({"type": "boolean"}, False),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 0}, 0),
        ({"type": "string", "default": "d"}, "d"),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [0, 0]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 0),
        (
            {
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/A"}},
                "required": ["a"],
                "$defs": {"A": {"const": 1}},
            },
            {"a": 1},
        ),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {}),
        (
            {
                "allOf": [
                    {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]},
                    {"type": "object", "properties": {"b": {"const": 2}}, "required": ["b"]},
                ]
            },
            {"a": 1, "b": 2},
        ),
    ],
)
def test_an_instance_is_the_smallest_that_its_schema_accepts(schema, value):
    """Types, bounds, literals, references and combinations."""
    assert instance(schema) == value


def test_a_schema_that_refers_to_itself_ends():
    """Recursion is cut at a depth, not by a crash."""
    loop = {"$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"]}}}
    value = instance(loop | {"$ref": "#/$defs/n"})
    assert isinstance(value, dict)
