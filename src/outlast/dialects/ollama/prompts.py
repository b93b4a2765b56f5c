"""The older half of Ollama's API: `POST /api/generate` and `POST /api/embeddings`, one prompt at a time.

    {"model", "prompt", "system", …}  ─▶  {"model", "created_at", "response", "done", …}, in lines unless told otherwise
    {"model", "prompt"}               ─▶  {"embedding": […]}

For callers only: whoever answers is asked for a chat, or in the newer way.
"""
# ruff: noqa: ARG002  (every dialect has the same methods, and most of a provider's half says nothing here)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_type_hints

import msgspec
from msgspec import Struct

from outlast.dialects import lines, wire
from outlast.dialects.media import picture_type
from outlast.dialects.ollama import errors as ollama_errors
from outlast.dialects.ollama.reply import told
from outlast.dialects.ollama.request import Name, Options, chat, extra_of, needs, schema_of
from outlast.dialects.ollama.writer import OllamaWriter
from outlast.model import estimate
from outlast.model.errors import Caller, Failure, Internal
from outlast.model.messages import (
    Chat,
    Embed,
    Image,
    Message,
    Operation,
    Part,
    Quota,
    Reasoning,
    Refusal,
    Reply,
    Request,
    Text,
    Vectors,
)
from outlast.model.target import Target
from outlast.ports import Header, Outgoing, Reader, Writer


class _Ask(Struct):
    model: Name
    prompt: str | None = None
    system: str | None = None
    images: list[str] | None = None
    stream: bool | None = None
    options: Options | None = None
    format: str | dict[str, Any] | None = None
    think: bool | str | None = None
    suffix: str | None = None
    template: str | None = None
    context: list[int] | None = None
    raw: bool | None = None


class _AskEmbedding(Struct):
    model: Name
    prompt: Name


_ASK = msgspec.json.Decoder(_Ask)
_ASK_EMBEDDING = msgspec.json.Decoder(_AskEmbedding)
_CARRIED = frozenset(get_type_hints(_Ask))
_MENDS = {
    "suffix": "no model behind this fills in the middle; send the whole text as prompt",
    "template": "templates belong to the model; send messages to /api/chat",
    "context": "nothing is remembered between calls; send the conversation to /api/chat",
    "raw": "prompts are put into the model's own form; leave raw out",
}
_PATHS: Mapping[str, Operation] = {"/api/generate": "chat", "/api/embeddings": "embed"}


class OllamaPrompts:
    """The dialect of callers who send Ollama a prompt."""

    name = "ollama-prompts"
    paths = _PATHS
    streams = lines.FRAMING

    def parse(self, operation: Operation, body: bytes, path: str = "") -> Request:
        """The request in these bytes. Raises `Caller`, also for what would mean something else in a chat."""
        return _embedding(body, self.name) if operation == "embed" else _prompt(body, self.name)

    def render(self, reply: Reply, request: Request) -> bytes:
        """The answer in Ollama's words."""
        if isinstance(reply, Vectors):
            return wire.dumps({"embedding": reply.vectors[0]})
        said = {"response": "".join(part.text for part in reply.parts if isinstance(part, (Text, Refusal)))}
        if thought := "".join(part.text for part in reply.parts if isinstance(part, Reasoning)):
            said["thinking"] = thought
        return wire.dumps(told(reply, **said))

    def writer(self, request: Request) -> Writer:
        """A writer of lines."""
        return _PromptWriter(request)

    def error(self, failure: Failure, request_id: str) -> tuple[int, bytes]:
        """Status and body as Ollama would answer."""
        return ollama_errors.error(failure, request_id)

    def encode(self, request: Request, target: Target) -> Outgoing:
        """No provider is asked so."""
        raise Internal("no provider is asked for a prompt")

    def decode(self, body: bytes, request: Request, target: Target) -> Reply:
        """No provider is asked so."""
        raise Internal("no provider is asked for a prompt")

    def reader(self, request: Request, target: Target) -> Reader:
        """No provider is asked so."""
        raise Internal("no provider is asked for a prompt")

    def classify(self, status: int, header: Header, body: bytes, target: Target) -> Failure:
        """No provider is asked so."""
        return Internal("no provider is asked for a prompt")

    def quota(self, header: Header) -> Quota | None:
        """No provider is asked so."""
        return None


def _prompt(body: bytes, dialect: str) -> Request:
    ask = wire.ask(_ASK, body)
    if not ask.prompt:
        raise Caller("prompt must not be empty")
    for name, mend in _MENDS.items():
        if getattr(ask, name):
            raise Caller(f"{name}: {mend}")
    pictures = ask.images or []
    schema = schema_of(ask.format)
    return Request(
        model=ask.model,
        stream=ask.stream is not False,
        dialect=dialect,
        body=body,
        tokens=estimate.of_body(body, sum(map(len, pictures)), len(pictures)),
        max_tokens=ask.options.limit if ask.options is not None else None,
        needs=needs(tools=False, vision=bool(pictures), schema=schema),
        json=schema is not None,
        read=_read,  # an open stream has its prompt in memory once, not twice
    )


def _read(body: bytes) -> Chat:
    ask = wire.ask(_ASK, body)
    system = (Message("system", (Text(ask.system),)),) if ask.system else ()
    pictures = [Image(data=data, media_type=picture_type(data)) for data in ask.images or ()]
    parts: tuple[Part, ...] = (Text(ask.prompt or ""), *pictures)
    extra = extra_of(wire.fields(body), _CARRIED)
    return chat((*system, Message("user", parts)), ask.options, ask.format, ask.think, extra)


def _embedding(body: bytes, dialect: str) -> Request:
    model = wire.ask(_ASK_EMBEDDING, body).model
    tokens = estimate.of_body(body)
    return Request(operation="embed", model=model, dialect=dialect, body=body, tokens=tokens, read=_read_embedding)


def _read_embedding(body: bytes) -> Embed:
    return Embed((wire.ask(_ASK_EMBEDDING, body).prompt,))


class _PromptWriter(OllamaWriter):
    """Writes one stream of lines that answer a prompt."""

    __slots__ = ()

    def _said(self, words: str, thoughts: str) -> dict[str, object]:
        return {"response": words, "thinking": thoughts} if thoughts else {"response": words}

    def _tools(self) -> bytes:
        return b""  # a prompt has no tools to be asked for
