"""Rewrite: a request that a content filter refused is asked once more in other words, where somebody has any.

    inner ─▶ refused by a filter, or an answer without content that says so ─▶ rewrite(request, failure)
                                                          messages ─▶ inner, from the top
                                                          None ────▶ the refusal, as it was

Outside routing: the other words are for every target of the route. Asked at most once for each request, before any word
has been handed over. Who rewrites is the application's own function; what it raises counts as having no other words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from outlast.flow.call import Answer, Call, Handler, Layer
from outlast.flow.faults import told
from outlast.flow.stream import Stream
from outlast.flow.withheld import withheld
from outlast.model.errors import ContentFilter
from outlast.model.events import Fault, Rewritten
from outlast.model.messages import Chat, Message, Request

Rewrite = Callable[[Request, ContentFilter], Sequence[Message] | None]
"""Other messages for a request that a content filter refused; None when there are none.

It is called on the event loop and must be quick. `request.content()` is the `Chat` that was asked.
"""


def rewriting(rewrite: Rewrite) -> Layer:
    """Ask once more in the words that `rewrite` finds."""

    def layer(inner: Handler) -> Handler:
        async def handle(call: Call) -> Answer:
            if call.request.operation != "chat":
                return await inner(call)
            try:
                answer = await inner(call)
            except ContentFilter as refusal:
                again = _again(rewrite, call, refusal)
                if again is None:
                    raise
            else:
                refused = withheld(answer)
                again = None if refused is None else _again(rewrite, call, refused)
                if again is None:
                    return answer
                if isinstance(answer, Stream):
                    answer.concluded()
            return await inner(again)

        return handle

    return layer


def _again(rewrite: Rewrite, call: Call, refusal: ContentFilter) -> Call | None:
    """The call in other words, if there are any and none were asked for before."""
    story = call.story
    if story.rewritten:
        return None
    story.rewritten = True
    try:
        messages = rewrite(call.request, refusal)
        chat = call.request.content()
    except Exception as fault:  # noqa: BLE001  (the application's; the caller hears of the refusal)
        call.io.emit(Fault("rewrite", told(fault), call.id))
        return None
    if messages is None or not isinstance(chat, Chat):
        return None
    call.io.emit(Rewritten(call.id, refusal.target))
    other = replace(chat, messages=tuple(messages))
    return replace(call, request=call.request.holding(other))
