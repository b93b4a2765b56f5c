"""What stands in the page: which tables and plots, of which rows, in which order."""

from __future__ import annotations

from bench.report_tables import Column, Table


def _columns(metric: str, *rows: tuple[str, str]) -> tuple[Column, ...]:
    return tuple(Column(row, metric, title) for row, title in rows)


CONNECTIONS = (("whole-1kb-1", "1"), ("whole-1kb-16", "16"), ("whole-1kb-64", "64"), ("whole-1kb-256", "256"))
KINDS = (
    ("whole-1kb-16", "1 KB"),
    ("whole-100kb-16", "100 KB"),
    ("whole-1000kb-16", "1,000 KB"),
    ("failover-16", "one failover"),
)
STREAMS = (("burst-16", "in one burst"), ("paced-16", "20 ms apart"))
TARGETS = (("targets-1", "1"), ("targets-10", "10"), ("targets-100", "100"), ("targets-1000", "1,000"))

GATEWAY = (
    Table("Whole answers of 1 KB: requests a second, by connections", _columns("requests", *CONNECTIONS)),
    Table("The same: µs of CPU for each request", _columns("cpu", *CONNECTIONS)),
    Table("µs of CPU for each request at 16 connections, by kind of answer", _columns("cpu", *KINDS)),
    Table("Streams of 50 chunks, 16 at a time: chunks a second", _columns("chunks", *STREAMS)),
    Table("The same: µs of CPU for each chunk", _columns("chunk-cpu", *STREAMS)),
    Table("One failover: requests a second, 16 connections", _columns("requests", ("failover-16", "requests/s"))),
    Table(
        "Added latency at low load, in ms: the difference to a direct call",
        (
            Column("latency-whole", "added-p50", "whole answer, median"),
            Column("latency-whole", "added-p99", "whole answer, p99"),
            Column("latency-stream", "added-p50", "first word, median"),
            Column("latency-stream", "added-p99", "first word, p99"),
        ),
    ),
    Table("Memory of each open stream, in KB", _columns("memory", ("open-1000", "1,000"), ("open-5000", "5,000"))),
    Table("µs of CPU for each request, by the number of targets in the route", _columns("cpu", *TARGETS)),
    Table(
        "The process",
        (
            Column("start", "ready", "s to ready"),
            Column("start", "idle", "MB idle"),
            Column("start", "loaded", "MB after load"),
        ),
    ),
)

LIBRARIES = Table(
    "Without a network: µs of CPU for each call that succeeds",
    _columns("cpu", ("libraries", "µs")),
    against="tenacity async",
)
IN_THREADS = Table(
    "The same in sixteen threads at once: µs of CPU for each call",
    _columns("cpu", ("threads-16", "µs")),
    against="tenacity sync + pybreaker",
)
MACHINES = Table("Our machines by themselves: µs for each call that they let pass", _columns("cpu", ("machines", "µs")))
CALLS = (
    Table(
        "Over a socket, one call at a time: µs of CPU in our process for each call",
        _columns("cpu", ("library-call-1", "µs")),
        against="outlast",
    ),
    Table(
        "The same, 16 calls at once",
        _columns("cpu", ("library-call-16", "µs")),
        against="outlast",
    ),
)
FOOTPRINT = (
    Table(
        "Fresh processes, beyond a Python that does nothing",
        (
            Column("import", "wall", "ms"),
            Column("import", "cpu", "ms of CPU"),
            Column("import", "memory", "MB"),
        ),
        against="outlast",
    ),
    Table("Whose modules they are, in ms of `-X importtime`", _columns("own", ("import-parts", "ms"))),
    Table(
        "The modules that take longest by themselves, in ms",
        (Column("import-modules", "own", "own"), Column("import-modules", "with imports", "with what they import")),
    ),
)
HELD = (
    ("peak of one call", "at most, by one call: bytes"),
    ("left by one call", "left behind by one call: bytes"),
    ("held by one under way", "by one that waits for its answer: bytes"),
    ("blocks held by one under way", "the same in blocks"),
)
MEMORY = Table("Held by calls of `AsyncClient.chat`", tuple(Column("allocation", *words) for words in HELD))

GATEWAY_PLOTS = {
    "requests": "requests a second by connections, both axes logarithmic",
    "cpu": "microseconds of CPU for each request, logarithmic",
    "latency": "milliseconds added to a direct call",
    "memory": "kilobytes of memory for each open stream, logarithmic",
}
INPROCESS_PLOTS = {"inprocess": "microseconds of CPU for each call in one process, logarithmic"}
