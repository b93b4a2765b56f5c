"""What a caller received, judged as an application under an official SDK would see it, and then as it really is.

answered     all of it, with a reason why it ended
truncated    a stream that ended in order without such a reason: the SDK shows it as a whole answer, and it is none
broken       a stream that was cut, or told an error, after its first words: the application knows
failed       an error instead of an answer
gave_up      the caller's patience was over first
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

from outlast.demo.traffic import Dialect

Outcome = Literal["answered", "truncated", "broken", "failed", "gave_up"]
Json = dict[str, object]


class Reading:
    """One answer as it comes in.

    Attributes:
        content: has the caller seen any words?
        finished: has the provider said why the answer ended?
        failed: has it told an error, or something that is no JSON?
    """

    __slots__ = ("_dialect", "_rest", "content", "failed", "finished")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._rest = b""
        self.content = False
        self.finished = False
        self.failed = False

    def feed(self, data: bytes) -> None:
        """Some more bytes of a stream."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:") and line[5:].strip() != b"[DONE]":
                self._take(line[5:])

    def body(self, data: bytes) -> None:
        """A whole answer."""
        self._take(data)

    def outcome(self, *, stream: bool, cut: bool) -> Outcome:
        """The verdict, now that nothing more comes; `cut` says that the connection ended too early."""
        if self.failed or cut:
            return "broken" if stream and self.content else "failed"
        if self.finished and self.content:
            return "answered"
        return "truncated" if stream else "failed"

    def _take(self, data: bytes) -> None:
        try:
            event = json.loads(data)
        except ValueError:
            event = None
        if not isinstance(event, dict) or event.get("error"):
            self.failed = True
        elif self._dialect == "openai":
            self._openai(event)
        else:
            self._anthropic(event)

    def _openai(self, event: Json) -> None:
        for choice in _objects(event.get("choices")):
            said = _object(choice.get("delta") or choice.get("message"))
            self.content = self.content or bool(said.get("content"))
            self.finished = self.finished or choice.get("finish_reason") is not None

    def _anthropic(self, event: Json) -> None:
        delta = _object(event.get("delta"))
        told = bool(delta.get("text")) or any(block.get("text") for block in _objects(event.get("content")))
        self.content = self.content or told
        self.finished = self.finished or bool(delta.get("stop_reason") or event.get("stop_reason"))


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> Iterator[Json]:
    return (item for item in (value if isinstance(value, list) else ()) if isinstance(item, dict))
