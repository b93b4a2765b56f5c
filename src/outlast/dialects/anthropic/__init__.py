"""Anthropic's wire format: messages, both directions.

    caller's bytes ─ parse ─▶ Request ─ encode ─▶ provider's bytes ─ decode | reader ─▶ Reply | batches
                                                        ◀─ render | writer ─┘

Each half has its own file; this one puts them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from outlast.dialects import classify, errors, hints, signatures, sse
from outlast.dialects.anthropic import body as anthropic_body
from outlast.dialects.anthropic import count as anthropic_count
from outlast.dialects.anthropic import reply as anthropic_reply
from outlast.dialects.anthropic import request as anthropic_request
from outlast.dialects.anthropic import stream as anthropic_stream
from outlast.dialects.anthropic import writer as anthropic_writer
from outlast.model.errors import Caller, Failure, Unsupported
from outlast.model.messages import Operation, Quota, Reply, Request
from outlast.model.target import Target
from outlast.ports import Header, Outgoing, Reader, Writer

_JSON = b"content-type: application/json"
_VERSION = "2023-06-01"
"""The version that takes all that we write, sampling parameters included."""

_PATHS: Mapping[str, Operation] = {"/v1/messages": "chat", "/v1/messages/count_tokens": "count"}


class Anthropic:
    """The dialect of Anthropic, and of all who offer the same."""

    name = "anthropic"
    paths = _PATHS
    streams = sse.FRAMING

    def parse(self, operation: Operation, body: bytes, path: str = "") -> Request:  # noqa: ARG002  (one shape for all dialects)
        """The request in these bytes. Raises `Caller`."""
        if operation == "embed":
            raise Caller("this protocol has no embeddings", status=404)
        if operation == "count":
            return anthropic_count.parse(body, self.name)
        return anthropic_request.parse(body, self.name)

    def encode(self, request: Request, target: Target) -> Outgoing:
        """The bytes that ask this target."""
        if request.operation == "embed":
            raise Unsupported(f"{target.name} has no embeddings")
        if request.dialect == self.name and request.body and signatures.MARKED not in request.body:
            body, dropped = anthropic_body.passed_on(request, target)
        else:
            body, dropped = anthropic_body.written(request, target, own=request.dialect == self.name)
        version = f"anthropic-version: {target.provider.quirks.version or _VERSION}".encode()
        if request.operation == "count":
            return Outgoing(_path(target, "/count_tokens"), anthropic_count.stripped(body), (_JSON, version), dropped)
        return Outgoing(_path(target), body, (_JSON, version), dropped)

    def decode(self, body: bytes, request: Request, target: Target) -> Reply:
        """The answer in these bytes. Raises `BadResponse`, `ContextLength`, or what an error envelope means."""
        if request.operation == "count":
            return anthropic_count.decode(body, target, self.name)
        return anthropic_reply.decode(body, request, target, self.name)

    def reader(self, request: Request, target: Target) -> Reader:
        """A decoder of message events."""
        return anthropic_stream.AnthropicReader(request, target)

    def render(self, reply: Reply, request: Request) -> bytes:
        """The answer for the caller: the provider's bytes where they are Anthropic's, else written anew."""
        if reply.dialect == self.name and reply.raw:
            return reply.raw
        return anthropic_count.render(reply) if request.operation == "count" else anthropic_reply.render(reply)

    def writer(self, request: Request) -> Writer:
        """A writer of message events."""
        return anthropic_writer.AnthropicWriter(request)

    def classify(self, status: int, header: Header, body: bytes, target: Target) -> Failure:
        """What an answer that is no success means."""
        return classify.classify(status, header, body, target)

    def quota(self, header: Header) -> Quota | None:
        """What is left of the limits, by the `anthropic-ratelimit-` headers."""
        return hints.quota(header)

    def error(self, failure: Failure, request_id: str) -> tuple[int, bytes]:
        """Status and body as Anthropic would answer."""
        return errors.anthropic(failure, request_id)


def _path(target: Target, more: str = "") -> bytes:
    quirks = target.provider.quirks
    path = (quirks.path_chat or "/v1/messages").replace("{model}", quote(target.model, safe="")) + more
    return f"{path}?{quirks.query}".encode() if quirks.query else path.encode()
