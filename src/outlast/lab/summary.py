"""A behaviour in one line, told from the steps that it takes when it is asked for a stream.

cut(4)            "200, 4 pieces of content, then the connection is closed"
throttled(1)      "429, retry-after: 1"
silent()          "nothing is ever sent"
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from outlast.lab.answer import Asked
from outlast.lab.metering import Meter
from outlast.lab.script import Behaviour
from outlast.lab.steps import Body, End, Fin, Head, Pause, Raw, Rst, Silence, Step, Unreachable

_FAR = 500
_TOLD = ("retry-after", "retry-after-ms", "x-should-retry", "content-encoding", "location")
_ASKED = Asked(body={"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]})


def summary(behaviour: Behaviour) -> str:
    """What a caller gets to see, as far as it shows within the first steps."""
    played = list(itertools.islice(behaviour.play(_ASKED), _FAR))
    parts = [*_head(played), *_content(played), *_pauses(played), _end(played)]
    return ", ".join(part for part in parts if part)


def _head(played: list[Step]) -> Iterable[str]:
    head = next((step for step in played if isinstance(step, Head | Raw)), None)
    if isinstance(head, Raw):
        line = head.data.partition(b"\r\n")[0].decode("latin-1")[:40]
        yield f"raw bytes {line!r}"
    elif head is not None:
        yield str(head.status)
        yield from (f"{name}: {value}" for name, value in head.headers if name in _TOLD)


def _content(played: list[Step]) -> Iterable[str]:
    meter = Meter(_ASKED)
    size = sum(len(step.data) for step in played if isinstance(step, Body))
    for step in played:
        if isinstance(step, Body):
            meter.feed(step.data)
    if meter.pieces:
        yield f"{meter.pieces} pieces of content{'' if meter.finished else ' without a finish'}"
    elif size:
        yield f"{size} bytes"


def _pauses(played: list[Step]) -> Iterable[str]:
    seconds = sum(step.seconds for step in played if isinstance(step, Pause))
    if seconds:
        yield f"{seconds:g} s of waiting"


def _end(played: list[Step]) -> str:
    last = played[-1] if played else Silence()
    if len(played) == _FAR:
        return "and so on"
    if isinstance(last, Unreachable):
        return f"no connection: {last.how}"
    if isinstance(last, End):
        return "" if any(isinstance(step, Body) and step.data for step in played) else "no body"
    return _ENDS.get(type(last), "") if len(played) > 1 else _AT_ONCE.get(type(last), "")


_ENDS: dict[type, str] = {
    Fin: "then the connection is closed",
    Rst: "then the connection is reset",
    Silence: "then silence",
}
_AT_ONCE: dict[type, str] = {
    Fin: "the connection is closed",
    Rst: "the connection is reset",
    Silence: "nothing is ever sent",
}
