"""A log read back: rotated, packed, broken, large, and of another version."""

import gzip
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from outlast.model.events import (
    AttemptEnded,
    BackIn,
    BreakerChanged,
    CacheKept,
    CacheLooked,
    CacheRenewed,
    Degraded,
    FailedOver,
    Fault,
    Joined,
    KeyFound,
    KeyKept,
    RanOn,
    RequestEnded,
    RetryScheduled,
    StoreTrouble,
    TakenOut,
    TargetSkipped,
)
from outlast.model.messages import Usage
from outlast.telemetry.log import Log
from outlast.telemetry.logbook import LONGEST_LINE, Search, lines_of, opened, rotated
from outlast.telemetry.logged import logged

from .teller import NOON, names

FAILED = AttemptEnded("r1", "a/m", "a", "m", 1, "transient", 0.5, status=503, timer="", message="a/m cannot")
MOVED = FailedOver("r1", "a/m", "b/m", "transient")
GOOD = AttemptEnded("r1", "b/m", "b", "m", 2, "ok", 0.75, first=0.25, status=200)
END = RequestEnded(
    "r1", "default", "chat", "app", "key", True, "ok", 200, "b/m", "fallback", 2, 1.25, 0.75,
    Usage(input=11, output=7), 0.0125, history=(FAILED, GOOD),
)  # fmt: skip


def written(*timed):
    """The log of these events, each after so many seconds."""
    lines = []
    now = [0.0]
    log = Log(lines.append, decisions=True, clock=lambda: NOON + now[0])
    for now[0], event in timed:
        log(event)
    return lines


STORY = written((0.5, FAILED), (0.5, MOVED), (1.25, END))
NOISE = written((0.1, AttemptEnded("r2", "a/m", "a", "m", 1, "timeout", 0.1)), (0.2, FailedOver("r3", "a", "b", "x")))


def searched(*lines, call="r1"):
    """A search of these lines."""
    search = Search(call)
    search.read(lines)
    return search


def story(*lines, call="r1"):
    return searched(*lines, call=call).story()


