"""The life of `outlast sim`, from what was asked for to the signal that ends it.

SIGTERM, SIGINT ──▶ end        SIGHUP ──▶ the file is read again; what is wrong with it is said, and nothing changes
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

import msgspec

from outlast.cli.telling import fail, say
from outlast.config import ConfigError
from outlast.lab.provider import SimulatedProvider
from outlast.lab.sim_file import NAME, SimFile, read

_LOOPBACK = ("127.", "localhost", "::1")


def wanted(config: str | None, said: Mapping[str, object]) -> tuple[SimFile, str]:
    """What is to be played, and the file that says so; empty when there is none.

    Args:
        config: the file that was asked for; None looks for the usual one.
        said: what the command line says, which goes before the file; None for what it does not.
    """
    source = config or (NAME if Path(NAME).is_file() else "")
    try:
        file = read(source, os.environ) if source else SimFile()
        return msgspec.structs.replace(
            file, **{name: value for name, value in said.items() if value is not None}
        ), source
    except (ConfigError, ValueError) as error:
        fail(error)


async def play(file: SimFile, source: str) -> None:
    """Serves until a signal says that it is enough."""
    provider = SimulatedProvider(host=file.host, port=file.port, seed=file.seed)
    _follow(provider, file)
    loop = asyncio.get_running_loop()
    enough = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, enough.set)
    loop.add_signal_handler(signal.SIGHUP, _reload, provider, source)
    try:
        await provider.__aenter__()
    except OSError as error:
        fail(f"cannot listen on {file.host}:{file.port}: {_why(error)}")
    try:
        _welcome(provider, file, source)
        await enough.wait()
    finally:
        await provider.__aexit__(None, None, None)


def _follow(provider: SimulatedProvider, file: SimFile) -> list[str]:
    """Has all providers conduct themselves as the file says; names those for which that is new."""
    news = []
    for name, conduct in file.providers.items():
        if name not in provider.conducts() or provider.conducted(name) != conduct:
            provider.conduct(name, conduct)
            news.append(name)
    for name in provider.conducts().keys() - file.providers.keys() - {""}:
        provider.dismiss(name)
        news.append(name)
    return news


def _reload(provider: SimulatedProvider, source: str) -> None:
    if not source:
        say("outlast: there is no file to read again")
        return
    try:
        news = _follow(provider, read(source, os.environ))
    except ConfigError as error:
        say(f"outlast: {error}; nothing was changed")
    else:
        say(f"outlast: {source} was read again; changed: {', '.join(news) or 'nothing'}")


def _why(error: OSError) -> str:
    """The reason without the words that the loop puts around it."""
    if isinstance(error, socket.gaierror) or error.errno is None:
        return error.strerror or "the address means nothing"
    return os.strerror(error.errno)


def _welcome(provider: SimulatedProvider, file: SimFile, source: str) -> None:
    """Say where we listen, what an SDK wants to know, and one command that works."""
    say(f"outlast sim listens on {provider.url}{f', as {source} says' if source else ''}")
    if not file.host.startswith(_LOOPBACK):
        say(f"others can reach {file.host}: whoever does may use these providers and change what they do")
    width = max(map(len, file.providers), default=0)
    for name in file.providers:
        openai, anthropic = provider.base_url(name), provider.base_url(name, vendor="anthropic")
        say(f"  {name:{width}}  OpenAI SDK: base_url={openai}   Anthropic SDK: base_url={anthropic}")
    say(f"try:  {_command(provider, file)}")
    say(f"see:  curl -s {provider.url}/_sim/providers")


def _command(provider: SimulatedProvider, file: SimFile) -> str:
    """A command line that asks a provider, one that needs no key if there is one."""
    name, conduct = min(file.providers.items(), key=lambda pair: pair[1].key is not None, default=("", None))
    model = conduct.models[0] if conduct and conduct.models else "any"
    key = ' -H "authorization: Bearer $KEY"' if conduct and conduct.key is not None else ""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]})
    url = f"{provider.base_url(name)}/chat/completions"
    return f"curl -s {url} -H 'content-type: application/json'{key} -d '{body}'"
