"""What stands for a name in the key of a store: names are nobody else's business there, and may hold any sign."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

DIGITS = 16


@lru_cache(maxsize=4096)
def tag(name: str) -> str:
    """The beginning of its SHA-256, in hexadecimal digits."""
    return sha256(name.encode(errors="surrogatepass")).hexdigest()[:DIGITS]
