"""What the counts of tokens have in common in the dialects that have them."""

from __future__ import annotations

from outlast.dialects.classify import in_band
from outlast.model.errors import BadResponse
from outlast.model.messages import Counted, Reply, Usage
from outlast.model.target import Target


def counted(tokens: int | None, error: object, body: bytes, target: Target, dialect: str) -> Counted:
    """The count that a provider has told. Raises `BadResponse`, or what its error envelope means."""
    if error:
        raise in_band(error, target)
    if tokens is None:
        raise BadResponse("a count without a number")
    return Counted(tokens=tokens, model=target.model, usage=Usage(), raw=body, dialect=dialect)


def tokens_of(reply: Reply) -> int:
    """How many tokens it says; none where it is no count."""
    return reply.tokens if isinstance(reply, Counted) else 0
