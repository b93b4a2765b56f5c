"""Guards across a fork: the child has no lock that a lost thread holds, and nothing is under way there."""

from __future__ import annotations

import os
from weakref import WeakSet

from outlast.guard.desk import Desk

_DESKS: WeakSet[Desk] = WeakSet()
_HELD: list[Desk] = []


def register(desk: Desk) -> None:
    """From now on forks leave it whole."""
    _DESKS.add(desk)


def _before() -> None:
    _HELD.extend(desk for desk in _DESKS if desk.hold())


def _in_parent() -> None:
    while _HELD:
        _HELD.pop().let_go()


def _in_child() -> None:
    _HELD.clear()
    for desk in _DESKS:
        desk.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
