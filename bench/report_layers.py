"""The table of the engine's layers: what each adds to those that were switched on before it."""

from __future__ import annotations

from bench.report_sheets import Sheet
from bench.report_tables import cell, heading, line

ROW = "layers"
METRIC = "cpu"


def lines(sheet: Sheet) -> list[str]:
    """One line for each step, with the difference of the medians; nothing without figures."""
    steps = sheet.peers([ROW])
    if not steps:
        return []
    told = ["Our engine, one layer after another switched on; µs of CPU for each call", ""]
    told.append(heading(["", "so far", "this layer"]))
    before: float | None = None
    for step in steps:
        now = sheet.median(ROW, step, METRIC)
        added = "" if now is None or before is None else f"{now - before:+.1f}"
        told.append(line([step, cell(sheet.figure(ROW, step, METRIC)), added]))
        before = now
    return [*told, ""]
