"""An operator's hand on what runs: circuits, targets, their order and their slots, whatever they think themselves.

    house.operator.force_open("openai/gpt-6-luna", seconds=600)     no call goes there for ten minutes
    house.operator.drain("openai/gpt-6-luna")                       nothing new; what is under way goes on
    house.operator.release("openai/gpt-6-luna")                     as usual again
    await house.operator.purge(model="default", key="app")          no answer is given again that was kept for them

What he says holds until he takes it back, or its time is over; it is not in the configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from outlast.engine import Engine
from outlast.layers.breaker import Override, State
from outlast.layers.cache import forget, purge
from outlast.model.target import Target
from outlast.ports import Io, Store
from outlast.stack import Stack


class Operator:
    """Steers one engine. To be called on its loop. Targets are named "provider/model", as in the configuration.

    Every method raises `Caller` for a name that means nothing, with what exists, and `ValueError` for one that is no
    target. Changes of circuits and slots are told as events.
    """

    __slots__ = ("_engine", "_io", "_stack", "_store")

    def __init__(self, engine: Engine, stack: Stack, io: Io, store: Store) -> None:
        self._engine = engine
        self._stack = stack
        self._io = io
        self._store = store

    # -- circuits ----------------------------------------------------------------------------------------------

    def force_open(self, target: str, seconds: float = inf) -> None:
        """Refuse every call to it, for so many seconds or until `release`; it gets no early probe."""
        self._rule(target, "forced_open", seconds)

    def switch_off(self, target: str) -> None:
        """Let every call pass its circuit, and count nothing."""
        self._rule(target, "disabled")

    def observe(self, target: str) -> None:
        """Let every call pass its circuit, go on counting, and tell when it would have opened."""
        self._rule(target, "observe")

    def release(self, target: str) -> None:
        """Its circuit is closed, and as usual again."""
        self._rule(target, None)

    def state(self, target: str) -> State | Override:
        """What its circuit is now: an operator's word, else its own state."""
        circuit = self._stack.breakers.of(self._target(target).name)
        return circuit.override or circuit.state

    # -- targets -----------------------------------------------------------------------------------------------

    def drain(self, target: str) -> None:
        """Send nothing more to it; what is under way goes on."""
        self._stack.routing.disable(self._target(target).name)

    def restore(self, target: str) -> None:
        """Send to it again."""
        self._stack.routing.enable(self._target(target).name)

    def reorder(self, route: str, targets: Sequence[str]) -> None:
        """Try the targets of that route in this order; those that are not named are no longer tried.

        Raises:
            ValueError: the route has no such target.
        """
        found = self._engine.routes.find(route)
        known = {target.name: target for target in found.targets}
        strange = [name for name in targets if name not in known]
        if strange or not targets:
            raise ValueError(f"the route {route!r} has no target {', '.join(strange)}; it has {', '.join(known)}")
        self._stack.routing.reorder(found, tuple(known[name] for name in dict.fromkeys(targets)))

    def resize(self, target: str, slots: int) -> None:
        """So many calls at once on it, or fewer if it bears fewer. Fewer takes effect as calls end.

        Raises:
            ValueError: fewer than none.
        """
        if slots < 0:
            raise ValueError(f"{slots} slots: use 0 or more")
        now = self._io.now()
        self._stack.bulkhead.of(self._target(target).name, now).resize(slots, now)

    # -- answers that were kept --------------------------------------------------------------------------------

    async def purge(self, *, model: str = "", key: str = "", user: str = "") -> int:
        """Forget the answers to requests for that model, of that API key and that user; all of them if nothing is said.

        Where the store is shared, for all processes. What is being kept at this moment may be kept still.

        Args:
            model: as callers name it: a route.
            key: name of an API key.
            user: name of a user, as a trusted key or a token names it.

        Returns:
            How many there were.

        Raises:
            StoreFailed: the store is out of reach; some may have been forgotten.
        """
        return await purge(self._store, model=model, key=key, user=user)

    async def forget(self, name: str) -> None:
        """Forget the one answer that `Cache-Status` calls so. Raises `StoreFailed` when the store is out of reach."""
        await forget(self._store, name)

    # ----------------------------------------------------------------------------------------------------------

    def _rule(self, target: str, word: Override | None, seconds: float = inf) -> None:
        now = self._io.now()
        name = self._target(target).name
        for event in self._stack.breakers.operate(name, word, now, until=now + seconds):
            self._io.emit(event)

    def _target(self, name: str) -> Target:
        targets = self._engine.routes.find(name).targets
        if "/" not in name or len(targets) != 1:
            raise ValueError(f"{name!r} is no target: name one as provider/model")
        return targets[0]
