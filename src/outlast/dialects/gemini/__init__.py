"""Google's wire format: `generateContent` and embeddings of Gemini, both directions.

    caller's bytes ─ parse ─▶ Request ─ encode ─▶ provider's bytes ─ decode | reader ─▶ Reply | batches
                                                        ◀─ render | writer ─┘

The model and the method stand in the path. Each half has its own file; this one puts them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from outlast.dialects import classify, sse
from outlast.dialects.gemini import body as gemini_body
from outlast.dialects.gemini import count as gemini_count
from outlast.dialects.gemini import embeddings as gemini_embeddings
from outlast.dialects.gemini import errors as gemini_errors
from outlast.dialects.gemini import reply as gemini_reply
from outlast.dialects.gemini import request as gemini_request
from outlast.dialects.gemini import stream as gemini_stream
from outlast.dialects.gemini import writer as gemini_writer
from outlast.model.errors import Failure
from outlast.model.messages import Operation, Quota, Reply, Request, Vectors
from outlast.model.target import Target
from outlast.ports import Header, Outgoing, Reader, Writer

_JSON = (b"content-type: application/json",)
_METHODS: Mapping[str, Operation] = {
    "generateContent": "chat",
    "streamGenerateContent": "chat",
    gemini_embeddings.ONE: "embed",
    gemini_embeddings.SEVERAL: "embed",
    "countTokens": "count",
}
_PATHS: Mapping[str, Operation] = {
    f"/{version}/models/{{model}}:{method}": operation
    for version in ("v1beta", "v1")
    for method, operation in _METHODS.items()
}


class Gemini:
    """The dialect of Google's Gemini API."""

    name = "gemini"
    paths = _PATHS
    streams = sse.FRAMING

    def parse(self, operation: Operation, body: bytes, path: str = "") -> Request:
        """The request in these bytes, sent to this path. Raises `Caller`."""
        if operation == "embed":
            return gemini_embeddings.parse(body, path, self.name)
        if operation == "count":
            return gemini_count.parse(body, path, self.name)
        return gemini_request.parse(body, path, self.name)

    def encode(self, request: Request, target: Target) -> Outgoing:
        """The bytes that ask this target."""
        same = request.dialect == self.name
        if request.operation == "embed":
            embeddings = gemini_embeddings.passed_on if same and request.body else gemini_embeddings.written
            body, dropped = embeddings(request, target)
            return Outgoing(_path(gemini_embeddings.method(request), target), body, _JSON, dropped)
        if same and gemini_body.passes(request):
            body, dropped = gemini_body.passed_on(request, target)
        else:
            body, dropped = gemini_body.written(request, target, own=same)
        if request.operation == "count":
            return Outgoing(_path("countTokens", target), gemini_count.wrapped(body, target), _JSON, dropped)
        method = "streamGenerateContent" if request.stream else "generateContent"
        return Outgoing(_path(method, target), body, _JSON, dropped)

    def decode(self, body: bytes, request: Request, target: Target) -> Reply:
        """The answer in these bytes. Raises `BadResponse`, `ContentFilter`, or what an error envelope means."""
        if request.operation == "embed":
            return gemini_embeddings.decode(body, request, target, self.name)
        if request.operation == "count":
            return gemini_count.decode(body, target, self.name)
        return gemini_reply.decode(body, request, target, self.name)

    def reader(self, request: Request, target: Target) -> Reader:
        """A decoder of answers in small."""
        return gemini_stream.GeminiReader(request, target)

    def render(self, reply: Reply, request: Request) -> bytes:
        """The answer for the caller: the provider's bytes where they are Google's, else written anew."""
        if isinstance(reply, Vectors):
            return gemini_embeddings.render(reply, request, self.name)
        if reply.dialect == self.name and reply.raw:
            return reply.raw
        return gemini_count.render(reply) if request.operation == "count" else gemini_reply.render(reply)

    def writer(self, request: Request) -> Writer:
        """A writer of answers in small."""
        return gemini_writer.GeminiWriter(request)

    def classify(self, status: int, header: Header, body: bytes, target: Target) -> Failure:
        """What an answer that is no success means."""
        return classify.classify(status, header, body, target)

    def quota(self, header: Header) -> Quota | None:  # noqa: ARG002  (one shape for all dialects)
        """Nothing: Google does not say what is left."""
        return None

    def error(self, failure: Failure, request_id: str) -> tuple[int, bytes]:
        """Status and body as Google would answer."""
        return gemini_errors.told(failure, request_id)


def _path(method: str, target: Target) -> bytes:
    quirks = target.provider.quirks
    path = (quirks.path_embed if _METHODS[method] == "embed" else quirks.path_chat) or "/v1beta/models/{model}"
    path = f"{path.replace('{model}', quote(target.model, safe=''))}:{method}"
    asked = [part for part in ("alt=sse" if method == "streamGenerateContent" else "", quirks.query) if part]
    return f"{path}?{'&'.join(asked)}".encode() if asked else path.encode()
