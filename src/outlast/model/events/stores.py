"""What is told of the store that several processes share, or that outlives them."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Result = Literal["ok", "failed", "late"]


class StoreAsked(Struct, frozen=True):
    """The store was asked to do something, and did it, failed at it, or was not waited for any longer."""

    doing: str
    seconds: float
    result: Result


class StoreDown(Struct, frozen=True):
    """The store has failed so often that it is not asked any more; everything goes on without it."""

    reason: str


class StoreUp(Struct, frozen=True):
    """The store does its work again, after so many seconds in which it was not asked."""

    seconds: float


class StoreAdvice(Struct, frozen=True):
    """The store works, but is not set up as it should be, or held what it should not; with what mends it."""

    reason: str


OfStores = StoreAsked | StoreDown | StoreUp | StoreAdvice
