"""The named faults, by the row of the list of faults that they stand for and plain words: "E31-fin-after-4".

A connect · B status and hints · C headers and framing · D bodies · E streams. What needs its own kind of listener (TLS,
names that do not resolve) is in `unreachable(...)`, which only virtual time can play to the letter.
"""

from __future__ import annotations

from outlast.lab.body_faults import BODY_FAULTS
from outlast.lab.chunk_faults import CHUNK_FAULTS
from outlast.lab.coding_faults import CODING_FAULTS
from outlast.lab.connect_faults import CONNECT_FAULTS
from outlast.lab.framing_faults import FRAMING_FAULTS
from outlast.lab.hint_faults import HINT_FAULTS
from outlast.lab.message_faults import MESSAGE_FAULTS
from outlast.lab.mixed_faults import MIXED_FAULTS
from outlast.lab.script import Behaviour
from outlast.lab.status_faults import STATUS_FAULTS
from outlast.lab.stream_faults import STREAM_FAULTS
from outlast.lab.tool_faults import TOOL_FAULTS
from outlast.lab.vendor_faults import VENDOR_FAULTS

_GROUPS: dict[str, tuple[dict[str, Behaviour], ...]] = {
    "A": (CONNECT_FAULTS,),
    "B": (STATUS_FAULTS, HINT_FAULTS, VENDOR_FAULTS),
    "C": (FRAMING_FAULTS, CODING_FAULTS),
    "D": (BODY_FAULTS,),
    "E": (STREAM_FAULTS, CHUNK_FAULTS, MIXED_FAULTS, MESSAGE_FAULTS, TOOL_FAULTS),
}

FAULTS: dict[str, Behaviour] = {
    name: Behaviour(name, fault.play, fault.early)
    for groups in _GROUPS.values()
    for group in groups
    for name, fault in group.items()
}
"""Every named fault."""
