"""The named faults, by the row of the list of faults that they stand for and plain words: "E31-fin-after-4".

A connect · B status and hints · C headers and framing · D bodies · E streams. What needs its own kind of listener (TLS,
names that do not resolve) is in `unreachable(...)`, which only virtual time can play to the letter.
"""

from __future__ import annotations

from outlast.lab.faults.body import BODY_FAULTS
from outlast.lab.faults.chunk import CHUNK_FAULTS
from outlast.lab.faults.coding import CODING_FAULTS
from outlast.lab.faults.connect import CONNECT_FAULTS
from outlast.lab.faults.framing import FRAMING_FAULTS
from outlast.lab.faults.hint import HINT_FAULTS
from outlast.lab.faults.message import MESSAGE_FAULTS
from outlast.lab.faults.mixed import MIXED_FAULTS
from outlast.lab.faults.status import STATUS_FAULTS
from outlast.lab.faults.stream import STREAM_FAULTS
from outlast.lab.faults.tool import TOOL_FAULTS
from outlast.lab.faults.vendor import VENDOR_FAULTS
from outlast.lab.script import Behaviour

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
