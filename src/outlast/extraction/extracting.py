"""A value while its answer is made: parts that grow, and the instance at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from outlast.edge.background import Background
from outlast.extraction.shape import Shape, no_value
from outlast.flow.call import Answer
from outlast.flow.stream import Stream
from outlast.layers.structured import NOTHING, Growing

T = TypeVar("T")


class Extracting(Generic[T]):
    """`async for partial in extracting`; each partial is a new object. Leave it early with `aclose()` or `async with`.

    Attributes:
        stream: the answer behind it, with target, usage and cost; None before the first part.
    """

    __slots__ = ("_ask", "_growing", "_over", "_shape", "_shown", "_value", "stream")

    def __init__(self, ask: Callable[[], Awaitable[Answer]], shape: Shape[T]) -> None:
        self._ask = ask
        self._shape = shape
        self._growing = Growing()
        self._shown: object = NOTHING
        self._value: list[T] = []
        self._over = False
        self.stream: Stream | None = None

    @property
    def value(self) -> T:
        """The instance, once the stream is over.

        Raises:
            RuntimeError: it is not.
        """
        if not self._value:
            raise RuntimeError("the value is there when all parts have been read")
        return self._value[0]

    def __aiter__(self) -> AsyncIterator[object]:
        return self

    async def __anext__(self) -> object:
        """What is there of the value now, when that has changed.

        Raises:
            InvalidOutput: what has come does not match the schema.
            Failure: why there is no answer, or not the rest of it.
        """
        stream = await self._opened()
        while not self._over:
            batch = await stream.next()
            if batch is None or batch.last:
                self._over = True
            self._growing.feed("".join(chunk.text for chunk in batch.chunks) if batch is not None else "")
            if self._over:
                self._finish(stream)
            part = self._growing.value()
            if part is not NOTHING and part != self._shown:
                self._shown = part
                return self._growing.value()
        raise StopAsyncIteration

    async def _opened(self) -> Stream:
        if self.stream is None:
            answer = await self._ask()
            if not isinstance(answer, Stream):
                raise TypeError("a request for a stream was answered whole")
            self.stream = answer
        return self.stream

    def _finish(self, stream: Stream) -> None:
        self._growing.close()
        try:
            self._value.append(self._shape.read(self._growing.text))
        except ValueError as error:
            raise no_value(stream.finish or "nothing", stream.target, self._shape.told(error)) from None

    async def aclose(self) -> None:
        """End it; what has not been read is lost."""
        self._over = True
        if self.stream is not None:
            await self.stream.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class ReadExtracting(Generic[T]):
    """`Extracting` for code without an event loop: `for partial in extracting`. Leave it with `close()` or `with`."""

    __slots__ = ("_extracting", "_loop")

    def __init__(self, extracting: Extracting[T], loop: Background) -> None:
        self._extracting = extracting
        self._loop = loop

    @property
    def value(self) -> T:
        """The instance, once the stream is over."""
        return self._extracting.value

    @property
    def stream(self) -> Stream | None:
        """The answer behind it, with target, usage and cost; None before the first part."""
        return self._extracting.stream

    def __iter__(self) -> Iterator[object]:
        while (part := self._loop.run(self._next())) is not NOTHING:
            yield part

    async def _next(self) -> object:
        return await anext(self._extracting, NOTHING)

    def close(self) -> None:
        """End it; what has not been read is lost."""
        self._loop.run(self._extracting.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
