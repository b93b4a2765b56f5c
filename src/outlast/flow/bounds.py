"""What numbers of a configuration may be, in the words that a wrong file is answered with."""

from typing import Annotated

from msgspec import Meta

AtLeastOne = Annotated[int, Meta(ge=1, description="a whole number, 1 or more")]
AboveZero = Annotated[float, Meta(gt=0, description="a number above 0")]
Share = Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")]
BelowOne = Annotated[float, Meta(ge=0, lt=1, description="a number from 0 to below 1")]
