"""Parameters that articles and other libraries have, and that would be a promise which nobody keeps here."""

from __future__ import annotations

from collections.abc import Mapping


def refuse(recipe: str, given: Mapping[str, object], why: Mapping[str, str]) -> None:
    """Nothing was given that is not known.

    Raises:
        TypeError: something was; says why it would be a lie, and what to use.
    """
    for name in given:
        reason = why.get(name)
        told = f"{recipe}({name}=…): {reason}" if reason else f"{recipe}() has no parameter {name!r}"
        raise TypeError(told)
