"""Requests and answers as the layers see them, in no vendor's words.

A request that passes through in its caller's own dialect is never taken apart: `Request.body` goes out as it came,
and `Request.content()` is read only where another dialect must be written. Answers likewise: `Reply.raw`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from outlast.model.continuing import Beginning
from outlast.model.cut import Cut
from outlast.model.forwarding import Forward
from outlast.model.remembered import Remembered
from outlast.model.vocabularies import Vocabulary

Operation = Literal["chat", "embed", "count", "raw"]
Role = Literal["system", "user", "assistant", "tool"]


class Text(Struct, frozen=True, tag="text"):
    """Words."""

    text: str


class Image(Struct, frozen=True, tag="image"):
    """A picture, by address or inline; `data` is base64 and needs `media_type`."""

    url: str = ""
    data: str = ""
    media_type: str = ""
    detail: str = ""


class Document(Struct, frozen=True, tag="document"):
    """A file, by address or inline; `data` is base64 and needs `media_type`."""

    url: str = ""
    data: str = ""
    media_type: str = ""
    name: str = ""


class Reasoning(Struct, frozen=True, tag="reasoning"):
    """What the model thought before it spoke; `signature` lets its maker verify it, `data` is an encrypted form."""

    text: str = ""
    signature: str = ""
    data: str = ""


class Refusal(Struct, frozen=True, tag="refusal"):
    """Words in which the model declines."""

    text: str


class ToolCall(Struct, frozen=True, tag="tool_call"):
    """The model asks for a tool; `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class ToolResult(Struct, frozen=True, tag="tool_result"):
    """What the tool of that call gave back."""

    id: str
    parts: tuple[Text | Image | Document, ...] = ()
    error: bool = False


Part = Text | Image | Document | Reasoning | Refusal | ToolCall | ToolResult


class Message(Struct, frozen=True):
    """One turn."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""


class Tool(Struct, frozen=True):
    """A function that the model may ask for; `parameters` is a JSON schema."""

    name: str
    description: str = ""
    parameters: dict[str, object] = field(default_factory=dict)
    strict: bool | None = None


class Schema(Struct, frozen=True):
    """The JSON schema that an answer must match; an empty `schema` asks for any JSON object.

    `worded` says that the messages ask for it too: a dialect that has no field for it leaves nothing out.
    """

    schema: dict[str, object] = field(default_factory=dict)
    name: str = "answer"
    strict: bool | None = None
    worded: bool = False


class Chat(Struct, frozen=True):
    """The content of a chat request. None everywhere means: as the provider has it.

    `tool_choice` is auto, any, none, or a tool's name; `effort` a reasoning effort in OpenAI's words.
    `extra` holds the caller's fields that have no place here, as they came, so that they can be carried over or named.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: str | None = None
    parallel_tools: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    schema: Schema | None = None
    effort: str | None = None
    user: str | None = None
    extra: dict[str, object] = field(default_factory=dict)


class Embed(Struct, frozen=True):
    """The content of an embeddings request: texts, or texts as token numbers."""

    input: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    extra: dict[str, object] = field(default_factory=dict)


Content = Chat | Embed


class Needs(Struct, frozen=True):
    """What a target must be able to do to answer a request.

    `native`: it asks for what only a target of the caller's own dialect has, such as tools that the provider runs.
    `state`: it refers to what one account at one provider keeps, such as an earlier answer.
    """

    tools: bool = False
    vision: bool = False
    schema: bool = False
    documents: bool = False
    prefill: bool = False
    native: bool = False
    state: bool = False


NOTHING_SPECIAL = Needs()


class Request(Struct, kw_only=True, eq=False):
    """What one caller asks.

    Attributes:
        operation: "chat", "embed", or "raw" for what is passed on unread.
        model: as the caller named it: a route, provider/model, or a model.
        stream: is the answer wanted piece by piece?
        dialect: name of the dialect of `body`; empty when there are no bytes (a library call).
        body: the request as the caller wrote it.
        tokens: estimated tokens of the prompt.
        max_tokens: the most output tokens the caller allows; None when it does not say.
        needs: what the target must be able to do.
        usage_wanted: does the caller want the usage in the stream? (OpenAI sends it only then.)
        choices: how many answers are asked for.
        json: is the answer to be JSON?
        restarts: can the caller be told, in mid-stream, that the answer begins anew?
        begun: what has been said of the answer, where a target is to go on with it.
        held_to: what we hold the answer to ourselves, whatever its provider does.
        accepts: what is wrong with a value that the schema allows, in words; for callers who know more than it says.
        partial: is the answer wanted as it comes, before it is known to match its schema?
        forward: what is passed on unread; None where a dialect reads it.
        counted: how many tokens this content has by closer estimates: see `tokens.tokens_of`.
        remembered: that we will know its answer again, and as what; None where we will not.
        read: reads the whole content in `body`; `content()` calls it once.
    """

    model: str
    read: Callable[[bytes], Content]
    operation: Operation = "chat"
    stream: bool = False
    dialect: str = ""
    body: bytes = b""
    tokens: int = 0
    max_tokens: int | None = None
    needs: Needs = NOTHING_SPECIAL
    usage_wanted: bool = True
    choices: int = 1
    json: bool = False
    restarts: bool = False
    begun: Beginning | None = None
    held_to: Schema | None = None
    accepts: Callable[[object], tuple[str, ...]] | None = None
    partial: bool = False
    forward: Forward | None = None
    counted: tuple[Content, dict[Vocabulary, int]] | None = None
    remembered: Remembered | None = None
    _content: Content | None = None

    def content(self) -> Content:
        """The whole request in the model's words; read at the first call. May raise `Caller`."""
        if self._content is None:
            self._content = self.read(self.body)
        return self._content

    def going_on(self, begun: Beginning | None, tokens: int) -> Request:
        """What asks for the rest of an answer of which this has been said, in about so many tokens; None: nothing yet.

        Half a JSON can only be gone on with by who takes it as the beginning of the answer.
        """
        limit = self.max_tokens
        return replace(
            self,
            begun=begun,
            tokens=self.tokens + tokens,
            max_tokens=None if limit is None else max(1, limit - tokens),
            needs=replace(self.needs, schema=False, prefill=True) if self.json and begun else self.needs,
        )

    def holding(self, content: Content) -> Request:
        """The same request with this content instead of its own, to be written anew in every dialect."""
        return replace(self, body=b"", read=lambda _: content, counted=None, _content=content)

    @property
    def readable(self) -> bool:
        """Is there any content to be read?"""
        return bool(self.body) or self._content is not None

    def fold(self) -> None:
        """Keep no more than the bytes from which it can be read again."""
        if self.body:
            self._content = self.counted = None

    def forget(self) -> None:
        """Let go of what is asked: it has been answered, and a stream may be open for long."""
        self.body, self.read, self._content, self.counted = b"", _forgotten, None, None

    def __repr__(self) -> str:
        """Says what kind of request; never what it asks."""
        return f"Request({self.operation}, model={self.model!r}, dialect={self.dialect!r}, stream={self.stream})"


def _forgotten(_: bytes) -> Content:
    raise RuntimeError("what was asked has been let go, since the answer has begun")


class Usage(Struct, frozen=True, gc=False):
    """Tokens of one answer. `input` includes the cached ones; `output` includes reasoning.

    `estimated` is True when the provider said nothing usable and we counted ourselves.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        """Both together, as when an answer was made in two pieces."""
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.cache_write + other.cache_write,
            self.reasoning + other.reasoning,
            self.estimated or other.estimated,
        )


AS_ASKED_FOR = frozenset({"", "primary", "fallback", "cache", "estimate"})
"""Sources of answers that are not less than what was asked for."""


class Reply(Struct, kw_only=True, eq=False):
    """A whole chat answer.

    Attributes:
        id: the provider's id of the answer.
        model: the model that answered, as the provider names it.
        finish: why it ended: stop, length, tool_calls, content_filter, refusal, or the provider's own word.
        usage: tokens, as the provider counted them.
        created: seconds since the epoch, as the provider says; 0 when it does not.
        raw: the provider's bytes, and `dialect` their dialect; for passing on.
        target: "provider/model" that answered.
        source: "primary" when the first choice answered, else "fallback"; "cache" when it had been kept; or what lesser
            answer it is: "stale", "weaker", "simplified", "static".
        cost: US dollars, None when the price is unknown.
        attempts: how many attempts it took, this one included.
        dropped: names of what could not be carried over to the target's dialect.
        cut: what was left out of the request so that it fits; None where nothing was.
        replayed: it was made for an earlier request with the same idempotency key.
        quota: what the provider says is left of its limits.
        read: reads what the model said; `parts` calls it once.
    """

    model: str
    finish: str
    usage: Usage
    read: Callable[[], tuple[Part, ...]]
    id: str = ""
    created: int = 0
    raw: bytes = b""
    dialect: str = ""
    target: str = ""
    source: str = "primary"
    cost: float | None = None
    attempts: int = 1
    dropped: tuple[str, ...] = ()
    cut: Cut | None = None
    replayed: bool = False
    quota: Quota | None = None
    _parts: tuple[Part, ...] | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """What the model said, in order; read at the first look."""
        if self._parts is None:
            self._parts = self.read()
        return self._parts

    @property
    def degraded(self) -> bool:
        """Is it less than what was asked for? `source` says what."""
        return self.source not in AS_ASKED_FOR

    @property
    def text(self) -> str:
        """The words of the answer, without reasoning."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that the model asks for."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    def __repr__(self) -> str:
        """Says who answered; never what."""
        return (
            f"Reply(target={self.target!r}, source={self.source!r}, finish={self.finish!r}, attempts={self.attempts})"
        )


class Vectors(Reply, kw_only=True, eq=False):
    """An answer to an embeddings request; `vectors` has one row for each input."""

    read_vectors: Callable[[], list[list[float]]]
    read: Callable[[], tuple[Part, ...]] = tuple
    finish: str = "stop"
    _vectors: list[list[float]] | None = None

    @property
    def vectors(self) -> list[list[float]]:
        """One list of floats for each input, in the order of the inputs."""
        if self._vectors is None:
            self._vectors = self.read_vectors()
        return self._vectors


class Counted(Reply, kw_only=True, eq=False):
    """How many tokens a request has; its `source` is "estimate" where no provider has counted them."""

    tokens: int
    read: Callable[[], tuple[Part, ...]] = tuple
    finish: str = "stop"

    @property
    def estimated(self) -> bool:
        """Have we counted, and no provider?"""
        return self.source == "estimate"


class ToolDelta(Struct, frozen=True, gc=False, omit_defaults=True):
    """A piece of a tool call; `id` and `name` come with the first piece of an `index`."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Chunk(Struct, gc=False, omit_defaults=True):
    """What one event of a stream brought. `content` says whether it is anything for the caller's eyes.

    `choice` is the number of the answer, where several were asked for. `work` says that the provider is at work with a
    tool of its own, which is a sign of life as good as words. `restart` says that the answer begins anew here,
    and that all that came before is void; only where the route wants that (`on_break = "restart"`).
    """

    text: str = ""
    reasoning: str = ""
    signature: str = ""
    refusal: str = ""
    tool: ToolDelta | None = None
    finish: str | None = None
    usage: Usage | None = None
    choice: int = 0
    audio: bool = False
    restart: bool = False
    work: bool = False

    @property
    def telling(self) -> bool:
        """Does it say anything at all? The start of a block, say, does not."""
        told = self.finish is not None or self.usage is not None or self.restart
        return self.content or told or bool(self.signature)

    @property
    def content(self) -> bool:
        """Text, reasoning, refusal, a tool call's name or arguments, audio, work: what stops the timers and commits."""
        tool = self.tool
        return bool(
            self.text
            or self.reasoning
            or self.refusal
            or self.audio
            or self.work
            or (tool and (tool.name or tool.arguments))
        )

    @property
    def size(self) -> int:
        """Characters of all that it says."""
        tool = self.tool
        said = len(self.text) + len(self.reasoning) + len(self.refusal) + len(self.signature)
        return said + (len(tool.arguments) + len(tool.name) if tool is not None else 0)


class Batch(Struct, gc=False):
    """What one read brought: the provider's bytes of whole events (empty: render the chunks anew), and the chunks.

    `last` says that the answer is complete: every choice has finished and nothing more will come.
    """

    raw: bytes
    chunks: list[Chunk]
    last: bool = False


class SoFar(Protocol):
    """What a dialect's own writer must know of a stream that went out in the provider's bytes, to go on with it."""

    def cleaned(self, clean: Callable[[bytes], bytes]) -> SoFar:
        """The same, of which every piece of text has gone through `clean`."""
        ...


class Opening(Struct, gc=False):
    """What a stream said of itself at its start, and how far it has come, where its dialect must know that.

    `blocks` is how many blocks have begun, `block` the kind of the one that is open; empty when none is. `so_far` is
    what the dialect's own writer needs beyond that.
    """

    id: str = ""
    model: str = ""
    created: int = 0
    blocks: int = 0
    block: str = ""
    so_far: SoFar | None = None


class Quota(Struct, frozen=True, gc=False):
    """What the provider's headers say is left; None where they are silent. Resets are in seconds from the answer."""

    requests_left: int | None = None
    requests_reset: float | None = None
    tokens_left: int | None = None
    tokens_reset: float | None = None
