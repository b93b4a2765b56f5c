"""A streamed answer for code without an event loop."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from outlast.edge.background import Background
from outlast.flow.stream import Stream
from outlast.model.cut import Cut
from outlast.model.messages import Chunk, Usage


class BlockingStream:
    """A streamed answer for code without an event loop: `for chunk in stream`. Leave it with `close()` or `with`."""

    __slots__ = ("_loop", "_stream")

    def __init__(self, stream: Stream, loop: Background) -> None:
        self._stream = stream
        self._loop = loop

    @property
    def target(self) -> str:
        """Who answers, as "provider/model"."""
        return self._stream.target

    @property
    def source(self) -> str:
        """What the answer is: "primary", "fallback" when the first choice did not answer, or as for `Reply`."""
        return self._stream.source

    @property
    def degraded(self) -> bool:
        """Is it less than what was asked for? `source` says what."""
        return self._stream.degraded

    @property
    def attempts(self) -> int:
        """How many attempts it took to the first content."""
        return self._stream.attempts

    @property
    def cut(self) -> Cut | None:
        """What was left out of the request so that it fits; None where nothing was."""
        return self._stream.cut

    @property
    def dropped(self) -> tuple[str, ...]:
        """Names of what could not be carried over to the target's dialect."""
        return self._stream.dropped

    @property
    def finish(self) -> str | None:
        """Why the answer ended; None until then."""
        return self._stream.finish

    @property
    def usage(self) -> Usage | None:
        """Tokens, once they are known."""
        return self._stream.usage

    @property
    def cost(self) -> float | None:
        """US dollars, once the stream is over and where the price is known."""
        return self._stream.cost

    def __iter__(self) -> Iterator[Chunk]:
        while (batch := self._loop.run(self._stream.next())) is not None:
            yield from (chunk for chunk in batch.chunks if chunk.telling)

    def close(self) -> None:
        """End the stream; what has not been read is lost."""
        self._loop.run(self._stream.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
