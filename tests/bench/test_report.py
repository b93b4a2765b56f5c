"""The report: files of results become tables that say what was measured, and nothing else."""

import json
import subprocess

import pytest
from bench.figures import Figure, failure
from bench.goals import GOALS, Goal
from bench.inprocess import environment
from bench.inprocess.contest import CONTEST
from bench.report_sheets import SHEETS, Sheet, read
from bench.report_tables import Column, Table, cell, plain, ratio, short
from bench.results import write
from bench.rows import ROWS

from bench import report, report_contents, report_goals, report_layers

ABOUT = {
    "date": "2026-01-02T03:04:05+00:00",
    "command": "python -m bench",
    "machine": "x86_64",
    "cpu": "A Processor",
    "cores": 2,
    "memory": 8 * 2**30,
    "kernel": "6.1.0",
    "python": "3.11.7",
    "versions": {"nginx": "1.22", "direct": ""},
}


def sheet(*figures):
    """A sheet of these figures."""
    return Sheet("full", ABOUT, figures)


def requests(peer, *rounds, row="whole-1kb-16"):
    """Requests a second of that peer."""
    return Figure(row, peer, "requests", "1/s", rounds)


class TestSheets:
    def test_what_the_bench_writes_the_report_reads(self, tmp_path, monkeypatch):
        """Figures and failures come back as they were, with what was told about the run."""
        figures = (requests("outlast", 9000.0, 9100.0), failure("whole-1kb-16", "portkey", "no node"))
        monkeypatch.setattr("bench.results.FOLDER", tmp_path)
        write("full", ABOUT, figures)
        assert read("full", tmp_path) == Sheet("full", ABOUT, figures)

    def test_a_bench_that_did_not_run_has_no_sheet(self, tmp_path):
        """Nothing is made up for it."""
        assert read("full", tmp_path) is None

    def test_a_failure_stands_for_every_metric_of_its_row(self):
        """Who failed a row has no other figure there, and is not taken for one that took no part."""
        told = sheet(failure("start", "litellm", "killed"), requests("outlast", 1.0))
        assert told.figure("start", "litellm", "ready").note == "killed"
        assert told.figure("start", "outlast", "ready") is None
        assert told.median("start", "litellm", "ready") is None

    def test_peers_stand_in_the_order_in_which_they_were_measured(self):
        """Each once, over all the rows that are asked for."""
        told = sheet(requests("b", 1.0), requests("a", 1.0), requests("c", 1.0, row="other"), requests("b", 1.0))
        assert told.peers(["whole-1kb-16"]) == ["b", "a"]
        assert told.peers(["whole-1kb-16", "other"]) == ["b", "a", "c"]


class TestCells:
    @pytest.mark.parametrize(
        ("value", "said"),
        [(0.0, "0.00"), (0.046, "0.05"), (9.994, "9.99"), (12.34, "12.3"), (123.4, "123"), (-0.5, "-0.50")],
    )
    def test_numbers_have_about_three_digits(self, value, said):
        """More would be noise."""
        assert short(value) == said

    def test_thousands_are_set_apart(self):
        """A long number can be read at a glance."""
        assert short(12345.6) == "12,346"

    def test_a_cell_has_the_median_and_the_range(self):
        """Of an even number of rounds the median is between the two in the middle."""
        assert cell(requests("outlast", 100.0, 400.0, 200.0, 300.0)) == "250 (100 … 400)"

    def test_one_round_has_no_range(self):
        """Its value is all there is."""
        assert cell(requests("outlast", 100.0)) == "100"

    def test_no_figure_and_no_rounds_are_two_things(self):
        """Who took no part has a dash; who failed says so."""
        assert cell(None) == "-"
        assert cell(failure("start", "litellm", "killed")) == "✗ failed"

    @pytest.mark.parametrize(
        ("value", "other", "said"), [(30.0, 20.0, "1.50 x"), (None, 20.0, "-"), (30.0, None, "-"), (30.0, 0.0, "-")]
    )
    def test_a_ratio_needs_both(self, value, other, said):
        """Nothing is divided by what nobody measured."""
        assert ratio(value, other) == said

    def test_last_words_cannot_spoil_the_page(self):
        """Markup in them is blanked, lines are joined, and they are bounded."""
        assert plain("<b>a|b\n[c](d) `e`") == " b a b  c (d)  e "
        assert plain("x" * 200, most=3) == "xxx …"


TABLE = Table(
    "By connections",
    (Column("whole-1kb-16", "requests", "16"), Column("whole-1kb-64", "requests", "64")),
    against="outlast",
)

LAYERS = (("attempt", "cpu", "us", (10.0,)), ("+ retry", "cpu", "us", (12.5,)))


