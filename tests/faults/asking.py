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

from . import tongues
from .cases import PATIENCE, Asked, Heard, toml_of

STREAMED = ("text/event-stream", "application/x-ndjson")


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
        most = case.facts.max_tokens or 1000
        path, body = tongues.request_of(case.asked_as, model=case.model, streamed=case.streamed, most=most)
        headers = {"content-type": "application/json", "x-request-id": case.name}
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        since = time.monotonic()
        try:
            link.request("POST", path, json.dumps(body), headers)
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
        self.fields = None
        self.finishes = 0
        self.after = []
        if headers["content-type"].startswith(STREAMED):
            for text, names in tongues.events_of(self.dialect, body):
                self._take(text, names)
        else:
            self._read(json.loads(body))

    def _take(self, text, names):
        if self.error is not None:
            self.after.append(text)
        if text == "[DONE]":
            self.marked = True
        if not text or text == "[DONE]":
            return
        data = json.loads(text)
        named = self.dialect in tongues.NAMED
        assert names == ([data["type"]] if named else []), "SDKs go by the names"
        if self._failed(data):
            return
        words, finish = tongues.heard(self.dialect, data)
        self.text += words
        last = data.get("type") in tongues.LAST or (bool(finish) and self.dialect in tongues.MARKERLESS)
        self.marked = self.marked or last
        if finish:
            self.finish = finish
            self.finishes += 1

    def _read(self, data):
        if not self._failed(data):
            self.text, self.finish = tongues.read(self.dialect, data)

    def _failed(self, data):
        fields = tongues.error_in(self.dialect, data)
        if fields is not None:
            self.error, self.fields = data, fields
        return fields is not None

    def __repr__(self):
        return f"Answer({self.status}, {self.headers}, {self.body[:600]!r})"
