"""How much room a request needs: at a glance where that is enough, read only where it is not."""

import pytest
from msgspec.structs import replace

from outlast.flow.room import lacks_room, may_lack_room, room_for_answer
from outlast.model.messages import Chat, Message, Request, Text
from outlast.model.tokens import count_chat

from .calls import ALPHA, no_content

CHAT = Chat((Message("user", (Text("one two three four five six seven eight nine ten " * 20),)),))
TOKENS = count_chat(CHAT, "o200k")


def target(window, **more):
    return replace(ALPHA, window=window, vocabulary="o200k", **more)


def unread(tokens, max_tokens=None):
    """A request whose content must not be read."""
    return Request(model="m", body=b"{}", read=no_content, tokens=tokens, max_tokens=max_tokens)


def readable(max_tokens=None, tokens=TOKENS):
    return Request(model="m", body=b"{}", read=lambda _: CHAT, tokens=tokens, max_tokens=max_tokens)


@pytest.mark.parametrize(
    ("tokens", "limit", "window", "lacks"),
    [(100, None, 200, False), (100, None, 0, False), (50, 100, 200, False), (1_000, None, 249, True)],
)
def test_what_is_plain_by_its_bytes_is_not_read(tokens, limit, window, lacks):
    assert lacks_room(unread(tokens, limit), target(window)) is lacks


def test_between_those_it_is_read_and_counted_once():
    asked = readable()
    assert lacks_room(asked, target(TOKENS)) is False
    assert lacks_room(asked, target(TOKENS - 1)) is True
    assert asked.counted[1] == {"o200k": TOKENS}
    assert lacks_room(readable(tokens=4 * TOKENS), target(TOKENS)) is False


def test_the_answer_needs_room_too_as_far_as_the_model_gives_any():
    assert lacks_room(readable(max_tokens=50), target(TOKENS + 50)) is False
    assert lacks_room(readable(max_tokens=50), target(TOKENS + 49)) is True
    assert lacks_room(readable(max_tokens=50), target(TOKENS + 49, max_output=40)) is False
    assert lacks_room(readable(max_tokens=10), target(TOKENS + 10, max_output=40)) is False


def test_room_for_an_answer():
    assert room_for_answer(unread(1, 300), target(1_000)) == 300
    assert room_for_answer(unread(1), target(1_000), 200) == 200
    assert room_for_answer(unread(1, 300), target(1_000, max_output=100)) == 100
    assert room_for_answer(unread(1, 50), target(1_000, max_output=100)) == 50
    assert room_for_answer(unread(1), target(1_000)) == 0
    assert room_for_answer(unread(1, 9_000), target(1_000)) == 500
    assert room_for_answer(unread(1, 9_000), target(0)) == 9_000


def test_at_a_glance():
    assert not may_lack_room(unread(10**9), target(0))
    assert may_lack_room(unread(101), target(201))
    assert may_lack_room(unread(50, 101), target(200))
    assert not may_lack_room(unread(100), target(200))
