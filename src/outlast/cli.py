"""The command `outlast`: serve, check, ask."""

from __future__ import annotations

import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import cyclopts
from cyclopts import Parameter

from outlast import __version__
from outlast.config import Config, ConfigError, load, schema, simulated

app = cyclopts.App(
    name="outlast",
    help="Keeps an application's LLM calls working when the providers behind them fail.",
    version=__version__,
    version_flags=["--version"],
)

ConfigPath = Annotated[str | None, Parameter(name=["--config", "-c"], help="Path of outlast.toml.")]


def _fail(message: object, code: int = 2) -> NoReturn:
    _say(f"outlast: {message}")
    raise SystemExit(code)


def _loaded(path: str | None) -> Config:
    try:
        return load(path)
    except ConfigError as error:
        _fail(error)


@app.command
def serve(*, config: ConfigPath = None) -> None:
    """Start the gateway. Without any provider configured, a simulated one answers."""
    import uvloop  # noqa: PLC0415  (only a server needs it)

    from outlast.gateway import descriptors, server  # noqa: PLC0415

    descriptors.keep_standard_ones()
    told = _loaded(config)
    try:
        server.check_exposed(told)
        if told.simulated:
            from outlast.lab.provider import SimulatedProvider  # noqa: PLC0415

            with SimulatedProvider() as provider:
                told = simulated(provider.url, told)
                uvloop.run(server.serve(told, partial(_welcome, told)))
        else:
            uvloop.run(server.serve(told, partial(_welcome, told)))
    except ConfigError as error:
        _fail(error)


@app.command
def check(*, config: ConfigPath = None, json_schema: bool = False) -> None:
    """Validate the configuration and print what it comes to, without secrets.

    Args:
        config: path of outlast.toml.
        json_schema: print the JSON schema of outlast.toml instead.
    """
    if json_schema:
        print(schema().decode(), end="")
        return
    from outlast.build import check_providers  # noqa: PLC0415
    from outlast.check import report  # noqa: PLC0415
    from outlast.config import with_prices  # noqa: PLC0415

    told = _loaded(config)
    try:
        check_providers(told)
    except ConfigError as error:
        _fail(error)
    print(report(with_prices(told)))


@app.command
def ask(
    prompt: str,
    *,
    model: str = "default",
    url: Annotated[str, Parameter(env_var="OUTLAST_URL")] = "http://127.0.0.1:4000",
    key: Annotated[str, Parameter(env_var="OUTLAST_KEY", show_default=False)] = "",
) -> None:
    """Send one prompt to a running gateway and print the answer.

    Args:
        prompt: what to ask.
        model: a route, provider/model, or a model.
        url: where the gateway listens.
        key: an API key of the gateway, where it needs one.
    """
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    body = json.dumps({"model": model, "prompt": prompt}).encode()
    try:
        request = urllib.request.Request(f"{url.rstrip('/')}/v1/generate", body, headers)  # noqa: S310  (as asked)
        with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310
            reply = json.load(answer)
    except urllib.error.HTTPError as error:
        _fail(_told(error), 1)
    except (OSError, ValueError) as error:
        _fail(f"no answer from {url}: {getattr(error, 'reason', error)}; is the gateway running? (outlast serve)", 1)
    print(reply["text"])
    print(f"— {reply['target']} ({reply['source']}, {reply['attempts']} attempt(s))", file=sys.stderr)


def _told(error: urllib.error.HTTPError) -> str:
    with error:
        try:
            return f"{error.code}: {json.load(error)['error']['message']}"
        except (ValueError, KeyError, TypeError):
            return f"the gateway answered with status {error.code}"


def _say(text: str) -> None:
    """Tell whoever sits there; that nobody does, or has gone, is no reason to stop."""
    if sys.stderr is None:
        return
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what is buffered would fail again at the exit


def _welcome(config: Config, url: str) -> None:
    """Say where we listen, and one command that works."""
    if config.simulated:
        _say("no provider is configured: a simulated one answers; set OPENAI_API_KEY or write outlast.toml")
    _say(f"outlast listens on {url}")
    model = next(iter(config.routes.models()), "default")
    if shutil.which("curl"):
        key = ' -H "authorization: Bearer $OUTLAST_KEY"' if config.keys else ""
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]})
        _say(f"try:  curl -s {url}/v1/chat/completions -H 'content-type: application/json'{key} -d '{body}'")
    else:
        asked = "" if model == "default" else f" --model {model}"
        _say(f'try:  {_ourselves()} ask "hi"{asked} --url {url}')


def _ourselves() -> str:
    """How this command is called from where the user stands."""
    if shutil.which("outlast"):
        return "outlast"
    called = Path(sys.argv[0])
    return str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)


def main() -> None:
    """Run the command."""
    app()
