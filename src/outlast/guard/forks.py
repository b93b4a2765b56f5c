"""Guards across a fork: the child has no lock that a lost thread holds, and nothing is under way there."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet

_LOCKED: WeakSet[Locked] = WeakSet()
_HELD: list[Locked] = []


class Locked(Protocol):
    """What has a lock, and is asked around a fork."""

    def hold(self) -> bool:
        """Before it: let no other thread be in the middle of a transition. False when one does not come out."""
        ...

    def let_go(self) -> None:
        """After it, in the parent, where the lock is held."""
        ...

    def begin_anew(self) -> None:
        """After it, in the child: a new lock, and nothing under way."""
        ...


def register(locked: Locked) -> None:
    """From now on forks leave it whole."""
    _LOCKED.add(locked)


def _before() -> None:
    _HELD.extend(locked for locked in _LOCKED if locked.hold())


def _in_parent() -> None:
    while _HELD:
        _HELD.pop().let_go()


def _in_child() -> None:
    _HELD.clear()
    for locked in _LOCKED:
        locked.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
