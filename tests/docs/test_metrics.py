"""The page of metrics lists what the sink counts: no more, no less, in the same words."""

from pathlib import Path

from outlast.telemetry.prometheus import Prometheus

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def table(sink: Prometheus) -> str:
    """The table as the page must have it."""
    rows = ["| metric | kind | labels | what it says |", "|---|---|---|---|"]
    for metric in sink.described:
        labels = " ".join(f"`{label}`" for label in metric.labels)
        rows.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.text} |")
    return "\n".join(rows) + "\n"


def test_the_page_lists_every_metric():
    """When this fails, put the table that it shows into the page."""
    expected = table(Prometheus())
    assert expected in PAGE.read_text(), f"docs/metrics.md must have this table:\n\n{expected}"
