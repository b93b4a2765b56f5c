"""What numbers of a configuration may be, in the words that a wrong file is answered with."""

from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

C = TypeVar("C", bound=Struct)

AtLeastOne = Annotated[int, Meta(ge=1, description="a whole number, 1 or more")]
AboveZero = Annotated[float, Meta(gt=0, description="a number above 0")]
Share = Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")]
BelowOne = Annotated[float, Meta(ge=0, lt=1, description="a number from 0 to below 1")]


def checked(who: str, config: C, names: Mapping[str, str] | None = None) -> C:
    """A configuration that was made in code, held to the bounds that its fields have.

    Args:
        who: what was called to make it.
        config: what came of that.
        names: parameters that are called otherwise than the fields that they became.

    Raises:
        ValueError: it is out of bounds; says which parameter, and what it may be.
    """
    try:
        return msgspec.convert(msgspec.structs.asdict(config), type(config))
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at ")
        field_name = place.strip("`$.")
        raise ValueError(f"{who}({(names or {}).get(field_name, field_name)}=…): {said}") from None
