"""Resume: a stream that breaks after content was handed over is gone on with by another target.

    inner ─▶ part ─ content … break ─▶ inner ─▶ next part ─ content … finish      one answer for the caller

Before the first content a failure is invisible; after it, this makes it so. The next target takes what was said as the
beginning of its answer, or is asked to go on; what it repeats is dropped; tokens and cost are summed. Where that is not
honest (half a tool call, several answers, a refusal) or nobody is left, the stream ends with an error, never as if it
were whole.
"""

from __future__ import annotations

from collections.abc import Awaitable

from outlast.flow.call import Answer, Call, Handler, Layer
from outlast.flow.stream import Stream
from outlast.layers.resume.config import ResumeConfig
from outlast.layers.resume.join import Join
from outlast.layers.resume.source import Resumed
from outlast.layers.resume.stops import Stops

__all__ = ["Join", "ResumeConfig", "Resumed", "Stops", "resume"]


def resume(config: ResumeConfig, most: int) -> Layer:
    """Let another target go on with streams that break, as far as their routes allow it.

    Args:
        config: how far a broken stream is gone on with.
        most: upstream calls in all for one request.
    """

    def layer(inner: Handler) -> Handler:
        def handle(call: Call) -> Awaitable[Answer]:
            if not call.request.stream or not _outlives(call):
                return inner(call)
            return _resumable(config, most, inner, call)

        return handle

    return layer


async def _resumable(config: ResumeConfig, most: int, inner: Handler, call: Call) -> Answer:
    call.outlived = True
    answer = await inner(call)
    if not isinstance(answer, Stream):
        return answer
    try:
        return await _outlived(answer, Resumed(inner, call, answer, config, most), call)
    except BaseException:
        answer.abort()
        raise


async def _outlived(answer: Stream, source: Resumed, call: Call) -> Stream:
    """The stream that begins as this answer, whose first content is there."""
    head = await source.next()
    call.request.fold()
    return answer if head is None else answer.outlived_by(source, head, call)


def _outlives(call: Call) -> bool:
    """Is anything to be done when its stream breaks? An answer begins anew only for a caller who can be told so."""
    wanted = call.route.on_break
    return wanted == "resume" or (wanted == "restart" and call.request.restarts)
