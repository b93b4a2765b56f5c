"""In words: what goes wrong with ourselves."""

from __future__ import annotations

from collections.abc import Callable

from outlast.model.events import Fault


def _fault(event: Fault) -> str:
    return f"meets a fault of our own in {event.where}: {event.error}"


TELLERS: dict[type, Callable[..., str]] = {
    Fault: _fault,
}
