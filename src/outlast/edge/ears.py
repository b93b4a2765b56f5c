"""Who hears of events: each sink in turn, and none of them can spoil an answer.

    tell(event) ─▶ sink, sink, …                              at once, as a library's caller expects it
    gather(event) ─▶ … ─▶ the end of the loop's turn ─▶ sink, sink, …      many at a time, as a busy gateway wants it

What comes in one turn of the loop is told together, since code that runs many times in a row costs a third of code that
has been driven out of the processor's caches by a request in between. Nobody can tell the difference: a caller hears of
its answer in a later turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from outlast.model.events import Event, Fault
from outlast.ports import Sink


class Ears:
    """The sinks of one `Io`.

    Attributes:
        faults: how often a sink has raised.
    """

    __slots__ = ("_gathered", "_sinks", "faults")

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self._sinks = tuple(sinks)
        self._gathered: list[Event] = []
        self.faults = 0

    def tell(self, event: Event) -> None:
        """Tell the sinks now. A sink that raises is counted, and the others are told of that too."""
        for sink in self._sinks:
            try:
                sink(event)
            except Exception as error:  # noqa: BLE001  (whatever a sink does must not spoil an answer)
                self._broke(sink, error)

    def gather(self, event: Event) -> None:
        """Tell the sinks at the end of this turn of the loop."""
        gathered = self._gathered
        gathered.append(event)
        if len(gathered) == 1:
            asyncio.get_running_loop().call_soon(self.tell_gathered)

    def tell_gathered(self) -> None:
        """Tell now what has been gathered."""
        events, self._gathered = self._gathered, []
        for sink in self._sinks:
            left = iter(events)
            while not self._told_all(sink, left):
                pass  # it broke on one of them, and hears of the others all the same

    def _told_all(self, sink: Sink, events: Iterator[Event]) -> bool:
        try:
            for event in events:
                sink(event)
        except Exception as error:  # noqa: BLE001  (as above)
            self._broke(sink, error)
            return False
        return True

    def _broke(self, broken: Sink, error: Exception) -> None:
        self.faults += 1
        fault = Fault(where=f"sink {getattr(broken, '__name__', type(broken).__name__)}", error=type(error).__name__)
        for sink in self._sinks:
            if sink is not broken:
                try:
                    sink(fault)
                except Exception:  # noqa: BLE001  (the count is all that is left to do)
                    self.faults += 1
