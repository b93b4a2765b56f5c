"""Cohere's wire format, second version: chat and embeddings, both directions.

    caller's bytes ─ parse ─▶ Request ─ encode ─▶ provider's bytes ─ decode | reader ─▶ Reply | batches
                                                        ◀─ render | writer ─┘

Each half has its own file; this one puts them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from outlast.dialects import classify, hints, sse, vectors
from outlast.dialects.cohere import body as cohere_body
from outlast.dialects.cohere import embed as cohere_embed
from outlast.dialects.cohere import errors as cohere_errors
from outlast.dialects.cohere import reply as cohere_reply
from outlast.dialects.cohere import request as cohere_request
from outlast.dialects.cohere import stream as cohere_stream
from outlast.dialects.cohere import writer as cohere_writer
from outlast.model.errors import Failure
from outlast.model.messages import Operation, Quota, Reply, Request, Vectors
from outlast.model.target import Target
from outlast.ports import Header, Outgoing, Reader, Writer

_HEADERS = (b"content-type: application/json",)

_PATHS: Mapping[str, Operation] = {"/v2/chat": "chat", "/v2/embed": "embed"}


class Cohere:
    """The dialect of Cohere."""

    name = "cohere"
    paths = _PATHS
    streams = sse.FRAMING

    def parse(self, operation: Operation, body: bytes, path: str = "") -> Request:  # noqa: ARG002  (one shape for all dialects)
        """The request in these bytes. Raises `Caller`."""
        if operation == "embed":
            return cohere_embed.parse(body, self.name)
        return cohere_request.parse(body, self.name)

    def encode(self, request: Request, target: Target) -> Outgoing:
        """The bytes that ask this target. Raises `Unsupported` for what it cannot be asked."""
        embeds = request.operation == "embed"
        if request.dialect == self.name and request.body:
            pass_on = vectors.passed_on if embeds else cohere_body.passed_on
            body, dropped = pass_on(request, target)
        else:
            half = cohere_embed if embeds else cohere_body
            body, dropped = half.written(request, target, own=request.dialect == self.name)
        return Outgoing(_path(embeds, target), body, _HEADERS, dropped)

    def decode(self, body: bytes, request: Request, target: Target) -> Reply:
        """The answer in these bytes. Raises `BadResponse`, or what an error envelope means."""
        if request.operation == "embed":
            return cohere_embed.decode(body, request, target, self.name)
        return cohere_reply.decode(body, request, target, self.name)

    def reader(self, request: Request, target: Target) -> Reader:
        """A decoder of chat events."""
        return cohere_stream.CohereReader(request, target)

    def render(self, reply: Reply, request: Request) -> bytes:
        """The answer for the caller: the provider's bytes where they are Cohere's, else written anew."""
        if reply.dialect == self.name and reply.raw:
            return reply.raw
        if isinstance(reply, Vectors):
            return cohere_embed.render(reply, request)
        return cohere_reply.render(reply)

    def writer(self, request: Request) -> Writer:
        """A writer of chat events."""
        return cohere_writer.CohereWriter(request)

    def classify(self, status: int, header: Header, body: bytes, target: Target) -> Failure:
        """What an answer that is no success means."""
        return classify.classify(status, header, body, target)

    def quota(self, header: Header) -> Quota | None:
        """What is left of the limits, as far as headers say."""
        return hints.quota(header)

    def error(self, failure: Failure, request_id: str) -> tuple[int, bytes]:
        """Status and body as Cohere would answer."""
        return cohere_errors.error(failure, request_id)


def _path(embeds: bool, target: Target) -> bytes:
    quirks = target.provider.quirks
    path = (quirks.path_embed or "/v2/embed") if embeds else (quirks.path_chat or "/v2/chat")
    path = path.replace("{model}", quote(target.model, safe=""))
    return f"{path}?{quirks.query}".encode() if quirks.query else path.encode()
