"""How a request is made to fit into a window."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from outlast.flow.bounds import AtLeastOne

Share = Annotated[float, Meta(ge=0.0, lt=1.0, description="a share from 0 to 1")]


class FitConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How a request is made to fit into a window, where its route or its caller wants that. Sizes in tokens."""

    enabled: bool = True
    """Without it nothing is ever left out, whatever a route or a caller wants."""
    margin: Share = 0.1
    """This share of the room is left free, since tokens are estimated."""
    tighter: Share = 0.3
    """The same once a provider has said that it does not fit."""
    reserve: AtLeastOne = 1000
    """Room for an answer that has no limit."""
