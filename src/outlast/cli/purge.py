"""`outlast purge`: answers that were kept are forgotten."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from cyclopts import Parameter

from outlast.cli.configured import ConfigPath, loaded
from outlast.cli.telling import fail, say
from outlast.config import Config, ConfigError
from outlast.model.events import Event

IN_MEMORY = (
    "each gateway keeps its answers in its own memory, where nobody else gets at them: restart it, or keep them in "
    'what is shared, with store = "sqlite:///outlast.db" or store = "redis://host"'
)
WHICH = "which answers? say --model, --key, --user or --entry, or --all"


def purge(
    *,
    model: str = "",
    key: str = "",
    user: str = "",
    entry: str = "",
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    config: ConfigPath = None,
) -> None:
    """Forget answers that the cache has kept, for all gateways that share the configured store.

    Where no model is named: also those that are remembered for conversations of the Responses API.

    Args:
        model: of requests for this model, as callers name it: a route.
        key: of callers with the API key of this name.
        user: of this user.
        entry: the one that Cache-Status calls so.
        all_: all of them.
        config: path of outlast.toml.
    """
    told = loaded(config)
    if not (model or key or user or entry or all_):
        fail(WHICH)
    if entry and (model or key or user or all_):
        fail("an entry is one answer: say nothing else beside it")
    if told.store.kind == "memory":
        fail(IN_MEMORY)
    from outlast.ports import StoreFailed  # noqa: PLC0415  (only this command needs it)

    try:
        print(asyncio.run(_purged(told, model, key, user, entry)))
    except ConfigError as error:
        fail(error)
    except StoreFailed as failed:
        fail(f"{told.store.shown}: {failed}", 1)


async def _purged(config: Config, model: str, key: str, user: str, entry: str) -> str:
    """What has been done."""
    from outlast.gateway import recall_names  # noqa: PLC0415
    from outlast.layers import cache as answers  # noqa: PLC0415
    from outlast.store.opening import Bounds, opened  # noqa: PLC0415

    cache = config.layers.cache
    store = opened(config.store, Bounds(cache.memory, cache.disk), time.monotonic, _heard)
    try:
        if entry:
            await answers.forget(store, entry)
            return "forgotten, if it was there"
        count = await answers.purge(store, model=model, key=key, user=user)
        told = f"{count} answers forgotten"
        if not model:
            told += f", and {await recall_names.purge(store, key=key, user=user)} that conversations go on from"
        return told
    finally:
        await store.aclose()


def _heard(event: Event) -> None:
    """What the store has to say."""
    say(f"outlast: {event}")
