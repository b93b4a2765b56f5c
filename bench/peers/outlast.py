"""This gateway: all default layers, metrics and log on."""

from __future__ import annotations

import sys
from pathlib import Path

import outlast
from bench.peers.peer import Peer
from bench.scenario import KEY, Place, Scenario


class Outlast(Peer):
    """`outlast serve`, as installed beside the Python that runs the bench."""

    name = "outlast"
    ready_path = "/healthz"

    def version(self) -> str:
        """The package's own."""
        return outlast.__version__

    def configure(self, place: Place, scenario: Scenario) -> list[str]:
        """A provider for each place in a route, since targets of a route must differ."""
        width = max(len(targets) for targets in scenario.routes.values())
        lines = ["[server]", f"port = {place.port}", "drain = 0.0"]
        for number in range(width):
            lines += [f"[providers.p{number}]", 'type = "openai-compatible"']
            lines += [f'base_url = "{place.upstream_url}"', f'key = "{KEY}"']
        for model, targets in scenario.routes.items():
            named = ", ".join(f'"p{number}/{target}"' for number, target in enumerate(targets))
            lines += [f"[routes.{model}]", f"targets = [{named}]"]
        if not scenario.breaker:
            lines += ["[breaker]", "enabled = false", "[retry]", "per_target = 1"]
        if scenario.many_open:
            lines += ["[bulkhead]", "slots = 20000", "[admission]", "slots = 20000", "[timers]", "stall = 600.0"]
        file = place.folder / "outlast.toml"
        file.write_text("\n".join(lines) + "\n")
        return [str(Path(sys.executable).with_name("outlast")), "serve", "--config", str(file)]
