"""Callers who do not read: the provider is held back, memory stays bounded, and in the end they are cut off."""

from outlast.testing import endless, ok

from .house import chat

PATH = "/v1/chat/completions"
IMPATIENT = "[server]\nwrite_timeout = 0.3"
SMALL = 4096


def test_a_caller_who_stops_reading_a_stream_is_cut_off(provider, open_house):
    """G6: an endless stream is held back by buffers of bounded size, and ends with the write timeout."""
    house = open_house(IMPATIENT)
    provider.script("alpha", endless("word " * 200))
    with house.caller(receive_buffer=SMALL) as caller:
        caller.post(PATH, chat(stream=True))
        caller.until(b"word")
        (ended,) = house.heard()
        (seen,) = provider.wait(1, ended=True)
        house.until(lambda: house.connections == 0)
    assert (ended.kind, seen.hung_up) == ("cancelled", "caller")
    assert seen.sent < 32 << 20


def test_a_caller_who_stops_reading_a_whole_answer_is_cut_off(provider, open_house):
    """The same for megabytes that are there already: they are not kept for a caller who does not want them."""
    house = open_house(IMPATIENT)
    provider.script("alpha", ok("a" * (16 << 20)))
    with house.caller(receive_buffer=SMALL) as caller:
        caller.post(PATH, chat())
        assert caller.answer_head().status == 200
        house.until(lambda: house.connections == 0)


def test_a_caller_who_reads_slowly_but_steadily_gets_everything(provider, open_house):
    """Each piece has the write timeout anew, so that a thin line is no reason to be cut off."""
    house = open_house(IMPATIENT)
    provider.script("alpha", ok("a" * (4 << 20)))
    with house.caller(receive_buffer=SMALL) as caller:
        caller.post(PATH, chat())
        answer = caller.answer()
    assert len(answer.json["choices"][0]["message"]["content"]) == 4 << 20


def test_a_stopped_gateway_does_not_wait_for_a_caller_who_does_not_read(provider, open_house):
    """What is left in the buffers of such a caller holds up nobody: the house ends although he is still there."""
    house = open_house(IMPATIENT)
    provider.script("alpha", endless("word " * 200))
    with house.caller(receive_buffer=SMALL) as caller:
        caller.post(PATH, chat(stream=True))
        caller.until(b"word")
        house.heard()
        house.until(lambda: house.connections == 0)
        caller.rest()
