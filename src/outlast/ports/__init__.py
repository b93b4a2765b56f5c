"""What the core may ask of the world, and what the world must give. The core imports nothing that does I/O.

world     clock, dice, network, ear: `Io` and what it gives; where streams come from and events go
dialect   a wire format, both directions
store     what outlives a request, and what several processes know together
"""

from outlast.ports.dialect import Dialect, Facts, Framing, Reader, Writer
from outlast.ports.store import Asked, Charge, Decision, Keeping, Left, Store, Stored, StoreFailed
from outlast.ports.world import Exchange, Header, Io, Outgoing, Race, Sink, Source, Timed, Waiter, Work

__all__ = [
    "Asked", "Charge", "Decision", "Dialect", "Exchange", "Facts", "Framing", "Header", "Io", "Keeping", "Left",
    "Outgoing", "Race", "Reader", "Sink", "Source", "Store", "StoreFailed", "Stored", "Timed", "Waiter", "Work",
    "Writer",
]  # fmt: skip
