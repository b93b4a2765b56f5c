"""The waiting calls of one class, and whose turn it is among them."""

from __future__ import annotations

from collections import OrderedDict

from outlast.layers.bulkhead.ticket import Ticket

Waiting = OrderedDict[Ticket, None]
"""Waiting calls in the order in which they came; any of them can be taken out at once."""


class Line:
    """The waiting calls of one class: callers take turns."""

    __slots__ = ("all", "callers")

    def __init__(self) -> None:
        self.all: Waiting = OrderedDict()
        self.callers: OrderedDict[str, Waiting] = OrderedDict()

    def __len__(self) -> int:
        return len(self.all)

    def add(self, ticket: Ticket) -> None:
        """Behind the caller's others; a caller that had none waits for its turn."""
        own = self.callers.get(ticket.caller)
        if own is None:
            own = self.callers[ticket.caller] = OrderedDict()
        own[ticket] = self.all[ticket] = None

    def remove(self, ticket: Ticket) -> None:
        """Out of the line, wherever it stands."""
        del self.all[ticket]
        own = self.callers[ticket.caller]
        del own[ticket]
        if not own:
            del self.callers[ticket.caller]

    def next(self, now: float, target: float) -> Ticket:
        """The next call of the caller whose turn it is. The line must not be empty."""
        caller, own = next(iter(self.callers.items()))
        ticket = next(iter(own))
        if now - ticket.since > target:
            ticket = next(reversed(own))
        self.remove(ticket)
        if own:
            self.callers.move_to_end(caller)
        return ticket

    def ahead_of(self, caller: str) -> int:
        """How many calls go before the next one of this caller, since callers take turns."""
        own = len(self.callers.get(caller, ()))
        return own + sum(min(len(theirs), own + 1) for name, theirs in self.callers.items() if name != caller)

    def crowding_out(self, caller: str) -> Ticket | None:
        """The newest call of who has most of them here, if that is more than this caller would have with one more."""
        if len(self.callers) == len(self.all):
            return None  # nobody has two
        most = max(self.callers.values(), key=len)
        return next(reversed(most)) if len(most) > len(self.callers.get(caller, ())) + 1 else None

    def oldest(self) -> Ticket:
        """Who came first. The line must not be empty."""
        return next(iter(self.all))

    def newest(self) -> Ticket:
        """Who came last. The line must not be empty."""
        return next(reversed(self.all))
