"""Connections that go on: several requests on one, sent ahead, left idle, or followed by nonsense."""

import gc

import pytest
from httptools import HttpRequestParser

from outlast.gateway.reading import Reading
from outlast.model.events import AttemptEnded
from outlast.testing import ok, silent, stall

from .house import chat

PATH = "/v1/chat/completions"


def asked(caller, text, **fields):
    """The bytes of a chat completion."""
    body = chat(text, **fields)
    return caller.head("POST", PATH, f"content-length: {len(body)}") + body


def said(answer):
    """The words of an answer."""
    return answer.json["choices"][0]["message"]["content"]


def test_many_requests_sent_ahead_are_all_answered_in_order(provider, house):
    """More than may wait at once: the rest is read when their turn comes."""
    with house.caller() as caller:
        caller.send(b"".join(asked(caller, f"number {number}") for number in range(60)))
        answers = [said(caller.answer()) for _ in range(60)]
    assert [words.rpartition(" ")[2] for words in answers] == [str(number) for number in range(60)]


def test_a_large_body_may_be_sent_ahead(provider, house):
    """It is taken when its turn comes, whole, and the one behind it too."""
    provider.script("alpha", ok("first", between=0.05), ok("second"), ok("third"))
    with house.caller() as caller:
        caller.send(asked(caller, "1") + asked(caller, "x" * (1 << 20)) + asked(caller, "3"))
        assert [said(caller.answer()) for _ in range(3)] == ["first", "second", "third"]
    assert [len(seen.json["messages"][0]["content"]) for seen in provider.requests()] == [1, 1 << 20, 1]


def test_a_large_body_in_one_piece_is_read_to_its_end(provider, house):
    """A body larger than what is taken ahead, alone on its connection."""
    with house.caller() as caller:
        for _ in range(2):
            caller.send(asked(caller, "x" * 300_000))
            assert caller.answer().status == 200


def test_a_stream_and_a_whole_answer_share_a_connection(provider, house):
    """After the end of a stream the next request is answered."""
    provider.script("alpha", ok("one two"), ok("three"))
    with house.caller() as caller:
        caller.send(asked(caller, "a", stream=True) + asked(caller, "b"))
        assert caller.answer().body.endswith(b"data: [DONE]\n\n")
        assert said(caller.answer()) == "three"


def test_a_connection_without_requests_is_closed_after_a_while(provider, house, monkeypatch):
    """Without a word, since nothing was asked."""
    monkeypatch.setattr("outlast.gateway.protocol.KEEP_ALIVE", 0.2)
    with house.caller() as caller:
        caller.send(caller.head("GET", "/livez") * 2)
        for _ in range(2):
            assert caller.answer().status == 200
        assert caller.rest() == b""
    house.until(lambda: house.connections == 0)


def test_a_long_answer_is_no_idle_connection(provider, house, monkeypatch):
    """The time without requests begins when the answer is out."""
    monkeypatch.setattr("outlast.gateway.protocol.KEEP_ALIVE", 0.1)
    provider.script("alpha", ok("one two three four", between=0.1))
    with house.caller() as caller:
        with house.held():
            caller.send(caller.head("GET", "/livez") + asked(caller, "a", stream=True))
        assert caller.answer().status == 200
        assert caller.answer().body.endswith(b"data: [DONE]\n\n")
        assert caller.rest() == b""


def test_nonsense_behind_a_request_ends_both(provider, house):
    """What is no request makes doubtful what stood before it: that is not answered, and its provider is left."""
    provider.script("alpha", silent())
    with house.caller() as caller:
        caller.post(PATH, chat())
        provider.wait(1)
        caller.send(b"nonsense\r\n\r\n")
        answer = caller.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert caller.rest() == b""
    (seen,) = provider.wait(1, ended=True)
    assert seen.hung_up == "caller"
    assert house.heard()[0].kind == "cancelled"


def test_nonsense_behind_a_stream_cuts_it(provider, house):
    """Nothing may be written into an answer that is under way: the connection is closed without an end mark."""
    provider.script("alpha", stall(after=3))
    with house.caller() as caller:
        caller.post(PATH, chat(stream=True))
        caller.until(b'"content":" the"')
        caller.send(b"nonsense\r\n\r\n")
        assert not caller.rest().endswith(b"0\r\n\r\n")
    assert house.ear.wait(AttemptEnded)[0].kind == "cancelled"


def test_a_caller_may_close_the_connection_with_its_request(provider, house):
    """`connection: close` and HTTP/1.0 are answered once."""
    with house.caller() as caller:
        caller.post(PATH, chat(), "connection: close")
        assert (caller.answer().headers["connection"], caller.rest()) == ("close", b"")
    with house.caller() as caller:
        caller.send(b"GET /livez HTTP/1.0\r\n\r\n")
        assert (caller.answer().headers["connection"], caller.rest()) == ("close", b"")


def parsers():
    """How many the gateway has; the simulated provider reads with the same kind."""
    gc.collect()
    there = [thing for thing in gc.get_objects() if type(thing) is HttpRequestParser]
    heard = [{type(getattr(method, "__self__", None)) for method in gc.get_referents(parser)} for parser in there]
    return sum(Reading in listeners for listeners in heard)


def test_an_open_stream_has_no_parser(provider, house):
    """Nothing comes while an answer is streamed, and many may be streamed at once."""
    provider.script("alpha", stall(after=2))
    with house.caller() as caller:
        caller.request("GET", "/livez")
        caller.answer()
        assert parsers() == 1
        caller.post(PATH, chat(stream=True))
        caller.until(b"content")
        house.until(lambda: all(turn.started for turn in house.app._under_way))
        assert parsers() == 0
        (turn,) = house.app._under_way
        assert turn.inbound.headers == {}


@pytest.mark.parametrize("cut", [1, 20, -1])
def test_half_a_request_may_come_before_a_stream_begins_and_half_behind_it(provider, house, cut):
    """What is half read when a stream begins is read to its end."""
    provider.script("alpha", ok("one two three", first=0.05, between=0.02), ok("four"))
    with house.caller() as caller:
        following = asked(caller, "b")
        caller.send(asked(caller, "a", stream=True) + following[:cut])
        caller.until(b"one")
        caller.send(following[cut:])
        caller.until(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert said(caller.answer()) == "four"


def test_a_request_that_comes_while_a_stream_is_open_is_answered_behind_it(provider, house):
    """Its bytes find a new parser, one after the other."""
    provider.script("alpha", ok("one two three", between=0.02), ok("four"))
    with house.caller() as caller:
        caller.post(PATH, chat(stream=True))
        caller.until(b"one")
        for byte in asked(caller, "b"):
            caller.send(bytes([byte]))
        caller.until(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert said(caller.answer()) == "four"


def test_what_comes_behind_the_last_stream_of_a_connection_is_not_read(provider, house):
    """Neither nonsense nor a request does anything to a stream after which the connection is closed."""
    provider.script("alpha", ok("one two three", between=0.02))
    with house.caller() as caller:
        caller.post(PATH, chat(stream=True), "connection: close")
        caller.until(b"one")
        caller.send(asked(caller, "b"))
        caller.send(b"nonsense\r\n\r\n")
        assert caller.rest().endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert len(provider.requests()) == 1
