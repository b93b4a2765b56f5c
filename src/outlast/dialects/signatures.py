"""Signatures of thoughts. Only their maker takes them back, and a conversation may change its provider.

    Google's         thoughtSignature "Cs8B…"              ◀─▶  ours "gemini:Cs8B…"
    anybody else's   thoughtSignature base64("outlast:…")  ◀─▶  ours as it came

So a caller keeps and returns what it was given, in whatever dialect it speaks, and each provider gets only its own.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64

MARK = "gemini:"
"""Begins a signature that Google made."""
MARKED = b'"gemini:'
"""What a body holds that has one in it."""
UNSIGNED = "skip_thought_signature_validator"
"""What Google takes for a function call without a signature: another model's, or one whose signature was lost."""
_PREFIX = b"outlast:"
FOREIGN = b64encode(_PREFIX)[:-2]
"""Begins a `thoughtSignature` that holds somebody else's."""


def read(signature: str) -> str:
    """Ours for a `thoughtSignature`."""
    if signature.encode().startswith(FOREIGN):
        try:
            return b64decode(signature, validate=True).removeprefix(_PREFIX).decode()
        except (NotBase64, ValueError):
            return MARK + signature
    return MARK + signature


def told(signature: str) -> str:
    """A `thoughtSignature` for a caller who will send it back."""
    if signature.startswith(MARK):
        return signature.removeprefix(MARK)
    return b64encode(_PREFIX + signature.encode()).decode()


def own(signature: str) -> str:
    """A `thoughtSignature` for Google itself; empty when it is somebody else's."""
    return signature.removeprefix(MARK) if signature.startswith(MARK) else ""
