"""What is left of a question on the rung "simplify"."""

import pytest
from msgspec.structs import replace

from outlast.layers.degrade import SimplifyConfig, simplified
from outlast.model.errors import Caller
from outlast.model.messages import Chat, Image, Message, Needs, Request, Schema, Text, Tool, ToolResult

CONFIG = SimplifyConfig()
PICTURE = Image(url="https://example.org/a.png")
SCHEMA = Schema({"type": "object"})
HI = Message("user", (Text("hi"),))


def asked(*messages, tokens=9_000, **fields):
    """A request of this conversation."""
    chat = Chat(messages=messages, **fields)
    return Request(model="m", stream=True, tokens=tokens, usage_wanted=False, restarts=True, read=lambda _: chat)


def test_what_is_asked_is_asked_in_the_same_manner():
    """The form of the answer, its sampling, and how it is delivered; no tools."""
    fields = {"temperature": 0.5, "top_p": 0.9, "stop": ("x",), "seed": 7, "schema": SCHEMA, "user": "ada"}
    request = asked(HI, tools=(Tool("f"),), tool_choice="f", **fields)
    request.json, request.needs = True, Needs(tools=True, schema=True)
    less = simplified(request, CONFIG)
    assert (less.model, less.stream, less.usage_wanted, less.restarts, less.json) == ("m", True, False, True, True)
    assert (less.needs, less.max_tokens) == (Needs(schema=True), 256)
    system = Message("system", (Text("Answer briefly."),))
    assert less.content() == Chat(messages=(system, HI), max_tokens=256, **fields)


@pytest.mark.parametrize(("own", "most"), [(None, 256), (10, 10), (5_000, 256)])
def test_the_answer_is_no_longer_than_either_allows(own, most):
    """The caller, or the configuration."""
    less = simplified(asked(HI, max_tokens=own), CONFIG)
    assert (less.max_tokens, less.content().max_tokens) == (most, most)


@pytest.mark.parametrize("system", ["", "Answer briefly."])
def test_pictures_of_the_last_message_are_asked_about(system):
    """By who can see them; those of earlier messages are not."""
    config = replace(CONFIG, system=system)
    last = Message("user", (Text("what?"), PICTURE))
    less = simplified(asked(HI, last), config)
    assert (less.content().messages[-1], less.needs, less.tokens) == (last, Needs(vision=True), 9_000)
    earlier = simplified(asked(last, HI), config)
    assert (earlier.content().messages[-1], earlier.needs) == (HI, Needs())
    assert simplified(asked(Message("user", (PICTURE,))), config).needs == Needs(vision=True)


def test_it_is_as_large_as_its_words():
    """About four characters are a token; the conversation before it does not count any more."""
    words = "word " * 400
    less = simplified(asked(*[HI] * 100, Message("user", (Text(words),))), CONFIG)
    assert less.tokens == pytest.approx(500 + 4, rel=0.03)
    assert simplified(asked(HI, tokens=1), CONFIG).tokens > 4  # the templates are words too


@pytest.mark.parametrize(
    ("system", "sent"),
    [
        ("", None),
        ("  ", None),
        ("{system}", "You are a pirate.\nSpeak"),
        ("Briefly. {system}", "Briefly. You are a pirate.\nSpeak"),
    ],
)
def test_the_systems_words_are_a_template(system, sent):
    """Of the caller's own so many characters are taken; without any words there is no such message."""
    own = (Message("system", (Text("You are a pirate."),)), Message("system", (Text("Speak like one."),)))
    config = replace(CONFIG, system=system, longest_system=len("You are a pirate.\nSpeak"))
    messages = simplified(asked(*own, HI), config).content().messages
    assert messages[-1] == HI
    assert [message.parts[0].text for message in messages[:-1]] == ([] if sent is None else [sent])


def unreadable(_body):
    """Only its provider understands it."""
    raise Caller("no words of ours")


@pytest.mark.parametrize(
    "request_",
    [
        asked(),
        asked(HI, Message("assistant", (Text("so"),))),
        asked(HI, Message("tool", (ToolResult("c", (Text("26"),)),))),
        Request(model="m", read=unreadable),
    ],
)
def test_what_has_no_smaller_form_has_none(request_):
    """No last word of the user's, or none that we can read."""
    assert simplified(request_, CONFIG) is None
