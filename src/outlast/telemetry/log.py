"""One JSON line for each request, one for whatever an operator should hear of, and if asked for one for each decision.

A line tells who asked whom, how it ended, how long it took and what it cost; never a prompt, an answer or a key.
Everything in it is plain ASCII: whatever a caller put into a name, a line stays one line and steers no terminal.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from math import floor
from typing import Literal

import msgspec
from msgspec import Struct, field

from outlast.model.events import (
    AttemptEnded,
    BackIn,
    BreakerChanged,
    Event,
    Fault,
    LimitChanged,
    LimitsApart,
    LimitsTogether,
    LoopBlocked,
    RequestEnded,
    StoreAdvice,
    StoreDown,
    StoreUp,
    TakenOut,
)
from outlast.model.messages import AS_ASKED_FOR
from outlast.telemetry.record import LONGEST, fields_of, name_of

Level = Literal["info", "warning", "error"]
OfStore = StoreDown | StoreUp | StoreAdvice
Noticed = BreakerChanged | TakenOut | BackIn | Fault | LoopBlocked | OfStore
"""What has a line although no single request tells of it."""
MATTERS = 0.001
"""Seconds; what an attempt took less than its request has not been waited for."""


class AttemptLine(Struct, kw_only=True, omit_defaults=True):
    """One attempt, within the line of a request that needed more than its first."""

    target: str
    kind: str
    status: int = 0
    duration_ms: float


class RequestLine(Struct, kw_only=True, omit_defaults=True):
    """What is written of a request. Keys that say nothing are left out."""

    time: str
    level: Level
    event: str
    request_id: str
    route: str
    operation: str
    stream: bool
    caller: str
    user_type: str
    status: int
    error_type: str = field(default="", name="error.type")
    error_message: str = field(default="", name="error.message")
    error_code: str = field(default="", name="error.code")
    retry_after: float | None = None
    deadline_ms: float | None = None
    source: str = ""
    degraded: bool = False
    instead_of: str = ""
    fit: str = ""
    key: str = ""
    target: str = ""
    provider: str = ""
    model: str = ""
    attempts: int
    resumed: int = 0
    duration_ms: float
    ttft_ms: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    history: tuple[AttemptLine, ...] = ()


class NoticeLine(Struct, kw_only=True, omit_defaults=True):
    """What is written of a change that no single request tells of."""

    time: str
    level: Level
    event: str
    target: str = ""
    credential: str = ""
    before: str = ""
    after: str = ""
    seconds: float | None = None
    reason: str = ""
    where: str = ""
    request_id: str = ""
    run: int = 0
    calls: int = 0
    failed: int = 0
    slow: int = 0
    threshold: float | None = None
    hint: float | None = None
    openings: int = 0
    times: int = 0


class Log:
    """A sink that writes lines with `put`, which must neither block nor raise: see `Outlet`.

    With `decisions`, what was decided about a call on its way has a line too; `clock` gives seconds since the epoch.
    """

    __slots__ = ("_clock", "_decisions", "_encode", "_instant", "_put", "_second", "_stamp", "_start")

    def __init__(
        self, put: Callable[[bytes], None], *, decisions: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._put = put
        self._decisions = decisions
        self._clock = clock
        self._encode = msgspec.json.Encoder().encode
        self._instant: int | None = None
        self._second: int | None = None
        self._start = ""
        self._stamp = ""

    def __call__(self, event: Event) -> None:
        """Write the event's line, if it has one."""
        if isinstance(event, AttemptEnded) and (event.kind == "ok" or not self._decisions):
            return  # the commonest; it is part of its request's line
        if isinstance(event, RequestEnded):
            self._write(_request(event, self._now()))
        elif isinstance(event, Noticed):
            self._write(_notice(event, self._now()))
        elif isinstance(event, (LimitsApart, LimitsTogether)):
            level = "warning" if isinstance(event, LimitsApart) else "info"
            self._write({"time": self._now(), "level": level, "event": name_of(event)} | fields_of(event))
        elif self._decisions and (call := getattr(event, "call", "")):
            head = {"time": self._now(), "level": "info", "event": name_of(event), "request_id": call}
            self._write(head | fields_of(event))
        elif isinstance(event, LimitChanged) and event.after < event.before:  # the way back up would be many lines
            self._write(_cut(event, self._now()))

    def _now(self) -> str:
        instant = floor(self._clock() * 1000.0)
        if instant != self._instant:  # a busy gateway writes several lines in one millisecond
            self._instant = instant
            second, millisecond = divmod(instant, 1000)
            if second != self._second:
                self._second = second
                self._start = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._stamp = f"{self._start}.{millisecond:03d}Z"
        return self._stamp

    def _write(self, line: RequestLine | NoticeLine | dict[str, object]) -> None:
        text = self._encode(line)
        if not text.isascii() or b"\x7f" in text:
            text = plain(text)
        self._put(text + b"\n")


