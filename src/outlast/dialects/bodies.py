"""What is done to a body on its way out in all dialects: fields taken out, limits held, what is left out named.

A caller's own body is a dict of fields that stay unread (`opened` … `streamed`); one that is written anew is made from
`Chat` (`asked` … `closed`).
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from outlast.dialects import going_on, wire
from outlast.model.messages import Chat, Request
from outlast.model.target import Target

_ENCODER = msgspec.json.Encoder()


def opened(request: Request, target: Target, dropped: list[str]) -> dict[str, Raw]:
    """The fields of the caller's own body, with the target's model and without what may not be passed on."""
    fields = wire.fields(request.body)
    fields["model"] = Raw(_ENCODER.encode(target.model))
    withhold(fields, target, dropped)
    return fields


def withhold(fields: dict[str, Raw], target: Target, dropped: list[str]) -> None:
    """Take out what names an address, and what this provider does not take."""
    if not fields.keys().isdisjoint(wire.ADDRESSES):
        wire.take_out(fields, wire.ADDRESSES, dropped)
    if target.provider.quirks.drops:
        wire.take_out(fields, frozenset(target.provider.quirks.drops), dropped)


def too_many(request: Request, target: Target) -> bool:
    """Does the caller allow more tokens than this model can make?"""
    return bool(target.max_output and request.max_tokens and request.max_tokens > target.max_output)


def streamed(fields: dict[str, Raw], request: Request) -> None:
    """Ask for a stream, or for none."""
    if request.stream:
        fields["stream"] = wire.TRUE
    elif fields.get("stream") == wire.TRUE:
        del fields["stream"]
        fields.pop("stream_options", None)


def passed_on(
    request: Request, target: Target, *, sampling: frozenset[str], prefilled: frozenset[str]
) -> tuple[bytes, tuple[str, ...]]:
    """The caller's own body for this target, and the names of what had to be taken out.

    For dialects with `messages` and `max_tokens`: `sampling` are the fields that not every model takes, `prefilled`
    those that go with no answer which is begun already.
    """
    dropped: list[str] = []
    fields = opened(request, target, dropped)
    if not target.sampling:
        wire.take_out(fields, sampling, dropped)
    if too_many(request, target):
        fields["max_tokens"] = Raw(b"%d" % target.max_output)
        dropped.append(f"max_tokens above {target.max_output}")
    if request.begun is not None:
        prefill = going_on.prefills(request.begun, target)
        fields["messages"] = going_on.with_raw_turns(fields["messages"], request.begun, prefill=prefill)
        if request.max_tokens:
            fields["max_tokens"] = Raw(b"%d" % request.max_tokens)
        if prefill:
            wire.take_out(fields, prefilled, dropped)
    streamed(fields, request)
    return _ENCODER.encode(fields), tuple(dropped)


def asked(request: Request) -> Chat:
    """The chat that is asked for. Raises `TypeError` where it is something else."""
    chat = request.content()
    if not isinstance(chat, Chat):
        raise TypeError("not a chat")
    return chat


def limit(chat: Chat, target: Target, dropped: list[str]) -> int | None:
    """The most tokens that are allowed, as far as this model can make them."""
    most = chat.max_tokens
    if most and target.max_output and most > target.max_output:
        dropped.append(f"max_tokens above {target.max_output}")
        return target.max_output
    return most


def sampling(target: Target, dropped: list[str], **said: object) -> dict[str, object]:
    """These options where the model takes them; else their names are told."""
    given = {name: value for name, value in said.items() if value is not None}
    if target.sampling:
        return given
    dropped.extend(given)
    return {}


def refuse(body: dict[str, object], target: Target, dropped: list[str]) -> None:
    """Take out what this provider does not take."""
    dropped.extend(name for name in target.provider.quirks.drops if body.pop(name, None) is not None)


def closed(body: dict[str, object], dropped: list[str]) -> tuple[bytes, tuple[str, ...]]:
    """The bytes of a body that was written, and each name of what could not be said once."""
    return wire.dumps(body), tuple(dict.fromkeys(dropped))
