"""Every named fault as questions: in both dialects, whole and streamed, of the only target and of the first of two.

Each case has an account of its own at the provider, told apart by the path, and its own targets, so that no circuit,
pause or budget is shared between cases.
"""

import contextlib
import threading
from typing import NamedTuple

from outlast.lab.going_on import words
from outlast.model.events import AttemptEnded, RequestEnded

from .rows import ROWS, TLS
from .terms import DIALECTS, USUAL

SPARE = "spare"
"""The account that always answers; its models have the cases' names."""
PATIENCE = 120.0
"""Longer than anything here may take."""
ECHOES = (
    *("simulat", "canary", "<html", "<!doctype", "nginx", "SSH-", "random bytes", "FORGED", "Traceback", "sk-"),
    *("\ufffd", "HTTP/2", "Unauthorized", "Not Found", "nvalid token", "pulling"),
)
"""Words of the provider's, or of ours that are nobody else's business."""


EVERY = ROWS | TLS


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
    def model(self):
        """What is asked for: its route, or its only target where that has none."""
        return self.name if self.paired or self.kind == "broken_stream" else f"{self.name}/m"

    @property
    def asked_as(self):
        """The caller's dialect: the provider's own, and where another target is left another one."""
        if not self.paired:
            return self.dialect
        return "anthropic" if self.dialect == "openai" else "openai"

    @property
    def facts(self):
        """What the table says of its fault."""
        return EVERY[self.row].of(self.dialect)

    @property
    def kind(self):
        """The class that a failure of its account comes to."""
        return self.facts.kind(streamed=self.streamed)

    @property
    def wanted(self):
        """What its class means, with what the row says otherwise."""
        return self.facts.expected(streamed=self.streamed)

    @property
    def kinds(self):
        """The classes of all attempts that are made."""
        if self.paired:
            return [self.kind] * self.wanted.first + ["ok"] * self.wanted.onward
        return [self.kind] * self.wanted.alone

    @property
    def counted(self):
        """What the circuit of its account has counted when all is over."""
        attempts = self.wanted.first if self.paired else self.wanted.alone
        circuit = self.wanted.circuit
        return {"ok": attempts if circuit == "success" else 0, "failed": attempts if circuit == "failure" else 0}

    @property
    def spared(self):
        """Does the other target answer?"""
        return self.paired and self.wanted.onward

    @property
    def resumed(self):
        """Does the other target go on with what was said?"""
        return self.spared and self.kind == "broken_stream"

    @property
    def gone_on(self):
        """The text of an answer that the other target goes on with."""
        whole = USUAL.format(provider=SPARE)
        return whole if whole.startswith(self.said) else self.said + "".join(words(whole)[len(words(self.said)) :])

    @property
    def said(self):
        """The text of the answer, or its good beginning where it breaks."""
        breaks = self.facts.streamed == "broken_stream" and self.kind == "ok"
        return (USUAL if self.facts.said is None or breaks else self.facts.said).format(provider=self.name)

    def holds(self, text):
        """Is this exactly what the provider said, or exactly its good beginning?"""
        if self.row == "E37-endless":
            return text == " on" * (len(text) // 3) and len(text) > 3000
        return text == self.said

    def echoes(self, told):
        """Words of the provider's that stand in what a caller or an operator is told."""
        plain = str(told).replace(self.name, "").lower()
        return [word for word in ECHOES if word.lower() in plain]

    def __str__(self):
        return self.name


def cases_of(row, dialect):
    """What is asked about one fault in one dialect; two targets only where an attempt fails."""
    alone = [Case(row, dialect, streamed) for streamed in (False, True)]
    return [*alone, *(case._replace(paired=True) for case in alone if case.kind != "ok")]


QUESTIONS = [(row, dialect) for row in ROWS for dialect in (*DIALECTS, *ROWS[row].others)]
ALL = [case for row, dialect in QUESTIONS for case in cases_of(row, dialect)]


@contextlib.contextmanager
def named(case, answer):
    """Says which case it was, where one of many fails."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"{case}: {answer}")
        raise


class Heard:
    """A sink that sorts events by their request, and lets tests wait for the end of one.

    Args:
        named: what an event is sorted by.
    """

    def __init__(self, named=lambda event: event.call):
        self._named = named
        self._requests = {}
        self._news = threading.Condition()

    def __call__(self, event):
        if isinstance(event, (AttemptEnded, RequestEnded)):
            with self._news:
                self._requests.setdefault(self._named(event), []).append(event)
                self._news.notify_all()

    def attempts(self, name):
        """The attempts made for a request that is over."""
        self.ended(name)
        return [event for event in self._requests[name] if isinstance(event, AttemptEnded)]

    def ended(self, name):
        """How a request ended."""
        with self._news:
            assert self._news.wait_for(lambda: self._ended(name), PATIENCE), f"{name} never ended"
            return self._ended(name)[0]

    def _ended(self, name):
        return [event for event in self._requests.get(name, ()) if isinstance(event, RequestEnded)]


class Asked:
    """What a provider saw of the cases that were asked together.

    Args:
        provider: whose ledger is read, and cleared: the next cases begin with an empty one.
        used: connections that earlier cases have used; those of these are added.
    """

    def __init__(self, provider, cases, used):
        seen = {case.name: provider.requests(case.name) for case in cases}
        for name, requests in seen.items():
            provider.wait(len(requests), name, ended=True)
        self._requests = seen
        self._spare = [request.json.get("model") for request in provider.requests(SPARE)]
        self._free = dict.fromkeys(seen, 0)
        for request in provider.requests():
            stale = request.sent == 0 and request.hung_up == "provider" and request.connection in used
            if stale and request.provider in self._free:
                self._free[request.provider] += 1
            used.add(request.connection)
        provider.reset()

    def check(self, case, attempts):
        """One event for each request, but for the free try of a connection that was closed under us."""
        mine = len([attempt for attempt in attempts if attempt.provider == case.name])
        seen = len(self._requests[case.name]) - self._free[case.name]
        # On a busy machine a short limit may be over before the provider has looked at its socket.
        assert seen <= mine if case.kind == "timeout" else seen == mine
        assert self._spare.count(case.name) == case.spared


def toml_of(url, cases, *, elsewhere=None, ca_file=""):
    """A configuration with the account and the route of every case, at `url` or all but the spare one `elsewhere`."""
    lines = ["[server]", "port = 0", "drain = 0.0"]
    lines += ["[retry]", "base = 0.01", "base_overloaded = 0.02", "cap = 0.05", "hint_max = 0.9"]
    lines += ["[pause]", "throttled_floor = 0.02", "throttled_max = 0.05"]
    lines += ["[attempt]", "grace = 0.1", f"max_stream_bytes = {1 << 20}"]
    lines += ["[timers]", "connect = 10.0", "first_content = 20.0", "stall = 20.0", "whole = 20.0"]
    lines += _account(url, SPARE, "openai", {})
    for case in cases:
        lines += _account(elsewhere or url, case.name, case.dialect, case.facts.timers or {})
        lines += [f'ca_file = "{ca_file}"'] if ca_file else []
        if case.paired:
            lines += [f"[routes.{case.name}]", f'targets = ["{case.name}/m", "{SPARE}/{case.name}"]']
        elif case.kind == "broken_stream":
            lines += [f"[routes.{case.name}]", f'targets = ["{case.name}/m"]', 'on_break = "error"']
    lines += ["[routes.default]", f'targets = ["{SPARE}/m"]']
    return "\n".join(lines)


def _account(url, name, dialect, timers):
    version = "/v1" if dialect in {"openai", "responses"} else ""
    limits = ", ".join(f"{phase} = {seconds}" for phase, seconds in timers.items())
    return [
        f"[providers.{name}]",
        'type = "openai-compatible"',
        f'dialect = "{dialect}"',
        f'base_url = "{url}/{name}{version}"',
        f'key = "sk-{name}"',
        *([f"timers = {{ {limits} }}"] if timers else []),
    ]
