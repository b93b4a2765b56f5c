"""One request as a simulated provider saw it, and what became of it: times, bytes, content, and who hung up."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from math import inf
from typing import Literal

from outlast.lab.answer import Asked, Json
from outlast.lab.billing import Bill, bill
from outlast.lab.metering import Meter
from outlast.lab.steps import Body, End, Head, Pause, Silence, Step, Unreachable
from outlast.model.target import Price

_SECRET = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization", "cookie"})
_FAR = 100_000
"""Steps that are looked ahead at most; a whole answer that drips has two for each byte."""


class Seen:
    """One request as the provider saw it. Moments are monotonic seconds.

    Attributes:
        id: counts all requests of all providers from 1.
        provider: the path before `/v1`, without slashes; "" for none.
        number: counts the provider's requests from 1.
        connection: which connection it came on; `reused` tells whether it had carried a request before.
        path: as asked for, with its query.
        reached: False when it counts as never having arrived.
        headers: by lower-case name; repeated ones are joined with a comma.
        body: the bytes; `json` what they mean, {} when they are no JSON object.
        asked: vendor, kind and model.
        behaviour: the name of what was played.
        status: of the answer's head; 0 when none was sent.
        sent: bytes of the answer, head included.
        meter: the content that was sent.
        started: when it was there; `first` and `last`: just before the first and the latest bytes of the answer left.
        ended: when it was over, None while it is being answered.
        hung_up: who closed the connection before the answer was complete; None when nobody did.
        call: which logical call it belongs to, counted from 1; `attempt` which attempt of it this is at the provider.
        gap: seconds from the end of the attempt before it; None for a first one, 0 when they overlap.
        price: what the provider takes for a million tokens; None to look it up in the catalog.
        share: how much of a whole answer had been generated when the caller left.
        unsent: what of a whole answer was still to come then.
    """

    __slots__ = (
        "_due",
        "asked",
        "attempt",
        "behaviour",
        "body",
        "call",
        "connection",
        "ended",
        "first",
        "gap",
        "headers",
        "hung_up",
        "id",
        "json",
        "last",
        "meter",
        "method",
        "number",
        "path",
        "price",
        "provider",
        "reached",
        "reused",
        "sent",
        "share",
        "started",
        "status",
        "unsent",
    )

    def __init__(
        self,
        *,
        provider: str,
        number: int,
        connection: int,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        json: Json,
        started: float,
        price: Price | None = None,
    ) -> None:
        self.provider = provider
        self.number = number
        self.connection = connection
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.json = json
        self.started = started
        self.price = price
        self.asked = Asked(kind="models")
        self.meter = Meter(self.asked)
        self.behaviour = ""
        self.status = 0
        self.sent = 0
        self.first: float | None = None
        self.last = started
        self.ended: float | None = None
        self.hung_up: Literal["caller", "provider"] | None = None
        self.id = self.call = self.attempt = 0
        self.gap: float | None = None
        self.reached = True
        self.reused = False
        self.share = 1.0
        self.unsent = b""
        self._due = started

    # what the connection notes

    def begun(self, asked: Asked) -> None:
        """The answer begins."""
        self.asked = asked
        self.meter = Meter(asked)

    def sending(self, data: bytes, step: Step, now: float) -> None:
        """These bytes leave now, for that step."""
        self.first = now if self.first is None else self.first
        self.last = now
        self.sent += len(data)
        if isinstance(step, Head):
            self.status = step.status
        elif isinstance(step, Body):
            self.meter.feed(step.data)

    def pausing(self, step: Step, now: float) -> None:
        """Nothing is sent for a while, or never again."""
        self._due = now + step.seconds if isinstance(step, Pause) else inf
        self.reached = not isinstance(step, Unreachable)

    def over(self, rest: Iterable[Step], now: float) -> None:
        """Nothing more is sent; `rest` is what would have been."""
        if self.hung_up == "caller" and not self.asked.stream:
            self._look_ahead(rest, now)
        self.ended = now

    def _look_ahead(self, rest: Iterable[Step], now: float) -> None:
        """What the caller did not wait for, and how much of it had been generated."""
        left = max(0.0, self._due - now)
        pieces = []
        for step in itertools.islice(rest, _FAR):
            if isinstance(step, Body):
                pieces.append(step.data)
            elif isinstance(step, Pause):
                left += step.seconds
            else:
                left = inf if isinstance(step, Silence) else left
            if isinstance(step, End | Silence):
                break
        self.unsent = b"".join(pieces)
        spent = now - self.started
        self.share = 1.0 if self.status or not left else spent / (spent + left)

    # what it tells

    @property
    def complete(self) -> bool:
        """Was the answer sent to its end: a whole object, or a stream with its finish, and nobody hung up?"""
        return self.ended is not None and self.hung_up is None and self.meter.finished

    @property
    def answered(self) -> bool:
        """Did the caller get a good answer, and all of it?"""
        return self.complete and 200 <= self.status < 300

    @property
    def seconds(self) -> float | None:
        """How long the answer took; None while it is under way."""
        return None if self.ended is None else self.ended - self.started

    @property
    def bill(self) -> Bill:
        """What would have been billed for it until now: tokens, and US dollars where the price is known."""
        return bill(self)

    def told(self) -> Json:
        """All of it as JSON, with keys blacked out."""
        billed = self.bill
        return {
            "id": self.id,
            "provider": self.provider,
            "number": self.number,
            "call": self.call,
            "attempt": self.attempt,
            "gap": self.gap,
            "connection": self.connection,
            "reused": self.reused,
            "method": self.method,
            "path": self.path,
            "headers": {name: "***" if name in _SECRET else value for name, value in self.headers.items()},
            "body": self.json or self.body.decode("utf-8", "replace"),
            "behaviour": self.behaviour,
            "model": self.asked.model,
            "stream": self.asked.stream,
            "status": self.status,
            "sent": self.sent,
            "pieces": self.meter.pieces,
            "complete": self.complete,
            "started": self.started,
            "ended": self.ended,
            "first": None if self.first is None else self.first - self.started,
            "seconds": self.seconds,
            "hung_up": self.hung_up,
            "billed": {"prompt": billed.prompt, "completion": billed.completion, "cost": billed.cost},
        }

    def __repr__(self) -> str:
        return (
            f"Seen(provider={self.provider!r}, number={self.number}, path={self.path!r}, behaviour={self.behaviour!r}, "
            f"status={self.status}, sent={self.sent}, hung_up={self.hung_up!r})"
        )
