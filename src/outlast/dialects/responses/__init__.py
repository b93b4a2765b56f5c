"""OpenAI's Responses API: items instead of messages, both directions.

    caller's bytes ─ parse ─▶ Request ─ encode ─▶ provider's bytes ─ decode | reader ─▶ Reply | batches
                                                        ◀─ render | writer ─┘

A provider that serves it beside chat completions says so in its row (`also`): callers of this dialect are passed on to
it as they came, and everybody else is answered by chat completions, behind the same circuit and limits.
Each half has its own file; this one puts them together.

Source: https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from outlast.dialects import classify, errors, hints, sse
from outlast.dialects.responses import body as responses_body
from outlast.dialects.responses import count as responses_count
from outlast.dialects.responses import reply as responses_reply
from outlast.dialects.responses import request as responses_request
from outlast.dialects.responses import stream as responses_stream
from outlast.dialects.responses import writer as responses_writer
from outlast.model.errors import Caller, Failure, Unsupported
from outlast.model.messages import Operation, Quota, Reply, Request
from outlast.model.target import Target
from outlast.ports import Header, Outgoing, Reader, Writer

_HEADERS = (b"content-type: application/json",)
_PATHS: Mapping[str, Operation] = {"/v1/responses": "chat", "/v1/responses/input_tokens": "count"}


class Responses:
    """The dialect of OpenAI's newer API, and of all who offer the same."""

    name = "responses"
    paths = _PATHS
    streams = sse.FRAMING

    def parse(self, operation: Operation, body: bytes, path: str = "") -> Request:  # noqa: ARG002  (one shape for all dialects)
        """The request in these bytes. Raises `Caller`."""
        if operation == "embed":
            raise Caller("this protocol has no embeddings; they are at /v1/embeddings", status=404)
        if operation == "count":
            return responses_count.parse(body, self.name)
        return responses_request.parse(body, self.name)

    def encode(self, request: Request, target: Target) -> Outgoing:
        """The bytes that ask this target."""
        if request.operation == "embed":
            raise Unsupported(f"{target.name} has no embeddings")
        if request.dialect == self.name and request.body:
            body, dropped = responses_body.passed_on(request, target)
        else:
            body, dropped = responses_body.written(request, target, own=request.dialect in {"", self.name})
        if request.operation == "count":
            return Outgoing(_path(target, "/input_tokens"), responses_count.stripped(body), _HEADERS, dropped)
        return Outgoing(_path(target), body, _HEADERS, dropped)

    def decode(self, body: bytes, request: Request, target: Target) -> Reply:
        """The answer in these bytes. Raises `BadResponse`, or what an error means."""
        if request.operation == "count":
            return responses_count.decode(body, target, self.name)
        return responses_reply.decode(body, request, target, self.name)

    def reader(self, request: Request, target: Target) -> Reader:
        """A decoder of response events."""
        return responses_stream.ResponsesReader(request, target)

    def render(self, reply: Reply, request: Request) -> bytes:
        """The answer for the caller: the provider's bytes where they are of this dialect, else written anew."""
        if reply.dialect == self.name and reply.raw:
            return reply.raw
        if request.operation == "count":
            return responses_count.render(reply)
        return responses_reply.render(reply, request)

    def writer(self, request: Request) -> Writer:
        """A writer of response events."""
        return responses_writer.ResponsesWriter(request)

    def classify(self, status: int, header: Header, body: bytes, target: Target) -> Failure:
        """What an answer that is no success means."""
        return classify.classify(status, header, body, target)

    def quota(self, header: Header) -> Quota | None:
        """What is left of the limits, by the `x-ratelimit-` headers."""
        return hints.quota(header)

    def error(self, failure: Failure, request_id: str) -> tuple[int, bytes]:
        """Status and body as OpenAI would answer."""
        return errors.openai(failure, request_id)


def _path(target: Target, more: str = "") -> bytes:
    """Its own path, whatever the provider's other dialect is asked at."""
    quirks = target.provider.quirks
    path = (quirks.path_responses or "/responses").replace("{model}", quote(target.model, safe="")) + more
    return f"{path}?{quirks.query}".encode() if quirks.query else path.encode()
