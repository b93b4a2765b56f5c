"""How a simulated model goes on with an answer that somebody else has begun.

    prefilled   the last message is the assistant's: straight on from its last letter
    asked       a user's message behind it holds <last_words>: as it asks, these first, then the rest

The whole answer is the one to the question before it, so that pieces of several providers make one text.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

Json = dict[str, object]
Begins = Literal["as-asked", "straight", "anew"]
Prefill = Literal["message", "prefix", "continue", "none"]
"""What a server takes for the beginning of its answer: a last message of the assistant as it is, one with `prefix`, one
with `continue_final_message` beside it, or nothing."""
_LAST_WORDS = re.compile(r"<last_words>(.*?)</last_words>", re.DOTALL)


class Begun(Struct, frozen=True):
    """An answer that has been begun.

    Attributes:
        before: the messages before it.
        said: its words.
        words: which of them are to be repeated; empty where it is to go straight on.
    """

    before: list[Json]
    said: str
    words: str = ""

    def rest(self, whole: str, way: Way) -> str:
        """What is said now, where the whole answer is this."""
        if way.begins == "anew":
            return way.introduction + whole
        rest = self._rest(whole)
        if way.begins == "straight" or not self.words:  # a model that was prefilled repeats nothing
            return way.introduction + rest
        return way.introduction + (_end(self.said, way.repeats) if way.repeats else self.words) + rest

    def _rest(self, whole: str) -> str:
        """What is not said yet; of an answer that goes otherwise, what comes behind as many words."""
        if whole.startswith(self.said):
            return whole[len(self.said) :]
        return "".join(words(whole)[len(words(self.said)) :])


class Way(Struct, frozen=True):
    """How the rest begins: as the request wants it, straight on whatever it wants, or with the whole answer anew.

    `repeats` words of the end are said again instead of those that were asked for, after an `introduction`.
    """

    begins: Begins = "as-asked"
    repeats: int = 0
    introduction: str = ""


AS_ASKED = Way()
ANEW = Way("anew")


def begun(messages: object) -> Begun | None:
    """What the messages of a request say has been said; None where they are ordinary ones."""
    if not isinstance(messages, list) or len(messages) < 2 or not all(isinstance(one, dict) for one in messages):
        return None
    wanted = _LAST_WORDS.search(text_of(messages[-1])) if messages[-1].get("role") == "user" else None
    *before, last = messages[:-1] if wanted else messages
    said = text_of(last)
    if last.get("role") != "assistant" or last.get("tool_calls") or not (before and said):
        return None
    return Begun(before, said, wanted[1] if wanted else "")


def text_of(message: Json) -> str:
    """The words of a message."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return " ".join(str(part["text"]) for part in parts if "text" in part)


def words(text: str) -> list[str]:
    """Words with the space before them, as tokens have it."""
    return re.findall(r"\s*\S+|\s+$", text)


def _end(text: str, count: int) -> str:
    return "".join(words(text)[-count:]).lstrip()
