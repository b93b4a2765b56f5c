"""`AsyncClient.extract` and `extract_stream`."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar, overload

from outlast.asking import Messages, asked_by, messages_of, request_of
from outlast.extraction.extracting import Extracting
from outlast.extraction.shape import Extracted, Shape, shape_of
from outlast.flow.call import Answer
from outlast.home import Home
from outlast.model.caller import Priority
from outlast.model.messages import Reply, Request
from outlast.model.target import Fit

T = TypeVar("T")


class AsyncExtraction:
    """What a client can do with the type that an answer is to have."""

    _home: Home

    @overload
    async def extract(
        self,
        messages: Messages,
        *,
        schema: type[T],
        model: str = ...,
        timeout: float | None = ...,  # noqa: ASYNC109
        priority: Priority = ...,
        cache: str = ...,
        fit: Fit | None = ...,
        **options: object,
    ) -> Extracted[T]: ...

    @overload
    async def extract(
        self,
        messages: Messages,
        *,
        schema: Mapping[str, object],
        model: str = ...,
        timeout: float | None = ...,  # noqa: ASYNC109
        priority: Priority = ...,
        cache: str = ...,
        fit: Fit | None = ...,
        **options: object,
    ) -> Extracted[Any]: ...

    async def extract(
        self,
        messages: Messages,
        *,
        schema: type[T] | Mapping[str, object],
        model: str = "default",
        timeout: float | None = None,  # noqa: ASYNC109
        priority: Priority = "critical",
        cache: str = "",
        fit: Fit | None = None,
        **options: object,
    ) -> Extracted[T] | Extracted[Any]:
        """What the answer says, as an instance of a type: `value`, and the whole `reply` beside it.

        Args:
            messages: a prompt, or messages as OpenAI's chat completions have them.
            schema: a pydantic model, dataclass, msgspec struct, TypedDict or list of them; or a JSON schema.
            model: a route, provider/model, or a model.
            timeout: seconds for everything, being asked again included; 180 when left out.
            priority: class in the queues, when there is more to do than slots.
            cache: what is wanted of answers that were kept, as for `chat`.
            fit: what happens to a conversation that is too long, as for `chat`.
            options: as for `chat`.

        Raises:
            InvalidOutput: no answer was valid; `faults` says what was wrong with the last one.
            Failure: why there is no answer.
            TypeError: the schema is none of these.
        """
        shape = shape_of(schema)
        request = _shaped(shape, options | {"model": model, "messages": messages_of(messages)})
        answer = await self._home.engine().answer(request, asked_by(timeout, priority, cache, fit))
        if not isinstance(answer, Reply):
            raise TypeError("use extract_stream() for stream=True")
        return Extracted(shape.value_of(answer), answer)

    @overload
    def extract_stream(
        self,
        messages: Messages,
        *,
        schema: type[T],
        model: str = ...,
        timeout: float | None = ...,
        priority: Priority = ...,
        cache: str = ...,
        fit: Fit | None = ...,
        **options: object,
    ) -> Extracting[T]: ...

    @overload
    def extract_stream(
        self,
        messages: Messages,
        *,
        schema: Mapping[str, object],
        model: str = ...,
        timeout: float | None = ...,
        priority: Priority = ...,
        cache: str = ...,
        fit: Fit | None = ...,
        **options: object,
    ) -> Extracting[Any]: ...

    def extract_stream(
        self,
        messages: Messages,
        *,
        schema: type[T] | Mapping[str, object],
        model: str = "default",
        timeout: float | None = None,
        priority: Priority = "critical",
        cache: str = "",
        fit: Fit | None = None,
        **options: object,
    ) -> Extracting[T] | Extracting[Any]:
        """The answer while it is made: `async for partial in client.extract_stream(...)`. Arguments as for `extract`.

        Each partial is plain JSON that grows; when the stream is over, `value` is the instance. A wrong answer is not
        asked for again, since its parts have been seen: then `InvalidOutput` is raised in the place of the end.
        """
        shape = shape_of(schema)
        request = _shaped(shape, options | {"model": model, "messages": messages_of(messages), "stream": True})
        request.partial = True

        def ask() -> Awaitable[Answer]:
            return self._home.engine().answer(request, asked_by(timeout, priority, cache, fit))

        return Extracting(ask, shape)


def _shaped(shape: Shape[T], body: Mapping[str, object]) -> Request:
    """A request whose answer is to have this shape."""
    request = request_of("chat", dict(body) | {"response_format": shape.response_format})
    request.accepts = shape.faults
    return request
