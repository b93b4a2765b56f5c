"""What a peer is configured for: the models that callers ask for, and the upstream models behind each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PREFIX = "bench-"
"""Callers' model names differ from the upstream's, so that every gateway has to map them."""
PROMPT = "word " * 180
KEY = "sk-bench"

MODELS = ("kb-1", "kb-100", "kb-1000", "burst-50", "paced-50-20ms", "paced-5-2ms", "hold")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way to configure all peers.

    Attributes:
        name: for messages and folders.
        routes: caller's model → upstream models, tried in this order.
        breaker: whether breakers and cooldowns may keep a failing target from being asked, and retries ask it again;
            else each request asks each target once.
        many_open: thousands of streams will stay open and silent: bounds on calls at once and on silence are raised.
    """

    name: str
    routes: Mapping[str, tuple[str, ...]]
    breaker: bool = True
    many_open: bool = False


PLAIN = Scenario("plain", {PREFIX + model: (model,) for model in MODELS})
OPEN = Scenario("open", {PREFIX + "hold": ("hold",)}, many_open=True)
FAILOVER = Scenario("failover", {PREFIX + "failover": ("fail", "kb-1")}, breaker=False)


def targets(count: int) -> Scenario:
    """A route with so many targets; the first of them answers."""
    return Scenario(f"targets-{count}", {PREFIX + "many": ("kb-1",) * count})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer runs.

    Attributes:
        port: where it shall listen, on 127.0.0.1.
        upstream: port of the upstream.
        folder: for its configuration and its log.
    """

    port: int
    upstream: int
    folder: Path

    @property
    def upstream_url(self) -> str:
        """The upstream's address, as gateways want it."""
        return f"http://127.0.0.1:{self.upstream}/v1"
