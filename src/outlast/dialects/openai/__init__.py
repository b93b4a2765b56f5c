"""OpenAI's wire format: chat completions and embeddings, both directions.

    caller's bytes ─ parse ─▶ Request ─ encode ─▶ provider's bytes ─ decode | reader ─▶ Reply | batches
                                                        ◀─ render | writer ─┘

Each half has its own file; this one puts them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from outlast.dialects import classify, errors, going_on, hints, sse
from outlast.dialects.openai import body as openai_body
from outlast.dialects.openai import embeddings as openai_embeddings
from outlast.dialects.openai import reply as openai_reply
from outlast.dialects.openai import request as openai_request
from outlast.dialects.openai import stream as openai_stream
from outlast.model.errors import Failure
from outlast.model.messages import Operation, Quota, Reply, Request, Vectors
from outlast.model.target import Quirks, Target
from outlast.ports import Header, Outgoing, Reader, Writer

_HEADERS = (b"content-type: application/json",)

_PATHS: Mapping[str, Operation] = {"/v1/chat/completions": "chat", "/v1/embeddings": "embed"}


class OpenAI:
    """The dialect of OpenAI, and of all who speak it with an accent of their own (`Quirks`)."""

    name = "openai"
    paths = _PATHS
    streams = sse.FRAMING

    def parse(self, operation: Operation, body: bytes, path: str = "") -> Request:  # noqa: ARG002  (one shape for all dialects)
        """The request in these bytes. Raises `Caller`."""
        if operation == "embed":
            return openai_embeddings.parse(body, self.name)
        return openai_request.parse(body, self.name)

    def encode(self, request: Request, target: Target) -> Outgoing:
        """The bytes that ask this target."""
        embeds = request.operation == "embed"
        if request.dialect == self.name and request.body:
            body, dropped = openai_body.passed_on(request, target)
        else:
            own = request.dialect in {"", self.name}
            half = openai_embeddings if embeds else openai_body
            body, dropped = half.written(request, target, own)
        return Outgoing(_path(request, target), body, _HEADERS, dropped)

    def decode(self, body: bytes, request: Request, target: Target) -> Reply:
        """The answer in these bytes. Raises `BadResponse`, or what an error envelope means."""
        if request.operation == "embed":
            return openai_embeddings.decode(body, request, target, self.name)
        return openai_reply.decode(body, request, target, self.name)

    def reader(self, request: Request, target: Target) -> Reader:
        """A decoder of chat completion chunks."""
        return openai_stream.OpenAIReader(request, target)

    def render(self, reply: Reply, request: Request) -> bytes:
        """The answer for the caller: the provider's bytes where they are OpenAI's, else written anew."""
        if reply.dialect == self.name and reply.raw:
            return reply.raw
        if isinstance(reply, Vectors):
            return openai_embeddings.render(reply, request)
        return openai_reply.render(reply)

    def writer(self, request: Request) -> Writer:
        """A writer of chat completion chunks."""
        return openai_stream.OpenAIWriter(request)

    def classify(self, status: int, header: Header, body: bytes, target: Target) -> Failure:
        """What an answer that is no success means."""
        return classify.classify(status, header, body, target)

    def quota(self, header: Header) -> Quota | None:
        """What is left of the limits, by the `x-ratelimit-` headers."""
        return hints.quota(header)

    def error(self, failure: Failure, request_id: str) -> tuple[int, bytes]:
        """Status and body as OpenAI would answer."""
        return errors.openai(failure, request_id)


def _path(request: Request, target: Target) -> bytes:
    quirks = target.provider.quirks
    embeds = request.operation == "embed"
    if quirks.path_prefill and going_on.prefills(request.begun, target):
        return _unusual(quirks.path_prefill, target, quirks)
    if not (quirks.path_chat or quirks.path_embed or quirks.query):
        return b"/embeddings" if embeds else b"/chat/completions"
    usual = (quirks.path_embed or "/embeddings") if embeds else (quirks.path_chat or "/chat/completions")
    return _unusual(usual, target, quirks)


def _unusual(path: str, target: Target, quirks: Quirks) -> bytes:
    path = path.replace("{model}", quote(target.model, safe=""))
    return f"{path}?{quirks.query}".encode() if quirks.query else path.encode()
