"""The seam: the words of a target that goes on with an answer, without those that the caller has already.

    said        The quick brown fox jumps
    asked       repeats the last words, as it was asked to      [fox jumps] over
                begins anew with the same words                 [The quick brown fox jumps] over
                repeats more or less than it was asked to       [brown fox jumps] over
                says something first                            [Sure, here is the rest: fox jumps] over
                goes straight on                                 over
    prefilled   goes straight on, or begins anew; whatever else it repeats is meant so

What comes is held back only while it may still turn out to be a repetition, and the beginning from the top is counted
and not kept. Who was asked to go on, repeats a good deal and then says it otherwise, cannot be joined: `lost`.
"""

from __future__ import annotations

from outlast.layers.resume.config import ResumeConfig
from outlast.model.continuing import last_words

ANEW = 8
"""A beginning of fewer characters may come again by chance."""
REWORDED = 16
"""Who repeats so many characters, and then says something else or nothing, has begun anew in other words."""
TELLING = 30
"""Last words that are shorter are not looked for behind an introduction."""
COLONS = ("\n", ":", ": ")
"""How an introduction ends."""


class Join:
    """Cuts off what is repeated of `said`. `asked` says that the target was asked to go on; else it was prefilled.

    Attributes:
        open: all is decided; nothing more is held back.
        anew: the target began from the top, with the same words.
        lost: what comes does not fit.
    """

    __slots__ = (
        "_along",
        "_blank",
        "_config",
        "_decided",
        "_from_top",
        "_held",
        "_least",
        "_place",
        "_text",
        "_words",
        "anew",
        "asked",
        "lost",
        "open",
    )

    def __init__(self, said: str, config: ResumeConfig, *, asked: bool) -> None:
        self._config = config
        self.asked = asked
        self._text = text = said.rstrip()
        self._blank = said[len(text) :]
        self._words = last_words(text)
        self._place = max(0, len(text) - config.most_overlap)
        self._least = config.least_overlap
        self._held = ""
        self._along = 0  # characters that are the same as from the top
        self._from_top = len(text) >= ANEW  # of fewer, the last words are all of them
        self._decided = not text
        self.open = not said
        self.anew = False
        self.lost = False

    def feed(self, new: str) -> str:
        """What of these words the caller does not have yet, as far as that is certain."""
        if self.open:
            return "" if self.lost else new
        if self._decided:
            return self._unblanked(new)
        if self._from_top:
            return self._again(new)
        self._held += new
        return self._look()

    def close(self) -> str:
        """Nothing more will come: what was held back."""
        if self._decided:
            self.open = True
            return ""
        if self._from_top:
            self._held = self._text[: self._along]
        repeats = self._from_top or self._may_be_last_words()
        self.lost = repeats and len(self._held) >= REWORDED
        given = self._decide(self._held)
        self.open = True
        return given

    def _again(self, new: str) -> str:
        """So far it has begun anew with the same words: what comes behind the last of them, if it goes on so."""
        text, at = self._text, self._along
        same = _alike(text, new, at)
        self._along = at + same
        if self._along == len(text):
            self.anew = not (self.asked and len(self._words) == len(text))
            return self._decide(new[same:])
        if same == len(new):
            return ""
        self._from_top = False
        self._held = text[: self._along] + new[same:]
        return self._look()

    def _look(self) -> str:
        """Decide, if that can be done."""
        held = self._held
        if not self.asked:
            return self._decide(held)
        if held.startswith(self._words):
            return self._decide(held[len(self._words) :])
        if self._may_be_last_words():
            return ""
        repeated = self._repeated()
        if repeated is None:
            return ""
        if repeated:
            return self._decide(held[repeated:])
        return self._behind_an_introduction()

    def _may_be_last_words(self) -> bool:
        return self._words.startswith(self._held)

    def _repeated(self) -> int | None:
        """How many of the characters held repeat the end of what was said; None while more may come."""
        held, text, last = self._held, self._text, len(self._text) - self._least
        while 0 <= (place := text.find(held[: self._least], self._place)) <= last:
            end = text[place : place + len(held)]
            if held.startswith(end) and _begins_a_word(text, place):
                self._place = place
                return len(end) if place + len(end) == len(text) else None
            self._place = place + 1
        self._place = len(text)
        return 0

    def _behind_an_introduction(self) -> str:
        """The target says something else first, or goes straight on. No rest of a sentence begins with a capital."""
        held, words = self._held, self._words
        self.lost = max(self._along, _alike(words, held)) >= REWORDED
        if not self.lost and len(words) >= TELLING and held[0].isalpha() and not held[0].islower():
            introduction, found, rest = held.partition(words)
            if found and introduction.endswith(COLONS):
                return self._decide(rest)
            if len(held) < self._config.introduction + len(words):
                return ""
        return self._decide(held)

    def _decide(self, rest: str) -> str:
        self._decided, self._held = True, ""
        if self.lost:
            self.open = True
            return ""
        return self._unblanked(rest)

    def _unblanked(self, new: str) -> str:
        """The same without the white space that the caller has already."""
        same = _alike(self._blank, new)
        self._blank = self._blank[same:] if same == len(new) else ""
        self.open = not self._blank
        return new[same:]


def _begins_a_word(text: str, place: int) -> bool:
    """Does a word begin there, behind the first? Signs of scripts without spaces are words of their own."""
    return not (text[place - 1].isalnum() and text[place].isalnum() and text[place].isascii())


def _alike(text: str, new: str, at: int = 0) -> int:
    """How many characters of `new` are those of `text` from there on."""
    if text.startswith(new, at):
        return len(new)
    for place, (one, other) in enumerate(zip(text[at : at + len(new)], new, strict=False)):
        if one != other:
            return place
    return len(text) - at
