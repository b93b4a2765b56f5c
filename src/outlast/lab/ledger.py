"""What a simulated provider saw, and a way to wait until it has seen enough without asking again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Literal

from outlast.lab.answer import Json

_SECRET = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization"})


class Seen:
    """One request as the provider saw it.

    Attributes:
        provider: the path before `/v1`, without slashes; "" for none.
        number: counts the provider's requests from 1.
        connection: which connection it came on; equal numbers mean that a connection was used again.
        path: as asked for, with its query.
        headers: by lower-case name; repeated ones are joined with a comma.
        body: the bytes; `json` what they mean, {} when they are no JSON object.
        behaviour: the name of what was played.
        status: of the answer's head; 0 when none was sent.
        sent: bytes of the answer, head included.
        started, ended: monotonic seconds; `ended` is None while it is being answered.
        hung_up: who closed the connection before the answer was complete; None when nobody did.
    """

    __slots__ = (
        "behaviour",
        "body",
        "connection",
        "ended",
        "headers",
        "hung_up",
        "json",
        "method",
        "number",
        "path",
        "provider",
        "sent",
        "started",
        "status",
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
        self.behaviour = ""
        self.status = 0
        self.sent = 0
        self.ended: float | None = None
        self.hung_up: Literal["caller", "provider"] | None = None

    def told(self) -> Json:
        """All of it as JSON, with keys blacked out."""
        return {
            "provider": self.provider,
            "number": self.number,
            "connection": self.connection,
            "method": self.method,
            "path": self.path,
            "headers": {name: "***" if name in _SECRET else value for name, value in self.headers.items()},
            "body": self.json or self.body.decode("utf-8", "replace"),
            "behaviour": self.behaviour,
            "status": self.status,
            "sent": self.sent,
            "started": self.started,
            "ended": self.ended,
            "hung_up": self.hung_up,
        }

    def __repr__(self) -> str:
        return (
            f"Seen(provider={self.provider!r}, number={self.number}, path={self.path!r}, behaviour={self.behaviour!r}, "
            f"status={self.status}, sent={self.sent}, hung_up={self.hung_up!r})"
        )


Condition = Callable[[list[Seen]], bool]


class Ledger:
    """All that was seen. Written by the provider's thread, read and waited on from any thread or loop."""

    __slots__ = ("_lock", "_seen", "_waiting")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: list[Seen] = []
        self._waiting: list[tuple[str | None, Condition, Future[list[Seen]]]] = []

    def add(self, seen: Seen) -> None:
        """Take note of a new request."""
        with self._lock:
            self._seen.append(seen)
        self.changed()

    def changed(self) -> None:
        """Let those go on whose condition has come true."""
        with self._lock:
            still = []
            for provider, condition, waiter in self._waiting:
                found = self._of(provider)
                if not condition(found):
                    still.append((provider, condition, waiter))
                elif waiter.set_running_or_notify_cancel():
                    waiter.set_result(found)
            self._waiting = still

    def when(self, condition: Condition, provider: str | None = None) -> Future[list[Seen]]:
        """A future of the requests of `provider` (None: of all) once `condition` holds for them."""
        waiter: Future[list[Seen]] = Future()
        with self._lock:
            self._waiting.append((provider, condition, waiter))
        self.changed()
        return waiter

    def of(self, provider: str | None = None) -> list[Seen]:
        """What was seen so far."""
        with self._lock:
            return self._of(provider)

    def clear(self) -> None:
        """Forget all of it."""
        with self._lock:
            self._seen.clear()

    def _of(self, provider: str | None) -> list[Seen]:
        return [seen for seen in self._seen if provider is None or seen.provider == provider]
