"""How many tokens a request or a stream has, at a glance: by its bytes, of which about four make a token.

What is charged for a call is settled with the real number afterwards: being cheap matters more here than being exact.
Where a window or a caller wants to know, `outlast.model.tokens` looks closer.
"""

from __future__ import annotations

from collections.abc import Iterable

from outlast.model.messages import Request, Usage
from outlast.model.target import Target
from outlast.model.tokens import count

IMAGE = 800
"""Tokens of a picture, whatever its size."""


def of_body(body: bytes, inline: int = 0, pictures: int = 0) -> int:
    """Tokens of a request from its JSON, without the `inline` bytes of base64 in it."""
    size = len(body) - inline
    return (size // 4 if body.isascii() else size // 3) + 1 + IMAGE * pictures


def weight(text: str) -> int:
    """What a piece of an answer adds to its size: its bytes, since other scripts than ours take more tokens."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def of_size(size: int) -> int:
    """Tokens of a text that has gone by, and of which only the `weight` of its pieces is known."""
    return size // 4 + 1 if size else 0


def of_answer(texts: Iterable[str], request: Request, target: Target) -> Usage:
    """The usage of an answer whose provider has told none: by its texts."""
    return Usage(request.tokens, count("".join(texts), target.vocabulary), estimated=True)


def of_stream(size: int, request: Request) -> Usage:
    """The usage of a stream whose provider has told none: by the `weight` of its pieces."""
    return Usage(request.tokens, of_size(size), estimated=True)
