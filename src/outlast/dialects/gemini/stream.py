"""`streamGenerateContent`: Google's events into our chunks.

    data: {candidates: [{content: {parts: […]}, index}], usageMetadata, modelVersion, responseId}     each is an answer
    data: {candidates: [{content, finishReason}], usageMetadata}                                      in small

The last piece of an answer brings its finish reason; nothing marks the end but the end of the body. Function calls come
whole. The usage stands in every event and is told once, at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from outlast.dialects import signatures, wire
from outlast.dialects.classify import in_band
from outlast.dialects.gemini import turns as gemini_turns
from outlast.dialects.gemini.reply import Answer, Candidate, blocked, call_id, finish_read, unanswered, usage_in
from outlast.dialects.gemini.turns import Call, Part
from outlast.dialects.stream import EventReader
from outlast.model import estimate
from outlast.model.errors import BadResponse
from outlast.model.messages import Chunk, Request, ToolDelta, Usage
from outlast.model.target import Target

_EVENT = msgspec.json.Decoder(Answer)


class GeminiReader(EventReader):
    """Reads one stream of answers in small."""

    __slots__ = ("_calls", "_finished", "_request", "_size", "_target", "_usage")

    def __init__(self, request: Request, target: Target) -> None:
        super().__init__()
        self._request = request
        self._target = target
        self._finished: dict[int, bool] = {}  # which answers have begun ─▶ has it finished?
        self._calls: dict[int, int] = {}
        self._usage: Usage | None = None
        self._size = 0

    def _take(self, data: bytes, chunks: list[Chunk]) -> bool:
        if not data.strip():
            return False
        try:
            said = _EVENT.decode(data)
        except wire.BROKEN:
            raise BadResponse("an event of the stream is garbled") from None
        if said.error:
            raise in_band(said.error, self._target)
        usage = usage_in(said.usage_metadata) if bytes(said.usage_metadata) else None
        self._usage = usage or self._usage
        if blocked(said):
            raise unanswered(said, self._target)
        if not self.opening.model:
            self.opening.id, self.opening.model = said.id, said.model
        news = self._answers(said.candidates or (), chunks)
        return news and (bool(said.candidates) or usage is not None)

    def _answers(self, candidates: Sequence[Candidate], chunks: list[Chunk]) -> bool:
        """Take what they bring; say whether that is more than an end which has been told before."""
        before, over = len(chunks), self.finished
        for candidate in candidates:
            self._choose(candidate, chunks)
        return len(chunks) > before or not (over and any(candidate.reason for candidate in candidates))

    def _choose(self, candidate: Candidate, chunks: list[Chunk]) -> None:
        index = candidate.place
        self._finished.setdefault(index, False)
        for part in (candidate.content.parts if candidate.content is not None else None) or ():
            self._part(part, index, chunks)
        if candidate.reason and not self._finished[index]:
            finish = finish_read(candidate.reason, called=index in self._calls)
            self._finished[index] = True
            chunks.append(Chunk(finish=finish, choice=index))
        self.finished = all(self._finished.values())

    def _part(self, part: Part, index: int, chunks: list[Chunk]) -> None:
        text = part.text or ""
        self._size += estimate.weight(text)
        if part.thought:
            signature = signatures.read(part.thought_signature) if part.thought_signature else ""
            if text or signature:
                chunks.append(Chunk(reasoning=text, signature=signature, choice=index))
        elif part.function_call is not None:
            if part.thought_signature:
                chunks.append(Chunk(signature=signatures.read(part.thought_signature), choice=index))
            chunks.append(Chunk(tool=self._call(part.function_call, index), choice=index))
        elif text:
            chunks.append(Chunk(text, choice=index))
        elif part.inline_data is not None:
            chunks.append(Chunk(audio=True, choice=index))  # a picture or sound: of use to Google's callers alone
        elif part.work:
            chunks.append(Chunk(work=True, choice=index))

    def _call(self, call: Call, index: int) -> ToolDelta:
        number = self._calls.get(index, 0)
        self._calls[index] = number + 1
        arguments = gemini_turns.arguments(call)
        self._size += estimate.weight(arguments)
        return ToolDelta(number, call_id(call, self.opening.id, number), call.name, arguments)

    def _total(self, chunks: list[Chunk]) -> None:
        usage = self._usage or estimate.of_stream(self._size, self._request)
        chunks.append(Chunk(usage=usage))
