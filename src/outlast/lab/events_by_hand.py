"""Streams that are written event by event, for what no good answer would say.

spoken(openai=[chunk({"content": "Hel"}), …, DONE], anthropic=[begun(), *block("Hel"), *over()])
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from outlast.lab.answer import Asked, Json, dumps
from outlast.lab.rendering import stream_head
from outlast.lab.script import Behaviour, ok
from outlast.lab.steps import Body, End, Step

DONE = b"data: [DONE]\n\n"
_HEAD: Json = {"id": "chatcmpl-sim", "object": "chat.completion.chunk", "created": 1, "model": "sim"}
_MESSAGE: Json = {
    "id": "msg_sim",
    "type": "message",
    "role": "assistant",
    "model": "sim",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def spoken(
    openai: Sequence[bytes] | None = None,
    anthropic: Sequence[bytes] | None = None,
    *then: Step,
    text: str | None = None,
    whole: Behaviour | None = None,
    **others: Sequence[bytes],
) -> Behaviour:
    """A stream of these events for each vendor (`others` by their names), ended by `then` or in order.

    A vendor that is left out gives a good answer of this `text`, and so does a whole one, unless `whole` is given.
    """

    def play(asked: Asked) -> Iterator[Step]:
        events = {"openai": openai, "anthropic": anthropic, **others}.get(asked.vendor)
        if events is None or not asked.stream:
            yield from (ok(text) if whole is None or asked.stream else whole).play(asked)
            return
        yield stream_head(asked)
        yield from map(Body, events)
        yield from then or (End(),)

    return Behaviour("spoken", play)


def chunk(delta: object, finish: str | None = None, **more: object) -> bytes:
    """One chunk of a chat completion; `more` are fields of the choice."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish} | more
    return b"data: " + dumps(_HEAD | {"choices": [choice]}) + b"\n\n"


def chunks(*deltas: object, finish: str = "stop") -> list[bytes]:
    """A whole stream of chat completion chunks with these deltas."""
    role = chunk({"role": "assistant", "content": ""})
    return [role, *(chunk(delta) for delta in deltas), chunk({}, finish), DONE]


def event(kind: str, **fields: object) -> bytes:
    """One event of a message."""
    return f"event: {kind}\ndata: ".encode() + dumps({"type": kind} | fields) + b"\n\n"


def begun() -> bytes:
    """The begin of a message."""
    return event("message_start", message=_MESSAGE)


def over(reason: str | None = "end_turn") -> list[bytes]:
    """Its end."""
    stop = {"stop_reason": reason, "stop_sequence": None}
    return [event("message_delta", delta=stop, usage={"output_tokens": 2}), event("message_stop")]


def start(index: int, **block: object) -> bytes:
    """The begin of a block."""
    return event("content_block_start", index=index, content_block=block)


def piece(index: int, kind: str, **fields: object) -> bytes:
    """A piece of a block of this `kind`: text, thinking, signature, input_json."""
    return event("content_block_delta", index=index, delta={"type": f"{kind}_delta"} | fields)


def stop(index: int) -> bytes:
    """The end of a block."""
    return event("content_block_stop", index=index)


def words(*texts: str, index: int = 0) -> list[bytes]:
    """A block of text."""
    return [start(index, type="text", text=""), *(piece(index, "text", text=text) for text in texts), stop(index)]


def message(*events: bytes, reason: str | None = "end_turn") -> list[bytes]:
    """A whole message with these events."""
    return [begun(), *events, *over(reason)]


def googles(*parts: Json, finish: str = "STOP") -> list[bytes]:
    """A whole stream of Google's that says these parts, one in each event."""
    told: list[Json] = [{"content": {"role": "model", "parts": [part]}, "index": 0} for part in parts]
    told.append({"finishReason": finish, "index": 0})
    return [b"data: " + dumps({"candidates": [one], "responseId": "sim"}) + b"\r\n\r\n" for one in told]


def lines(*messages: Json) -> list[bytes]:
    """A whole stream of Ollama's that says these messages, one in each line."""
    said: list[Json] = [
        {"message": {"role": "assistant", "content": "", **message}, "done": False} for message in messages
    ]
    said.append({"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"})
    return [dumps({"model": "sim", "created_at": "2026-01-01T00:00:00Z", **one}) + b"\n" for one in said]


def coheres(*told: tuple[str, int, Json], finish: str = "COMPLETE") -> list[bytes]:
    """A whole stream of Cohere's: kind, index and message of each event between the first and the last."""
    return [
        event("message-start", id="sim", delta={"message": {"role": "assistant"}}),
        *(event(kind, index=index, delta={"message": message}) for kind, index, message in told),
        event("message-end", delta={"finish_reason": finish}),
    ]


def responded(*told: tuple[str, Json], output: Sequence[Json]) -> list[bytes]:
    """A whole stream of a response: kind and fields of each event before the one that repeats the `output`."""
    response: Json = {"id": "resp_sim", "object": "response", "created_at": 1, "model": "sim", "status": "in_progress"}
    whole = response | {"status": "completed", "output": list(output)}
    begin: tuple[str, Json] = ("created", {"response": response | {"output": []}})
    rest: list[tuple[str, Json]] = [begin, *told, ("completed", {"response": whole})]
    return [event(f"response.{kind}", sequence_number=at, **fields) for at, (kind, fields) in enumerate(rest)]
