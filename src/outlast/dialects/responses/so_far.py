"""How far a streamed response has come: its finished items, the ones that are open, the number of the last event.

The reader notes it of events that are passed on as they came, so that the writer can go on behind them; the writer
notes it of what it writes. In the end a response repeats all that was said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec import Raw, Struct, field

from outlast.dialects.responses.reply import call_told, message_told, piece_told, thought_told
from outlast.model.messages import Reasoning, Refusal, Text

Kind = Literal["message", "reasoning", "function_call", "other"]
_Json = dict[str, object]


class Open(Struct):
    """An item under way.

    Attributes:
        place: its `output_index`.
        id: of the item.
        kind: of the item.
        call: id and name of the tool that it asks for.
        words: its text, or the arguments.
        piece: what the words are in a message: "text" or "refusal"; empty before the first.
        signature: what verifies its thoughts.
    """

    place: int
    id: str
    kind: Kind
    call: tuple[str, str] = ("", "")
    words: list[bytes] = field(default_factory=list)
    piece: str = ""
    signature: str = ""

    @property
    def text(self) -> str:
        """All of its words."""
        return b"".join(self.words).decode("utf-8", "replace")

    def content(self) -> list[_Json]:
        """The parts of a message: one, once it has begun."""
        if not self.piece:
            return []
        return [piece_told(Refusal(self.text) if self.piece == "refusal" else Text(self.text))]

    def told(self, status: str = "completed") -> _Json:
        """The item as it stands now."""
        if self.kind == "function_call":
            return call_told(self.id, *self.call, self.text, status)
        if self.kind == "reasoning":
            return thought_told(self.id, Reasoning(self.text, self.signature))
        return message_told(self.id, self.content(), status)


class SoFar(Struct):
    """A response under way.

    Attributes:
        number: of the last event; -1 before the first.
        items: those that are finished, by their `output_index`, as JSON.
        open: those that are not.
        latest: how many items have begun.
    """

    number: int = -1
    items: dict[int, bytes] = field(default_factory=dict)
    open: dict[int, Open] = field(default_factory=dict)
    latest: int = 0

    def cleaned(self, clean: Callable[[bytes], bytes]) -> SoFar:
        """The same, of which every piece of text has gone through `clean`."""
        items = {place: clean(item) for place, item in self.items.items()}
        under_way = {place: _cleaned(item, clean) for place, item in self.open.items()}
        return SoFar(self.number, items, under_way, self.latest)

    def next(self) -> int:
        """The number of one more event."""
        self.number += 1
        return self.number

    def begin(self, item: Open) -> None:
        """An item has begun."""
        self.open[item.place] = item
        self.latest = max(self.latest, item.place + 1)

    def finish(self, place: int, item: bytes) -> None:
        """An item is finished, and is this."""
        self.open.pop(place, None)
        self.items[place] = item
        self.latest = max(self.latest, place + 1)

    def output(self) -> list[Raw]:
        """All finished items, in order."""
        return [Raw(self.items[place]) for place in sorted(self.items)]


def _cleaned(item: Open, clean: Callable[[bytes], bytes]) -> Open:
    return msgspec.structs.replace(item, words=[clean(b"".join(item.words))])
