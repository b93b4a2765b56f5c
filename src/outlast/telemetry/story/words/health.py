"""In words: targets and credentials that are out, slow, tested, or back."""

from __future__ import annotations

from collections.abc import Callable

from outlast.model.events import BackIn, BreakerChanged, Diverted, PauseAwaited, ProbeSent, Refused, TakenOut
from outlast.telemetry.story.units import many, number, seconds


def _refused(event: Refused) -> str:
    more = f", for {seconds(event.seconds)} more" if event.seconds is not None else ""
    return f"is refused at {event.target} by its {event.gate}: {event.reason}{more}"


def _diverted(event: Diverted) -> str:
    flying = f"{many(event.flying, 'call')} of the {number(event.allowed)} that it may have by now are under way"
    return f"is sent on by {event.target}, which has just come back and starts slowly: {flying}"


def _probe(event: ProbeSent) -> str:
    if event.early:
        return f"tests {event.target} {seconds(event.left)} before its time, since every circuit is open"
    what = "its credential's time is over" if event.gate == "pause" else "its circuit is half open"
    return f"tests {event.target}: {what}"


def _circuit(event: BreakerChanged) -> str:
    if event.after != "open":
        return f"the circuit of {event.target} is {event.after.replace('_', ' ')} now: {event.reason}"
    counts = f", {event.failed} of {many(event.calls, 'call')} failed" if event.calls > event.run else ""
    hint = f"; the provider asked for {seconds(event.hint)}" if event.hint else ""
    return f"the circuit of {event.target} opens for {seconds(event.seconds)}: {event.reason}{counts}{hint}"


def _out(event: TakenOut) -> str:
    what = event.name if event.scope == "target" else f"the credential of {event.name}"
    asked = f"; the provider asked for {seconds(event.hint)}" if event.hint is not None else ""
    times = f", {event.times} times in a row" if event.times > 1 else ""
    return f"{what} is out for {seconds(event.seconds)}: {event.kind}{times}{asked}"


def _in(event: BackIn) -> str:
    return f"{event.name if event.scope == 'target' else f'the credential of {event.name}'} works again"


def _pause(event: PauseAwaited) -> str:
    patience = "" if event.patience is None else f"; its patience is {seconds(event.patience)}"
    return f"waits {seconds(event.seconds)} for the end of the pause of {event.target}{patience}"


TELLERS: dict[type, Callable[..., str]] = {
    Refused: _refused,
    Diverted: _diverted,
    ProbeSent: _probe,
    BreakerChanged: _circuit,
    TakenOut: _out,
    BackIn: _in,
    PauseAwaited: _pause,
}