def plain(line: bytes) -> bytes:
    """The same JSON in printable ASCII alone."""
    if not line.isascii():
        line = json.dumps(json.loads(line), separators=(",", ":")).encode("ascii")
    return line.replace(b"\x7f", b"\\u007f")


def _request(event: RequestEnded, now: str) -> RequestLine:
    provider, _, model = event.target.partition("/")
    good, usage = event.kind == "ok", event.usage
    return RequestLine(
        time=now,
        level="info" if good else _level(event),
        event="request",
        request_id=event.call,
        route=event.route[:LONGEST],
        operation=event.operation,
        stream=event.stream,
        caller=event.caller[:LONGEST],
        user_type=event.user_type,
        status=event.status,
        error_type="" if good else event.kind,
        error_message="" if good else event.message[:LONGEST],
        error_code="" if good else (event.code or "")[:LONGEST],
        retry_after=event.retry_after,
        deadline_ms=None if good else round(event.deadline * 1000.0, 1),
        source=event.source,
        degraded=event.source not in AS_ASKED_FOR,
        instead_of=event.instead_of,
        fit=event.fit,
        key=event.key,
        target=event.target,
        provider=provider,
        model=model,
        attempts=event.attempts,
        resumed=event.resumed,
        duration_ms=round(event.seconds * 1000.0, 1),
        ttft_ms=None if event.first is None else round(event.first * 1000.0, 1),
        tokens_in=usage.input if usage else None,
        tokens_out=usage.output if usage else None,
        cost_usd=event.cost,
        history=() if _at_once(event) else tuple(map(_attempt, event.history)),
    )


def _at_once(event: RequestEnded) -> bool:
    """Was it one good attempt, which took all of the time?"""
    if event.kind != "ok" or len(event.history) > 1:
        return False
    return not event.history or event.history[0].seconds > event.seconds - MATTERS


def _attempt(event: AttemptEnded) -> AttemptLine:
    return AttemptLine(
        target=event.target, kind=event.kind, status=event.status, duration_ms=round(event.seconds * 1000.0, 1)
    )


def _level(event: RequestEnded) -> Level:
    """Of a failure: error for a fault of ours, warning for what an operator may want to mend, info for the rest."""
    if event.kind == "internal":
        return "error"
    return "warning" if event.status >= 500 else "info"


def _notice(event: Noticed, now: str) -> NoticeLine:
    if isinstance(event, BreakerChanged):
        return _breaker(event, now)
    if isinstance(event, OfStore):
        return _store(event, now)
    if isinstance(event, LoopBlocked):
        return NoticeLine(time=now, level="warning", event="loop_blocked", seconds=round(event.seconds, 3))
    if isinstance(event, Fault):
        return NoticeLine(
            time=now,
            level="error",
            event="fault",
            where=event.where[:LONGEST],
            reason=event.error[:LONGEST],
            request_id=event.call,
        )
    target, credential = (event.name, "") if event.scope == "target" else ("", event.name)
    if isinstance(event, BackIn):
        return NoticeLine(
            time=now, level="info", event="back_in", target=target, credential=credential, request_id=event.call
        )
    return NoticeLine(
        time=now,
        level="warning",
        event="taken_out",
        target=target,
        credential=credential,
        seconds=event.seconds,
        reason=event.kind,
        request_id=event.call,
        hint=event.hint,
        times=event.times,
    )


def _store(event: OfStore, now: str) -> NoticeLine:
    if isinstance(event, StoreUp):
        return NoticeLine(time=now, level="info", event="store_up", seconds=round(event.seconds, 3))
    return NoticeLine(time=now, level="warning", event=name_of(event), reason=event.reason[:LONGEST])


def _cut(event: LimitChanged, now: str) -> NoticeLine:
    return NoticeLine(
        time=now,
        level="info",
        event="limit_cut",
        target=event.target,
        before=str(event.before),
        after=str(event.after),
        reason=f"{event.why} with {event.in_flight} in flight",
    )


def _breaker(event: BreakerChanged, now: str) -> NoticeLine:
    return NoticeLine(
        time=now,
        level="info" if event.after == "closed" else "warning",
        event="breaker",
        target=event.target,
        before=event.before,
        after=event.after,
        seconds=event.seconds,
        reason=event.reason[:LONGEST],
        request_id=event.call,
        run=event.run,
        calls=event.calls,
        failed=event.failed,
        slow=event.slow,
        threshold=event.threshold or None,
        hint=event.hint or None,
        openings=event.openings,
    )
