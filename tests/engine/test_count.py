"""How many tokens a request has: as a provider of the route counts them, else as we estimate."""

import json

import pytest

from outlast.dialects import DIALECTS
from outlast.engine import Asked
from outlast.lab.script import ok, silent, slow_headers, status
from outlast.model.errors import Failure
from outlast.model.events import CountEstimated, RequestEnded
from outlast.model.messages import Counted, Usage
from outlast.model.tokens import tokens_of

CLAUDES = {"alpha": "anthropic", "beta": "anthropic"}
HI = [{"role": "user", "content": "How long is the coast of Norway, with all its fjords and islands?"}]


def count_of(model="default", **fields):
    """A count in Anthropic's words."""
    body = {"model": model, "messages": HI, **fields}
    return DIALECTS["anthropic"].parse("count", json.dumps(body).encode())


def counted(world, request=None, **asked):
    """The answer to a count."""
    return world.run(world.engine.answer(request or count_of(), Asked("c", **asked)))


@pytest.fixture
def claudes(make):
    """Two targets that speak Anthropic's dialect."""
    return make(dialect=CLAUDES)


def test_a_provider_that_counts_is_asked(claudes):
    answer = counted(claudes)
    assert json.loads(claudes.io.sent[0].body) == {"model": "m", "messages": HI}
    assert isinstance(answer, Counted)
    assert (answer.tokens > 0, answer.source, answer.target) == (True, "primary", "alpha/m")


def test_what_has_no_tokens_is_not_sent_along(claudes):
    counted(claudes, count_of(max_tokens=10, temperature=0.5, stream=True, stop_sequences=["x"], system="Be brief."))
    assert json.loads(claudes.io.sent[0].body).keys() == {"model", "messages", "system"}


def test_the_next_provider_counts_when_the_first_does_not(claudes):
    claudes.script("alpha/m", 503)
    answer = counted(claudes)
    assert (answer.source, answer.target) == ("fallback", "beta/m")


def test_when_nobody_counts_it_is_estimated(make):
    world = make()
    answer = counted(world)
    assert (answer.source, answer.target, answer.attempts, world.sent()) == ("estimate", "alpha/m", 0, 0)
    assert answer.tokens == tokens_of(count_of(), world.house.config.routes.find("default").targets[0].vocabulary)
    assert not answer.degraded
    assert [event.why for event in world.events(CountEstimated)] == ["no target of the route counts"]


def test_only_who_counts_is_asked(make):
    world = make(dialect={"beta": "anthropic"})
    assert counted(world).target == "beta/m"
    assert world.path() == ["beta/m"]


def test_when_all_who_count_fail_it_is_estimated(claudes):
    claudes.script_all(503)
    answer = counted(claudes)
    assert answer.source == "estimate"
    assert [event.why for event in claudes.events(CountEstimated)] == ["transient"]
    assert claudes.events(RequestEnded)[-1].kind == "ok"


@pytest.mark.parametrize("says", [404, status(404, body='{"detail": "Not Found"}'), 405, 501])
def test_a_provider_without_such_a_path_is_no_error(claudes, says):
    claudes.script_all(says)
    assert counted(claudes).source == "estimate"


def test_nobody_waits_long_for_a_count(claudes):
    claudes.script_all(silent())
    before = claudes.now
    assert counted(claudes).source == "estimate"
    assert claudes.now - before == pytest.approx(10.0)


def test_the_caller_s_mistake_is_told(claudes):
    claudes.script_all(status(400))
    with pytest.raises(Failure) as told:
        counted(claudes)
    assert (told.value.kind, claudes.sent()) == ("caller", 1)


def earlier():
    """A count of what follows on an answer that its provider keeps."""
    body = {"model": "default", "input": "And now?", "previous_response_id": "resp_1"}
    return DIALECTS["responses"].parse("count", json.dumps(body).encode())


def test_nobody_is_waited_for_beyond_the_deadline(claudes):
    """A caller in a hurry gets the estimate sooner: it costs nothing, and nothing but the attempt was made for it."""
    claudes.script_all(silent())
    before = claudes.now
    answer = counted(claudes, timeout=2.0)
    assert (answer.source, answer.cost, answer.attempts) == ("estimate", 0.0, claudes.sent())
    assert claudes.now - before == pytest.approx(2.0)


def test_what_goes_on_from_what_a_provider_keeps_is_never_estimated(make):
    """Not when that provider is down, either: nobody else knows how much there is."""
    world = make(("alpha/m",), '[providers.alpha.quirks]\nalso = ["responses"]\nkeeps_state = true')
    world.script("alpha/m", 503)
    with pytest.raises(Failure) as told:
        counted(world, earlier())
    assert (told.value.kind, world.events(CountEstimated)) == ("transient", [])
    assert world.sent() > 0


def test_what_is_no_count_goes_through(make):
    """To whoever answers, with its own time."""
    world = make()
    world.script("alpha/m", slow_headers(15.0))
    assert world.ask().source == "primary"


def test_what_only_a_provider_has_is_not_estimated(make):
    """Nobody here keeps earlier answers."""
    world = make()
    with pytest.raises(Failure, match="previous_response_id") as told:
        counted(world, earlier())
    assert (told.value.kind, world.sent(), world.events(CountEstimated)) == ("caller", 0, [])


def test_switched_off_everything_is_estimated(make):
    world = make(("alpha/m",), "[counting]\nenabled = false", dialect=CLAUDES)
    assert (counted(world).source, world.sent()) == ("estimate", 0)


def test_a_count_costs_a_request_and_no_tokens(make):
    world = make(("alpha/m",), "[providers.alpha.limits]\nrpm = 600\ntpm = 60", dialect=CLAUDES)
    long = [{"role": "user", "content": "word " * 5_000}]
    for _ in range(3):
        assert counted(world, count_of(messages=long)).source == "primary"
    assert world.events(RequestEnded)[-1].usage.input == 0


OVERLOADED = '{"type": "error", "error": {"type": "overloaded_error", "message": "later"}}'


@pytest.mark.parametrize(
    ("said", "kind"), [('{"input_tokens": "many"}', "bad_response"), ("{}", "bad_response"), (OVERLOADED, "transient")]
)
def test_what_is_no_count_is_no_answer(claudes, said, kind):
    claudes.script("alpha/m", status(200, body=said))
    claudes.script("beta/m", ok())
    answer = counted(claudes)
    assert (answer.target, claudes.story()[0]) == ("beta/m", ("alpha/m", kind))


def test_it_is_rendered_as_the_vendor_would():
    dialect, request = DIALECTS["anthropic"], count_of()
    estimate = Counted(tokens=42, model="m", usage=Usage())
    assert json.loads(dialect.render(estimate, request)) == {"input_tokens": 42}


def test_a_count_needs_messages_and_a_model_alone():
    request = count_of()
    assert (request.operation, request.stream) == ("count", False)
    assert request.max_tokens is request.content().max_tokens is None
    with pytest.raises(Failure, match="messages is required"):
        DIALECTS["anthropic"].parse("count", b'{"model": "m"}')
