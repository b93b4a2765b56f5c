"""The library's face: `AsyncClient`, and `Client` for code without an event loop.

    client = Client()                                   # providers from outlast.toml or the environment
    print(client.chat("Say hi").text)
    for chunk in client.stream("Count to ten"):
        print(chunk.text, end="")

Both ask the same engine as the gateway: the same retries, breakers, limits and failover. Inside a deadline
(`outlast.edge.deadline`) a call takes the smaller of that and its own `timeout`. Options have the names of
OpenAI's chat completions, whatever provider answers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TypeVar

from outlast.asking import Answered, Messages, asked_by, messages_of, request_of
from outlast.blocking_stream import BlockingStream
from outlast.build import Outlast
from outlast.config import Config, load
from outlast.counts import AsyncCounts, BlockingCounts
from outlast.edge.background import Background
from outlast.extraction import AsyncExtraction, BlockingExtraction
from outlast.flow.stream import Stream
from outlast.home import Home
from outlast.layers.rewrite import Rewrite
from outlast.learned import learned, restore
from outlast.model.caller import Priority
from outlast.model.messages import Reply, Vectors
from outlast.model.target import Fit
from outlast.ports import Io, Sink

T = TypeVar("T")


class AsyncClient(AsyncExtraction, AsyncCounts):
    """Asks providers, and outlasts their failures. Bound to the event loop that first uses it.

    Args:
        config: a `Config`, the path of an outlast.toml, or None to look where `outlast serve` looks.
        sinks: who hears of every event (`outlast.model.events`), such as `outlast.telemetry.log.Log`.
        io: the world; the real one unless a test brings its own.
        rewrite: asked once for other messages when a content filter refuses a request: takes the `Request` and the
            `ContentFilter`, gives messages, or None when it has none.

    Raises:
        ConfigError: the configuration cannot be used, or names no provider.
    """

    def __init__(
        self,
        config: Config | str | os.PathLike[str] | None = None,
        *,
        sinks: Sequence[Sink] = (),
        io: Io | None = None,
        rewrite: Rewrite | None = None,
    ) -> None:
        told = config if isinstance(config, Config) else load(config)
        told.demand_providers()
        self._home = Home(Outlast(told, sinks=sinks, io=io, rewrite=rewrite))

    @property
    def outlast(self) -> Outlast:
        """The engine behind the client."""
        return self._home.outlast

    async def chat(
        self,
        messages: Messages,
        *,
        model: str = "default",
        timeout: float | None = None,  # noqa: ASYNC109  (a deadline that the engine keeps, not a cancellation)
        priority: Priority = "critical",
        cache: str = "",
        fit: Fit | None = None,
        idempotency_key: str = "",
        **options: object,
    ) -> Reply:
        """The whole answer.

        Args:
            messages: a prompt, or messages as OpenAI's chat completions have them.
            model: a route, provider/model, or a model.
            timeout: seconds for everything, retries and failovers included; 180 when left out.
            priority: class in the queues, when there is more to do than slots.
            cache: what is wanted of answers that were kept, in the words of `Cache-Control`: "no-cache", "max-age=60".
            fit: what happens to a conversation that is too long for every window that is left: "error", "drop_oldest"
                or "middle_out", see `Reply.cut`; as the route says when left out.
            idempotency_key: the same word with the same request gets the same answer, for a day; see `Reply.replayed`.
                Once it is begun, such a call goes on when its caller leaves.
            options: max_tokens, temperature, tools, response_format, … as OpenAI's chat completions name them.

        Raises:
            Failure: why there is no answer; `attempts` tells what was tried. With an `idempotency_key`: `Caller` with
                status 422 when it was used for another request, `Rejected` with status 409 when another process is at
                it (`retry_after` says when to ask again), or when its answer is lost.
            ValueError: `fit` is none of these words.
        """
        request = request_of("chat", options | {"model": model, "messages": messages_of(messages)})
        answer = await self._home.engine().answer(request, asked_by(timeout, priority, cache, fit, idempotency_key))
        if not isinstance(answer, Reply):
            raise TypeError("use stream() for stream=True")
        return answer

    async def answer(
        self,
        messages: Messages,
        *,
        model: str = "default",
        timeout: float | None = None,  # noqa: ASYNC109
        priority: Priority = "critical",
        cache: str = "",
        fit: Fit | None = None,
        idempotency_key: str = "",
        **options: object,
    ) -> Answered:
        """The whole answer and what it is, as `response, source`. Arguments and failures as for `chat`."""
        reply = await self.chat(
            messages,
            model=model,
            timeout=timeout,
            priority=priority,
            cache=cache,
            fit=fit,
            idempotency_key=idempotency_key,
            **options,
        )
        return Answered(reply, reply.source)

    async def stream(
        self,
        messages: Messages,
        *,
        model: str = "default",
        timeout: float | None = None,  # noqa: ASYNC109
        priority: Priority = "critical",
        cache: str = "",
        fit: Fit | None = None,
        idempotency_key: str = "",
        **options: object,
    ) -> Stream:
        """The answer piece by piece: a stream whose first content is there. Arguments as for `chat`.

        Raises:
            Failure: why there is no answer. Later, while it is read: `BrokenStream` when it is cut.
        """
        options |= {"model": model, "messages": messages_of(messages), "stream": True}
        answer = await self._home.engine().answer(
            request_of("chat", options), asked_by(timeout, priority, cache, fit, idempotency_key)
        )
        if not isinstance(answer, Stream):
            raise TypeError("a request for a stream was answered whole")
        return answer

    async def embed(
        self,
        texts: str | Sequence[str],
        *,
        model: str,
        timeout: float | None = None,  # noqa: ASYNC109
        cache: str = "",
        idempotency_key: str = "",
        **options: object,
    ) -> Vectors:
        """One vector for each text.

        Args:
            texts: one text or several.
            model: a route, provider/model, or a model that makes embeddings.
            timeout: seconds for everything; 180 when left out.
            cache: as for `chat`.
            idempotency_key: as for `chat`.
            options: such as dimensions.

        Raises:
            Failure: why there is no answer.
        """
        body = options | {"model": model, "input": texts if isinstance(texts, str) else list(texts)}
        answer = await self._home.engine().answer(
            request_of("embed", body), asked_by(timeout, "critical", cache, key=idempotency_key)
        )
        if not isinstance(answer, Vectors):
            raise TypeError("a request for vectors was answered with text")
        return answer

    async def priced(self) -> None:
        """Return when the prices are known, so that `Reply.cost` is filled in; until then it is None."""
        await self._home.outlast.priced()

    def state(self) -> str:
        """What has been learned of the targets, as JSON to keep elsewhere: which are out, and for how long."""
        return learned(self.outlast.stack, self.outlast.io.now(), time.time())

    def restore(self, state: str) -> None:
        """Begin with what another process has learned, as far as it still holds. What is known already stays.

        Raises:
            ValueError: this is not what `state` gave.
        """
        restore(self.outlast.stack, state, self.outlast.io.now(), time.time())

    async def aclose(self) -> None:
        """Close every connection."""
        await self._home.outlast.aclose()

    async def __aenter__(self) -> Self:
        self._home.engine()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Client(BlockingExtraction, BlockingCounts):
    """`AsyncClient` for code without an event loop; any number of threads may use one. Arguments are the same.

    One thread of the process runs the loop of all clients, so that stalls, deadlines and cancellations work alike.
    """

    _client: AsyncClient

    def __init__(
        self,
        config: Config | str | os.PathLike[str] | None = None,
        *,
        sinks: Sequence[Sink] = (),
        rewrite: Rewrite | None = None,
    ) -> None:
        self._client = AsyncClient(config, sinks=sinks, rewrite=rewrite)
        self._loop = Background()

    def chat(
        self,
        messages: Messages,
        *,
        model: str = "default",
        timeout: float | None = None,
        priority: Priority = "critical",
        cache: str = "",
        fit: Fit | None = None,
        idempotency_key: str = "",
        **options: object,
    ) -> Reply:
        """The whole answer: see `AsyncClient.chat`."""
        asking = self._client.chat(
            messages,
            model=model,
            timeout=timeout,
            priority=priority,
            cache=cache,
            fit=fit,
            idempotency_key=idempotency_key,
            **options,
        )
        return self._loop.run(asking)

    def answer(
        self,
        messages: Messages,
        *,
        model: str = "default",
        timeout: float | None = None,
        priority: Priority = "critical",
        cache: str = "",
        fit: Fit | None = None,
        idempotency_key: str = "",
        **options: object,
    ) -> Answered:
        """The whole answer and what it is: see `AsyncClient.answer`."""
        asking = self._client.answer(
            messages,
            model=model,
            timeout=timeout,
            priority=priority,
            cache=cache,
            fit=fit,
            idempotency_key=idempotency_key,
            **options,
        )
        return self._loop.run(asking)

    def stream(
        self,
        messages: Messages,
        *,
        model: str = "default",
        timeout: float | None = None,
        priority: Priority = "critical",
        cache: str = "",
        fit: Fit | None = None,
        idempotency_key: str = "",
        **options: object,
    ) -> BlockingStream:
        """The answer piece by piece: see `AsyncClient.stream`."""
        asking = self._client.stream(
            messages,
            model=model,
            timeout=timeout,
            priority=priority,
            cache=cache,
            fit=fit,
            idempotency_key=idempotency_key,
            **options,
        )
        return BlockingStream(self._loop.run(asking), self._loop)

    def embed(
        self,
        texts: str | Sequence[str],
        *,
        model: str,
        timeout: float | None = None,
        cache: str = "",
        idempotency_key: str = "",
        **options: object,
    ) -> Vectors:
        """One vector for each text: see `AsyncClient.embed`."""
        return self._loop.run(
            self._client.embed(
                texts, model=model, timeout=timeout, cache=cache, idempotency_key=idempotency_key, **options
            )
        )

    def priced(self) -> None:
        """Return when the prices are known."""
        self._loop.run(self._client.priced())

    def state(self) -> str:
        """What has been learned of the targets: see `AsyncClient.state`."""
        return self._loop.run(_at_once(self._client.state))

    def restore(self, state: str) -> None:
        """Begin with what another process has learned: see `AsyncClient.restore`."""
        self._loop.run(_at_once(lambda: self._client.restore(state)))

    def close(self) -> None:
        """Close every connection."""
        self._loop.run(self._client.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


async def _at_once(do: Callable[[], T]) -> T:
    """What that gives, as a coroutine: on the loop nothing else happens meanwhile."""
    return do()
