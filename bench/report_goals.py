"""The goals beside what was measured: reached, missed or not measured, whichever is true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.goals import GOALS, OURS, Goal, Verdict, judged
from bench.report_sheets import Sheet
from bench.report_tables import heading, line, short

SEEN = 23.0
"""Microseconds that a call through tenacity's async retry took on the machine on which the goals were set."""
RETRY = "tenacity async"
INPROCESS = (
    Goal("libraries", "cpu", 20 / SEEN, peer=RETRY),
    Goal("library-call-1", "cpu", 40 / SEEN, peer=RETRY, other_row="libraries"),
    Goal("library-call-16", "cpu", 40 / SEEN, peer=RETRY, other_row="libraries"),
    Goal("libraries", "cpu", 15 / SEEN, peer=RETRY, ours="outlast.guard async, five policies"),
    *(Goal("machines", "cpu", 1.0, ours=machine) for machine in ("circuit breaker", "limit", "limits, settled")),
    Goal("import", "wall", 120.0),
)
"""20 µs for the engine, 40 µs for a whole call, 15 µs for a guarded one: on any machine, by what a known library costs
there in the same run. Our own machines by themselves are held to a microsecond."""

WORDS = {
    "whole-1kb-16": "1 KB answers, 16 connections",
    "whole-1kb-64": "1 KB answers, 64 connections",
    "failover-16": "one failover, 16 connections",
    "burst-16": "streams in one burst, 16 connections",
    "latency-stream": "first word of a stream",
    "open-5000": "5,000 open streams",
    "targets-1000": "a route of 1,000 targets",
    "start": "the process",
    "libraries": "a call of the engine, no network",
    "library-call-1": "a library call over a socket, one at a time",
    "library-call-16": "a library call over a socket, 16 at once",
    "import": "`from outlast import Client`",
    "outlast.guard async, five policies": "a guarded coroutine: retry, limit, slots, breaker, timeout",
    "circuit breaker": "the circuit breaker by itself, µs",
    "limit": "a limit of requests by itself, µs",
    "limits, settled": "limits of requests and tokens, settled with what was used, µs",
}
"""By row; by their own names where a row has several of ours."""
METRICS = {
    "requests": "requests a second",
    "cpu": "CPU",
    "chunks": "chunks a second",
    "added-p50": "added latency, median",
    "memory": "KB each",
    "ready": "seconds to ready",
    "idle": "MB resident, idle",
    "loaded": "MB resident, after load",
    "wall": "ms beyond Python's own start",
}


def lines(sheets: Iterable[Sheet], goals: Sequence[Goal] = GOALS + INPROCESS) -> list[str]:
    """The table of goals."""
    figures = [figure for sheet in sheets for figure in sheet.figures]
    verdicts = judged(figures, goals)
    return [heading(["goal", "of", "wanted", "measured", "reached"]), *(_line(verdict) for verdict in verdicts), ""]


def _line(verdict: Verdict) -> str:
    goal = verdict.goal
    sign = "≥" if goal.at_least else "≤"
    wanted = f"{sign} {short(goal.bound)}" + (f" x {_whose(goal)}" if goal.peer else "")
    value = "not measured" if verdict.value is None else short(verdict.value) + (" x" if goal.peer else "")
    mark = {True: "✓", False: "✗", None: "-"}[verdict.met]
    return line([METRICS[goal.metric], WORDS[named(goal)], wanted, value, mark])


def named(goal: Goal) -> str:
    """Under which name `WORDS` tells what the goal is of."""
    return goal.row if goal.ours == OURS else goal.ours


def _whose(goal: Goal) -> str:
    return "one target" if goal.other_row == "targets-1" else goal.peer
