"""What is shown: a picture that fits, a log that is plain, a summary that adds up."""

import io
import time

import msgspec
import pytest
from rich.console import Console

from outlast.demo.board import Attempts, Board, Plan
from outlast.demo.closing import closing
from outlast.demo.live import picture
from outlast.demo.log import Log
from outlast.demo.news import Line, News
from outlast.demo.story import MOMENTS, STORY, active
from outlast.demo.summary import Summary, figures, percent, quantile, to_json
from outlast.demo.tally import Tally
from outlast.demo.ways import Caller, straight, through_outlast, with_sdk_retries
from outlast.model.events import AttemptEnded, BreakerChanged, FailedOver, RequestEnded, StreamResumed, TakenOut


def tally_of(**outcomes):
    """So many of each outcome, each answer after a second."""
    tally = Tally()
    tally.outcomes.update(outcomes)
    tally.asked = tally.over
    tally.whole = [1.0] * outcomes.get("answered", 0)
    return tally


def board_of(heard=lambda line: None, *, moment=0.0):
    """A board in the middle of a run, in which outlast has done better than the others."""
    board = Board(Plan(), time.monotonic, heard)
    url = "http://127.0.0.1:1"
    board.callers = [
        Caller(way, time.monotonic) for way in (through_outlast(url), with_sdk_retries(url, 1), straight(url))
    ]
    for caller, answered in zip(board.callers, (99, 80, 70), strict=True):
        caller.tally = tally_of(answered=answered, broken=1, truncated=4)
        caller.tally.asked += 7
    board.troubles = active(moment)
    return board