@pytest.mark.parametrize(
    "event",
    [
        END,
        FAILED,
        MOVED,
        RetryScheduled("r1", "a/m", "transient", 0.5, least=0.1, most=1.0, floor=True),
        BreakerChanged("a/m", "closed", "open", 9.5, "5 in a row", call="r1", run=5, calls=8, failed=5, threshold=5.0),
        BreakerChanged("a/m", "closed", "forced_open", float("inf"), "an operator's word"),
        TakenOut("target", "a/m", "throttled", 2.5, call="r1", hint=2.0, times=1),
        TakenOut("credential", "a", "quota", 30.0, call="r1"),
        BackIn("credential", "a", "r1"),
        Fault("engine", "ValueError at outlast.engine:7", "r1"),
        replace(END, source="static", target="", instead_of="transient"),
        replace(END, kind="context_length", fit="error"),
        CacheLooked("r1", "default", "renew", 70.5, -10.5),
        CacheKept("r1", "default", 60.0, 700),
        CacheRenewed("r1", "r0", "default", "ok", "a/m", 0.5, 0.001),
        StoreTrouble("r1", "get", "StoreFailed at outlast.store.guard:53"),
        Joined("r1", "default", "r0"),
        replace(END, key="attached"),
        KeyFound("r1", "default", "running", elsewhere=True),
        KeyKept("r1", "default", 86_400.0, 700),
        RanOn("r1", "default", "ok", "a/m", 0.5, 0.001),
        Degraded("r1", "default", "weaker", "transient", "timeout"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_line_is_read_as_the_event_that_it_was_made_of(event):
    """All that a story needs of it."""
    (line,) = written((0.25, event))
    back = logged(line)
    assert (back.time, back.call) == (NOON + 0.25, event.call)
    left_out = {"provider", "model", "message", "history"}
    for name in event.__struct_fields__:
        if name not in left_out:
            assert getattr(back.event, name) == getattr(event, name), name


def test_the_history_of_a_request_is_read():
    """Targets, ends and times of its attempts."""
    history = logged(STORY[-1]).event.history
    assert [(past.target, past.kind, past.seconds, past.number) for past in history] == [
        ("a/m", "transient", 0.5, 1),
        ("b/m", "ok", 0.75, 2),
    ]


def test_a_request_is_found_among_others():
    """Its lines, and no other's."""
    found = story(*NOISE, *STORY, *NOISE)
    assert names(found) == ["attempt_ended", "failed_over", "attempt_ended"]
    assert found.ended.cost == 0.0125
    assert story(*NOISE, *STORY, call="r9") is None
    assert story(*NOISE, *STORY, call="r") is None, "a part of an id is no id"


def test_what_explains_it_is_found_too():
    """A circuit that another request had opened, and a target that was out; what was back in explains nothing."""
    before = written(
        (0.0, BreakerChanged("a/m", "closed", "open", 9.5, "5 in a row", call="r0")),
        (0.1, TakenOut("credential", "b", "quota", 30.0, call="r0")),
        (0.2, BackIn("credential", "b", "r0")),
        (0.3, BreakerChanged("c/m", "closed", "open", 9.5, "5 in a row", call="r0")),
        (2.0, TargetSkipped("r1", "a/m", "its circuit is open", 7.5)),
        (2.0, TargetSkipped("r1", "b/m", "it is disabled")),
    )
    found = story(*before)
    assert names(found) == ["breaker_changed", "target_skipped", "target_skipped"]
    assert found.steps[0].at == -2.0


@pytest.mark.parametrize(
    "junk",
    [
        b"\n",
        b"   \n",
        b"outlast listens on http://127.0.0.1:4000\n",
        STORY[0][:-20] + b"\n",
        STORY[0][30:],
        b'{"request_id":"r1"}\n',
        b'{"request_id":"r1","time":"yesterday","event":"failed_over"}\n',
        b'{"request_id":"r1","time":12,"event":"failed_over"}\n',
        b'{"request_id":"r1","time":"2026-11-21T12:00:00Z","event":7}\n',
        b'{"request_id":["r1"],"time":"2026-11-21T12:00:00Z","event":"request"}\n',
        b'{"request_id":"r1","time":"2026-11-21T12:00:00Z","event":"request"}\n',
        b'{"request_id":"r1","time":"2026-11-21T12:00:00Z","event":"breaker"}\n',
        b'["r1"]}\n',
        b"\xff\xfe\x00" * 100 + b"\n",
        b'{"x":' + b"[" * 50_000 + b'"r1"}\n',
    ],
)
def test_a_broken_line_is_skipped_and_counted(junk):
    """Whatever it is, the story is told; an empty line is none."""
    search = searched(*STORY[:1], junk, *STORY[1:])
    assert names(search.story()) == ["attempt_ended", "failed_over", "attempt_ended"]
    assert search.broken == (1 if junk.strip() else 0)


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_whatever_a_file_holds_it_can_be_searched(lines):
    """No bytes break a search."""
    search = searched(*lines, *STORY)
    assert search.story() is not None


def test_a_line_may_stand_behind_something():
    """Docker compose and Kubernetes put a name or a time before it."""
    assert names(story(*(b"gateway-1  | " + line for line in STORY))) == [
        "attempt_ended",
        "failed_over",
        "attempt_ended",
    ]


def test_a_line_of_a_later_version_is_told_as_it_came():
    """Events that this version does not know are steps too."""
    later = json.dumps(
        {
            "time": "2026-11-21T12:00:00.900Z",
            "level": "info",
            "event": "from_the_future",
            "request_id": "r1",
            "after": 0.4,
        }
    )
    found = story(*STORY[:2], later.encode() + b"\n", *STORY[2:])
    assert "from the future: after 0.40" in [step.text for step in found.steps]


def test_of_several_requests_with_one_id_the_last_is_told():
    """And how many there were."""
    search = searched(*STORY, *STORY)
    assert search.ended == 2
    assert names(search.story()) == ["attempt_ended", "failed_over", "attempt_ended"]


def test_it_says_how_far_the_log_goes():
    """From the first line to the last."""
    search = searched(*NOISE, *STORY)
    assert (search.since, search.until) == ("2026-11-21T12:00:00.100Z", "2026-11-21T12:00:01.250Z")
    assert search.lines == 5


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_rotated_log_is_read_from_its_oldest_file(tmp_path):
    """Also where the older ones are packed; what only looks like one is left alone."""
    now = 1_000_000
    parts = {"outlast.log.2.gz": STORY[:1], "outlast.log.1": STORY[1:2], "outlast.log": STORY[2:]}
    for age, (name, lines) in zip((300, 200, 100), parts.items(), strict=True):
        data = b"".join(lines)
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
        os.utime(tmp_path / name, (now - age, now - age))
    for other in ("outlast.log.bak", "outlast.login", "other.log.1", "outlast.log.1.tmp~"):
        (tmp_path / other).write_bytes(b"".join(STORY))
    paths = rotated(tmp_path / "outlast.log")
    assert [path.name for path in paths] == list(parts)
    search = Search("r1")
    for path in paths:
        with opened(path) as lines:
            search.read(lines)
    assert names(search.story()) == ["attempt_ended", "failed_over", "attempt_ended"]
    assert search.ended == 1


@pytest.mark.parametrize("name", ["outlast.log-20261121", "outlast.log-20261121.gz", "outlast.log.2026-11-21.1"])
def test_the_usual_names_of_rotated_logs_are_known(tmp_path, name):
    """As logrotate and others give them."""
    (tmp_path / name).write_bytes(b"")
    assert [path.name for path in rotated(tmp_path / "outlast.log")] == [name, "outlast.log"]


@pytest.mark.parametrize("cut", [1, 9, 30, 60])
def test_a_packed_log_that_is_cut_is_read_as_far_as_it_goes(tmp_path, cut):
    """The disk was full while it was packed."""
    path = tmp_path / "outlast.log.1.gz"
    whole = gzip.compress(b"".join([*STORY, *(os.urandom(20_000).hex().encode() + b"}\n" for _ in range(3))]))
    path.write_bytes(whole[:-cut])
    search = Search("r1")
    with opened(path) as lines:
        search.read(lines)
    assert names(search.story()) == ["attempt_ended", "failed_over", "attempt_ended"]
    assert search.broken == 1


def test_what_is_no_gzip_behind_its_mark_is_broken(tmp_path):
    """Two bytes make no packed file."""
    path = tmp_path / "outlast.log.1.gz"
    path.write_bytes(b"\x1f\x8b" + b"nonsense" * 100)
    search = Search("r1")
    with opened(path) as lines:
        search.read(lines)
    assert (search.story(), search.broken) == (None, 1)


def test_a_line_without_an_end_comes_in_pieces(tmp_path):
    """Nobody holds all of a file that has no lines."""
    path = tmp_path / "outlast.log"
    path.write_bytes(b"x" * (3 * LONGEST_LINE) + b"\n" + b"".join(STORY))
    with path.open("rb") as file:
        assert max(len(line) for line in lines_of(file)) <= LONGEST_LINE
    search = Search("r1")
    with opened(path) as lines:
        search.read(lines)
    assert search.story() is not None
