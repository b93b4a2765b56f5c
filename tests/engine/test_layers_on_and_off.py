"""Each layer switched on and off by `enabled`: its effect is there or gone, and all other effects are as they were."""

import json

import pytest
from msgspec import structs

from outlast.dialects import DIALECTS
from outlast.model.errors import Failure, Rejected
from outlast.stack import LayersConfig
from outlast.testing import cut, ok, slow_headers, status, throttled

from .world import DEFAULT, TEXT, World

LAYERS = sorted(name for name in LayersConfig.__struct_fields__ if hasattr(getattr(LayersConfig(), name), "enabled"))
ONE = ("alpha/m",)


def retry(world):
    """The only target is asked again."""
    world.script("alpha/m", 503, ok(TEXT))
    return not isinstance(world.hear(), Failure)


def breaker(world):
    """A target that only fails is no longer asked."""
    world.script("alpha/m", 503)
    for _ in range(6):
        world.fail()
    world.forget()
    for _ in range(6):
        world.fail()
    return world.sent() < 6


def pause(world):
    """A target that asked for half a minute is left alone for it."""
    world.script("alpha/m", throttled(30.0), ok(TEXT))
    world.fail(timeout=2.0)
    world.forget()
    world.hear(timeout=2.0)
    return world.sent() == 0


def limits(world):
    """The second request of a provider's account waits for its quota."""
    world.ask("one")
    before = world.now
    world.ask("two")
    return world.now - before > 5.0


def bulkhead(world):
    """A target has so many slots and no more."""
    world.script_all(slow_headers(2.0))
    return any(isinstance(answer, Rejected) for answer in world.crowd(2))


def admission(world):
    """The gateway has so many slots and no more."""
    world.script_all(slow_headers(2.0))
    return any(isinstance(answer, Rejected) for answer in world.crowd(2))


def routing(world):
    """Another target answers when the first cannot."""
    world.script("alpha/m", status(403))
    answer = world.hear()
    return not isinstance(answer, Failure) and answer.target == "beta/m"


def hedge(world):
    """A second target is asked beside one that has become slow."""
    for number in range(3):
        world.ask(f"number {number}")
    world.script("alpha/m", slow_headers(8.0))
    return world.ask().target == "beta/m"


def cache(world):
    """The same request gets the answer that is kept."""
    world.ask()
    world.ask()
    return world.sent() == 1


def idempotency(world):
    """The same key gets the same answer."""
    first = world.ask(key="k")
    return world.ask(key="k").replayed and not first.replayed


def coalesce(world):
    """The same requests at once are one."""
    world.script_all(slow_headers(2.0))
    world.crowd_alike(3)
    return world.sent() == 1


def degrade(world):
    """Who gets no answer gets less."""
    world.script_all(403)
    return not isinstance(world.hear(), Failure)


def resume(world):
    """Another target goes on where a stream was cut."""
    world.script("alpha/m", cut(after=2))
    world.script("beta/m", ok("goes on"))
    return world.hear(stream=True).error is None


def structured(world):
    """What stands around the JSON that was asked for is cut off."""
    world.script_all(ok('Sure: {"a": 1}'))
    answer = world.hear(response_format={"type": "json_object"})
    return not isinstance(answer, Failure) and answer.text == '{"a": 1}'


def fit(world):
    """A conversation that is too long is shortened."""
    turns = [{"role": "user", "content": "Tell me more about it. " * 50}] * 20
    return world.ask(messages=turns, max_tokens=100).cut is not None


def counting(world):
    """A provider that counts is asked how many tokens a request has."""
    request = DIALECTS["anthropic"].parse(
        "count", b'{"model": "default", "messages": [{"role": "user", "content": "hi"}]}'
    )
    return world.ask(request).source != "estimate"


STORIES = {
    "cache": (cache, DEFAULT, ""),
    "idempotency": (idempotency, DEFAULT, ""),
    "coalesce": (coalesce, DEFAULT, ""),
    "retry": (retry, ONE, ""),
    "breaker": (breaker, ONE, ""),
    "pause": (pause, ONE, ""),
    "limits": (limits, ONE, "[providers.alpha.limits]\nrpm = 6"),
    "bulkhead": (bulkhead, ONE, "[bulkhead]\nslots = 1\nqueue = 0"),
    "admission": (admission, DEFAULT, "[admission]\nslots = 1\nqueue = 0"),
    "routing": (routing, DEFAULT, ""),
    "hedge": (hedge, DEFAULT, "[hedge]\nleast_samples = 1\nextra = 1.0"),
    "resume": (resume, DEFAULT, ""),
    "structured": (structured, DEFAULT, ""),
    "fit": (
        fit,
        ONE,
        '[providers.alpha.models.m]\nwindow = 2000\n[routes.default]\ntargets = ["alpha/m"]\nfit = "drop_oldest"',
    ),
    "counting": (counting, ONE, ""),
    "degrade": (degrade, DEFAULT, '[routes.default]\ntargets = ["alpha/m", "beta/m"]\ndegrade = [{static = "later"}]'),
}
"""For each layer what shows that it is there, the targets that this takes, and the configuration."""

SPOKEN = {"counting": "anthropic"}
"""The dialect of the providers, where it is another than OpenAI's."""

NEEDS = {"hedge": "routing", "resume": "routing"}
"""A second target is found by routing: without it, there is none to hedge with or to go on at."""

SWITCHED = {
    "all on": dict.fromkeys(LAYERS, True),
    "all off": dict.fromkeys(LAYERS, False),
    **{f"{off} off": {name: name != off for name in LAYERS} for off in LAYERS},
    **{f"{on} alone": {name: name == on for name in LAYERS} for on in LAYERS},
}


def toml_of(switched, more):
    """The configuration with these layers switched on, the others off."""
    for name, on in switched.items():
        line = f"enabled = {json.dumps(on)}"
        table = f"[{name}]\n"
        more = more.replace(table, f"{table}{line}\n") if table in more else f"{more}\n{table}{line}"
    return more


def test_every_layer_that_can_be_switched_off_has_a_story():
    """A new layer needs one."""
    assert set(LAYERS) <= set(STORIES)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("switched", SWITCHED)
def test_the_effect_of_a_layer_is_there_if_and_only_if_it_is_on(switched, name):
    """Whatever else is switched on or off."""
    story, targets, more = STORIES[name]
    on = SWITCHED[switched]
    world = World(targets, toml_of(on, more), dialect=SPOKEN.get(name, "openai"))
    assert story(world) == (on[name] and on[NEEDS.get(name, name)])
    world.wait(700.0)
    assert world.close() == {}


@pytest.mark.parametrize("switched", SWITCHED)
def test_requests_are_answered_whatever_is_on(switched):
    """Whole and streamed; and an error is an honest one."""
    world = World(DEFAULT, toml_of(SWITCHED[switched], ""))
    world.script_all(ok(TEXT))
    assert world.ask().text == TEXT
    assert world.hear(stream=True).text == TEXT
    world.script_all(status(400))
    assert world.fail("something else").status == 400
    world.wait(700.0)
    world.close()


def test_what_is_switched_off_is_not_in_the_stack():
    """Nothing of it runs, so it costs nothing."""
    every = World(DEFAULT, toml_of(SWITCHED["all on"], ""))
    none = World(DEFAULT, toml_of(SWITCHED["all off"], ""))
    assert len(list(none.stack.layers())) < len(list(every.stack.layers()))
    assert structs.asdict(none.stack.config) != structs.asdict(every.stack.config)
    assert every.close() == none.close() == {}
