"""Conducts: read from plain data with clear words for mistakes, and told without secrets."""

import json
import re
import tomllib

import msgspec
import pytest

from outlast.config.errors import ConfigError
from outlast.lab.conduct import Conduct, Mishap, conduct_of
from outlast.lab.laws import Law
from outlast.lab.outages import Outage
from outlast.lab.quotas import Limits
from outlast.model.target import Price

EVERYTHING = """
models = ["a", "b"]
key = "sim-key-0123456789"
default = "cut-4"
first = { median = 0.4, p95 = 1.5 }
tokens_per_second = 80
errors = [
    { rate = 0.02, behaviour = 500 },
    { rate = 0.03, behaviour = { throttled = { retry_after = 1 } } },
]
limits = { requests_per_minute = 60, tokens_per_minute = 9000, concurrent = 4, burst = 10 }
outages = [
    { at = 10, for = 5, every = 60, kind = "brown-out", share = 0.3, factor = 4 },
    { at = 30, kind = "E31-fin-after-4" },
]
price = { input = 1, output = 2 }
seed = 7
"""
MEANT = Conduct(
    models=("a", "b"),
    key="sim-key-0123456789",
    default="cut-4",
    first=Law(median=0.4, p95=1.5),
    tokens_per_second=80,
    errors=(Mishap(rate=0.02), Mishap(rate=0.03, behaviour={"throttled": {"retry_after": 1}})),
    limits=Limits(requests_per_minute=60, tokens_per_minute=9000, concurrent=4, burst=10),
    outages=(
        Outage(at=10, lasts=5, every=60, kind="brown-out", share=0.3, factor=4),
        Outage(at=30, kind="E31-fin-after-4"),
    ),
    price=Price(input=1, output=2),
    seed=7,
)


def test_toml_says_all_of_it():
    """Every field, as a file has it; JSON that is decoded by type comes to the same."""
    raw = tomllib.loads(EVERYTHING)
    assert conduct_of(raw) == MEANT
    assert msgspec.json.decode(json.dumps(raw), type=Conduct) == MEANT


def test_what_is_told_can_be_said_again():
    """The same conduct comes of it, but for the key, which nobody sees; a new one has nothing to tell."""
    told = MEANT.told()
    assert told["key"] == "***"
    assert conduct_of(json.loads(json.dumps(told)) | {"key": MEANT.key}) == MEANT
    assert Conduct().told() == {}
    assert conduct_of({}) == conduct_of({"key": None}) == Conduct()


def test_a_repr_shows_no_key():
    """Nor does the error of a key that is wrong."""
    assert "0123456789" not in repr(MEANT)
    assert "sim-key" not in repr(MEANT)
    assert "key=None" in repr(Conduct())
    with pytest.raises(ConfigError) as wrong:
        conduct_of({"key": 123456789})
    assert "123456789" not in str(wrong.value)


def test_tokens_per_second_say_the_pace():
    """Eighty a second are an eightieth between two."""
    assert MEANT.pace == 1 / 80
    assert Conduct(between=0.5).pace == 0.5
    assert Conduct().untimed
    assert not MEANT.untimed


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"fist": 1}, 'p.fist: unknown name "fist"; did you mean "first"?'),
        ({"first": {"medain": 1}}, 'p.first.medain: unknown name "medain"; did you mean "median"?'),
        ({"first": {"median": 1}}, "p.first: a latency law is { median, p95 }, { low, high } or { mean }"),
        ({"first": "fast"}, 'p.first: expected a number, not "fast"'),
        ({"default": "ctu-4"}, 'p.default: unknown behaviour "ctu-4"; did you mean "cut"?'),
        ({"default": ["ok"]}, "p.default: expected a behaviour: its name, a status, or { name = { … } }"),
        ({"default": {"ok": {"frist": 1}}}, 'p.default: "ok" does not fit: ok takes text, first, between, finish'),
        ({"errors": [{"rate": 2}]}, "p.errors[0]: rate must be from 0 to 1"),
        ({"errors": [{"behaviour": 500}]}, 'p.errors[0]: "rate" is missing'),
        ({"errors": [{"rate": 0.6}, {"rate": 0.6}]}, "p: the rates of all errors must not be more than 1 together"),
        ({"outages": [{"kind": "dwon"}]}, 'p.outages[0].kind: unknown behaviour "dwon"; did you mean "down"?'),
        ({"outages": [{"at": 1}, {"every": 3}]}, "p.outages[1]: an outage that comes again needs"),
        ({"outages": [{"kind": "gray"}]}, 'p: a gray outage needs a "delay", or a "first"'),
        ({"limits": {"requests_per_minutes": 1}}, 'did you mean "requests_per_minute"?'),
        ({"limits": {"tokens_per_minute": 0}}, "p.limits: a limit must be more than 0"),
        ({"tokens_per_second": 0}, "p: tokens_per_second must be more than 0"),
        ({"tokens_per_second": 5, "between": 1}, "give one of them"),
        ({"first": -1}, "p.first: expected a finite number, 0 or more, not -1"),
        (["no table"], "p: expected a table"),
    ],
)
def test_a_mistake_is_told_by_its_place_and_mend(wrong, told):
    """One line that says where and what."""
    with pytest.raises(ConfigError, match=re.escape(told)) as error:
        conduct_of(wrong, ("p",))
    assert "\n" not in str(error.value)


def test_no_variable_is_read_unless_it_is_given():
    """Data from outside must not see the environment."""
    with pytest.raises(ConfigError, match="HOME is not set"):
        conduct_of({"models": ["${HOME}"]})
    assert conduct_of({"key": "${SIM_KEY}"}, (), {"SIM_KEY": "k"}).key == "k"
