"""Server-sent events, however they are cut and whatever the standard allows."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects.sse import CAP, Events, render

PLAIN = b'data: {"a":1}\n\ndata: {"b":2}\n\n'


def decode(*pieces):
    """All events, with names, and the spans of all feeds put together."""
    events, found, spans = Events(), [], []
    for piece in pieces:
        datas = events.feed(piece)
        found += list(zip(events.names or [b""] * len(datas), datas, strict=True))
        spans.append(events.span if events.span or not datas else None)
    last = events.close()
    found += list(zip(events.names or [b""] * len(last), last, strict=True))
    return [event for event in found if event[1]], spans, events


def test_plain_events_give_their_own_bytes_back():
    """A read of canonical events is passed on as it came."""
    events = Events()
    assert events.feed(PLAIN) == [b'{"a":1}', b'{"b":2}']
    assert events.span == PLAIN


def test_named_events_give_their_own_bytes_back():
    """An `event:` line before the data is canonical too."""
    events = Events()
    data = b"event: ping\ndata: {}\n\nevent: x\ndata: 1\n\n"
    assert events.feed(data) == [b"{}", b"1"]
    assert events.names == [b"ping", b"x"]
    assert events.span == data


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"data: 1\r\n\r\ndata: 2\r\n\r\n", [b"1", b"2"], id="E1-CRLF"),
        pytest.param(b"data: 1\r\rdata: 2\r\r", [b"1", b"2"], id="E1-CR"),
        pytest.param(b"data: 1\r\n\ndata: 2\n\r\ndata: 3\r\r\n", [b"1", b"2", b"3"], id="E1-mixed"),
        pytest.param(b"\xef\xbb\xbfdata: 1\n\n", [b"1"], id="E2-BOM"),
        pytest.param(b": hi\n\ndata: 1\n\n: there\n\n", [b"1"], id="comments"),
        pytest.param(b"data:1\n\n", [b"1"], id="no-space"),
        pytest.param(b"retry: 5\n\nid: 7\n\nevent: x\n\ndata:\n\ndata\n\ndata: 1\n\n", [b"1"], id="E4-no-data"),
        pytest.param(b"data: [1,\ndata: 2]\n\n", [b"[1,\n2]"], id="E6-several-lines"),
        pytest.param(b"what: x\ndata: 1\n\n", [b"1"], id="E7-unknown-field"),
        pytest.param(b"data: 1\n\ndata: 2", [b"1", b"2"], id="E11-no-blank-line"),
        pytest.param(b"\n\n\ndata: 1\n\n\n\n", [b"1"], id="blank-lines"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_what_the_standard_allows_is_read(data, expected):
    """Each odd form is read whole, and byte by byte, with the same result."""
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        found, _, _ = decode(*pieces)
        assert [content for _, content in found] == expected


def test_an_odd_event_among_plain_ones_has_no_span():
    """Where one event is not canonical, the bytes must be written anew."""
    events = Events()
    events.feed(b"data: 1\n\n: ping\n\ndata: 2\n\n")
    assert events.span == b""


def test_several_lines_become_one():
    """What is written anew is canonical."""
    assert render(b"x", b"[1,\n2]") == b"event: x\ndata: [1, 2]\n\n"


FIELDS = st.sampled_from(
    [
        b"data: {}",
        b"data:{}",
        b"data",
        b"data:",
        b": c",
        b"event: e",
        b"id: 1",
        b"retry: 1",
        b"",
        b"data: \xc3\xa4",
        b"odd",
    ]
)
BODIES = st.lists(FIELDS, max_size=12).map(b"\n".join)


@given(BODIES, st.lists(st.integers(0, 200), max_size=6))
def test_cuts_change_nothing(body, cuts):
    """However the bytes are cut, the events are the same."""
    edges = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    pieces = [body[a:b] for a, b in pairwise(edges)]
    assert decode(*pieces)[0] == decode(body)[0]


@given(BODIES, st.sampled_from([b"\r", b"\r\n"]), st.integers(1, 3))
def test_line_ends_change_nothing(body, end, size):
    """CR and CRLF are line ends as LF is, also when a read ends between the two."""
    other = body.replace(b"\n", end)
    pieces = [other[at : at + size] for at in range(0, len(other), size)]
    assert decode(*pieces)[0] == decode(body)[0]


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_any_bytes_are_read(pieces):
    """No bytes make the decoder raise."""
    decode(*pieces)


@pytest.mark.parametrize("size", [CAP + 6, 1 << 16])
def test_an_endless_line_is_refused(size):
    """E36: a line beyond 1 MiB is a failure, whether it comes at once or in pieces, and is not kept."""
    events = Events()
    data = b"data: " + b"x" * (CAP + 1)
    for at in range(0, len(data), size):
        events.feed(data[at : at + size])
    events.feed(b"\n\n")
    assert events.failure is not None
    assert events.failure.kind == "bad_response"


def test_the_longest_event_is_read():
    """An event of exactly 1 MiB still passes, in one piece and in many."""
    data = b"data: " + b"x" * (CAP - 6) + b"\n\n"
    for size in (len(data), 1 << 16):
        found, _, events = decode(*[data[at : at + size] for at in range(0, len(data), size)])
        assert events.failure is None
        assert len(found) == 1


def test_events_before_a_failure_are_returned():
    """What came before a web page in the same read is not lost."""
    events = Events()
    assert events.feed(b"data: 1\n\n<html>\n\n") == [b"1"]
    assert events.failure is not None
