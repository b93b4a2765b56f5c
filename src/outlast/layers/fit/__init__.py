"""Fit: a conversation that is too long for its target's window is shortened, and the caller is told.

    window ─ room for the answer ─ margin  ≥  system + tools + last turn + as many others as fit

Only where the route, or the caller, wants it (`fit`), and only once no larger window is left: routing asks targets with
enough room first, and comes back to one that said "too long" when all others are through, with `tight` on the call.
Turns are left out whole, and calls of tools go with their results. What is estimated to fit, or to be too long by less
than the estimate may be off, is sent: the provider has the last word.
"""

from __future__ import annotations

from collections.abc import Awaitable

from msgspec import Struct
from msgspec.structs import replace

from outlast.flow.call import Answer, Call, Handler, Layer
from outlast.flow.room import may_lack_room, room_for_answer
from outlast.layers.fit.config import FitConfig
from outlast.layers.fit.turns import Plan, Unit, in_order, left_out, plan
from outlast.model.cut import Cut
from outlast.model.errors import ContextLength, Failure
from outlast.model.events import RequestCut
from outlast.model.messages import Chat, Request
from outlast.model.target import Fit, Target
from outlast.model.tokens import Meter, tokens_of

__all__ = ["FitConfig", "Plan", "Unit", "fit", "in_order", "left_out", "plan", "shortened"]

DOUBT = 0.15
"""By how much an estimate may be too high: what is not much longer than the window is sent all the same."""


class Shortened(Struct, frozen=True):
    """A request that was shortened, and what is told of it."""

    request: Request
    cut: Cut


def fit(config: FitConfig) -> Layer:
    """Shorten what is too long for its target, where that is wanted."""

    def layer(inner: Handler) -> Handler:
        def handle(call: Call) -> Awaitable[Answer]:
            if call.fitting == "error" or call.request.operation != "chat":
                return inner(call)
            return _fitted(config, inner, call, call.fitting)

        return handle

    return layer


async def _fitted(config: FitConfig, inner: Handler, call: Call, how: Fit) -> Answer:
    short = shortened(call.request, call.target, how, config, tight=call.tight)
    if short is None:
        return await inner(call)
    target, cut = call.target, short.cut
    call.request = short.request
    call.io.emit(RequestCut(call.id, target.name, cut.fit, cut.messages, cut.of, cut.before, cut.after, target.window))
    answer = await inner(call)
    answer.cut = cut
    return answer


def shortened(
    request: Request, target: Target, how: Fit, config: FitConfig, *, tight: bool = False
) -> Shortened | None:
    """The request as it fits there; None where it fits as it is, or where our words cannot hold all of it.

    Args:
        request: a chat.
        target: where it goes.
        how: what is left out first.
        config: how much room is left.
        tight: the provider has said that it does not fit as it is, whatever the estimate says.

    Raises:
        ContextLength: what must stay is too long in itself.
    """
    window = target.window
    if request.needs.native or request.needs.state:
        return None
    if not tight and not may_lack_room(request, target):
        return None
    room = window - room_for_answer(request, target, config.reserve)
    tokens = tokens_of(request, target.vocabulary)
    if not tight and tokens <= room:
        return None
    most = min(room, tokens) if window else tokens
    return _cut(request, target, how, tokens, int(most * (1 - (config.tighter if tight else config.margin))))


def _cut(request: Request, target: Target, how: Fit, tokens: int, goal: int) -> Shortened | None:
    chat = _read(request)
    if chat is None:
        return None
    meter = Meter(chat, target.vocabulary)
    sizes = [meter.message(message) for message in chat.messages]
    gone = left_out(chat.messages, sizes, tokens - goal, how)
    after = tokens - sum(sizes[place] for place in gone)
    if target.window and after > target.window * (1 + DOUBT):
        raise _too_long(after, target)
    if not gone:
        return None
    kept = tuple(message for place, message in enumerate(chat.messages) if place not in gone)
    asked = request.holding(replace(chat, messages=kept))
    asked.tokens = after
    return Shortened(asked, Cut(how, len(gone), len(sizes), tokens, after))


def _read(request: Request) -> Chat | None:
    """What is asked; None where only its provider understands it."""
    try:
        content = request.content()
    except Failure:
        return None
    return content if isinstance(content, Chat) else None


def _too_long(tokens: int, target: Target) -> ContextLength:
    """Nothing more may be left out: the system's words, the tools, and the last turn are all that there is."""
    error = ContextLength(f"prompt is too long: {tokens} tokens > {target.window} maximum")
    error.target = target.name
    return error
