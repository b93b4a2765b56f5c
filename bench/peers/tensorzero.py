"""TensorZero's gateway (Rust), as its Python package brings it: the HTTP server that an OpenAI client is pointed at."""

from __future__ import annotations

import json

from bench.peers.environment import PythonEnvironment
from bench.peers.peer import HERE, Peer, Request, chat
from bench.scenario import Place, Scenario

SERVE = HERE / "tensorzero_serve.py"
PORT_FILE = "port"


class TensorZero(Peer):
    """The gateway in the package `tensorzero`; it chooses its port itself."""

    name = "tensorzero"
    ready_path = "/openai/v1/none"
    ready_status = 404
    """The server in the package has no page that tells its health."""

    def __init__(self) -> None:
        self._environment = PythonEnvironment("tensorzero", "tensorzero")

    def install(self) -> None:
        """Into `.envs/tensorzero`."""
        self._environment.install()

    def version(self) -> str:
        """The pinned one."""
        return self._environment.version()

    def configure(self, place: Place, scenario: Scenario) -> list[str]:
        """A model for each route, with a provider for each target."""
        lines = ["[gateway]", "disable_pseudonymous_usage_analytics = true", "observability.enabled = false"]
        for model, targets in scenario.routes.items():
            providers = [f"p{number}" for number in range(len(targets))]
            lines += [f"[models.{model}]", f"routing = {json.dumps(providers)}"]
            for provider, target in zip(providers, targets, strict=True):
                lines += [f"[models.{model}.providers.{provider}]", 'type = "openai"', f'model_name = "{target}"']
                lines += [f'api_base = "{place.upstream_url}/"', 'api_key_location = "none"']
        file = place.folder / "tensorzero.toml"
        file.write_text("\n".join(lines) + "\n")
        (place.folder / PORT_FILE).unlink(missing_ok=True)
        return [self._environment.program("python"), "-P", str(SERVE), str(file), str(place.folder / PORT_FILE)]

    def port(self, place: Place) -> int:
        """What it wrote down."""
        file = place.folder / PORT_FILE
        return int(file.read_text()) if file.exists() else 0

    def request(self, model: str, scenario: Scenario, place: Place, *, stream: bool) -> Request:
        """Models have a prefix, and paths too."""
        del place, scenario
        return chat(f"tensorzero::model_name::{model}", stream=stream, path="/openai/v1/chat/completions")
