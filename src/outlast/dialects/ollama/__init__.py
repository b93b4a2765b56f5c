"""Ollama's own wire format: chat and embeddings, both directions.

    caller's bytes ─ parse ─▶ Request ─ encode ─▶ provider's bytes ─ decode | reader ─▶ Reply | batches
                                                        ◀─ render | writer ─┘

Streams are lines of JSON, and what does not say otherwise is streamed. Its older paths are in `ollama_prompts`.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from outlast.dialects import classify, hints, lines, vectors
from outlast.dialects.ollama import body as ollama_body
from outlast.dialects.ollama import embeddings as ollama_embeddings
from outlast.dialects.ollama import errors as ollama_errors
from outlast.dialects.ollama import reply as ollama_reply
from outlast.dialects.ollama import request as ollama_request
from outlast.dialects.ollama import stream as ollama_stream
from outlast.dialects.ollama import writer as ollama_writer
from outlast.model.errors import Failure
from outlast.model.messages import Operation, Quota, Reply, Request, Vectors
from outlast.model.target import Target
from outlast.ports import Header, Outgoing, Reader, Writer

_HEADERS = (b"content-type: application/json",)

_PATHS: Mapping[str, Operation] = {"/api/chat": "chat", "/api/embed": "embed"}


class Ollama:
    """The dialect of Ollama."""

    name = "ollama"
    paths = _PATHS
    streams = lines.FRAMING

    def parse(self, operation: Operation, body: bytes, path: str = "") -> Request:  # noqa: ARG002  (one shape for all dialects)
        """The request in these bytes. Raises `Caller`."""
        if operation == "embed":
            return ollama_embeddings.parse(body, self.name)
        return ollama_request.parse(body, self.name)

    def encode(self, request: Request, target: Target) -> Outgoing:
        """The bytes that ask this target. Raises `Unsupported` for what changes the request's meaning if left out."""
        passes = request.dialect == self.name and bool(request.body)
        if request.operation == "embed":
            make = vectors.passed_on if passes else ollama_embeddings.written
            body, dropped = make(request, target)
        elif passes:
            body, dropped = ollama_body.passed_on(request, target)
        else:
            body, dropped = ollama_body.written(request, target, own=request.dialect == self.name)
        return Outgoing(_path(request.operation, target), body, _HEADERS, dropped)

    def decode(self, body: bytes, request: Request, target: Target) -> Reply:
        """The answer in these bytes. Raises `BadResponse`, or what an error envelope means."""
        if request.operation == "embed":
            return ollama_embeddings.decode(body, request, target, self.name)
        return ollama_reply.decode(body, request, target, self.name)

    def reader(self, request: Request, target: Target) -> Reader:
        """A decoder of lines."""
        return ollama_stream.OllamaReader(request, target)

    def render(self, reply: Reply, request: Request) -> bytes:  # noqa: ARG002  (one shape for all dialects)
        """The answer for the caller: the provider's bytes where they are Ollama's, else written anew."""
        if reply.dialect == self.name and reply.raw:
            return reply.raw
        if isinstance(reply, Vectors):
            return ollama_embeddings.render(reply)
        return ollama_reply.render(reply)

    def writer(self, request: Request) -> Writer:
        """A writer of lines."""
        return ollama_writer.OllamaWriter(request)

    def classify(self, status: int, header: Header, body: bytes, target: Target) -> Failure:
        """What an answer that is no success means."""
        return classify.classify(status, header, body, target)

    def quota(self, header: Header) -> Quota | None:
        """What is left of the limits, where a proxy before the server tells it."""
        return hints.quota(header)

    def error(self, failure: Failure, request_id: str) -> tuple[int, bytes]:
        """Status and body as Ollama would answer."""
        return ollama_errors.error(failure, request_id)


def _path(operation: Operation, target: Target) -> bytes:
    quirks = target.provider.quirks
    path = (quirks.path_embed or "/api/embed") if operation == "embed" else (quirks.path_chat or "/api/chat")
    path = path.replace("{model}", quote(target.model, safe=""))
    return f"{path}?{quirks.query}".encode() if quirks.query else path.encode()
