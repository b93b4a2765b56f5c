"""Frameworks, unchanged but for their base URL: text, streams, tools and schemas from providers of every dialect."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.gateway.house import House, toml_of

from outlast.testing import SimulatedProvider

HERE = Path(__file__).parent
TOP = HERE.parents[1]
OWN = sys.executable
OLDER = TOP / ".venv-frameworks" / "bin" / "python"
NODE = shutil.which("node", path=str(Path(sys.executable).parent))
PROGRAMS = {
    "LangChain": (OWN, HERE / "asking/langchain_asks.py"),
    "pydantic-ai": (OWN, HERE / "asking/pydantic_ai_asks.py"),
    "instructor": (OLDER, HERE / "asking/instructor_asks.py"),
    "LlamaIndex": (OLDER, HERE / "asking/llama_index_asks.py"),
    "Vercel AI SDK": (NODE, HERE.parent / "js/vercel_asks.mjs"),
}
BEHIND = ("openai", "responses", "anthropic", "cohere", "ollama")
"""Routes of one provider each, which speaks the dialect of that name."""
SAYS = "This is the simulated provider at-{}, no model at all. You said: hi"
WEATHER = {"city": "text", "degrees": 0}


@pytest.fixture(params=[True, False], ids=["held to schemas", "asked in words"])
def gateway(request, tmp_path):
    """A gateway with a route for each dialect, over a simulated provider that is strict about what it is sent."""
    dialects = {f"at-{route}": route for route in BEHIND}
    model = "" if request.param else "[providers.{}.models.m]\nschema = false\n"
    routes = "\n".join(
        f'{model.format(name)}[routes.{route}]\ntargets = ["{name}/m"]' for name, route in dialects.items()
    )
    with SimulatedProvider() as provider:
        toml = toml_of(provider.url, routes, providers=tuple(dialects), dialects=dialects)
        with House(toml, tmp_path) as house:
            yield house


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_application_works_unchanged(name, gateway, tmp_path):
    """Whoever answers: whole and streamed text, usage, a tool's arguments, an object of a schema, a clear refusal."""
    interpreter, program = PROGRAMS[name]
    if not interpreter or not Path(interpreter).exists() or not _has_modules(program):
        pytest.skip(f"{name} is not installed: run make test")
    done = subprocess.run(
        [interpreter, program, gateway.url, *BEHIND],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANGSMITH_TRACING": "false"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.keys() == set(BEHIND)
    for route, faces in told.items():
        for answers in faces.values():
            as_it_should(answers, route)


def as_it_should(told, route):
    """Is this what the provider behind that route said?"""
    text = SAYS.format(route)
    assert told.pop("whole", text) == told.pop("streamed", text) == text
    assert told.pop("tokens") > 0
    tool, arguments = told.pop("called")
    assert arguments == ({"city": "text"} if tool == "get_weather" else WEATHER)
    assert told.pop("schema") == WEATHER
    assert told.pop("refused") == 404
    assert told in ({}, {"finish": "stop"})


def _has_modules(program):
    return program.suffix != ".mjs" or (program.parent / "node_modules").exists()
