"""`outlast why`: the story of one request, from the gateway's log."""

from __future__ import annotations

import json as json_lib
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from outlast.cli.telling import fail, say

if TYPE_CHECKING:
    from outlast.telemetry.logbook import Search
    from outlast.telemetry.story import Story

NO_LOG = (
    "which log? name it with --log FILE or in OUTLAST_LOG, or pipe it in with --log -; "
    "the gateway writes its log to its standard output: outlast serve >> outlast.log"
)
NO_DECISIONS = 'the log has no decisions, so waits and reasons are missing: set log = "decisions" under [server]'


def why(
    request_id: str,
    *,
    log: Annotated[str, Parameter(env_var="OUTLAST_LOG", allow_leading_hyphen=True)] = "",
    json: bool = False,
) -> None:
    """Tell what happened to a request: what was tried where, what was waited for, and what would have helped.

    Args:
        request_id: what the answer carried as x-request-id.
        log: the gateway's log, with what it was before it was rotated; - reads the standard input.
        json: print the story as JSON.
    """
    from outlast.telemetry.logbook import Search  # noqa: PLC0415  (only this command needs it)

    if not log:
        fail(NO_LOG)
    search = Search(request_id)
    _read(search, log)
    story = search.story()
    if story is None:
        fail(_unknown(search, log), 1)
    _remark(search, story)
    _print(json_lib.dumps(story.plain() | {"at": _stamp(story)}) if json else "\n".join(story.told(_stamp(story))))


def _read(search: Search, log: str) -> None:
    """Search the log; exit 2 where it cannot be read."""
    from outlast.telemetry.logbook import lines_of, opened, rotated  # noqa: PLC0415

    try:
        if log == "-":
            with os.fdopen(0, "rb", closefd=False) as given:
                search.read(lines_of(given))
            return
        for path in rotated(Path(log)):
            with opened(path) as lines:
                search.read(lines)
    except OSError as error:
        fail(f"cannot read the log {error.filename or log}: {error.strerror or error}; is this where it is written?")


def _unknown(search: Search, log: str) -> str:
    """Why there is no story, and what to do."""
    where = "the standard input" if log == "-" else log
    if not search.lines:
        return f"{where} is empty: is the gateway's standard output written there? outlast serve >> outlast.log"
    if not search.since:
        return f"{where} is not the gateway's log: none of its {search.lines} lines has a time"
    broken = f", {search.broken} broken lines skipped" if search.broken else ""
    return (
        f"no request {search.call} in {where}, which goes from {search.since} to {search.until} "
        f"({search.lines} lines{broken}); the id is what the answer carried as x-request-id, and a request "
        "that could not be read or came without a good key has no line"
    )


def _remark(search: Search, story: Story) -> None:
    """Say what the reader of the story should know of the log."""
    if search.broken:
        say(f"outlast: {search.broken} broken lines of {search.lines} were skipped")
    if search.ended > 1:
        say(f"outlast: {search.ended} requests had the id {search.call}; this is the last of them")
    ended = story.ended
    if ended is not None and len(ended.history) > 1 and len(story.steps) == len(ended.history):
        say(f"outlast: {NO_DECISIONS}")


def _stamp(story: Story) -> str:
    return (
        datetime.fromtimestamp(story.began, UTC).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", " UTC")
    )


def _print(text: str) -> None:
    """Print, also to a terminal that has few letters, and to a reader who leaves."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is buffered would fail again at the exit
