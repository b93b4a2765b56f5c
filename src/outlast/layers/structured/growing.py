"""A JSON document that is still being written: where it ends, where it is wrong, and what of it is there already.

    {"total": 3, "lines": [{"name": "pe          ─▶  {"total": 3, "lines": [{"name": "pe"}]}
              └ a number counts once it is over      └ a key once its value has begun, a text grows

Looks at each character once, however the text is cut. It knows the shape only; what stands in it is read by a real
parser, here and wherever the document is used.
"""

from __future__ import annotations

import re

import msgspec

NOTHING = object()
"""There is no value yet."""

_BLANK = re.compile(r"[ \t\r\n]*")
_WORDS = re.compile(r'[^"\\]*')
_SCALAR = re.compile(r"[^\s{}\[\],:\"]+")
_KNOWN = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|True|False|None")
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_HIGH = re.compile(r"\\u[dD][89abAB]")
_LONGEST_SCALAR = 1_000
_DEEPEST = 500
"""Brackets inside one another; no real parser takes many more."""


class Growing:
    """Reads one document from the beginning of a text that grows.

    Attributes:
        text: what has come so far.
        end: where the document ends, once it does; -1 before.
        broken: no document begins like this.
        deep: it is broken because it has more brackets inside one another than anybody reads.
        begun: its first bracket is followed by something that fits.
    """

    __slots__ = ("_at", "_closing", "_escape", "_safe", "_wants", "begun", "broken", "deep", "end", "text")

    def __init__(self, text: str = "") -> None:
        self.text = ""
        self.end = -1
        self.broken = False
        self.deep = False
        self.begun = False
        self._at = 0
        self._closing: list[str] = []  # the brackets that are open, as they will be closed
        self._wants = "value"  # value, first (value or end), key, first key, colon, next (comma or end), text, name
        self._safe = 0  # cut there, with its open brackets closed, it is a document; they are the same until the next
        self.feed(text)

    def feed(self, new: str) -> None:
        """More of the text has come."""
        self.text += new
        while self.end == -1 and not self.broken and self._step():
            pass

    @property
    def seen(self) -> int:
        """How many characters of it were read."""
        return self._at

    def value(self) -> object:
        """What is there of it; `NOTHING` while that is nothing."""
        if self._wants == "text":
            cut, quote = self._string_so_far(), '"'
        else:
            cut, quote = self._safe, ""
        try:
            return msgspec.json.decode(self.text[:cut] + quote + "".join(reversed(self._closing)))
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return NOTHING

    def _string_so_far(self) -> int:
        """Where the open string can be cut: before an escape that is not whole, or lacks its second half."""
        return self._escape or len(self.text)

    def _step(self) -> bool:
        """Read one more piece; False when more text is needed."""
        if self._wants in {"text", "name"}:
            return self._string()
        self._at = self._behind(_BLANK)
        if self._at >= len(self.text):
            return False
        return self._mark(self.text[self._at])

    def _behind(self, kind: re.Pattern[str]) -> int:
        """Where what is of that kind, and begins here, is over."""
        found = kind.match(self.text, self._at)
        return found.end() if found else self._at

    def _mark(self, sign: str) -> bool:
        wants = self._wants
        if sign in "}]":
            return self._close(sign)
        if wants in {"value", "first"}:
            return self._value(sign)
        if sign == '"' and wants in {"key", "first key"}:
            return self._begin_string("name")
        if (sign, wants) == (":", "colon"):
            return self._go_on("value")
        if (sign, wants) == (",", "next"):
            return self._go_on("key" if self._closing[-1] == "}" else "first")
        return self._break()

    def _value(self, sign: str) -> bool:
        if sign in "{[":
            return self._open(sign)
        return self._begin_string("text") if sign == '"' else self._scalar()

    def _open(self, sign: str) -> bool:
        self.begun = bool(self._closing)
        if len(self._closing) == _DEEPEST:
            self.deep = True
            return self._break()
        self._closing.append("}" if sign == "{" else "]")
        self._go_on("first key" if sign == "{" else "first")
        self._safe = self._at
        return True

    def _close(self, sign: str) -> bool:
        """A comma before it is let pass: whoever reads the document must mend it."""
        fits = self._wants in {"next", "first", "first key", "key"}
        if not fits or self._closing[-1] != sign:
            return self._break()
        self._closing.pop()
        self._at += 1
        return self._over()

    def _begin_string(self, wants: str) -> bool:
        self._escape = 0
        return self._go_on(wants)

    def _string(self) -> bool:
        self._at = self._behind(_WORDS)
        if self._at >= len(self.text):
            return False
        if self.text[self._at] == "\\":
            return self._escaped()
        self._at += 1
        self.begun = True
        if self._wants == "name":
            self._wants = "colon"
            return True
        return self._over()

    def _escaped(self) -> bool:
        """Pass over an escape; the two halves of one character are one."""
        text, at = self.text, self._at
        found = _ESCAPE.match(text, at)
        if found is None:
            self._escape = self._escape or at
            return self._break() if len(text) >= at + 6 or text[at + 1 : at + 2] not in {"", "u"} else False
        if _HIGH.match(text, at):
            self._escape = at
        else:
            self._escape = 0
        self._at = found.end()
        return True

    def _scalar(self) -> bool:
        end = self._behind(_SCALAR)
        if end - self._at > _LONGEST_SCALAR:
            return self._break()
        if end == len(self.text):
            return False  # it may go on
        if not _KNOWN.fullmatch(self.text, self._at, end):
            return self._break()
        self._at, self.begun = end, True
        return self._over()

    def close(self) -> None:
        """Nothing more will come: a number or a word at the end is over."""
        if not self._closing and _KNOWN.fullmatch(self.text, self._at):
            self._at = len(self.text)
            self._over()

    def _over(self) -> bool:
        """A value has ended."""
        self._wants = "next"
        self._safe = self._at
        if not self._closing:
            self.end = self._at
        return True

    def _go_on(self, wants: str) -> bool:
        self._wants = wants
        self._at += 1
        return True

    def _break(self) -> bool:
        self.broken = True
        return False
