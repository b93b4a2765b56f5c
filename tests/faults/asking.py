"""Questions through the real gateway to a provider that plays one fault, and everything there is to know afterwards.

callers ── http.client ──▶ gateway (uvicorn, its own thread) ── TCP ──▶ simulated provider (its own thread)
                             └── events, circuits, slots                  └── what it saw
"""

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor

from tests.gateway.house import House

from outlast.testing import FAULTS

from .cases import PATIENCE, Asked, Heard, toml_of

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}


class Stage(House):
    """A gateway that knows the account and the route of every case; `place` says where they are, as for `toml_of`."""

    def __init__(self, provider, cases, tmp_path, **place):
        super().__init__(toml_of(provider.url, cases, **place), tmp_path)
        self.ear = Heard()
        self.provider = provider
        self._used = set()
        self._callers = ThreadPoolExecutor(4)

    def __exit__(self, kind, error, trace):
        self._callers.shutdown()
        super().__exit__(kind, error, trace)

    def play(self, cases):
        """Ask all of them at once, while each case's account plays its fault and nothing else; what came of it."""
        for case in cases:
            self.provider.script(case.name, default=FAULTS[case.row])
        answers = self.ask_all(cases)
        return answers, Asked(self.provider, cases, self._used)

    def ask_all(self, cases):
        """The answers to all of them, asked at once."""
        return list(self._callers.map(self._ask, cases))

    def _ask(self, case):
        """Send one request of the case, and read its answer to the end."""
        body = {
            "model": case.model,
            "messages": [{"role": "user", "content": "hi"}],
            "stream": case.streamed,
            "max_tokens": case.facts.max_tokens or 1000,
        }
        headers = {"content-type": "application/json", "x-request-id": case.name}
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        since = time.monotonic()
        try:
            link.request("POST", PATHS[case.asked_as], json.dumps(body), headers)
            response = link.getresponse()
            seconds = time.monotonic() - since
            data = response.read()  # raises where the body is not ended in order
        finally:
            link.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(case, response.status, headers, data, seconds)

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


class Answer:
    """What a caller got after so many `seconds`. Text, finish, end mark and error are read from its body."""

    def __init__(self, case, status, headers, body, seconds):
        self.seconds = seconds
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
            names = [line.removeprefix("event: ") for line in event.split("\n") if line.startswith("event: ")]
            if self.error is not None:
                self.after.append(event)
            if lines == ["[DONE]"]:
                self.marked = True
            elif lines:
                self._read_event(json.loads("".join(lines)), names)

    def _read_event(self, data, names):
        assert names == ([data["type"]] if self.dialect == "anthropic" else []), "SDKs go by the names"
        if data.get("error"):
            self.error = data
        elif self.dialect == "openai":
            for choice in data.get("choices") or ():
                self.text += plain((choice.get("delta") or {}).get("content"))
                self._finished(choice.get("finish_reason"))
        else:
            delta = data.get("delta") or {}
            self.text += (delta.get("text") or "") + ((data.get("content_block") or {}).get("text") or "")
            self._finished(delta.get("stop_reason"))
            self.marked = self.marked or data["type"] == "message_stop"

    def _finished(self, reason):
        if reason:
            self.finish = reason
            self.finishes += 1

    def _read_whole(self, data):
        if data.get("error"):
            self.error = data
        elif self.dialect == "openai":
            self.text = plain(data["choices"][0]["message"].get("content"))
            self.finish = data["choices"][0]["finish_reason"]
        else:
            self.text = "".join(block.get("text") or "" for block in data["content"])
            self.finish = data["stop_reason"]

    def __repr__(self):
        return f"Answer({self.status}, {self.headers}, {self.body[:600]!r})"


def plain(content):
    """The words of a content that may be text, a list of parts, or nothing."""
    return "".join(part["text"] for part in content) if isinstance(content, list) else content or ""