def drawn(board, width, height):
    """The lines of the picture on a terminal of that size."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(picture(board, width, height))
    return [line.rstrip() for line in console.file.getvalue().rstrip("\n").split("\n")]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 40), (200, 50)])
def test_the_picture_fits_the_terminal(width, height, moment):
    """No line is too long, there are no more lines than fit, and what is wrong is told in all its words."""
    board = board_of(moment=moment)
    for number in range(100):
        board.news.tell(f"{number}: " + "word " * 60)
    lines = drawn(board, width, height)
    assert max(map(len, lines)) <= width
    assert len(lines) <= height
    for trouble in board.troubles:
        assert any(line.startswith(f" {trouble.provider}") and trouble.words in line for line in lines)
    assert "99: word" in lines[-1]


def test_the_picture_shows_the_ways_side_by_side():
    """Asked, answered, failed, cut and shown as whole, waiting."""
    lines = drawn(board_of(), 80, 24)
    rows = {
        line.split()[0]: line.split()[-6:] for line in lines if line.startswith((" outlast  ", " SDK", " straight"))
    }
    assert rows == {
        "outlast": ["111", "95.2", "%", "1", "4", "7"],
        "SDK": ["92", "94.1", "%", "1", "4", "7"],
        "straight": ["82", "93.3", "%", "1", "4", "7"],
    }


def test_the_picture_shows_the_last_tries():
    """Good and bad ones in their order; what taught nothing is left out."""
    board = board_of()
    for kind in ("ok", "transient", "cancelled", "ok"):
        board.attempts(
            AttemptEnded("c", "alpha/demo", "alpha", "demo", 1, kind, 0.3, first=0.2 if kind == "ok" else None)
        )
    (alpha,) = [line for line in drawn(board, 80, 24) if line.startswith(" alpha")]
    assert "•✗•" in alpha
    assert alpha.endswith("0.20 s")


def test_only_a_few_tries_are_kept():
    """Ten, the newest last."""
    attempts = Attempts(time.monotonic)
    for number in range(25):
        kind = "ok" if number == 24 else "connect"
        attempts(AttemptEnded("c", "beta/demo", "beta", "demo", 1, kind, 0.1))
    assert list(attempts.ends["beta"]) == [False] * 9 + [True]


def test_the_log_is_plain_text():
    """A line for what happens, and one for how it stands; nothing but printable characters."""
    lines = []
    log = Log(lines.append)
    board = board_of(log.heard, moment=8.0)
    log.look(board)
    log.look(board)
    board.news.turn((), board.troubles)
    log.close(["the end"])
    assert lines[0] == "30 s of traffic, 12 requests/s, seed 1, three times: outlast, SDK retries, straight"
    assert "outlast 95.2 %, SDK retries 94.1 %, straight 93.3 %" in lines[1]
    assert lines[2].endswith("s  alpha down: resets every connection")
    assert lines[3:] == ["", "the end"]
    assert all(line.isprintable() for line in lines)


class Clock:
    """Seconds that are what one says."""

    now = 0.0

    def __call__(self):
        return self.now


ALPHA = "alpha/demo"
TOLD = {
    "outlast stops asking alpha for 2.0 s: 5 in a row": BreakerChanged(ALPHA, "closed", "open", 2.04, "5 in a row"),
    "outlast tries alpha again": BreakerChanged(ALPHA, "open", "half_open", 0.0, "its time is over"),
    "outlast trusts alpha again: 2 good probes": BreakerChanged(ALPHA, "half_open", "closed", 0.0, "2 good probes"),
    "outlast leaves alpha alone for 2.1 s: throttled": TakenOut("target", ALPHA, "throttled", 2.1),
    "outlast leaves alpha alone for 30.0 s: quota": TakenOut("credential", "alpha", "quota", 30.0),
}


@pytest.mark.parametrize("told", TOLD)
def test_events_are_told_in_plain_words(told):
    """Each on one line."""
    news = News(Clock(), lambda line: None)
    news(TOLD[told])
    assert [line.text for line in news.lines] == [told]


def ended(kind, target="beta/demo"):
    """A request that ended so."""
    return RequestEnded("c", "writer", "chat", "", "anonymous", True, kind, 502, target, "primary", 1, 1.0)


def test_failures_are_told_and_answers_are_not():
    """A stream that broke, a request that failed; nothing of good ones and of callers who left."""
    news = News(Clock(), lambda line: None)
    for kind in ("ok", "broken_stream", "cancelled", "timeout"):
        news(ended(kind))
    assert [line.text for line in news.lines] == [
        "a stream from beta broke; the caller was told",
        "a request failed, and its caller was told: timeout",
    ]


def test_what_moves_on_is_told_in_numbers():
    """Gathered for three seconds, the most frequent moves first; then counted anew."""
    clock = Clock()
    news = News(clock, lambda line: None)
    for goal in ("beta", "gamma", "gamma"):
        news(FailedOver("c", "alpha/demo", f"{goal}/demo", "connect"))
    for clock.now in (1.0, 3.0, 7.0):
        news.tick()
    assert [line.text for line in news.lines] == ["moved on: 2 alpha → gamma, 1 alpha → beta"]
    assert news.moved == 3


def test_streams_that_are_gone_on_with_are_counted_and_told():
    """Once for each answer that came to its end, however often it broke."""
    clock = Clock()
    news = News(clock, lambda line: None)
    for goal in ("beta", "gamma"):
        news(StreamResumed("c", "alpha/demo", f"{goal}/demo", 20, "asking", 0.5))
    for kind, resumed in (("ok", 2), ("ok", 0), ("broken_stream", 1)):
        news(msgspec.structs.replace(ended(kind), resumed=resumed))
    clock.now = 3.0
    news.tick()
    assert news.resumed == 1
    assert news.lines[-1].text == "moved on: 1 in mid-stream alpha → beta, 1 in mid-stream alpha → gamma"


def test_a_pause_is_told_once():
    """However many requests hear of it; the next pause is told again."""
    clock = Clock()
    news = News(clock, lambda line: None)
    for clock.now in (1.0, 1.1, 2.9, 6.0):
        news(TakenOut("target", "beta/demo", "throttled", 2.0))
    assert len(news.lines) == 2


def test_the_story_turns():
    """What is over is told before what begins, and what goes on is not told again."""
    heard = []
    news = News(Clock(), heard.append)
    news.turn(STORY[:2], STORY[1:3])
    assert heard == [Line(0.0, "alpha is well again", "good"), Line(0.0, f"beta {STORY[2].words}", "bad")]


def summary_of(*, interrupted=False, held=0, waiting=0):
    """The end of a run in which the ways did differently well."""
    tallies = [
        tally_of(answered=97, broken=3),
        tally_of(answered=80, failed=15, gave_up=5),
        tally_of(answered=70, truncated=30),
    ]
    for tally in tallies:
        tally.asked += waiting
    ways = [("outlast", "outlast"), ("sdk", "SDK retries"), ("straight", "straight")]
    columns = tuple(
        figures(key, title, tally, 123, 0.0123, 9 if key == "outlast" else 0)
        for (key, title), tally in zip(ways, tallies, strict=True)
    )
    return Summary(Plan(), 31.5, interrupted, ("timers.stall 10 → 2 s",), columns, held)


def test_the_summary_fits_in_eighty_columns():
    """Also where numbers are large, and plain text throughout."""
    lines = list(closing(summary_of(waiting=123456)))
    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() for line in lines)


def test_the_summary_names_what_went_wrong():
    """Each row has what the callers of each way received."""
    rows = {row[0].strip(): row[1:] for row in summary_of().rows()}
    assert rows["answered"] == ("97  97.0 %", "80  80.0 %", "70  70.0 %")
    assert rows["resumed in mid-stream"] == ("9", "0", "0")
    assert rows["cut, shown as whole"] == ("0", "0", "30")
    assert rows["broke off, and said so"] == ("3", "0", "0")
    assert rows["failed with an error"] == ("0", "15", "0")
    assert rows["no end within 8 s"] == ("0", "5", "0")
    assert rows["whole answer p50 / p99"] == ("1.00 / 1.00 s",) * 3
    assert rows["first words p50 / p99"] == ("-",) * 3
    assert "under way at the end" not in rows


def test_what_is_under_way_is_no_failure():
    """A run that is ended early says so, and counts only what is over."""
    summary = summary_of(interrupted=True, waiting=5)
    rows = {row[0].strip(): row[1:] for row in summary.rows()}
    assert rows["requests"][0] == "105"
    assert rows["answered"][0] == "97  97.0 %"
    assert rows["under way at the end"] == ("5",) * 3
    assert next(closing(summary)).endswith("ended early")


def test_what_is_still_held_is_told():
    """A slot that leaks must not be overlooked."""
    assert "held" not in "\n".join(closing(summary_of()))
    assert list(closing(summary_of(held=2)))[-1].startswith("2 slots or permits are still held")


def test_json_has_every_figure():
    """For a machine that reads the end of a run."""
    told = to_json(summary_of())
    assert '"way":"straight"' in told
    assert '"truncated":30' in told
    assert '"held":0' in told


def test_shares_and_quantiles_are_never_flattered():
    """Nearly all is not all; a quantile is a value that occurred."""
    assert [percent(share) for share in (1.0, 0.9999, 0.95, 0.0, None)] == ["100 %", "99.9 %", "95.0 %", "0.0 %", "-"]
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([float(n) for n in range(1, 101)], 0.99) == 99.0
    assert quantile([], 0.5) is None
