"""LiteLLM's proxy as its documents advise for production: one worker, no database, debug output off."""

from __future__ import annotations

import json

from bench.peers.environment import PythonEnvironment
from bench.peers.peer import Peer
from bench.scenario import KEY, Place, Scenario

SPARE = "-spare"


class LiteLLM(Peer):
    """The proxy of the package `litellm[proxy]`."""

    name = "litellm"
    ready_path = "/health/liveliness"
    patience = 120.0

    def __init__(self) -> None:
        self._environment = PythonEnvironment("litellm", "litellm")

    def install(self) -> None:
        """Into `.envs/litellm`."""
        self._environment.install()

    def version(self) -> str:
        """The pinned one."""
        return self._environment.version()

    def environment(self, scenario: Scenario) -> dict[str, str]:
        """Nothing is fetched at the start, nobody is told, and like the others it asks its callers for no key."""
        bounds = {"AIOHTTP_CONNECTOR_LIMIT": "20000", "AIOHTTP_CONNECTOR_LIMIT_PER_HOST": "20000"}
        return (bounds if scenario.many_open else {}) | {
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
            "LITELLM_LOCAL_BLOG_POSTS": "True",
            "DISABLE_ADMIN_UI": "True",
            "NO_DOCS": "True",
        }

    def configure(self, place: Place, scenario: Scenario) -> list[str]:
        """Equal targets are deployments of one model; other ones are its fallbacks, tried in order."""
        deployments: list[dict[str, object]] = []
        fallbacks = []
        for model, targets in scenario.routes.items():
            others = list(dict.fromkeys(targets))
            names = [model] + [f"{model}{SPARE}{number}" for number in range(1, len(others))]
            deployments += [_deployment(names[others.index(target)], target, place) for target in targets]
            if len(names) > 1:
                fallbacks.append({model: names[1:]})
        told = {
            "model_list": deployments,
            "litellm_settings": {"num_retries": 0, "request_timeout": 600, "telemetry": False, "set_verbose": False},
            "router_settings": {"num_retries": 0, "fallbacks": fallbacks, "disable_cooldowns": not scenario.breaker},
        }
        file = place.folder / "litellm.yaml"
        file.write_text(json.dumps(told, indent=1))  # JSON is YAML
        program = self._environment.program("litellm")
        options = ["--host", "127.0.0.1", "--port", str(place.port), "--num_workers", "1", "--telemetry", "False"]
        return [program, "--config", str(file), *options]


def _deployment(name: str, target: str, place: Place) -> dict[str, object]:
    how = {"model": f"openai/{target}", "api_base": place.upstream_url, "api_key": KEY}
    return {"model_name": name, "litellm_params": how}
