"""A conversation of several turns on Vercel's AI SDK, which refers to earlier items instead of sending them."""

import json
import os
import subprocess

import pytest
from tests.gateway.house import House, toml_of

from outlast.testing import SimulatedProvider

from .test_frameworks import HERE, NODE

PROGRAM = HERE.parent / "js" / "vercel_turns.mjs"
BEHIND = ("openai", "responses", "anthropic", "cohere", "gemini", "ollama")
SAYS = "This is the simulated provider at-{}, no model at all. You said: {}"


def test_it_goes_on_with_any_provider(tmp_path):
    """Words, a tool's call and its result, thoughts: the caller says nothing twice, and the provider gets it all."""
    if not NODE or not (PROGRAM.parent / "node_modules" / "ai").exists():
        pytest.skip("Vercel AI SDK is not installed: run make test")
    dialects = {f"at-{route}": route for route in BEHIND}
    routes = "\n".join(f'[routes.{route}]\ntargets = ["{name}/m"]' for name, route in dialects.items())
    with SimulatedProvider() as provider:
        with House(toml_of(provider.url, routes, providers=tuple(dialects), dialects=dialects), tmp_path) as house:
            done = subprocess.run(
                [NODE, PROGRAM, house.url, *BEHIND],
                env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        assert done.returncode == 0, done.stderr
        talks = json.loads(done.stdout)
        for route in BEHIND:
            as_it_should(talks[route], route)
            asked = [json.dumps(seen.json) for seen in provider.requests() if seen.path.startswith(f"/at-{route}/")]
            assert got_it_all(asked, route)


def as_it_should(told, route):
    """Was every turn answered, with a tool in between, although the SDK sent references and no `store`?"""
    texts = told["texts"]
    assert [texts[0], *texts[2:]] == [SAYS.format(route, said) for said in ("I am Ann", "who am I?", "and?")]
    assert texts[1].startswith(SAYS.format(route, "")[:-1])
    assert told["steps"] == 2
    assert told["references"][0] == 0 < min(told["references"][1:4])
    assert set(told["stores"]) == {None}


def got_it_all(asked, route):
    """Did the provider see the whole conversation each time, and no reference?"""
    first, with_tool, with_result, third, last = asked
    assert not any("item_reference" in body or "previous_response_id" in body for body in asked)
    assert "sunny in text" in with_result
    earlier = SAYS.format(route, "I am Ann")
    assert all(earlier in body for body in (with_tool, with_result, third, last))
    assert "You said" not in first
    return "You said: who am I?" in last
