"""The engine under an official SDK: its calls run in-process, through retries, breakers and failover.

    client = OpenAI(api_key="-", http_client=outlast.transport().http_client)
    client = AsyncAnthropic(api_key="-", http_client=outlast.transport().async_http_client)

The SDK sees an HTTP answer, as from the gateway; there is no socket in between. Its own retries are off, for every
error says `x-should-retry: false`. Which provider answers is for the configuration to say, and so are the keys: what
the SDK has as key and base URL is not looked at.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import cached_property

import httpx2

from outlast.build import Outlast
from outlast.config import Config, load
from outlast.dialects import DIALECTS
from outlast.edge.background import Background
from outlast.edge.ids import new_id
from outlast.gateway.auth import Door
from outlast.gateway.exchange import CutShort, Flowing, Inbound, Outbound
from outlast.gateway.routes import Surface
from outlast.home import Home
from outlast.model.caller import LIBRARY
from outlast.ports import Io, Sink

NO_RETRY = (b"x-should-retry", b"false")


class AsyncBody(httpx2.AsyncByteStream):
    """A streamed answer as httpx2 reads it."""

    def __init__(self, flow: Flowing) -> None:
        self._flow = flow

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while (piece := await self._flow.next()) is not None:
                yield piece
        except CutShort:
            raise httpx2.RemoteProtocolError("the answer broke before its end") from None

    async def aclose(self) -> None:
        """The SDK has read enough."""
        self._flow.abort()


class BlockingBody(httpx2.SyncByteStream):
    """The same for an SDK without an event loop."""

    def __init__(self, flow: Flowing, loop: Background) -> None:
        self._flow = flow
        self._loop = loop

    def __iter__(self) -> Iterator[bytes]:
        try:
            while (piece := self._loop.run(self._flow.next())) is not None:
                yield piece
        except CutShort:
            raise httpx2.RemoteProtocolError("the answer broke before its end") from None

    def close(self) -> None:
        """The SDK has read enough."""
        self._loop.run(self._abort())

    async def _abort(self) -> None:
        self._flow.abort()


class Face:
    """The gateway's surface over an engine. Whoever calls from inside the process needs no key."""

    __slots__ = ("outlast", "surface")

    def __init__(self, outlast: Outlast) -> None:
        self.outlast = outlast
        self.surface = Surface(outlast, DIALECTS, door=Door({}, everybody=LIBRARY))


class Transport(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """An httpx2 transport that asks the engine instead of the network. Made by `transport`.

    Used by blocking clients it runs on a background loop, by async ones on theirs; one transport serves one of the two.
    """

    def __init__(self, outlast: Outlast) -> None:
        self._home = Home(outlast)
        self._face = Face(outlast)
        self._loop = Background()

    @property
    def outlast(self) -> Outlast:
        """The engine behind the transport."""
        return self._home.outlast

    @cached_property
    def http_client(self) -> httpx2.Client:
        """For the `http_client` of `OpenAI` and `Anthropic`."""
        return httpx2.Client(transport=self)

    @cached_property
    def async_http_client(self) -> httpx2.AsyncClient:
        """For the `http_client` of `AsyncOpenAI` and `AsyncAnthropic`."""
        return httpx2.AsyncClient(transport=self)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, for a blocking client."""
        out = self._loop.run(self._answer(_inbound(request, request.read())))
        if out.flow is None:
            return _response(out)
        return _response(out, BlockingBody(out.flow, self._loop))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, for an async client."""
        out = await self._answer(_inbound(request, await request.aread()))
        return _response(out, None if out.flow is None else AsyncBody(out.flow))

    async def _answer(self, inbound: Inbound) -> Outbound:
        self._home.engine()
        if self._face.outlast is not self._home.outlast:
            self._face = Face(self._home.outlast)
        return await self._face.surface.answer(inbound)

    def close(self) -> None:
        """Close every connection."""
        self._loop.run(self.outlast.aclose())

    async def aclose(self) -> None:
        """Close every connection."""
        await self.outlast.aclose()


def transport(
    config: Config | str | os.PathLike[str] | None = None, *, sinks: Sequence[Sink] = (), io: Io | None = None
) -> Transport:
    """A transport that puts the engine under an official SDK.

    Args:
        config: a `Config`, the path of an outlast.toml, or None to look where `outlast serve` looks.
        sinks: who hears of every event.
        io: the world; the real one unless a test brings its own.

    Raises:
        ConfigError: the configuration cannot be used.
    """
    told = config if isinstance(config, Config) else load(config)
    told.demand_providers()
    return Transport(Outlast(told, sinks=sinks, io=io))


def _inbound(request: httpx2.Request, body: bytes) -> Inbound:
    headers = {name.lower(): value for name, value in request.headers.raw}
    url = request.url
    return Inbound(request.method, url.path, headers, body, new_id(), url.query.decode("latin-1"), url.raw_path)


def _response(out: Outbound, stream: AsyncBody | BlockingBody | None = None) -> httpx2.Response:
    headers = [pair for pair in out.headers if pair[0] != NO_RETRY[0]]
    if out.status >= 400:
        headers.append(NO_RETRY)
    if stream is not None:
        return httpx2.Response(out.status, headers=headers, stream=stream)
    return httpx2.Response(out.status, headers=headers, content=out.body)
