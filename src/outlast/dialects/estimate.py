"""How many tokens a text has, as far as can be told without any model's tables.

English has about four bytes to a token, other scripts fewer. Limits settle with the real number afterwards, so being
cheap matters more here than being exact.
"""

from __future__ import annotations

IMAGE = 800
"""Tokens of a picture, whatever its size."""


def of_body(body: bytes, inline: int = 0, pictures: int = 0) -> int:
    """Tokens of a request from its JSON, without the `inline` bytes of base64 in it."""
    size = len(body) - inline
    return (size // 4 if body.isascii() else size // 3) + 1 + IMAGE * pictures


def of_text(text: str) -> int:
    """Tokens of a text."""
    size = len(text)
    return (size // 4 if text.isascii() else size * 3 // 5) + 1 if size else 0


def of_size(characters: int) -> int:
    """Tokens of a text of which only the length is known."""
    return characters // 4 + 1 if characters else 0
