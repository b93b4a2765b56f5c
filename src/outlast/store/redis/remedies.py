"""What can be done about an answer of Redis that is an error, so that the command is worth sending again."""

from __future__ import annotations

from typing import Literal

from redis.exceptions import NoScriptError, ReadOnlyError, ResponseError

from outlast.store.redis.failures import code

Remedy = Literal["whole", "reconnect", "aside"]


def remedy(error: ResponseError, *, scripted: bool) -> Remedy | None:
    """The one there is for it.

    whole: the script is not known there, or may not be called by its name: send its text.
    reconnect: it only reads, so that it was the primary once: ask for the address again.
    aside: what stands under our key is of another type: move it out of the way.
    """
    if scripted and (isinstance(error, NoScriptError) or refuses_names(error)):
        return "whole"
    if isinstance(error, ReadOnlyError) or "READONLY " in str(error)[:200]:
        return "reconnect"
    return "aside" if code(error) == "WRONGTYPE" else None


def refuses_names(error: ResponseError) -> bool:
    """Is it someone between us and Redis who does not let scripts be called by their names?"""
    return not isinstance(error, NoScriptError) and "evalsha" in str(error).lower()
