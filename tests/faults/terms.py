"""What a line of the table says: what must come of one named fault, through the gateway and through the library.

class of a failure ──▶ status on each surface, attempts, what the circuit counts      CLASSES
fault ──▶ class when the answer is whole, class when it is streamed, what is special   rows.py
"""

from collections.abc import Mapping
from typing import NamedTuple

DIALECTS = ("openai", "anthropic")
"""Those in which every fault is played."""
OTHERS = ("responses", "cohere", "gemini", "ollama")
"""Those in which the faults are played that `elsewhere` names."""
NOWHERE: Mapping[str, int] = {}


class Class(NamedTuple):
    """A failure class: what the vendors' surfaces answer, and how often which target is asked.

    `native` is the status of the failure that the library raises. `alone` attempts are made on the only target, `first`
    on the first of two; `onward` says whether the second is asked. `circuit` is what each attempt counts as.
    """

    openai: int
    anthropic: int
    native: int
    alone: int
    first: int
    onward: bool
    circuit: str = "neutral"
    others: Mapping[str, int] = NOWHERE
    """Statuses of further surfaces, where they are not OpenAI's."""

    def at(self, dialect):
        """The status on the surface of that dialect."""
        return getattr(self, dialect, None) or self.others.get(dialect, self.openai)


CLASSES = {
    "connect": Class(503, 529, 503, 3, 2, True, "failure"),
    "transient": Class(503, 529, 503, 3, 2, True, "failure"),
    "bad_response": Class(502, 502, 502, 3, 2, True, "failure"),
    "timeout": Class(504, 504, 504, 2, 1, True, "failure"),
    "throttled": Class(429, 429, 429, 3, 2, True, "throttled"),
    "quota": Class(429, 402, 503, 1, 1, True, others={"cohere": 402, "ollama": 402}),
    "credential": Class(502, 502, 401, 1, 1, True),
    "permission": Class(403, 403, 403, 1, 1, True),
    "missing": Class(404, 404, 404, 1, 1, True),
    "unsupported": Class(503, 529, 503, 1, 1, True),
    "conflict": Class(409, 409, 409, 2, 2, False),
    "caller": Class(400, 400, 400, 1, 1, False),
    "context_length": Class(400, 400, 413, 1, 1, False),
    "content_filter": Class(400, 400, 422, 1, 1, False, others={"cohere": 422}),
    "legal": Class(451, 451, 422, 1, 1, True),
    "broken_stream": Class(200, 200, 502, 1, 1, True, "failure"),
    "ok": Class(200, 200, 200, 1, 1, False, "success"),
}

USUAL = "This is the simulated provider {provider}, no model at all. You said: hi"
FOUR = "This is the simulated"
TWO = "This is"
THREE = "one two three"
TORN = "one two three four"
SHORT = {"whole": 0.3, "first_content": 0.3}
"""Timers for what stays silent before any content."""
STALLS = {"whole": 0.3, "stall": 1.0}
"""Timers for what falls silent in the middle; what it says before comes under the longer one."""


class Row(NamedTuple):
    """One fault.

    Attributes:
        what: what the provider does.
        whole: class that a whole answer comes to.
        streamed: class that a streamed one comes to; the same when left out.
        anthropic: what is different when the provider speaks Anthropic's dialect, as fields of this row.
        others: the same for further dialects, by their names.
        alone, first, onward: as in `Class`, where the fault says otherwise than its class.
        status: of all surfaces, where the fault says otherwise than its class.
        hint: seconds that the caller must be told to wait at least.
        said: text of a good answer, or of the good beginning of a broken one, if not the usual.
        finish: the provider's own word for why it stopped, where that must reach the caller; or that and ours.
        goes_on: another target goes on with the stream, where it breaks.
        timers: of the target, for faults that are silence.
        max_tokens: what the caller asks for, for faults that are slowness.
        must: what holds beside.
    """

    what: str
    whole: str = "ok"
    streamed: str | None = None
    anthropic: dict[str, object] | None = None
    others: Mapping[str, dict[str, object]] = {}
    alone: int | None = None
    first: int | None = None
    onward: bool | None = None
    status: int | None = None
    hint: float | None = None
    said: str | None = None
    finish: str | tuple[str, ...] | None = None
    goes_on: bool = True
    timers: dict[str, float] | None = None
    max_tokens: int | None = None
    must: str = ""

    def of(self, dialect):
        """The row as it is for a provider of this dialect."""
        special = self.anthropic if dialect == "anthropic" else self.others.get(dialect)
        return self._replace(**{"anthropic": None, "others": {}} | (special or {}))

    @property
    def finishes(self):
        """The words for why it stopped that are right beside the usual ones."""
        return (self.finish,) if isinstance(self.finish, str) else self.finish or ()

    def kind(self, *, streamed):
        """The class that it comes to."""
        return self.streamed if streamed and self.streamed is not None else self.whole

    def expected(self, *, streamed):
        """What its class means, with what this row says otherwise."""
        base = CLASSES[self.kind(streamed=streamed)]
        said = {name: getattr(self, name) for name in ("alone", "first", "onward")}
        if self.status is not None:
            said |= dict.fromkeys((*DIALECTS, "native"), self.status) | {"others": NOWHERE}
        if self.kind(streamed=streamed) == "broken_stream":
            said["onward"] = self.goes_on
        return base._replace(**{name: value for name, value in said.items() if value is not None})


def hinted(what, seconds, must="", **more):
    """A throttle that says when to come back, later than is waited for here."""
    return Row(what, "throttled", alone=1, first=1, hint=seconds, must=must, **more)


def own(what, must=""):
    """A throttle whose hint is none: the target pauses by our own reckoning."""
    return Row(what, "throttled", must=must)


def refused(what, code, must="", **more):
    """A request that is wrong, with this status on every surface."""
    return Row(what, "caller", status=code, must=must, **more)


def stream(what, kind="ok", must="", **more):
    """A fault of streams; the whole answer is good."""
    return Row(what, streamed=kind, must=must, **more)
