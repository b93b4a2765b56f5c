"""Which answers are worth keeping: whole ones that say what was asked for.

said to its end, or asks for a tool       kept
cut at a limit that the caller set        kept: the same request would be cut there again
cut at somebody else's limit              not kept
refused, filtered, or ended otherwise     not kept: who asks again wants another try
"""

from __future__ import annotations

from collections.abc import Sequence

from outlast.model.messages import Part, Refusal

WHOLE = frozenset({"stop", "tool_calls"})


def unworthy(finish: str, parts: Sequence[Part], max_tokens: int | None) -> str:
    """Why an answer is not to be kept; empty if it is."""
    if finish == "length":
        return "" if max_tokens is not None else "it was cut"
    if finish not in WHOLE:
        return f"it ended by {finish}" if finish.isidentifier() else "it ended otherwise than by its own"
    return "it is a refusal" if any(isinstance(part, Refusal) for part in parts) else ""