class TestTables:
    def test_a_table_has_a_line_for_each_peer(self):
        """Medians and ranges, the ratio of the first column, and a dash where a peer took no part."""
        told = sheet(
            requests("outlast", 900.0, 1100.0),
            requests("nginx", 3000.0),
            requests("outlast", 1200.0, row="whole-1kb-64"),
        )
        assert TABLE.lines(told) == [
            "By connections",
            "",
            "|  | 16 | 64 | to outlast |\n|---|---:|---:|---:|",
            "| **outlast** | 1,000 (900 … 1,100) | 1,200 | 1.00 x |",
            "| nginx | 3,000 | - | 3.00 x |",
            "",
        ]

    def test_a_column_without_figures_is_left_out(self):
        """A quick run has fewer rows than a full one."""
        lines = TABLE.lines(sheet(requests("outlast", 900.0)))
        assert lines[2].startswith("|  | 16 | to outlast |\n")

    def test_a_table_without_figures_is_left_out(self):
        """There is nothing to show."""
        assert TABLE.lines(sheet(requests("outlast", 1.0, row="start"))) == []

    def test_a_peer_that_failed_is_shown_with_its_reason(self):
        """Its line stays, and below the table stands why."""
        told = sheet(requests("outlast", 900.0), failure("whole-1kb-16", "portkey", "not installed: no node"))
        lines = TABLE.lines(told)
        assert "| portkey | ✗ failed | - |" in lines
        assert "- ✗ portkey, 16: not installed: no node" in lines

    def test_failed_requests_are_told(self):
        """A figure whose note speaks of failed requests is not shown as if nothing had been."""
        told = sheet(Figure("whole-1kb-16", "litellm", "requests", "1/s", (90.0,), "12 requests failed"))
        assert "- litellm, 16: 12 requests failed" in TABLE.lines(told)

    def test_each_layer_is_told_by_what_it_adds(self):
        """The difference of the medians; after a step that failed there is none."""
        steps = [
            Figure("layers", name, "cpu", "us", (value,)) for name, value in (("attempt", 10.0), ("+ retry", 12.5))
        ]
        lines = report_layers.lines(sheet(*steps, failure("layers", "+ pause", "broke")))
        assert lines[-4:] == ["| attempt | 10.0 |  |", "| + retry | 12.5 | +2.5 |", "| + pause | ✗ failed |  |", ""]


class TestGoals:
    def goal_line(self, goal, *figures):
        """The line of that goal."""
        return report_goals.lines([sheet(*figures)], [goal])[1]

    def test_a_goal_that_is_reached_says_so(self):
        """Twice as fast is wanted, three times is measured."""
        goal = Goal("whole-1kb-16", "requests", 2.0, at_least=True, peer="tensorzero")
        line = self.goal_line(goal, requests("outlast", 300.0), requests("tensorzero", 100.0))
        assert line == "| requests a second | 1 KB answers, 16 connections | ≥ 2.00 x tensorzero | 3.00 x | ✓ |"

    def test_a_goal_that_is_missed_says_so(self):
        """A bound of our own, without a peer."""
        line = self.goal_line(Goal("import", "wall", 120.0), Figure("import", "outlast", "wall", "ms", (121.0,)))
        assert line == "| ms beyond Python's own start | `from outlast import Client` | ≤ 120 | 121 | ✗ |"

    def test_a_goal_without_figures_is_neither(self):
        """Nobody knows, and that is what it says; a peer that failed gives no ratio either."""
        goal = Goal("whole-1kb-16", "requests", 2.0, at_least=True, peer="tensorzero")
        line = self.goal_line(goal, requests("outlast", 300.0), failure("whole-1kb-16", "tensorzero", "gone"))
        assert line.endswith("| not measured | - |")

    def test_the_goal_of_a_call_follows_a_known_library(self):
        """Where tenacity's retry takes 23 µs our engine may take 20, and a library call 40; elsewhere in proportion."""
        figures = [
            Figure("libraries", "tenacity async", "cpu", "us", (46.0,)),
            Figure("libraries", "outlast", "cpu", "us", (40.0,)),
            Figure("library-call-1", "outlast", "cpu", "us", (81.0,)),
        ]
        engine, call = report_goals.lines([sheet(*figures)], report_goals.INPROCESS[:2])[1:3]
        assert engine.endswith("| ≤ 0.87 x tenacity async | 0.87 x | ✓ |")
        assert call.endswith("| ≤ 1.74 x tenacity async | 1.76 x | ✗ |")

    def test_a_machine_by_itself_is_held_to_a_microsecond(self):
        """Whatever machine; in words that say which."""
        goals = [goal for goal in report_goals.INPROCESS if goal.row == "machines"]
        costs = {"circuit breaker": 0.6, "limit": 0.5, "limits, settled": 1.1}
        figures = [Figure("machines", name, "cpu", "us", (cost,)) for name, cost in costs.items()]
        assert [line[-12:] for line in report_goals.lines([sheet(*figures)], goals)[1:4]] == [
            "| 0.60 | ✓ |",
            "| 0.50 | ✓ |",
            "| 1.10 | ✗ |",
        ]

    def test_every_goal_of_one_process_is_about_something_that_is_measured(self):
        """And against something that is."""
        rows = {(contender.row, contender.peer) for contender in CONTEST.values()}
        for goal in report_goals.INPROCESS:
            assert goal.row == "import" or (goal.row, goal.ours) in rows
            assert not goal.peer or (goal.other_row or goal.row, goal.peer) in rows

    def test_every_goal_has_words(self):
        """No goal stands in the page under a name that only the bench knows."""
        goals = GOALS + report_goals.INPROCESS
        assert {report_goals.named(goal) for goal in goals} <= set(report_goals.WORDS)
        assert {goal.metric for goal in goals} <= set(report_goals.METRICS)


