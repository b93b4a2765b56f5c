"""Sinks: what is made of the events that the core emits. None knows another, and the core knows none of them."""

from __future__ import annotations

_AS_ASKED_FOR = frozenset({"", "primary", "fallback", "cache"})


def is_degraded(source: str) -> bool:
    """Is an answer from this source less than what was asked for?"""
    return source not in _AS_ASKED_FOR
