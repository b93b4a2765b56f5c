"""What the bench asks of a peer: to be installed, started, and asked in its own way."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.processes import SERVER_CORE, Process
from bench.scenario import KEY, PROMPT, Place, Scenario

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".envs"


class PeerError(Exception):
    """A peer did not start, or did not answer as it must. The text says how."""


@dataclass(frozen=True, slots=True)
class Request:
    """A chat request as one peer wants it."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def raw(self, port: int) -> bytes:
        """Its bytes on the wire."""
        lines = [f"POST {self.path} HTTP/1.1", f"host: 127.0.0.1:{port}", f"content-length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


class Peer(ABC):
    """One of those that are compared."""

    name: str
    ready_path = "/health"
    ready_status = 200
    """What that path answers when it can serve."""
    patience = 30.0
    """Seconds that it may take to start."""

    def lacking(self) -> str:
        """Why it cannot be installed here; empty when it can."""
        return ""

    def install(self) -> None:  # noqa: B027  (most need nothing)
        """Install what is missing, at the pinned version, into an environment of its own."""

    @abstractmethod
    def version(self) -> str:
        """Which version is installed."""

    def takes(self, scenario: Scenario) -> bool:
        """Whether it can do that at all."""
        del scenario
        return True

    @abstractmethod
    def configure(self, place: Place, scenario: Scenario) -> list[str]:
        """Write its configuration and return the command that starts it."""

    def environment(self, scenario: Scenario) -> dict[str, str]:
        """Variables that it needs beside ours."""
        del scenario
        return {}

    def start(self, place: Place, scenario: Scenario) -> Process:
        """Start it on the server's core. It is not ready yet."""
        command = self.configure(place, scenario)
        return Process(command, core=SERVER_CORE, log=place.folder / "log", environment=self.environment(scenario))

    def port(self, place: Place) -> int:
        """Where it listens; 0 when that is not known yet."""
        return place.port

    def request(self, model: str, scenario: Scenario, place: Place, *, stream: bool) -> Request:
        """A request for a caller's model."""
        del place
        return chat(self.model(model, scenario), stream=stream)

    def model(self, model: str, scenario: Scenario) -> str:
        """How its callers name a model of ours."""
        del scenario
        return model


def chat(
    model: str, *, stream: bool, path: str = "/v1/chat/completions", headers: Mapping[str, str] | None = None
) -> Request:
    """A chat request of about a kilobyte."""
    messages = [{"role": "system", "content": "You are helpful."}, {"role": "user", "content": PROMPT}]
    asked = {"model": model, "messages": messages} | ({"stream": True} if stream else {})
    always = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    return Request(path, {**always, **(headers or {})}, json.dumps(asked, separators=(",", ":")).encode())
