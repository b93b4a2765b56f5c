"""`Client.extract` and `extract_stream`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, overload

from outlast.asking import Messages
from outlast.edge.background import Background
from outlast.extraction.asynchronous import AsyncExtraction
from outlast.extraction.extracting import ReadExtracting
from outlast.extraction.shape import Extracted
from outlast.model.caller import Priority
from outlast.model.target import Fit

T = TypeVar("T")


class BlockingExtraction:
    """The same for code without an event loop."""

    _client: AsyncExtraction
    _loop: Background

    @overload
    def extract(
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
    ) -> Extracted[T]: ...

    @overload
    def extract(
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
    ) -> Extracted[Any]: ...

    def extract(
        self,
        messages: Messages,
        *,
        schema: type[T] | Mapping[str, object],
        **how: Any,
    ) -> Extracted[T] | Extracted[Any]:
        """What the answer says, as an instance of a type: see `AsyncClient.extract`."""
        return self._loop.run(self._client.extract(messages, schema=schema, **how))

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
    ) -> ReadExtracting[T]: ...

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
    ) -> ReadExtracting[Any]: ...

    def extract_stream(
        self,
        messages: Messages,
        *,
        schema: type[T] | Mapping[str, object],
        **how: Any,
    ) -> ReadExtracting[T] | ReadExtracting[Any]:
        """The answer while it is made: see `AsyncClient.extract_stream`."""
        return ReadExtracting(self._client.extract_stream(messages, schema=schema, **how), self._loop)
