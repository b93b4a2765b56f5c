"""An answer that is none: its provider ended it because of what it says, before it said anything."""

from __future__ import annotations

from outlast.flow.call import Answer
from outlast.flow.stream import Stream
from outlast.model.errors import ContentFilter

FINISHES = frozenset({"content_filter", "refusal"})


def withheld(answer: Answer) -> ContentFilter | None:
    """The refusal that an answer means; None when it is an answer.

    A whole one counts whatever it began to say; a stream only where it ended before it said anything.
    """
    finish = answer.withheld if isinstance(answer, Stream) else answer.finish
    if finish not in FINISHES:
        return None
    refusal = ContentFilter(f"{answer.target} will not answer this for reasons of content", code=finish)
    refusal.target = answer.target
    return refusal
