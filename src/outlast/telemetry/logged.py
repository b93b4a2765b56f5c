"""What a line of the log says, as the event that it was made of, and when that was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import inf

import msgspec
from msgspec import Struct

from outlast.model.events import AttemptEnded, BackIn, BreakerChanged, LimitChanged, RequestEnded, TakenOut
from outlast.model.messages import Usage
from outlast.telemetry.record import event_of

NOT_FACTS = frozenset({"time", "level", "event", "request_id"})


class Logged(Struct, frozen=True):
    """One line: seconds since the epoch, whose request it is about (empty for nobody's), and the event."""

    time: float
    call: str
    event: Struct


def logged(line: bytes) -> Logged | None:
    """What the line says; None when it is no line of the log. What stands before its `{` is not looked at."""
    try:
        said = msgspec.json.decode(line[line.index(b"{") :], type=dict[str, object])
        time = datetime.fromisoformat(str(said["time"])).timestamp()
        name, call = said["event"], said.get("request_id", "")
        if not isinstance(name, str) or not isinstance(call, str):
            return None
        return Logged(time, call, _event(name, call, said))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, msgspec.MsgspecError):
        return None


def _event(name: str, call: str, said: Mapping[str, object]) -> Struct:
    """The lines that have a form of their own, and all others."""
    if name == "request":
        return _request(call, said)
    fields = {key: value for key, value in said.items() if key not in NOT_FACTS}
    if name == "breaker":
        seconds = fields.get("seconds")
        return msgspec.convert({**fields, "call": call, "seconds": inf if seconds is None else seconds}, BreakerChanged)
    if name in {"taken_out", "back_in"}:
        scope = "credential" if "credential" in fields else "target"
        fields |= {"scope": scope, "name": fields.get(scope), "call": call, "kind": fields.get("reason")}
        return msgspec.convert(fields, TakenOut if name == "taken_out" else BackIn)
    if name == "limit_cut":
        cut = {"target": fields.get("target"), "why": fields.get("reason"), "in_flight": 0}
        cut |= {side: int(str(fields.get(side))) for side in ("before", "after")}
        return msgspec.convert(cut, LimitChanged)
    if name == "fault":
        fields["error"] = fields.pop("reason", "")
    return event_of(name, call, fields)


class _Attempt(Struct):
    target: str
    kind: str
    duration_ms: float
    status: int = 0


class _Request(Struct):
    """What is read of a request's line."""

    route: str
    operation: str
    stream: bool
    caller: str
    user_type: str
    status: int
    attempts: int
    duration_ms: float
    error_type: str = msgspec.field(default="ok", name="error.type")
    error_message: str = msgspec.field(default="", name="error.message")
    error_code: str | None = msgspec.field(default=None, name="error.code")
    retry_after: float | None = None
    resumed: int = 0
    deadline_ms: float = 0.0
    source: str = ""
    instead_of: str = ""
    fit: str = ""
    key: str = ""
    target: str = ""
    ttft_ms: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    history: tuple[_Attempt, ...] = ()


def _request(call: str, said: Mapping[str, object]) -> RequestEnded:
    line = msgspec.convert(said, _Request)
    used = None if line.tokens_in is None else Usage(input=line.tokens_in, output=line.tokens_out or 0)
    return RequestEnded(
        call=call,
        route=line.route,
        operation=line.operation,
        caller=line.caller,
        user_type=line.user_type,
        stream=line.stream,
        kind=line.error_type,
        status=line.status,
        target=line.target,
        source=line.source,
        attempts=line.attempts,
        seconds=line.duration_ms / 1000.0,
        first=None if line.ttft_ms is None else line.ttft_ms / 1000.0,
        usage=used,
        cost=line.cost_usd,
        message=line.error_message,
        history=tuple(_attempt(call, number, past) for number, past in enumerate(line.history, start=1)),
        deadline=line.deadline_ms / 1000.0,
        code=line.error_code,
        retry_after=line.retry_after,
        resumed=line.resumed,
        instead_of=line.instead_of,
        fit=line.fit,
        key=line.key,
    )


def _attempt(call: str, number: int, past: _Attempt) -> AttemptEnded:
    provider, _, model = past.target.partition("/")
    seconds = past.duration_ms / 1000.0
    return AttemptEnded(call, past.target, provider, model, number, past.kind, seconds, status=past.status)
