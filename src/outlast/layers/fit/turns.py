"""Which messages of a conversation may be left out, together and in which order.

    system │ user assistant │ user assistant(call) tool assistant │ user │ assistant(call) tool │ assistant(call) tool
     kept  │      turn      │               turn                  │ kept │        step          │         kept

A turn begins with what the user says. The last one is what is answered now: its question stays, and its end; of the
steps between, which are calls with their results, the oldest go when all other turns are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from outlast.model.messages import Message, ToolCall
from outlast.model.target import Fit

Unit = tuple[int, ...]
"""Places of messages that stay or go together."""


class Plan(Struct, frozen=True):
    """What may go of a conversation: whole turns first, then steps of the last one."""

    turns: tuple[Unit, ...]
    steps: tuple[Unit, ...]


def plan(messages: Sequence[Message]) -> Plan:
    """What may be left out of these messages."""
    starts = [place for place, message in enumerate(messages) if message.role == "user"]
    last = starts[-1] if starts else 0
    said = [place for place, message in enumerate(messages) if message.role != "system"]
    before = [place for place in said if place < last]
    after = [place for place in said if place >= last and messages[place].role != "user"]
    steps = _units(after, lambda place: messages[place].role == "assistant")
    return Plan(_units(before, lambda place: messages[place].role == "user"), _but_the_end(steps, messages))


def _units(places: Sequence[int], begins: Callable[[int], bool]) -> tuple[Unit, ...]:
    """These places in groups, each of which begins where `begins` says so."""
    units: list[list[int]] = []
    for place in places:
        if not units or begins(place):
            units.append([])
        units[-1].append(place)
    return tuple(tuple(unit) for unit in units)


def _but_the_end(steps: tuple[Unit, ...], messages: Sequence[Message]) -> tuple[Unit, ...]:
    """The steps without the last; and without the last calls, where only the beginning of an answer follows them."""
    kept = 1
    if steps and not any(isinstance(part, ToolCall) for part in messages[steps[-1][0]].parts):
        kept = 2
    return steps[:-kept]


def in_order(units: Sequence[Unit], fit: Fit) -> list[Unit]:
    """Which go first: the oldest; or those in the middle, so that how it began stays longest beside the latest."""
    if fit == "drop_oldest":
        return list(units)
    middle = (len(units) - 1) / 2
    return [units[at] for at in sorted(range(len(units)), key=lambda at: (abs(at - middle), at))]


def left_out(messages: Sequence[Message], sizes: Sequence[int], excess: int, fit: Fit) -> frozenset[int]:
    """The places of what goes, so that at least `excess` tokens do, or as many as may."""
    parts = plan(messages)
    gone: set[int] = set()
    for unit in (*in_order(parts.turns, fit), *in_order(parts.steps, fit)):
        if excess <= 0:
            break
        gone.update(unit)
        excess -= sum(sizes[place] for place in unit)
    return frozenset(gone)
