"""The JSON in what a model says: with fences, an introduction, remarks, several documents, or cut off.

    Sure! Here it is:          the whole text, if it is one document;
    ```json                    else what stands in fences;
    {"total": 3,}       ─▶     else every document that begins with a bracket, in their order
    ```
    Anything else?             commas before a closing bracket, line breaks in texts and Python's words are mended

A document that has begun and is not over when the text ends tells that the answer was cut off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from outlast.layers.structured.growing import Growing

_FENCE = re.compile(r"```[ \t]*[\w+-]*[ \t]*\r?\n(.*?)\r?\n?[ \t]*```", re.DOTALL)
_BRACKET = re.compile(r"[{\[]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|,(?=\s*[}\]])|\b(?:True|False|None)\b', re.DOTALL)
_MENDED = {",": "", "True": "true", "False": "false", "None": "null"}
_WORK = 4
"""A text is looked at so often at most, however many brackets in it lead nowhere."""
_ALWAYS = 20_000
"""Characters that may be looked at of any text."""
_COPIED = 64
"""So many characters are copied in the time of looking at one."""
_BROKEN = (msgspec.MsgspecError, RecursionError, ValueError)


class Document(Struct, frozen=True):
    """A JSON document: its value, and the very text that says it, mended where that was needed."""

    value: object
    text: str


class Found(Struct):
    """What was found in a text: whole documents, the likeliest last; `cut` says that one had begun at its end."""

    documents: list[Document] = []
    cut: bool = False


def find(text: str) -> Found:
    """The documents in this text."""
    whole = document(text.strip())
    if whole is not None:
        return Found([whole])
    bare = _bare(text)
    fenced = [inner for fence in _FENCE.finditer(text) if (inner := document(fence[1].strip())) is not None]
    return Found([*bare.documents, *fenced], bare.cut and not fenced)


def document(text: str) -> Document | None:
    """The document that this text is, as it stands or mended; None if it is none."""
    try:
        return Document(msgspec.json.decode(text), text)
    except UnicodeEncodeError:
        return None  # half a character: nobody could be sent it
    except _BROKEN:
        return _mended(text)


def _mended(text: str) -> Document | None:
    """What has brackets and slips in it; a lone text with slips is more likely words in quotes."""
    if not text.startswith(("{", "[")):
        return None
    try:
        value = json.loads(_TOKEN.sub(lambda token: _MENDED.get(token[0], token[0]), text), strict=False)
        told = msgspec.json.encode(value)
        again = msgspec.json.decode(told)
    except _BROKEN:
        return None
    return Document(again, told.decode()) if again == value else None  # a number may be too large to be told


def _bare(text: str) -> Found:
    """The documents that begin with a bracket somewhere."""
    found = Found()
    for part in parts(text):
        if part.end == -1:
            found.cut = True
        elif (inner := document(part.text[: part.end])) is not None:
            found.documents.append(inner)
    return found


def parts(text: str) -> Iterator[Growing]:
    """What begins with a bracket, and fits: each of them whole, perhaps a last one that is cut off."""
    at, work = 0, max(_ALWAYS, _WORK * len(text))
    while work > 0 and (bracket := _BRACKET.search(text, at)) is not None:
        start = bracket.start()
        part = Growing(text[start:])
        work -= part.seen + (len(text) - start) // _COPIED
        if part.deep:
            return
        if part.broken:
            at = start + 1
            continue
        yield part
        if part.end == -1:
            return
        at = start + part.end
