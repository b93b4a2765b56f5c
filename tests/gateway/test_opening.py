"""Heads of answers as bytes, and the ids that are in them."""

import subprocess
import sys

import pytest

from outlast.edge.ids import AT_ONCE, new_id
from outlast.gateway.exchange import Outbound
from outlast.gateway.opening import Opening

WELL = Outbound(200, [(b"content-length", b"2"), (b"x-request-id", b"r1")], b"{}")


def test_a_head_has_the_status_what_all_have_and_its_own_headers():
    """In this order, one line each, and an empty one at the end."""
    opening = Opening()
    opening.with_common([(b"date", b"today")])
    assert opening.head(WELL, chunked=False, close=False) == (
        b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\nx-request-id: r1\r\n\r\n"
    )


def test_what_all_heads_have_changes_at_once():
    """Yesterday's date is not told of today's answers."""
    opening = Opening()
    for day in (b"yesterday", b"today"):
        opening.with_common([(b"date", day)])
        assert b"\r\ndate: %b\r\n" % day in opening.head(WELL, chunked=False, close=False)


def test_a_head_tells_of_chunks_and_of_the_end():
    """Both are said by the server, not by who answers."""
    head = Opening().head(WELL, chunked=True, close=True)
    assert b"transfer-encoding: chunked\r\nconnection: close\r\n" in head


def test_a_status_that_nobody_named_is_told_as_a_number():
    """529 has no phrase."""
    assert Opening().head(Outbound(529, WELL.headers), chunked=False, close=False).startswith(b"HTTP/1.1 529 \r\n")


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"\n"])
def test_a_value_of_more_than_one_line_is_never_sent(value):
    """Whatever makes a header: nobody can put another one behind it."""
    with pytest.raises(ValueError, match="more than one line"):
        Opening().head(Outbound(200, [(b"outlast-target", value)]), chunked=False, close=False)


def test_no_id_is_given_twice():
    """Also when the randomness that was asked for has to be asked for again."""
    ids = [new_id() for _ in range(3 * AT_ONCE)]
    assert len(set(ids)) == 3 * AT_ONCE
    assert {len(id_) for id_ in ids} == {28}


FORKING = """
import os
from outlast.edge.ids import new_id
new_id()
child = os.fork()
os.write(1, "".join(new_id() + "\\n" for _ in range(300)).encode())
if child:
    os.waitpid(child, 0)
"""


def test_a_forked_child_gives_ids_of_its_own():
    """What the parent had in stock belongs to the parent."""
    words = [sys.executable, "-W", "ignore", "-c", FORKING]
    given = subprocess.run(words, capture_output=True, check=True, timeout=120).stdout.split()
    assert len(set(given)) == 600
