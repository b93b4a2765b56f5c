"""An answer that broke off, and how another target is brought to go on with it.

    prefill   [.., assistant: what was said]                         the target goes on from the last letter
    asking    [.., assistant: what was said, user: ask_on(said)]     the target repeats the last words, then goes on

A chat model that is merely told to go on begins a new message: it leaves out the space before the next word, or begins
a sentence anew. So it is asked to repeat the last words first: they say exactly where the new words belong, and are
dropped. White space at the end is not given to anybody: some providers refuse it, and models seldom repeat it.
"""

from __future__ import annotations

from msgspec import Struct

LAST_WORDS = 60
"""Characters at the end of what was said that are to be repeated, about."""

_ASK = (
    "Your last message was cut off by a fault of the line. Continue it. First repeat its last words, letter by letter, "
    "which are:\n<last_words>{words}</last_words>\nThen go straight on from there to the end, as if there had been no "
    "fault. Write only the rest of the message: no introduction, no remark, no tags."
)


class Beginning(Struct, frozen=True):
    """What has been said of an answer.

    Attributes:
        text: the words, without white space at their end.
        prefill: may they be given as the beginning of the answer, where a target takes that?
    """

    text: str
    prefill: bool = True

    def __repr__(self) -> str:
        """Says how long it is; never what was said."""
        return f"Beginning({len(self.text)} characters, prefill={self.prefill})"


def ask_on(said: str) -> str:
    """The words that ask for the rest of a message which ends so."""
    return _ASK.format(words=last_words(said))


def last_words(said: str) -> str:
    """The end of what was said, from the beginning of a word on where there is one."""
    if len(said) <= LAST_WORDS:
        return said
    tail = said[-LAST_WORDS:]
    blank = next((place for place, sign in enumerate(tail[: LAST_WORDS // 2]) if sign.isspace()), -1)
    return tail[blank + 1 :].lstrip()
