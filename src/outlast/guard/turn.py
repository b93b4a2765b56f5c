"""One call on its way through a guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from outlast.guard.errors import Attempt
from outlast.guard.machines import Held, Machines
from outlast.guard.world import World
from outlast.model.errors import Failure

T = TypeVar("T")


def _itself(given: Any) -> Any:  # noqa: ANN401  (whatever a fallback gives)
    return given


class Turn(Generic[T]):
    """One call on its way through a guard.

    Attributes:
        io: its world.
        attempt: makes one attempt, which has to be over at the moment given; infinite: it has no limit.
        function: what is guarded, with its `args` and `kwargs`.
        stream: what an attempt gives is the beginning of something that ends later; `held` is settled then.
        machines: those of its key.
        deadline: when the whole call has to be over.
        id: what events call it; empty when nobody listens.
        number: attempts made.
        waited: seconds of waiting since the last of them.
        history: those that failed.
        verdict: what the last failure means.
        instead: makes of what a fallback gives what an attempt would have given.
        held: what the attempt at hand holds, or the stream.
    """

    __slots__ = (
        "args",
        "attempt",
        "deadline",
        "function",
        "held",
        "history",
        "id",
        "instead",
        "io",
        "kwargs",
        "machines",
        "number",
        "stream",
        "verdict",
        "waited",
    )

    machines: Machines

    def __init__(
        self,
        io: World,
        attempt: Callable[[Turn[T], float], Awaitable[T]],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        stream: bool = False,
        instead: Callable[[Any], T] = _itself,
    ) -> None:
        self.io = io
        self.instead = instead
        self.attempt = attempt
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.stream = stream
        self.deadline = 0.0
        self.id = ""
        self.number = 0
        self.waited = 0.0
        self.history: list[Attempt] = []
        self.verdict: Failure | None = None
        self.held: Held | None = None
