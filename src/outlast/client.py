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

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from outlast.build import Outlast
from outlast.config import Config, load
from outlast.dialects import DIALECTS
from outlast.edge.background import Background
from outlast.edge.deadline import smaller
from outlast.edge.ids import new_id
from outlast.edge.io import AsyncIo
from outlast.edge.process import Process
from outlast.engine import Asked, Engine
from outlast.flow.stream import Stream
from outlast.learned import learned, restore
from outlast.model.caller import LIBRARY, PRIORITIES, Priority
from outlast.model.messages import Chunk, Operation, Reply, Request, Usage, Vectors
from outlast.ports import Io, Sink

T = TypeVar("T")
Messages = str | Sequence[Mapping[str, object]]
"""A prompt, or messages as OpenAI's chat completions have them."""


class Home:
    """Keeps an engine to the one event loop and the one process that it works in.

    Args:
        outlast: the engine.

    Attributes:
        outlast: the engine; a fresh one after a fork.
    """

    __slots__ = ("_loop", "_pid", "outlast")

    def __init__(self, outlast: Outlast) -> None:
        self.outlast = outlast
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = Process.pid

    def engine(self) -> Engine:
        """The engine, for the loop that runs.

        Raises:
            RuntimeError: it works on another loop, which still lives.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop or Process.pid != self._pid:
            self._move(loop)
        return self.outlast.engine

    def _move(self, loop: asyncio.AbstractEventLoop) -> None:
        if Process.pid != self._pid:
            # A slot that was held in the parent would never be given back here: the child begins with fresh machines.
            self.outlast = Outlast(self.outlast.config, io=self.outlast.io, store=self.outlast.store)
        elif self._loop is not None and not self._loop.is_closed():
            raise RuntimeError(
                "this client works on the event loop that used it first: make one for each loop, or use the blocking "
                "Client, which any thread may use"
            )
        self._loop, self._pid = loop, Process.pid
        if isinstance(self.outlast.io, AsyncIo):  # a scripted world has no threads
            self.outlast.start()


class AsyncClient:
    """Asks providers, and outlasts their failures. Bound to the event loop that first uses it.

    Args:
        config: a `Config`, the path of an outlast.toml, or None to look where `outlast serve` looks.
        sinks: who hears of every event (`outlast.model.events`), such as `outlast.telemetry.log.Log`.
        io: the world; the real one unless a test brings its own.

    Raises:
        ConfigError: the configuration cannot be used, or names no provider.
    """

    def __init__(
        self,
        config: Config | str | os.PathLike[str] | None = None,
        *,
        sinks: Sequence[Sink] = (),
        io: Io | None = None,
    ) -> None:
        told = config if isinstance(config, Config) else load(config)
        told.demand_providers()
        self._home = Home(Outlast(told, sinks=sinks, io=io))

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
        **options: object,
    ) -> Reply:
        """The whole answer.

        Args:
            messages: a prompt, or messages as OpenAI's chat completions have them.
            model: a route, provider/model, or a model.
            timeout: seconds for everything, retries and failovers included; 180 when left out.
            priority: class in the queues, when there is more to do than slots.
            options: max_tokens, temperature, tools, response_format, … as OpenAI's chat completions name them.

        Raises:
            Failure: why there is no answer; `attempts` tells what was tried.
        """
        request = _request("chat", options | {"model": model, "messages": _messages(messages)})
        answer = await self._home.engine().answer(request, _asked(timeout, priority))
        if not isinstance(answer, Reply):
            raise TypeError("use stream() for stream=True")
        return answer

    async def stream(
        self,
        messages: Messages,
        *,
        model: str = "default",
        timeout: float | None = None,  # noqa: ASYNC109
        priority: Priority = "critical",
        **options: object,
    ) -> Stream:
        """The answer piece by piece: a stream whose first content is there. Arguments as for `chat`.

        Raises:
            Failure: why there is no answer. Later, while it is read: `BrokenStream` when it is cut.
        """
        options |= {"model": model, "messages": _messages(messages), "stream": True}
        answer = await self._home.engine().answer(_request("chat", options), _asked(timeout, priority))
        if not isinstance(answer, Stream):
            raise TypeError("a request for a stream was answered whole")
        return answer

    async def embed(
        self,
        texts: str | Sequence[str],
        *,
        model: str,
        timeout: float | None = None,  # noqa: ASYNC109
        **options: object,
    ) -> Vectors:
        """One vector for each text.

        Args:
            texts: one text or several.
            model: a route, provider/model, or a model that makes embeddings.
            timeout: seconds for everything; 180 when left out.
            options: such as dimensions.

        Raises:
            Failure: why there is no answer.
        """
        body = options | {"model": model, "input": texts if isinstance(texts, str) else list(texts)}
        answer = await self._home.engine().answer(_request("embed", body), _asked(timeout, "critical"))
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
        """What the answer is: "primary", or "fallback" when the first choice did not answer."""
        return self._stream.source

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


class Client:
    """`AsyncClient` for code without an event loop; any number of threads may use one. Arguments are the same.

    One thread of the process runs the loop of all clients, so that stalls, deadlines and cancellations work alike.
    """

    def __init__(self, config: Config | str | os.PathLike[str] | None = None, *, sinks: Sequence[Sink] = ()) -> None:
        self._client = AsyncClient(config, sinks=sinks)
        self._loop = Background()

    def chat(
        self,
        messages: Messages,
        *,
        model: str = "default",
        timeout: float | None = None,
        priority: Priority = "critical",
        **options: object,
    ) -> Reply:
        """The whole answer: see `AsyncClient.chat`."""
        return self._loop.run(self._client.chat(messages, model=model, timeout=timeout, priority=priority, **options))

    def stream(
        self,
        messages: Messages,
        *,
        model: str = "default",
        timeout: float | None = None,
        priority: Priority = "critical",
        **options: object,
    ) -> BlockingStream:
        """The answer piece by piece: see `AsyncClient.stream`."""
        asking = self._client.stream(messages, model=model, timeout=timeout, priority=priority, **options)
        return BlockingStream(self._loop.run(asking), self._loop)

    def embed(
        self, texts: str | Sequence[str], *, model: str, timeout: float | None = None, **options: object
    ) -> Vectors:
        """One vector for each text: see `AsyncClient.embed`."""
        return self._loop.run(self._client.embed(texts, model=model, timeout=timeout, **options))

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


def _messages(messages: Messages) -> object:
    return [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)


def _request(operation: Operation, body: Mapping[str, object]) -> Request:
    request = DIALECTS["openai"].parse(operation, msgspec.json.encode(body))
    request.restarts = True
    return request


def _asked(timeout: float | None, priority: Priority) -> Asked:
    return Asked(new_id(), LIBRARY, PRIORITIES.index(priority), smaller(timeout))
