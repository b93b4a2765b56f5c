"""Structured: an answer for which a JSON schema was given is valid against it, or an honest error.

    ask ─▶ inner ─▶ answer ─▶ find the JSON ─▶ valid ──────────────────────▶ exactly that JSON
     ▲                              └─▶ no JSON, or mismatch
     └── its own answer and what is wrong with it, at most twice ◀──┘ └─▶ the next target, if the route wants it
                                                                       └─▶ InvalidOutput

A target that its provider can hold to the schema is asked for it natively, any other in words; so is one whose provider
refuses this very schema, as the strict ones do with keywords that they do not know. What stands around the
JSON costs nothing: it is cut off. A stream is held back until it is valid, unless the provider holds the target to the
schema, or the route or the caller wants its parts as they come. An answer that ends at its limit of tokens is not asked
for again, for it would end there again. A tool call and a refusal are passed on.
"""

from __future__ import annotations

from collections.abc import Awaitable

from outlast.flow.call import Answer, Call, Handler, Layer
from outlast.layers.structured.asking import asked_in_words, held
from outlast.layers.structured.config import StructuredConfig
from outlast.layers.structured.finding import Document, find
from outlast.layers.structured.growing import NOTHING, Growing
from outlast.layers.structured.judging import Wanted, wanted_of
from outlast.layers.structured.run import Run
from outlast.model.errors import SCHEMA_REFUSED, Caller, Unsupported
from outlast.model.messages import Schema

__all__ = ["NOTHING", "Document", "Growing", "Structured", "StructuredConfig", "Wanted", "find"]


class Structured:
    """The two layers: once per request, and once for each target that it is sent to.

    Args:
        config: how an answer is held to its schema.
        most: upstream calls in all for one request.
    """

    __slots__ = ("_config", "_most")

    def __init__(self, config: StructuredConfig, most: int) -> None:
        self._config = config
        self._most = most

    def layer(self) -> Layer:
        """Hold answers to the schema of their request."""

        def layer(inner: Handler) -> Handler:
            def handle(call: Call) -> Awaitable[Answer]:
                return self._held(inner, call) if call.request.json else inner(call)

            return handle

        return layer

    async def _held(self, inner: Handler, call: Call) -> Answer:
        wanted = wanted_of(call.request, self._config)
        if wanted is None:
            return await inner(call)
        return await Run(inner, call, wanted, self._config, self._most).answer()

    def asking(self) -> Layer:
        """Ask targets in words that no provider holds to the schema, or whose provider does not take this one."""

        def layer(inner: Handler) -> Handler:
            def handle(call: Call) -> Awaitable[Answer]:
                schema = call.request.held_to
                return inner(call) if schema is None else self._asked(inner, call, schema)

            return handle

        return layer

    async def _asked(self, inner: Handler, call: Call, schema: Schema) -> Answer:
        request, name = call.request, call.target.name
        if held(call.target, request, schema) and name not in call.story.worded:
            try:
                return await inner(call)
            except (Caller, Unsupported) as refused:
                if refused.code != SCHEMA_REFUSED or call.story.made >= self._most:
                    raise
        call.story.worded |= {name}
        call.request = asked_in_words(request, schema)
        return await inner(call)
