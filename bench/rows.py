"""The rows of the comparison: what is done, with which configuration, and how long in each mode."""

from __future__ import annotations

from dataclasses import dataclass

from bench.scenario import FAILOVER, OPEN, PLAIN, PREFIX, Scenario, targets

GATEWAYS = ("outlast", "tensorzero", "portkey", "litellm")
PROXIES = ("outlast", "nginx", "tensorzero", "portkey", "litellm")
EVERYBODY = ("outlast", "direct", "nginx", "tensorzero", "portkey", "litellm")


@dataclass(frozen=True, slots=True)
class Row:
    """Something that every peer is made to do.

    Attributes:
        name: as in results.
        scenario: how the peers are configured.
        model: what callers ask for.
        peers: who takes part.
        connections: callers at once, of a load.
        chunks: of each stream; 0 for whole replies.
        open: streams to hold open; 0 for all other rows.
        latency: whether single requests are timed instead of many counted.
        start: whether the start itself is timed.
        quick: whether it is part of the quick mode.
        too_slow: peers that sit it out in the quick mode.
    """

    name: str
    scenario: Scenario
    model: str = PREFIX + "kb-1"
    peers: tuple[str, ...] = EVERYBODY
    connections: int = 16
    chunks: int = 0
    open: int = 0
    latency: bool = False
    start: bool = False
    quick: bool = False
    too_slow: tuple[str, ...] = ()

    @property
    def load(self) -> bool:
        """Whether as many requests are made as a peer answers."""
        return not (self.latency or self.open or self.start)

    @property
    def stream(self) -> bool:
        """Whether streams are asked for."""
        return bool(self.chunks or self.open)


ROWS = (
    Row("start", PLAIN, start=True),
    Row("whole-1kb-1", PLAIN, connections=1),
    Row("whole-1kb-16", PLAIN, connections=16, quick=True),
    Row("whole-1kb-64", PLAIN, connections=64),
    Row("whole-1kb-256", PLAIN, connections=256),
    Row("whole-100kb-16", PLAIN, PREFIX + "kb-100"),
    Row("whole-1000kb-16", PLAIN, PREFIX + "kb-1000"),
    Row("burst-16", PLAIN, PREFIX + "burst-50", chunks=50, quick=True),
    Row("paced-16", PLAIN, PREFIX + "paced-50-20ms", chunks=50),
    Row("latency-whole", PLAIN, latency=True, quick=True),
    Row("latency-stream", PLAIN, PREFIX + "paced-5-2ms", chunks=5, latency=True, quick=True),
    Row("failover-16", FAILOVER, PREFIX + "failover", GATEWAYS, quick=True),
    *(
        Row(f"targets-{n}", targets(n), PREFIX + "many", ("outlast", "tensorzero", "litellm"))
        for n in (1, 10, 100, 1000)
    ),
    Row("open-1000", OPEN, PREFIX + "hold", PROXIES, open=1000, quick=True, too_slow=("litellm",)),
    Row("open-5000", OPEN, PREFIX + "hold", PROXIES, open=5000),
)
