"""Values of rounds become medians, ranges, ratios and verdicts, and what failed is said loudly."""

import json
from pathlib import Path

import pytest
from bench.figures import FAILED, Figure, failure, percentile
from bench.goals import GOALS, Goal, judged
from bench.latency import figures as latency_figures
from bench.results import write
from bench.rows import ROWS, Row
from bench.scenario import PLAIN
from bench.session import FULL, in_turn
from bench.table import goal_lines, row_lines
from bench.throughput import seconds, values
from bench.wrk import Shot

WHOLE = Row("whole", PLAIN)
STREAMS = Row("streams", PLAIN, chunks=50)


def figure(peer: str, *rounds: float, row: str = "whole", metric: str = "requests") -> Figure:
    """A figure in requests a second."""
    return Figure(row, peer, metric, "1/s", rounds)


def test_a_figure_tells_its_median_and_its_range():
    """One wild round moves the range, not the median."""
    told = figure("outlast", 100.0, 3.0, 110.0).told()
    assert (told["median"], told["low"], told["high"]) == (100.0, 3.0, 110.0)
    assert told["rounds"] == [100.0, 3.0, 110.0]
    assert figure("outlast", 100.0, 110.0).median == 105.0


def test_values_are_written_with_five_digits():
    """More would be noise."""
    assert figure("outlast", 123456.789).told()["median"] == 123460.0
    assert figure("outlast", 0.000123456789).told()["median"] == 0.00012346


def test_what_failed_has_no_figure_but_a_reason():
    """It stands in the results under the peer's name."""
    told = failure("whole", "litellm", "ended with status 1").told()
    assert (told["metric"], told["median"], told["rounds"]) == (FAILED, None, [])
    assert told["note"] == "ended with status 1"


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.001, 1.0), (0.991, 100.0)])
def test_a_percentile_is_the_nearest_rank(share: float, expected: float):
    """Of one to a hundred, in any order."""
    assert percentile([float(n) for n in range(100, 0, -1)], share) == expected


def test_rounds_are_taken_in_turn():
    """ABCABC, not AABBCC."""
    assert list(in_turn(["a", "b", "c"], 2)) == ["a", "b", "c", "a", "b", "c"]


def test_cpu_is_divided_by_what_was_answered_well():
    """A request that failed is not counted."""
    shot = Shot(requests=1100, seconds=2.0, bytes=0, failed=100, p50=1.5, p99=9.0)
    assert values(WHOLE, shot, cpu=0.5, stream_bytes=0) == {
        ("requests", "1/s"): 500.0,
        ("cpu", "us/request"): 500.0,
        ("busy", "%"): 25.0,
        ("p50", "ms"): 1.5,
        ("p99", "ms"): 9.0,
    }


@pytest.mark.parametrize(
    ("row", "warm", "expected"), [(WHOLE, 5000, 3), (WHOLE, 40, 8), (WHOLE, 0, 20), (STREAMS, 1, 3)]
)
def test_a_slow_peer_has_longer_rounds(row: Row, warm: int, expected: int):
    """Until enough was answered on each of 16 connections, within bounds; streams are counted by bytes anyway."""
    assert seconds(row, warm, FULL) == expected


def test_chunks_are_counted_by_bytes():
    """Two and a half streams of fifty chunks are 125 chunks, though only two were whole."""
    shot = Shot(requests=2, seconds=5.0, bytes=25_000, failed=0, p50=1.0, p99=1.0)
    told = values(STREAMS, shot, cpu=0.125, stream_bytes=10_000)
    assert told["chunks", "1/s"] == 25.0
    assert told["chunk-cpu", "us/chunk"] == 1000.0


def test_added_latency_is_the_difference_to_the_direct_call_of_the_same_round():
    """Percentile by percentile."""
    rounds = [{"direct": [1.0] * 99 + [5.0] * 2, "outlast": [1.5] * 101}, {"direct": [2.0], "outlast": [2.25]}]
    told = {made.metric: made.rounds for made in latency_figures(WHOLE, "outlast", rounds)}
    assert told["p50"] == (1.5, 2.25)
    assert told["added-p50"] == (0.5, 0.25)
    assert told["added-p99"] == (-3.5, 0.25)
    assert {made.metric for made in latency_figures(WHOLE, "direct", rounds)} == {"p50", "p99"}


