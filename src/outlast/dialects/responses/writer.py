"""Responses, streamed: our chunks into OpenAI's events.

Words and thoughts are items that stand one behind the other; the calls of tools may be open side by side, since every
event names its item. All that is open is finished at the end, where the response repeats what was said.
"""

from __future__ import annotations

import msgspec

from outlast.dialects import errors, sse, wire
from outlast.dialects.responses.reply import answer_id, ended, head_of, own_id, usage_told
from outlast.dialects.responses.so_far import Kind, Open, SoFar
from outlast.dialects.speaking import OneAnswerWriter
from outlast.model.errors import Failure
from outlast.model.messages import Chunk, Opening, Request, ToolDelta

_Json = dict[str, object]
_PREFIX: dict[Kind, str] = {"message": "msg", "reasoning": "rs", "function_call": "fc"}
_EMPTY: dict[str, _Json] = {
    "text": {"type": "output_text", "text": "", "annotations": [], "logprobs": []},
    "refusal": {"type": "refusal", "refusal": ""},
}


class ResponsesWriter(OneAnswerWriter):
    """Writes one stream of response events."""

    __slots__ = ("_head", "_speaking", "_state", "_tools")

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._head: _Json | None = None
        self._state = SoFar()
        self._speaking: Open | None = None  # the message or the thoughts that are being written
        self._tools: dict[int, Open] = {}  # number of a call ─▶ its item

    def start(self, opening: Opening) -> bytes:
        """The response as it begins."""
        known = self._request.remembered
        self._name(opening, answer_id(opening.id, self._request.body) if known is None else own_id(opening.id, known))
        return self._event("created", response=self._head) + self._event("in_progress", response=self._head)

    def go_on(self, opening: Opening) -> bytes:
        """Nothing yet: words go on in the message that is open, and whatever else comes ends it first."""
        self._name(opening, answer_id(opening.id, self._request.body))
        if isinstance(opening.so_far, SoFar):
            self._state = opening.so_far
        speaking = [item for item in self._state.open.values() if item.kind in {"message", "reasoning"}]
        self._speaking = speaking[-1] if speaking else None
        return b""

    def _name(self, opening: Opening, id_: str) -> None:
        request = self._request
        self._head = head_of(id_, opening.model or request.model, opening.created, request.remembered)

    # -- words -------------------------------------------------------------------------------------------------

    def _speak(self, chunk: Chunk, events: list[bytes]) -> None:
        for piece, words in (("text", chunk.text), ("refusal", chunk.refusal)):
            if words:
                self._say(piece, words, events)

    def _say(self, piece: str, words: str, events: list[bytes]) -> None:
        item = self._speaking
        if item is None or item.kind != "message" or item.piece not in {"", piece}:
            item = self._begin("message", events)
        if not item.piece:
            item.piece = piece
            events.append(self._of(item, "content_part.added", content_index=0, part=_EMPTY[piece]))
        item.words.append(words.encode("utf-8", "replace"))
        if piece == "text":
            events.append(self._of(item, "output_text.delta", content_index=0, delta=words, logprobs=[]))
        else:
            events.append(self._of(item, "refusal.delta", content_index=0, delta=words))

    def _end_message(self, item: Open, events: list[bytes]) -> None:
        for part in item.content():
            if item.piece == "text":
                done = self._of(item, "output_text.done", content_index=0, text=item.text, logprobs=[])
            else:
                done = self._of(item, "refusal.done", content_index=0, refusal=item.text)
            events += [done, self._of(item, "content_part.done", content_index=0, part=part)]

    # -- thoughts ----------------------------------------------------------------------------------------------

    def _think(self, chunk: Chunk, events: list[bytes]) -> None:
        item = self._speaking
        if item is None or item.kind != "reasoning" or item.signature:
            item = self._begin("reasoning", events)
        if chunk.reasoning:
            if not item.words:
                part = {"type": "summary_text", "text": ""}
                events.append(self._of(item, "reasoning_summary_part.added", summary_index=0, part=part))
            item.words.append(chunk.reasoning.encode("utf-8", "replace"))
            events.append(self._of(item, "reasoning_summary_text.delta", summary_index=0, delta=chunk.reasoning))
        item.signature += chunk.signature

    def _end_thought(self, item: Open, events: list[bytes]) -> None:
        if item.words:
            text = item.text
            part = {"type": "summary_text", "text": text}
            events += [
                self._of(item, "reasoning_summary_text.done", summary_index=0, text=text),
                self._of(item, "reasoning_summary_part.done", summary_index=0, part=part),
            ]

    # -- tools -------------------------------------------------------------------------------------------------

    def _call(self, tool: ToolDelta, events: list[bytes]) -> None:
        item = self._tools.get(tool.index)
        if item is None:
            self._hush(events)
            item = self._tools[tool.index] = self._begin("function_call", events, (tool.id, tool.name))
        if tool.arguments:
            item.words.append(tool.arguments.encode("utf-8", "replace"))
            events.append(self._of(item, "function_call_arguments.delta", delta=tool.arguments))

    # -- items -------------------------------------------------------------------------------------------------

    def _begin(self, kind: Kind, events: list[bytes], call: tuple[str, str] = ("", "")) -> Open:
        self._hush(events)
        place = self._state.latest
        own = str((self._head or {}).get("id", "")).removeprefix("resp_")
        item = Open(place, f"{_PREFIX[kind]}_{own}{place}", kind, call)
        self._state.begin(item)
        if kind != "function_call":
            self._speaking = item
        told = item.told("in_progress")
        events.append(self._event("output_item.added", output_index=place, item=told))
        return item

    def _hush(self, events: list[bytes]) -> None:
        """What is being said or thought is over."""
        if self._speaking is not None:
            self._close(self._speaking, events)
            self._speaking = None

    def _close(self, item: Open, events: list[bytes], status: str = "completed") -> None:
        if item.kind == "message":
            self._end_message(item, events)
        elif item.kind == "reasoning":
            self._end_thought(item, events)
        elif item.kind == "function_call":
            done = self._of(item, "function_call_arguments.done", name=item.call[1], arguments=item.text)
            events.append(done)
        else:
            self._state.open.pop(item.place)
            return
        told = wire.dumps(item.told(status))
        self._state.finish(item.place, told)
        events.append(self._event("output_item.done", output_index=item.place, item=msgspec.Raw(told)))

    # -- events ------------------------------------------------------------------------------------------------

    def _of(self, item: Open, kind: str, **fields: object) -> bytes:
        return self._event(kind, item_id=item.id, output_index=item.place, **fields)

    def _event(self, kind: str, **fields: object) -> bytes:
        name = f"response.{kind}"
        data = wire.dumps({"type": name, "sequence_number": self._state.next(), **fields})
        return sse.render(name.encode(), data)

    def end(self) -> bytes:
        """What is open is finished, and the response repeats it all; nothing when the events were not ours."""
        if self._head is None:
            return b""
        events: list[bytes] = []
        how = ended(self._finish)
        if not self._state.items and all(item.kind == "other" for item in self._state.open.values()):
            self._say("text", "", events)
        for item in sorted(self._state.open.values(), key=lambda item: item.place):
            last = item.place == self._state.latest - 1  # what was cut short is the last thing said
            self._close(item, events, str(how["status"]) if last else "completed")
        said = {"output": self._state.output(), "usage": usage_told(self._usage)}
        events.append(self._event(str(how["status"]), response=self._head | how | said))
        return b"".join(events)

    def fail(self, failure: Failure, request_id: str) -> bytes:
        """The error as an event, in both of the forms that SDKs look for."""
        told = msgspec.json.decode(errors.openai(failure, request_id)[1], type=dict[str, _Json])["error"]
        flat = {name: told[name] for name in ("code", "message", "param")}
        event = {"type": "error", "sequence_number": self._state.next(), **flat, "error": told}
        return sse.render(b"error", wire.dumps(event))
