"""Sinks: what is made of the events that the core emits. None knows another, and the core knows none of them."""

from __future__ import annotations

AS_ASKED_FOR = frozenset({"", "primary", "fallback", "cache"})
"""Sources of answers that are not less than what was asked for."""
