"""`outlast serve`: the gateway."""

from __future__ import annotations

import json
import shutil
import sys
from functools import partial
from pathlib import Path

from outlast.cli.configured import ConfigPath, loaded
from outlast.cli.telling import fail, say
from outlast.config import Config, ConfigError, simulated


def serve(*, config: ConfigPath = None) -> None:
    """Start the gateway. Without any provider configured, a simulated one answers."""
    import uvloop  # noqa: PLC0415  (only a server needs it)

    from outlast.gateway import descriptors, server  # noqa: PLC0415

    descriptors.keep_standard_ones()
    told = loaded(config)
    try:
        server.check_exposed(told)
        if told.simulated:
            from outlast.lab.provider import SimulatedProvider  # noqa: PLC0415

            with SimulatedProvider() as provider:
                told = simulated(provider.url, told)
                uvloop.run(server.serve(told, partial(welcome, told)))
        else:
            uvloop.run(server.serve(told, partial(welcome, told)))
    except ConfigError as error:
        fail(error)


def welcome(config: Config, url: str) -> None:
    """Say where we listen, and one command that works."""
    if config.simulated:
        say("no provider is configured: a simulated one answers; set OPENAI_API_KEY or write outlast.toml")
    say(f"outlast listens on {url}")
    model = next(iter(config.routes.models()), "default")
    if shutil.which("curl"):
        key = ' -H "authorization: Bearer $OUTLAST_KEY"' if config.keys else ""
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]})
        say(f"try:  curl -s {url}/v1/chat/completions -H 'content-type: application/json'{key} -d '{body}'")
    else:
        asked = "" if model == "default" else f" --model {model}"
        say(f'try:  {_ourselves()} ask "hi"{asked} --url {url}')


def _ourselves() -> str:
    """How this command is called from where the user stands."""
    if shutil.which("outlast"):
        return "outlast"
    called = Path(sys.argv[0])
    return str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)
