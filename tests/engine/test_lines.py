"""Streams of lines, as Ollama has them, through the engine in virtual time: content, timers, breaks, whole answers."""

import json

import pytest

from outlast.lab.answer import compose
from outlast.lab.rendering import answer_body, answer_events, stream_head, whole
from outlast.lab.steps import Body, End, Fin, Head, Pause, Silence
from outlast.model.errors import BrokenStream
from outlast.testing import Behaviour, cut, drip, ended, error_event, garbled, ok, pings, stall, status, torn

TEXT = "This is the simulated provider {}, no model at all. You said: hi"


@pytest.fixture
def world(make):
    """Two targets that speak Ollama's dialect."""
    return make(dialect="ollama")


@pytest.fixture
def strict(make):
    """One target, and streams that end with an error when they break."""
    return make(["alpha/m"], '[routes.default]\ntargets = ["alpha/m"]\non_break = "error"', dialect="ollama")


def saying(*lines):
    """A stream of these lines, each of which comes so many seconds after the one before."""

    def play(asked):
        yield stream_head(asked)
        for wait, message, more in lines:
            yield Pause(wait)
            yield Body(json.dumps({"model": "m", "message": message, "done": False} | more).encode() + b"\n")
        yield Silence()

    return Behaviour("saying", play)


END = (0.0, {"content": ""}, {"done": True, "done_reason": "stop", "eval_count": 1, "prompt_eval_count": 1})


def one_line(*, label="application/json", newline=b"\n"):
    """A whole answer to whoever wanted a stream."""

    def play(asked):
        data = answer_body(asked, compose(asked)) + newline
        yield from whole(data, asked, content_type=label)

    return Behaviour("one-line", play)


def test_a_chat_is_answered_whole_and_streamed(world):
    """In the words and with the tokens that the provider tells."""
    reply = world.ask()
    assert (reply.text, reply.finish, reply.usage.estimated) == (TEXT.format("alpha"), "stop", False)
    part = world.hear(stream=True)
    assert (part.text, part.finish, part.error) == (TEXT.format("alpha"), "stop", None)


@pytest.mark.parametrize("label", ["application/json", "text/event-stream", ""])
@pytest.mark.parametrize("newline", [b"", b"\n", b"\r\n"])
def test_a_whole_answer_becomes_a_stream(world, label, newline):
    """Whatever it is called: it is a stream of one line."""
    world.script("alpha/m", one_line(label=label, newline=newline))
    part = world.hear(stream=True)
    assert (part.text, part.finish, part.error) == (TEXT.format("alpha"), "stop", None)


@pytest.mark.parametrize(
    "message", [{"content": "a"}, {"thinking": "hm"}, {"tool_calls": [{"function": {"name": "f", "arguments": {}}}]}]
)
def test_words_thoughts_and_calls_are_content(make, message):
    """They end the wait for the first content and start the clock for the next."""
    world = make(["alpha/m"], '[routes.default]\ntargets = ["alpha/m"]\non_break = "error"', dialect="ollama")
    world.script("alpha/m", saying((9.0, message, {}), (9.0, message, {}), (9.0, *END[1:])))
    assert world.hear(stream=True).error is None


@pytest.mark.parametrize("message", [{"content": ""}, {"role": "assistant", "content": "", "thinking": ""}])
def test_empty_lines_stop_no_timer(strict, message):
    """Nor do blank ones, however many come."""
    strict.script("alpha/m", saying(*[(3.0, message, {})] * 9))
    assert strict.fail(stream=True).timer == "first_content"
    strict.script("alpha/m", pings(after=2, every=1.0))
    strict.wait(60)
    broken = strict.hear(stream=True).error
    assert (type(broken), broken.timer) == (BrokenStream, "stall")


@pytest.mark.parametrize("how", [cut(4), ended(4), garbled(4), torn(4), error_event(4), stall(4)])
def test_a_stream_that_breaks_is_gone_on_with(world, how):
    """By the other target, to the letter."""
    world.script("alpha/m", how)
    part = world.hear(stream=True)
    assert part.error is None
    assert part.finish == "stop"
    assert part.text.endswith("You said: hi")


@pytest.mark.parametrize("how", [cut(4), cut(4, "rst"), ended(4), garbled(4), torn(4), error_event(4), stall(4)])
def test_a_stream_that_breaks_never_looks_whole(strict, how):
    """Where nobody can go on it ends with an error, and without a reason."""
    strict.script("alpha/m", how)
    part = strict.hear(stream=True)
    assert (type(part.error), part.finish) == (BrokenStream, None)


def test_a_stream_is_over_with_its_last_line(world):
    """Even on a connection that stays open."""
    world.script("alpha/m", saying((0.0, {"content": "a"}, {}), END))
    part = world.hear(stream=True)
    assert (part.text, part.finish, part.error) == ("a", "stop", None)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"<html>no</html>", b'{"choices":[]}', b'data: {"a":1}\n\n', b"[1]\n"])
def test_what_is_no_line_of_it_is_no_answer(world, data):
    """The next target is asked, after another try."""

    def play(asked):
        del asked
        yield Head(headers=(("content-type", "application/x-ndjson"),), framing="close")
        yield Body(data)
        yield Fin()

    world.script("alpha/m", Behaviour("no-line", play))
    assert world.hear(stream=True).text == TEXT.format("beta")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b'{"error":"model \\"m\\" not found, try pulling it first"}\n', "missing"),
        (b'{"error":"the input length exceeds the context length"}\n', "context_length"),
        (b'{"error":"\\"m\\" does not support tools"}', "unsupported"),
    ],
)
def test_an_error_in_the_first_line_is_heard_before_anything_is_said(strict, line, kind):
    """Although the status said that all is well."""

    def play(asked):
        yield stream_head(asked)
        yield Body(line)
        yield End()

    strict.script("alpha/m", Behaviour("first-error", play))
    assert strict.fail(stream=True).kind == kind


def test_each_read_brings_what_it_may(world):
    """A good answer byte by byte, and all of it at once."""

    def at_once(asked):
        yield stream_head(asked)
        yield Body(b"".join(event.data for event in answer_events(asked, compose(asked))))
        yield End()

    world.script("alpha/m", drip(0.0), Behaviour("at-once", at_once), ok())
    texts = [world.hear(stream=True).text for _ in range(3)]
    assert texts == [TEXT.format("alpha")] * 3


def test_what_does_not_fit_is_refused_and_goes_where_more_is_loaded(make):
    """The prompt is never cut without a word: the server says no, and a target with a larger window answers."""
    sizes = "\n".join(
        f"[providers.{name}.quirks]\nnum_ctx = {size}" for name, size in [("alpha", 4096), ("beta", 32768)]
    )
    world = make(more=sizes, dialect="ollama")
    too_long = "request (8889 tokens) exceeds the available context size (4096 tokens), try increasing it"
    world.script("alpha/m", status(400, message=too_long))
    assert world.ask().target == "beta/m"
    asked = [(sent.target, json.loads(sent.body)) for sent in world.io.sent]
    assert [(target, body["options"], body["truncate"]) for target, body in asked] == [
        ("alpha/m", {"num_ctx": 4096}, False),
        ("beta/m", {"num_ctx": 32768}, False),
    ]
