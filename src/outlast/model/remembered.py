"""That an answer will be known again when a later request goes on from it."""

from __future__ import annotations

from msgspec import Struct


class Remembered(Struct, frozen=True):
    """What an answer says of itself that is remembered here, wherever it is written anew.

    Attributes:
        seed: tells its request from others, for its id: those of providers are not all given once.
        previous: the answer that it goes on from; empty where there is none.
    """

    seed: str
    previous: str = ""
