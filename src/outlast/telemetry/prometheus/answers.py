"""Metrics of answers that were not whole, or not as they were asked for."""

from __future__ import annotations

from outlast.model.events import ReplyRejected, Rewritten, StreamBroke, StreamResumed
from outlast.telemetry.prometheus.page import TARGET, Page, Takes


class Answers:
    """Counts them; `takes` is what it does with each kind of event."""

    def __init__(self, page: Page) -> None:
        self._target = page.target
        self._provider = page.provider
        self._broken = page.counter("streams_broken_total", "Streams that broke after their first content.", *TARGET)
        self._resumed = page.counter(
            "streams_resumed_total",
            "Broken streams that another target went on with.",
            "from_provider",
            "to_provider",
            "way",
        )
        self._rewritten = page.counter(
            "requests_rewritten_total", "Requests that began anew in other words after a content filter.", *TARGET
        )
        self._rejected = page.counter(
            "replies_rejected_total", "Answers that did not match the JSON schema of their request.", *TARGET, "reason"
        )
        self.takes: Takes = {
            StreamBroke: self._stream_broke,
            StreamResumed: self._stream_resumed,
            ReplyRejected: self._reply_rejected,
            Rewritten: self._rewritten_one,
        }

    def _stream_broke(self, event: StreamBroke) -> None:
        self._broken.at(self._target(event.target)).value += 1

    def _stream_resumed(self, event: StreamResumed) -> None:
        providers = self._provider(event.from_target) + self._provider(event.to_target)
        self._resumed.at((*providers, event.way)).value += 1

    def _reply_rejected(self, event: ReplyRejected) -> None:
        self._rejected.at((*self._target(event.target), event.reason)).value += 1

    def _rewritten_one(self, event: Rewritten) -> None:
        self._rewritten.at(self._target(event.target)).value += 1