class TestPage:
    def test_a_block_is_filled_and_the_rest_is_kept(self, tmp_path):
        """What stands between the marks is made anew, however often; the words around it stay."""
        page = "before\n<!-- bench:gateway -->\nold\n<!-- /bench:gateway -->\nafter\n"
        once = report.filled(page, [sheet(requests("outlast", 900.0))], tmp_path)
        assert once.startswith("before\n<!-- bench:gateway -->\n\nWhole answers of 1 KB")
        assert once.endswith("| **outlast** | 900 |\n\n<!-- /bench:gateway -->\nafter\n")
        assert report.filled(once, [sheet(requests("outlast", 900.0))], tmp_path) == once

    def test_what_was_not_measured_says_so(self, tmp_path):
        """An empty block would look like a mistake."""
        page = "<!-- bench:footprint -->\n<!-- /bench:footprint -->\n"
        assert "\nNot measured yet.\n" in report.filled(page, [], tmp_path)

    def test_the_setting_tells_the_machine_and_the_versions(self):
        """Those that have a version; and the command, so that it can be run again."""
        told = "\n".join(report.setting([sheet()]))
        for fact in ("`python -m bench`", "A Processor, 2 cores, 8 GB", "6.1.0, x86_64", "nginx 1.22; Python 3.11.7"):
            assert fact in told

    def test_only_pictures_that_were_drawn_are_shown(self, tmp_path):
        """A link to a picture that is not there would be broken."""
        (tmp_path / "performance-cpu.svg").write_text("<svg/>")
        gateway = report.made([], tmp_path)["gateway"]
        assert "(img/performance-cpu.svg)" in gateway
        assert "performance-requests.svg" not in gateway

    def test_the_page_says_what_the_results_say(self):
        """When this fails, run `python -m bench.report`."""
        sheets = [found for name in SHEETS if (found := read(name))]
        page = report.PAGE.read_text()
        assert report.filled(page, sheets) == page

    def test_every_table_is_of_rows_that_the_bench_has(self):
        """A row that was renamed would otherwise vanish from the page without a word."""
        inprocess = (report_contents.LIBRARIES, report_contents.IN_THREADS, report_contents.MACHINES)
        tables = (*report_contents.GATEWAY, *report_contents.CALLS, *inprocess)
        known = {row.name for row in ROWS} | {contender.row for contender in CONTEST.values()}
        assert {column.row for table in tables for column in table.columns} <= known


@pytest.mark.skipif(not environment.MARK.holds(), reason="python -m bench.inprocess installs what this needs")
class TestPlots:
    def drawn(self, folder, *figures):
        """Names of the plots that are drawn of these figures, and their bytes."""
        (folder / "full.json").write_text(
            json.dumps({"about": ABOUT, "results": [figure.told() for figure in figures]})
        )
        program = (
            "import sys; from pathlib import Path; from bench import plots; from bench.report_sheets import read\n"
            "folder = Path(sys.argv[1]); plots.main(folder, [read('full', folder)])"
        )
        subprocess.run([environment.PYTHON, "-c", program, folder], cwd=environment.ROOT, check=True, timeout=120)
        return {file.stem: file.read_bytes() for file in folder.glob("*.svg")}

    def test_a_plot_is_drawn_where_there_are_figures(self, tmp_path):
        """All kinds of figures give all plots, with the peers' names as text; the same figures the same bytes."""
        figures = [
            requests("outlast", 900.0, 950.0, row="whole-1kb-1"),
            requests("outlast", 9000.0),
            Figure("whole-1kb-16", "outlast", "cpu", "us/request", (70.0, 72.0)),
            failure("whole-1kb-16", "portkey", "no node"),
            Figure("latency-whole", "outlast", "added-p50", "ms", (0.2, 0.3)),
            Figure("latency-stream", "outlast", "added-p50", "ms", (-0.1, 0.3)),
            Figure("open-1000", "outlast", "memory", "KB/stream", (14.0,)),
            Figure("libraries", "tenacity async", "cpu", "us", (20.0, 21.0)),
        ]
        first = self.drawn(tmp_path, *figures)
        assert sorted(first) == [
            f"performance-{name}" for name in ("cpu", "inprocess", "latency", "memory", "requests")
        ]
        assert b"outlast" in first["performance-cpu"]
        assert b"portkey" not in first["performance-cpu"]
        assert b"tenacity async" in first["performance-inprocess"]
        assert not any(b"<dc:date>" in picture for picture in first.values())
        assert self.drawn(tmp_path, *figures) == first

    def test_a_plot_without_figures_is_removed(self, tmp_path):
        """A picture of an earlier run must not outlive its figures."""
        (tmp_path / "performance-memory.svg").write_text("<svg/>")
        assert self.drawn(tmp_path, requests("outlast", 900.0)) == {}
