"""One request through the real gateway to a provider that plays one fault, and everything there is to know afterwards.

    caller ── http.client ──▶ gateway (uvicorn, its own thread) ── TCP ──▶ simulated provider (its own thread)
                                 └── events, circuits, slots                  └── what it saw

Every case has an account of its own at the provider, told apart by the path, and its own targets, so that no circuit,
pause or budget is shared between cases.
"""

import http.client
import json
import threading
from typing import NamedTuple

from tests.gateway.house import PATIENCE, House

from outlast.model.events import AttemptEnded, RequestEnded
from outlast.testing import FAULTS

from .rows import DIALECTS, ROWS, USUAL

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
SPARE = "spare"
"""The account that always answers; its models have the cases' names."""


class Case(NamedTuple):
    """A fault, the dialect of who plays it, whether the answer is streamed, and whether another target is left."""

    row: str
    dialect: str
    streamed: bool
    paired: bool = False

    @property
    def name(self):
        """Name of its account and of its route, and the id of its request."""
        how = "streamed" if self.streamed else "whole"
        return f"{self.row.lower().replace('.', '-')}-{self.dialect}-{how}{'-paired' if self.paired else ''}"

    @property
    def asked_as(self):
        """The caller's dialect: the provider's own, and where another target is left the other one."""
        return DIALECTS[1 - DIALECTS.index(self.dialect)] if self.paired else self.dialect

    @property
    def facts(self):
        """What the table says of its fault."""
        return ROWS[self.row].of(self.dialect)

    @property
    def kind(self):
        """The class that a failure of its account comes to."""
        return self.facts.kind(streamed=self.streamed)

    @property
    def said(self):
        """The text of the answer, or its good beginning where it breaks."""
        breaks = self.facts.streamed == "broken_stream" and self.kind == "ok"
        return (USUAL if self.facts.said is None or breaks else self.facts.said).format(provider=self.name)

    def __str__(self):
        return self.name


ALONE = [Case(row, dialect, streamed) for row in ROWS for dialect in DIALECTS for streamed in (False, True)]
"""Every fault of the only target."""
PAIRED = [case._replace(paired=True) for case in ALONE if case.kind != "ok"]
"""Every fault that ends an attempt, where another target is left."""


class Heard:
    """A sink that sorts events by their request, and lets tests wait for the end of one."""

    def __init__(self):
        self._calls = {}
        self._news = threading.Condition()

    def __call__(self, event):
        call = getattr(event, "call", None)
        if call is not None:
            with self._news:
                self._calls.setdefault(call, []).append(event)
                self._news.notify_all()

    def attempts(self, call):
        """The attempts made for a request that is over."""
        with self._news:
            assert self._news.wait_for(lambda: self._ended(call), PATIENCE), f"{call} never ended"
            return [event for event in self._calls[call] if isinstance(event, AttemptEnded)]

    def ended(self, call):
        """How a request ended."""
        with self._news:
            assert self._news.wait_for(lambda: self._ended(call), PATIENCE), f"{call} never ended"
            return self._ended(call)[0]

    def _ended(self, call):
        return [event for event in self._calls.get(call, ()) if isinstance(event, RequestEnded)]


class Stage(House):
    """A gateway that knows the account and the route of every case."""

    def __init__(self, provider, cases, tmp_path):
        super().__init__(_toml(provider.url, cases), tmp_path)
        self.ear = Heard()
        self.provider = provider

    def play(self, case):
        """Ask while the case's account plays its fault and nothing else."""
        self.provider.script(case.name, default=FAULTS[case.row])
        return self.ask_for(case)

    def ask_for(self, case, *, id_=None):
        """Send one request of the case, and read its answer to the end."""
        facts = case.facts
        body = {
            "model": case.name if case.paired else f"{case.name}/m",
            "messages": [{"role": "user", "content": "hi"}],
            "stream": case.streamed,
            "max_tokens": facts.max_tokens or 1000,
        }
        headers = {"content-type": "application/json", "x-request-id": id_ or case.name}
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            link.request("POST", PATHS[case.asked_as], json.dumps(body), headers)
            response = link.getresponse()
            data = response.read()  # raises where the body is not ended in order
        finally:
            link.close()
        return Answer(case, response.status, {name.lower(): value for name, value in response.getheaders()}, data)

    def circuit(self, name):
        """What the circuit of a target has counted, and what of it is still held, once nothing is."""
        stack = self.outlast.stack
        self.until(lambda: not stack.breakers.of(name).flying and not stack.bulkhead.of(name).used)
        window = stack.breakers.of(name)._window
        return {"ok": window.ok, "failed": window.failed}

    def held(self):
        """Waiting or busy in the gateway as a whole, once all is quiet."""
        stack = self.outlast.stack
        self.until(lambda: not self.app.under_way)
        return {
            "gateway slots": stack.admission.of("gateway").used,
            "gateway queue": stack.admission.waiting(),
            "target queues": stack.bulkhead.waiting(),
        }

    def seen(self, case):
        """The requests that the case's account saw, all of which are over, and whether each was the free try of a
        connection that had been used before and was closed under us.
        """
        requests = self.provider.requests(case.name)
        self.provider.wait(len(requests), case.name, ended=True)
        used = {}
        for request in self.provider.requests():
            used.setdefault(request.connection, []).append(request)
        free = [
            request.sent == 0 and request.hung_up == "provider" and used[request.connection][0] is not request
            for request in requests
        ]
        return requests, sum(free)

    def spared(self, case):
        """How often the other target was asked."""
        return sum(request.json["model"] == case.name for request in self.provider.requests(SPARE))


