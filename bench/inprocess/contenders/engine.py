"""Our engine without a network, one layer after another switched on, from the attempt outwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from bench.inprocess.contenders.configured import configuration
from bench.inprocess.contest import LAYERS
from bench.inprocess.noop import NoopIo
from bench.inprocess.work import Counted, Work
from outlast.build import Outlast
from outlast.client import AsyncClient
from outlast.config import Config
from outlast.dialects import DIALECTS
from outlast.engine import Asked
from outlast.flow.call import Answer
from outlast.ports import Sink
from outlast.telemetry.log import Log
from outlast.telemetry.prometheus import Prometheus

QUESTION = b'{"model":"default","messages":[{"role":"user","content":"What does the tide do?"}],"temperature":0.2}'


@asynccontextmanager
async def _engine(config: Config, sinks: Sequence[Sink] = ()) -> AsyncIterator[Work]:
    io = NoopIo(sinks)
    engine = Outlast(config, io=io).engine
    request = DIALECTS["openai"].parse("chat", QUESTION)

    def call() -> Awaitable[Answer]:
        return engine.answer(request, Asked("req_0123456789abcdef01234567"))

    yield Counted(call, io)


def with_layers(upstream: str, layers: int) -> AbstractAsyncContextManager[Work]:
    """The engine with the first so many layers."""
    return _engine(configuration(upstream, layers=layers))


def every(upstream: str) -> AbstractAsyncContextManager[Work]:
    """The engine with every layer, as it is without further configuration."""
    return with_layers(upstream, len(LAYERS))


def with_quota(upstream: str) -> AbstractAsyncContextManager[Work]:
    """The same, with limits of the provider to be kept."""
    return _engine(configuration(upstream, quota=True))


def with_sinks(upstream: str) -> AbstractAsyncContextManager[Work]:
    """The same, with the log and the metrics listening, as in the gateway; the log's lines are thrown away."""
    return _engine(configuration(upstream, quota=True), (Log(_thrown_away), Prometheus()))


def _thrown_away(line: bytes) -> None:
    """Written to nowhere."""


@asynccontextmanager
async def whole_call(upstream: str) -> AsyncIterator[Work]:
    """`AsyncClient.chat`: the request is built, parsed, answered."""
    io = NoopIo()
    client = AsyncClient(configuration(upstream), io=io)

    def call() -> Awaitable[object]:
        return client.chat("What does the tide do?", temperature=0.2)

    async with client:
        yield Counted(call, io)
