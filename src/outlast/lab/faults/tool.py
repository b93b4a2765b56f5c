"""The named faults of streams that call tools: interleaved, cut, silent half-way, and arguments that are no JSON."""

from __future__ import annotations

from outlast.lab.answer import Json, Vendor
from outlast.lab.events_by_hand import (
    DONE,
    begun,
    chunk,
    chunks,
    coheres,
    googles,
    lines,
    message,
    over,
    piece,
    responded,
    spoken,
    start,
    stop,
)
from outlast.lab.rendering import stream_head
from outlast.lab.script import Behaviour, silent, truncated_json
from outlast.lab.steps import Body, End, Fin, Silence

_HALF = '{"city":"Par'


def _opening(index: int, name: str, arguments: object = "") -> Json:
    function = {"name": name, "arguments": arguments}
    return {"index": index, "id": f"call_{name}", "type": "function", "function": function}


def _more(index: int, arguments: object) -> Json:
    return {"index": index, "function": {"arguments": arguments}}


def _calls(*calls: Json) -> Json:
    return {"tool_calls": list(calls)}


def _use(index: int, name: str) -> bytes:
    return start(index, type="tool_use", id=f"toolu_{name}", name=name, input={})


def _json(index: int, text: str) -> bytes:
    return piece(index, "input_json", partial_json=text)


_GOOGLES = googles(
    {"functionCall": {"name": "first", "args": {"a": 1}}}, {"functionCall": {"name": "second", "args": {"b": 2}}}
)
_OLLAMAS = lines(
    {
        "tool_calls": [
            {"function": {"name": "first", "arguments": {"a": 1}}},
            {"function": {"name": "second", "arguments": {"b": 2}}},
        ]
    }
)


def _coheres(second: int) -> list[bytes]:
    def begun(index: int, name: str) -> tuple[str, int, Json]:
        function = {"name": name, "arguments": ""}
        return "tool-call-start", index, {"tool_calls": {"id": f"{name}_1", "type": "function", "function": function}}

    def more(index: int, text: str) -> tuple[str, int, Json]:
        return "tool-call-delta", index, {"tool_calls": {"function": {"arguments": text}}}

    told = [begun(0, "first"), more(0, '{"a":'), more(0, "1}"), ("tool-call-end", 0, {})]
    told += [begun(second, "second"), more(second, '{"b":'), more(second, "2}"), ("tool-call-end", second, {})]
    return coheres(*told, finish="TOOL_CALL")


def _responded(second: int) -> list[bytes]:
    names = {0: "first", second: "second"}
    texts = {0: '{"a":1}', second: '{"b":2}'}
    whole = {place: _item(name, texts[place], "completed") for place, name in names.items()}
    added = [
        ("output_item.added", _placed(place, item=_item(name, "", "in_progress"))) for place, name in names.items()
    ]
    pieces = [
        ("function_call_arguments.delta", _placed(place, item_id=f"fc_{name}", delta=texts[place][half]))
        for half in (slice(0, 5), slice(5, None))
        for place, name in names.items()
    ]
    done = [("output_item.done", _placed(place, item=item)) for place, item in whole.items()]
    return responded(*added, *pieces, *done, output=list(whole.values()))


def _item(name: str, arguments: str, status: str) -> Json:
    called: Json = {"type": "function_call", "id": f"fc_{name}", "call_id": f"call_{name}", "name": name}
    return called | {"arguments": arguments, "status": status}


def _placed(place: int, **fields: object) -> Json:
    return {"output_index": place, **fields}


def _chunks(second: int) -> list[bytes]:
    return chunks(
        {"content": None},
        _calls(_opening(0, "first")),
        _calls(_opening(second, "second")),
        _calls(_more(0, '{"a":')),
        _calls(_more(second, '{"b":')),
        _calls(_more(0, "1}")),
        _calls(_more(second, "2}")),
        finish="tool_calls",
    )


def _message(second: int) -> list[bytes]:
    begun = [_use(0, "first"), _use(second, "second")]
    pieces = [_json(0, '{"a":'), _json(second, '{"b":'), _json(0, "1}"), _json(second, "2}")]
    return message(*begun, *pieces, stop(0), stop(second), reason="tool_use")


def tool_calls(*, jumping: bool = True) -> Behaviour:
    """Two tool calls whose pieces come interleaved; with `jumping` their numbers are not next to each other.

    Where a dialect has them whole, they come side by side.
    """
    second = 7 if jumping else 1
    events: dict[Vendor, list[bytes]] = {
        "openai": _chunks(second),
        "anthropic": _message(second),
        "responses": _responded(second),
        "cohere": _coheres(second),
        "gemini": _GOOGLES,
        "ollama": _OLLAMAS,
    }
    return Behaviour("tool-calls", lambda asked: [stream_head(asked), Body(b"".join(events[asked.vendor])), End()])


_OPENED = [
    chunk({"role": "assistant", "content": None}),
    chunk(_calls(_opening(0, "w"))),
    chunk(_calls(_more(0, _HALF))),
]
_USED = [begun(), _use(0, "w"), _json(0, _HALF)]

TOOL_FAULTS: dict[str, Behaviour] = {
    "E39-tool-calls": tool_calls(),
    "E80-arguments-cut": spoken(_OPENED, _USED, Fin(), whole=truncated_json()),
    "E80-arguments-end-in-order": spoken([*_OPENED, DONE], [*_USED, stop(0)], whole=truncated_json()),
    "E80-arguments-stall": spoken(_OPENED, _USED, Silence(), whole=silent()),
    "E81-arguments-no-json": spoken(
        [*_OPENED, chunk({}, "tool_calls"), DONE], [*_USED, stop(0), *over("tool_use")], text=""
    ),
    "E81-arguments-object": spoken(chunks(_calls(_opening(0, "w", {"a": 1})), finish="tool_calls"), text=""),
    "E81-arguments-null": spoken(
        chunks(_calls(_opening(0, "w", None)), _calls(_more(0, "{}")), finish="tool_calls"), text=""
    ),
    "E81-no-index": spoken(
        chunks(
            _calls({"id": "call_w", "type": "function", "function": {"name": "w", "arguments": '{"a":1}'}}),
            _calls({"id": "call_v", "type": "function", "function": {"name": "v", "arguments": '{"b":2}'}}),
            finish="tool_calls",
        ),
        text="",
    ),
    "E81-no-arguments": spoken(
        chunks(_calls(_opening(0, "w")), finish="tool_calls"),
        message(_use(0, "w"), stop(0), reason="tool_use"),
        text="",
    ),
    "E81-finish-stop": spoken(
        chunks(_calls(_opening(0, "w", '{"a":1}')), finish="stop"),
        message(_use(0, "w"), _json(0, '{"a":1}'), stop(0), reason="end_turn"),
        text="",
    ),
    "E81-old-function-call": spoken(
        chunks({"function_call": {"name": "w", "arguments": '{"a":1}'}}, finish="function_call"), text=""
    ),
}
"""By name; `outlast.lab.faults` holds them with the others."""
