"""No gateway: a second upstream on the core where gateways run, as the floor of every figure."""

from __future__ import annotations

from bench.peers.peer import Peer
from bench.scenario import PREFIX, Place, Scenario
from bench.upstream import compiled


class Direct(Peer):
    """The upstream itself, asked without anything between."""

    name = "direct"

    def version(self) -> str:
        """It has none but ours."""
        return "upstream.c"

    def takes(self, scenario: Scenario) -> bool:
        """It has no targets to choose from."""
        return all(len(targets) == 1 for targets in scenario.routes.values())

    def configure(self, place: Place, scenario: Scenario) -> list[str]:
        """Its port is all that it needs."""
        del scenario
        return [str(compiled()), str(place.port)]

    def model(self, model: str, scenario: Scenario) -> str:
        """The upstream's own name."""
        del scenario
        return model.removeprefix(PREFIX)
