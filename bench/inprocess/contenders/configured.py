"""The configuration that our own contenders run with: two targets, every layer at its default unless it is named."""

from __future__ import annotations

from bench.inprocess.contest import LAYERS
from outlast.config import Config, parse

QUOTA = "{ rpm = 6e9, tpm = 6e12, concurrent = 1000 }"
"""Limits that are kept and never reached."""


def configuration(upstream: str, *, layers: int = len(LAYERS), quota: bool = False, slots: int | None = None) -> Config:
    """A configuration with the first `layers` of `LAYERS` switched on, and so many slots for each target."""
    off = [f"[{name}]\nenabled = false" for name in LAYERS[layers:]]
    limits = f"limits = {QUOTA}\n" if quota else ""
    providers = [
        f'[providers.{name}]\ntype = "openai-compatible"\nbase_url = "{upstream}/v1"\nkey = "sk-of-the-bench"\n{limits}'
        for name in ("first", "second")
    ]
    route = '[routes.default]\ntargets = ["first/kb-1", "second/kb-1"]'
    more = [] if slots is None else [f"[bulkhead]\nslots = {slots}"]
    return parse("\n".join([*providers, route, *off, *more]))
