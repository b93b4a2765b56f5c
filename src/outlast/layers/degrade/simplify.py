"""Less of a question: its last message alone, with a short system message and a short answer.

system, turn, answer, turn, answer, turn, tools      ──▶      a short system message, turn
"""

from __future__ import annotations

from outlast.layers.degrade.config import SimplifyConfig
from outlast.model.errors import Failure
from outlast.model.messages import Chat, Image, Message, Needs, Part, Request, Text


def simplified(request: Request, config: SimplifyConfig) -> Request | None:
    """What asks for less; None where the last word is not the user's, such as a tool's result."""
    asked = _chat(request)
    if asked is None or asked.messages[-1].role != "user":
        return None
    chat = _less(asked, config)
    pictures = any(isinstance(part, Image) for part in chat.messages[-1].parts)
    return Request(
        model=request.model,
        stream=request.stream,
        tokens=request.tokens if pictures else _tokens(chat),
        max_tokens=chat.max_tokens,
        needs=Needs(vision=pictures, schema=request.needs.schema),
        usage_wanted=request.usage_wanted,
        json=request.json,
        restarts=request.restarts,
        read=lambda _: chat,
    )


def _chat(request: Request) -> Chat | None:
    try:
        asked = request.content()
    except Failure:
        return None
    return asked if isinstance(asked, Chat) and asked.messages else None


def _less(asked: Chat, config: SimplifyConfig) -> Chat:
    own = "\n".join(_words(message) for message in asked.messages if message.role == "system")
    system = config.system.replace("{system}", own[: config.longest_system]).strip()
    last = asked.messages[-1]
    prompt = config.prompt.replace("{prompt}", _words(last))
    parts: tuple[Part, ...] = (Text(prompt), *(part for part in last.parts if isinstance(part, Image)))
    turns = (Message("system", (Text(system),)),) if system else ()
    most = config.max_tokens if asked.max_tokens is None else min(asked.max_tokens, config.max_tokens)
    return Chat(
        messages=(*turns, Message("user", parts)),
        max_tokens=most,
        temperature=asked.temperature,
        top_p=asked.top_p,
        stop=asked.stop,
        seed=asked.seed,
        schema=asked.schema,
        user=asked.user,
    )


def _words(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, Text))


def _tokens(chat: Chat) -> int:
    """About: four characters are a token."""
    return sum(len(_words(message)) for message in chat.messages) // 4 + 8
