"""Google's dialect through the engine in virtual time: content, timers, breaks, refusals inside a 200."""

import json

import pytest

from outlast.lab.rendering import stream_head, whole
from outlast.lab.steps import Body, End, Pause, Silence
from outlast.model.errors import ContentFilter
from outlast.testing import Behaviour, cut, ended, error_event, garbled, ok, stall, status, throttled

TEXT = "This is the simulated provider {}, no model at all. You said: hi"


@pytest.fixture
def world(make):
    """Two targets that speak Google's dialect."""
    return make(dialect="gemini")


def event(*parts, finish=None):
    """One event of a stream."""
    ended = {"finishReason": finish} if finish else {}
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0} | ended
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1}
    return b"data: " + json.dumps({"candidates": [candidate], "usageMetadata": usage}).encode() + b"\r\n\r\n"


def saying(*events, end=True):
    """A stream of these events, each of which comes so many seconds after the one before."""

    def play(asked):
        yield stream_head(asked)
        for wait, data in events:
            yield Pause(wait)
            yield Body(data)
        yield End() if end else Silence()

    return Behaviour("saying", play)


def answering(body):
    """A whole answer of these bytes."""
    return Behaviour("answering", lambda asked: whole(json.dumps(body).encode(), asked))


def test_a_chat_is_answered_whole_and_streamed(world):
    """In the words and with the tokens that the provider tells."""
    reply = world.ask()
    assert (reply.text, reply.finish, reply.usage.estimated) == (TEXT.format("alpha"), "stop", False)
    part = world.hear(stream=True)
    assert (part.text, part.finish, part.error) == (TEXT.format("alpha"), "stop", None)


@pytest.mark.parametrize("how", [503, 500, 429, throttled(30)], ids=str)
def test_another_target_answers(world, how):
    """Before the first word nobody notices."""
    world.script("alpha/m", how, how, how)
    assert world.ask().text == TEXT.format("beta")
    world.script("alpha/m", how, how, how)
    assert world.hear(stream=True).text == TEXT.format("beta")


@pytest.mark.parametrize(
    "how", [cut(3), cut(3, "rst"), ended(3), stall(3), error_event(3), garbled(3, b"data: {oops\r\n\r\n")], ids=str
)
def test_a_stream_that_breaks_is_gone_on_with(world, how):
    """Without a finish reason no end is an end."""
    world.script("alpha/m", how)
    part = world.hear(stream=True)
    assert (part.text, part.finish, part.error) == (TEXT.format("beta"), "stop", None)


def test_the_end_of_the_body_is_the_end_of_the_answer(world):
    """There is no marker to wait for; where the body does not end, a second is enough."""
    finish = event({"text": "."}, finish="STOP")
    world.script("alpha/m", saying((0.0, event({"text": "so"})), (0.0, finish), end=False))
    start = world.now
    part = world.hear(stream=True)
    assert (part.text, part.finish) == ("so.", "stop")
    assert world.now - start <= 1.0


def test_thoughts_and_work_are_signs_of_life_and_signatures_are_not(world):
    """A model that thinks aloud, or runs code, is not silent; one that only signs is."""
    thought, code = {"text": "hm", "thought": True}, {"executableCode": {"language": "PYTHON", "code": "1"}}
    end = (8.0, event({"text": "four"}, finish="STOP"))
    world.script("alpha/m", saying((8.0, event(thought)), (8.0, event(code)), (8.0, event(code)), end))
    assert world.hear(stream=True).text == "four"
    signed = (8.0, event({"text": "", "thoughtSignature": "Q3M="}))
    world.script("alpha/m", saying(signed, signed, end))
    assert world.hear(stream=True).text == TEXT.format("beta")


def test_a_prompt_that_was_blocked_is_refused_for_its_content(world):
    """Once: another target is not asked, and nobody is blamed."""
    world.script("alpha/m", answering({"promptFeedback": {"blockReason": "SAFETY"}}))
    with pytest.raises(ContentFilter):
        world.ask()
    assert world.path() == ["alpha/m"]


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE"])
def test_an_answer_that_went_wrong_is_asked_for_again(world, reason):
    """The model has made nothing of use, whatever the status says."""
    world.script("alpha/m", answering({"candidates": [{"finishReason": reason}]}), ok("better"))
    assert world.ask().text in {"better", TEXT.format("beta")}


def test_a_key_that_is_not_valid_is_taken_out(world):
    """Google tells it by a 400 with a reason."""
    world.script("alpha/m", status(400, error="API_KEY_INVALID"))
    assert world.ask().text == TEXT.format("beta")
    assert world.ask().text == TEXT.format("beta")
    assert world.path() == ["alpha/m", "beta/m", "beta/m"]