class Answer:
    """What the caller got. `text`, `finish`, `marked` and `error` are read from a body of either kind."""

    def __init__(self, case, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body
        self.dialect = case.asked_as
        self.text = ""
        self.finish = None
        self.marked = False
        self.error = None
        self.finishes = 0
        self.after = []
        if headers["content-type"].startswith("text/event-stream"):
            self._read_stream()
        else:
            self._read_whole(json.loads(body))

    def _read_stream(self):
        assert self.body.endswith(b"\n\n"), self.body[-100:]
        for event in self.body.decode("utf-8").split("\n\n")[:-1]:
            lines = [line.removeprefix("data: ") for line in event.split("\n") if line.startswith("data: ")]
            if self.error is not None:
                self.after.append(event)
            if lines == ["[DONE]"]:
                self.marked = True
            elif lines:
                self._read_event(json.loads("".join(lines)))

    def _read_event(self, data):
        if "error" in data:
            self.error = data
        elif self.dialect == "openai":
            for choice in data.get("choices") or ():
                self.text += (choice.get("delta") or {}).get("content") or ""
                self._finished(choice.get("finish_reason"))
        else:
            delta = data.get("delta") or {}
            self.text += delta.get("text") or ""
            self._finished(delta.get("stop_reason"))
            self.marked = self.marked or data["type"] == "message_stop"

    def _finished(self, reason):
        if reason:
            self.finish = reason
            self.finishes += 1

    def _read_whole(self, data):
        if "error" in data:
            self.error = data
        elif self.dialect == "openai":
            content = data["choices"][0]["message"].get("content") or ""
            self.text = content if isinstance(content, str) else "".join(part["text"] for part in content)
            self.finish = data["choices"][0]["finish_reason"]
        else:
            self.text = "".join(block.get("text") or "" for block in data["content"])
            self.finish = data["stop_reason"]

    def __repr__(self):
        return f"Answer({self.status}, {self.headers}, {self.body[:600]!r})"


def _toml(url, cases):
    lines = ["[server]", "port = 0", "drain = 0.0"]
    lines += ["[retry]", "base = 0.01", "base_overloaded = 0.02", "cap = 0.05", "hint_max = 0.9"]
    lines += ["[pause]", "throttled_floor = 0.02", "throttled_max = 0.05"]
    lines += ["[attempt]", "grace = 0.1", f"max_stream_bytes = {1 << 20}"]
    lines += ["[timers]", "connect = 10.0", "first_content = 20.0", "stall = 20.0", "whole = 20.0"]
    lines += _account(url, SPARE, "openai", {})
    for case in cases:
        lines += _account(url, case.name, case.dialect, case.facts.timers or {})
        if case.paired:
            lines += [f"[routes.{case.name}]", f'targets = ["{case.name}/m", "{SPARE}/{case.name}"]']
    lines += ["[routes.default]", f'targets = ["{SPARE}/m"]']
    return "\n".join(lines)


def _account(url, name, dialect, timers):
    version = "/v1" if dialect == "openai" else ""
    return [
        f"[providers.{name}]",
        'type = "openai-compatible"',
        f'dialect = "{dialect}"',
        f'base_url = "{url}/{name}{version}"',
        f'key = "sk-{name}"',
        *(
            [f"timers = {{ {', '.join(f'{phase} = {seconds}' for phase, seconds in timers.items())} }}"]
            if timers
            else []
        ),
    ]
