"""One thing that Redis is asked to do."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from outlast.store.redis.names import TYPES, aside
from outlast.store.redis.scripts import ASIDE, Script

Arg = str | bytes | int
Wire = tuple[Arg, ...]
Reply = Any
"""What Redis answers: bytes, a number, a list of them, nothing, or a `ResponseError`."""
DAY = 86_400_000


class Command(Struct, frozen=True):
    """A script, its keys and its arguments; without a script, the words of a plain command.

    `kind` says what its keys are.
    """

    script: Script | None
    keys: tuple[str, ...]
    args: Wire = ()
    kind: str = "b"

    def wire(self, *, whole: bool = False) -> Wire:
        """Its words: the script by its name, or as a whole."""
        if self.script is None:
            return self.args
        how = ("EVAL", self.script.text) if whole else ("EVALSHA", self.script.sha)
        return (*how, len(self.keys), *self.keys, *self.args)


def set_aside(command: Command) -> Command:
    """What moves away whatever stands under its keys and is of another type, and keeps it for a day."""
    keys = tuple(name for key in command.keys for name in (key, aside(key)))
    return Command(ASIDE, keys, (TYPES[command.kind], DAY))
