"""Bytes inside of JSON: text as it is, so that a person can read it there, anything else in base64."""

from __future__ import annotations

from msgspec import Struct


class Octets(Struct, frozen=True, omit_defaults=True):
    """Some bytes: those of `text` in UTF-8, or `base64`, which JSON writes so."""

    text: str = ""
    base64: bytes = b""

    @property
    def raw(self) -> bytes:
        """They themselves."""
        return self.base64 or self.text.encode()


NONE = Octets()


def octets(raw: bytes) -> Octets:
    """These bytes."""
    try:
        return Octets(text=raw.decode()) if raw else NONE
    except UnicodeDecodeError:
        return Octets(base64=raw)