def test_a_goal_is_a_bound_on_a_ratio_of_medians():
    """Reached at the bound, missed below it."""
    goal = Goal("whole", "requests", 2.0, at_least=True, peer="litellm")
    assert judged([figure("outlast", 200.0), figure("litellm", 100.0)], [goal])[0].met is True
    assert judged([figure("outlast", 199.0), figure("litellm", 100.0)], [goal])[0].met is False


def test_a_goal_may_be_a_bound_on_our_own_figure_or_on_two_of_our_rows():
    """At most so much, and at most so many times as much."""
    alone = Goal("start", "ready", 1.0)
    between = Goal("many", "cpu", 1.3, peer="outlast", other_row="one")
    known = [
        figure("outlast", 1.5, row="start", metric="ready"),
        figure("outlast", 13.0, row="many", metric="cpu"),
        figure("outlast", 10.0, row="one", metric="cpu"),
    ]
    assert [(verdict.value, verdict.met) for verdict in judged(known, [alone, between])] == [(1.5, False), (1.3, True)]


def test_a_goal_may_be_of_one_of_our_figures_in_a_row_of_several():
    """By its name, which is told with it."""
    goal = Goal("machines", "cpu", 1.0, ours="limit")
    known = [
        figure("circuit breaker", 2.0, row="machines", metric="cpu"),
        figure("limit", 0.5, row="machines", metric="cpu"),
    ]
    assert [line.split() for line in goal_lines(judged(known, [goal]))] == [
        ["reached", "machines", "cpu", "of", "limit", "<=", "1", "0.5"]
    ]


@pytest.mark.parametrize("known", [[figure("outlast", 200.0)], [figure("litellm", 100.0)], []])
def test_a_goal_without_figures_is_neither_reached_nor_missed(known: list[Figure]):
    """It is not held against anybody that a peer did not run."""
    goal = Goal("whole", "requests", 2.0, at_least=True, peer="litellm")
    assert judged([*known, failure("whole", "litellm", "why")], [goal])[0].met is None


def test_every_goal_is_about_a_row_that_is_measured():
    """And about a peer that takes part in it."""
    rows = {row.name: row for row in ROWS}
    for goal in GOALS:
        assert goal.row in rows
        assert goal.peer in {"", *rows[goal.row].peers}
        assert goal.other_row in {"", *rows}


def test_rows_have_names_of_their_own():
    """So that no figure hides another."""
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_the_table_shows_medians_ranges_and_ratios_and_shouts_failures():
    """Each peer has its line, whatever became of it."""
    lines = row_lines(
        [figure("outlast", 200.0, 210.0, 190.0), figure("nginx", 400.0), failure("whole", "litellm", "why")]
    )
    assert "200 [190-210]" in lines[1]
    assert lines[3].split() == ["litellm", "!!!", "FAILED:", "why"]
    assert lines[4] == "  outlast requests: 0.5 x nginx"


def test_goals_are_told_with_their_value():
    """And those without figures are left out."""
    goals = [Goal("whole", "requests", 2.0, at_least=True, peer=peer) for peer in ("nginx", "litellm", "portkey")]
    known = [figure("outlast", 300.0), figure("nginx", 400.0), figure("litellm", 100.0)]
    assert [line.split() for line in goal_lines(judged(known, goals))] == [
        ["MISSED", "whole", "requests", ">=", "2", "x", "nginx", "0.75"],
        ["reached", "whole", "requests", ">=", "2", "x", "litellm", "3"],
    ]


def test_results_are_a_list_of_figures_with_what_must_be_known_about_them(tmp_path: Path):
    """As JSON."""
    file = write("full", {"cpu": "fast"}, [figure("outlast", 1.0), failure("whole", "nginx", "why")], tmp_path / "new")
    told = json.loads(file.read_text())
    assert told["about"] == {"cpu": "fast"}
    assert [(one["peer"], one["median"]) for one in told["results"]] == [("outlast", 1.0), ("nginx", None)]
