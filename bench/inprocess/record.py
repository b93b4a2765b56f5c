"""What was measured, as figures: the rows that the report reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bench.figures import Figure, failure
from bench.inprocess.contest import Contender
from bench.inprocess.driver import Rounds
from bench.inprocess.footprint import NOTHING, Import, Module
from bench.inprocess.held import Held

WORST = 12
"""So many modules are told of an import, those that cost most."""
PARTS = ("outlast", "asyncio", "msgspec", "httptools", "typing_extensions")
REST = "standard library"


def of_calls(contenders: Iterable[Contender], rounds: Rounds) -> list[Figure]:
    """CPU of each contender's calls."""
    figures = []
    for contender in contenders:
        row, peer = contender.row, contender.peer
        if contender.name in rounds.broken:
            figures.append(failure(row, peer, rounds.broken[contender.name]))
            continue
        charges = rounds.charges[contender.name]
        note = f"{charges[0].calls} calls in each round"
        figures.append(Figure(row, peer, "cpu", "us", tuple(charge.per_call for charge in charges), note))
    return figures


def of_imports(imports: Mapping[str, Sequence[Import]]) -> list[Figure]:
    """Time, CPU and memory of each import beyond those of a Python that does nothing, round by round."""
    figures = []
    bare = imports[NOTHING]
    for name, costs in imports.items():
        beyond = [Import(0.0, 0.0, 0.0)] * len(bare) if name == NOTHING else bare
        pairs = list(zip(costs, beyond, strict=True))
        figures += [
            Figure("import", name, "wall", "ms", tuple(cost.wall - less.wall for cost, less in pairs)),
            Figure("import", name, "cpu", "ms", tuple(cost.cpu - less.cpu for cost, less in pairs)),
            Figure("import", name, "memory", "MB", tuple(cost.memory - less.memory for cost, less in pairs)),
        ]
    return figures


def of_modules(runs: Sequence[Sequence[Module]]) -> list[Figure]:
    """The modules of our import that cost most by themselves, each with what it was the first to import."""
    costs: dict[str, list[Module]] = {}
    for run in runs:
        for module in run:
            costs.setdefault(module.name, []).append(module)
    always = {name: found for name, found in costs.items() if len(found) == len(runs)}
    figures = []
    for name, found in always.items():
        own = Figure("import-modules", name, "own", "ms", tuple(module.own for module in found))
        whole = Figure("import-modules", name, "with imports", "ms", tuple(module.with_imports for module in found))
        figures.append((own, whole))
    figures.sort(key=lambda pair: pair[0].median or 0.0, reverse=True)
    return [figure for pair in figures[:WORST] for figure in pair]


def of_parts(runs: Sequence[Sequence[Module]]) -> list[Figure]:
    """Whose modules an import of ours consists of."""
    parts: dict[str, list[float]] = {name: [0.0] * len(runs) for name in (*PARTS, REST)}
    for number, run in enumerate(runs):
        for module in run:
            root = module.name.partition(".")[0]
            parts[root if root in PARTS else REST][number] += module.own
    return [Figure("import-parts", name, "own", "ms", tuple(values)) for name, values in parts.items()]


def of_memory(held: Sequence[Held]) -> list[Figure]:
    """What calls hold."""
    metrics = (
        ("peak of one call", "B", [one.peak for one in held]),
        ("left by one call", "B", [one.left for one in held]),
        ("held by one under way", "B", [one.bytes_under_way for one in held]),
        ("blocks held by one under way", "blocks", [one.blocks_under_way for one in held]),
    )
    return [Figure("allocation", "outlast", name, unit, tuple(values)) for name, unit, values in metrics]
