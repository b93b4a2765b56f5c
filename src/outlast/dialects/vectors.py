"""What embeddings have in common in all dialects: texts in, as many rows out, as numbers or packed.

Packed rows are little-endian float32 in base64.
"""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Sized

import msgspec
from msgspec import Raw

from outlast.dialects import bodies, wire
from outlast.model.errors import BadResponse, Unsupported
from outlast.model.messages import Embed, Request, Usage
from outlast.model.target import Target

_ROW = msgspec.json.Decoder(list[float] | str)


def asked(request: Request) -> Embed:
    """What is to be embedded. Raises `TypeError` where that is not what is asked."""
    embed = request.content()
    if not isinstance(embed, Embed):
        raise TypeError("not an embeddings request")
    return embed


def texts(embed: Embed, target: Target) -> list[str]:
    """What is to be embedded, for a target that takes nothing but texts. Raises `Unsupported` for token numbers."""
    found = [one for one in embed.input if isinstance(one, str)]
    if len(found) < len(embed.input):
        raise Unsupported(f"{target.name} embeds texts, not token numbers; send texts")
    return found


def unsaid(extra: dict[str, object]) -> list[str]:
    """The options that are lost where they have no place; how rows are packed is never one of them."""
    return sorted(name for name in extra if name != "encoding_format" and not wire.says_nothing(extra[name]))


def passed_on(request: Request, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """The caller's own body for this target, and the names of what had to be taken out."""
    dropped: list[str] = []
    fields = bodies.opened(request, target, dropped)
    return wire.dumps(fields), tuple(dropped)


def demand_rows(rows: Sized, wanted: int) -> None:
    """Raises `BadResponse` where there are no rows, or not as many as there are inputs."""
    if not rows:
        raise BadResponse("an answer without rows")
    if len(rows) != wanted:
        raise BadResponse("an answer with another number of rows than asked for")


def usage(counted: int | None, request: Request) -> Usage:
    """The tokens that the provider has counted, else an estimate."""
    return Usage(request.tokens, estimated=True) if counted is None else Usage(counted)


def unpacked(row: Raw) -> list[float]:
    """The numbers of a row. Raises `BadResponse`."""
    numbers = wire.answer(_ROW, bytes(row))
    if isinstance(numbers, list):
        return numbers
    try:
        packed_row = array("f", b64decode(numbers, validate=True))
    except (NotBase64, ValueError):
        raise BadResponse("an embedding that is neither numbers nor base64") from None
    if sys.byteorder == "big":
        packed_row.byteswap()
    return packed_row.tolist()


def packed(row: list[float]) -> str:
    """A row in base64."""
    numbers = array("f", row)
    if sys.byteorder == "big":
        numbers.byteswap()
    return b64encode(numbers.tobytes()).decode()
