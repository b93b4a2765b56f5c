"""What a process has learned of its targets, as JSON: which are out, for how long, and how often in a row.

    learned(stack, now, wall) ──▶ text, kept elsewhere ──▶ restore(stack, text, now, wall): less the time in between

For processes that live short, or are frozen: a new one need not find out anew, at its callers' cost, that a provider is
down. Monotonic clocks of two processes have nothing in common, so ages are told, and what lies between is measured by
the wall clock: one that was put back makes nothing older, one that was put forward makes it over.

It holds names of targets and providers, and numbers; no key, prompt or answer.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from outlast.stack import Stack

Seconds = Annotated[float, Meta(ge=0.0, le=1e9)]
Times = Annotated[int, Meta(ge=0, le=1_000)]
Out = dict[str, tuple[Seconds, Times]]

VERSION = 1
LONGEST = 1_000_000
"""Bytes that are read."""


class Learned(Struct, frozen=True):
    """What was known at `at`, by the wall clock: seconds that are left, and how often in a row."""

    version: int
    at: float
    circuits: Out
    targets: Out
    credentials: Out


def learned(stack: Stack, now: float, wall: float) -> str:
    """What is known now of circuits that are open, and of targets and credentials that are out.

    Args:
        stack: whose machines are asked.
        now: monotonic seconds.
        wall: seconds since 1970.
    """
    circuits = {
        name: (circuit.until - now, circuit.openings)
        for name, circuit in stack.breakers.items()
        if circuit.state == "open" and circuit.override is None and circuit.until > now
    }
    targets, credentials = stack.pauses.known(now)
    return msgspec.json.encode(Learned(VERSION, wall, circuits, targets, credentials)).decode()


def restore(stack: Stack, text: str, now: float, wall: float) -> None:
    """Know what another process knew, as far as it still holds; nothing that is known here already is changed.

    Raises:
        ValueError: the text is not what `learned` gave, or of another version.
    """
    try:
        if len(text) > LONGEST:
            raise ValueError(f"{len(text)} characters are too many")  # noqa: TRY301
        known = msgspec.json.decode(text, type=Learned)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is no state that can be restored: {error}") from None
    if known.version != VERSION:
        raise ValueError(f"this state is of version {known.version}, and version {VERSION} is understood here")
    since = max(0.0, wall - known.at)
    for name, (seconds, openings) in known.circuits.items():
        if seconds > since:
            stack.breakers.of(name, now).restore(seconds - since, openings, now)
    stack.pauses.restore(_left(known.targets, since), _left(known.credentials, since), now)


def _left(out: Out, since: float) -> dict[str, tuple[float, int]]:
    return {name: (seconds - since, times) for name, (seconds, times) in out.items()}
