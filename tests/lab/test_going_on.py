"""Simulated providers go on with answers that others began, and refuse beginnings that their vendors would refuse."""

import msgspec
import pytest

from outlast.lab.answer import Asked, compose
from outlast.lab.going_on import Way
from outlast.lab.vendors.demands import Refusal, check
from outlast.model.continuing import ask_on

HI = {"role": "user", "content": "hi"}
WHOLE = "one two three four five six"
JSON = {"content-type": "application/json", "anthropic-version": "2023-06-01"}


def asked(*messages, vendor="openai", prefill="message", **fields):
    """A request with these messages behind the question."""
    return Asked(vendor, body={"model": "m", "messages": [HI, *messages], **fields}, prefill=prefill)


def begun(text, **mark):
    """What an assistant has said."""
    return {"role": "assistant", "content": text, **mark}


def wish(text):
    """The user's wish for the rest of it."""
    return {"role": "user", "content": ask_on(text)}


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
@pytest.mark.parametrize("at", range(1, len(WHOLE)))
def test_a_prefilled_model_says_the_rest(vendor, at):
    """From any letter on, without a word of what was said."""
    said = WHOLE[:at].rstrip()
    rest = compose(asked(begun(said), vendor=vendor), WHOLE)
    assert said + rest.text == WHOLE


@pytest.mark.parametrize(
    ("way", "says"),
    [
        (Way(), "one two three four five six"),
        (Way("straight"), " four five six"),
        (Way("anew"), WHOLE),
        (Way(repeats=2), "two three four five six"),
        (Way(introduction="Sure: ", repeats=1), "Sure: three four five six"),
    ],
)
def test_an_asked_model_says_it_in_its_way(way, says):
    """As it is asked to, or otherwise."""
    assert compose(asked(begun("one two three"), wish("one two three")), WHOLE, way=way).text == says


def test_pieces_of_several_providers_make_one_text():
    """The answer is a function of the question: each goes on where another ended, by its own name."""
    first = msgspec.structs.replace(asked(), provider="alpha")
    said = "".join(compose(first).tokens[:7])
    second = msgspec.structs.replace(asked(begun(said)), provider="beta")
    assert said + compose(second).text == compose(first).text


def test_the_rest_is_as_long_as_is_allowed():
    """Tokens are those of the rest."""
    rest = compose(asked(begun("one two"), max_tokens=2), WHOLE)
    assert (rest.text, rest.finish) == (" three four", "length")


@pytest.mark.parametrize(
    ("prefill", "message", "fields", "goes_on"),
    [
        ("message", begun("one two"), {}, True),
        ("prefix", begun("one two", prefix=True), {}, True),
        ("continue", begun("one two"), {"continue_final_message": True, "add_generation_prompt": False}, True),
        ("continue", begun("one two"), {}, False),
        ("none", begun("one two"), {}, False),
    ],
)
def test_servers_go_on_when_they_are_told_in_their_way(prefill, message, fields, goes_on):
    """Else they begin anew."""
    request = asked(message, prefill=prefill, **fields)
    check(request, JSON)
    assert compose(request, WHOLE).text == (" three four five six" if goes_on else WHOLE)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asked(begun("one"), continue_final_message=True), "continue_final_message"),
        (asked(begun("one"), prefill="continue", continue_final_message=True), "add_generation_prompt"),
        (asked(begun("one"), prefill="prefix"), "prefix True"),
        (asked(begun("one "), vendor="anthropic", max_tokens=9), "trailing whitespace"),
        (asked(begun([{"type": "text", "text": "one\n"}]), vendor="anthropic", max_tokens=9), "trailing whitespace"),
        (asked(begun("one"), vendor="anthropic", max_tokens=9, thinking={"type": "adaptive"}), "thinking block"),
        (asked(begun("one"), vendor="anthropic", max_tokens=9, output_format={"type": "json_schema"}), "format"),
    ],
)  # fmt: skip
def test_a_beginning_is_refused_as_its_vendor_refuses_it(request_, words):
    """In the vendor's words for what is wrong with it."""
    with pytest.raises(Refusal) as refused:
        check(request_, JSON)
    assert words in refused.value.message
