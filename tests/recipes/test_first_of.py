"""One provider after the other, and the mistakes that such fallbacks make."""

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import anthropic
import httpx2
import openai
import pytest
from tests.guard.world import Script, Takes, played

import outlast
from outlast import Breaker, Exhausted, Rejected, first_of
from outlast.edge.deadline import within
from outlast.model.errors import Caller, Credential, Throttled
from outlast.model.events import AttemptEnded, FailedOver
from outlast.testing import ScriptedIo, run


class Provider:
    """A provider as a function, which plays a script; `calls` tells of them."""

    def __init__(self, world, name, *outcomes):
        self.script = Script(outcomes)
        self.function = played(self.script, world.io, world.face)
        self.function.__name__ = name

    @property
    def calls(self):
        return self.script.calls


@pytest.fixture
def providers(world):
    """Makes providers, and a function that asks them in order."""

    def made(first, second=("from two",), **how):
        one, two = Provider(world, "one", *first), Provider(world, "two", *second)
        return one, two, first_of(one.function, two.function, **({"io": world.io} | how))

    return made


def of_openai(status, code=None, kind=None, message="no"):
    """The error that the official SDK raises."""
    body = {"error": {"message": message, "type": kind, "code": code, "param": None}}
    response = httpx2.Response(status, json=body, request=httpx2.Request("POST", "https://api.openai.com/v1/x"))
    return openai.OpenAI(api_key="k")._make_status_error_from_response(response)


def of_anthropic(status, kind, message="no"):
    """The same of the other."""
    body = {"type": "error", "error": {"type": kind, "message": message}}
    response = httpx2.Response(status, json=body, request=httpx2.Request("POST", "https://api.anthropic.com/v1/x"))
    return anthropic.Anthropic(api_key="k")._make_status_error_from_response(response)


def test_the_first_that_answers_is_asked_alone(world, providers):
    """Its answer says whose it is."""
    _, two, ask = providers(["from one"])
    answer = world.call(ask, "hi")
    assert (answer.value, answer.source, answer.by, answer.failures) == ("from one", "primary", "one", ())
    assert answer.degraded is False
    assert two.calls == []


def test_the_reason_of_each_failure_is_kept(world, providers):
    """Although the answer is good; another provider of the same is not less than was asked for."""
    one, _, ask = providers([Throttled("slow down")])
    answer = world.call(ask, "hi")
    assert (answer.value, answer.source, answer.by, answer.degraded) == ("from two", "fallback", "two", False)
    (why,) = answer.failures
    assert (why.target, why.kind, why.error) == ("one", "throttled", "Throttled")
    assert one.calls == [("hi",)]


def test_what_is_asked_for_is_not_changed(world):
    """All arguments go to whoever is asked."""
    seen = []

    def plain(*args, **kwargs):
        seen.append((args, kwargs))
        if len(seen) == 1:
            raise OSError
        return "well"

    async def coroutine(*args, **kwargs):
        return plain(*args, **kwargs)

    chosen = plain if world.face == "plain" else coroutine
    ask = first_of(chosen, chosen, io=world.io)
    world.call(lambda: ask("hi", temperature=0.2))
    assert seen == [(("hi",), {"temperature": 0.2})] * 2


@pytest.mark.parametrize(
    "wrong",
    [
        ValueError("mine"),
        TypeError("mine"),
        Caller("no"),
        of_openai(400, "invalid_value"),
        of_openai(422),
        of_openai(400, "context_length_exceeded"),
        of_openai(400, "content_policy_violation"),
        of_anthropic(400, "invalid_request_error"),
        of_anthropic(413, "request_too_large"),
    ],
    ids=lambda error: f"{type(error).__module__}-{type(error).__name__}",
)
def test_a_wrong_request_goes_to_nobody_else(world, providers, wrong):
    """It is wrong everywhere: its error comes out as it is, and no circuit opens."""
    one, two, ask = providers([wrong])
    for _ in range(20):
        assert world.fails(ask) is wrong
    assert (len(one.calls), two.calls) == (20, [])


@pytest.mark.parametrize(
    ("passing", "kind"),
    [
        (OSError(), "connect"),
        (TimeoutError(), "timeout"),
        (openai.APIConnectionError(request=httpx2.Request("POST", "https://a")), "transient"),
        (openai.APITimeoutError(httpx2.Request("POST", "https://a")), "transient"),
        (of_openai(500), "transient"),
        (of_openai(503), "transient"),
        (of_openai(429, "rate_limit_exceeded"), "throttled"),
        (of_openai(429, "insufficient_quota"), "quota"),
        (of_openai(401, "invalid_api_key"), "credential"),
        (of_openai(403), "permission"),
        (of_openai(404, "model_not_found"), "missing"),
        (of_anthropic(529, "overloaded_error"), "transient"),
        (of_anthropic(404, "not_found_error", "model: claude-old"), "missing"),
        (of_anthropic(400, "invalid_request_error", "Your credit balance is too low"), "quota"),
        (Credential("no"), "credential"),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_what_another_may_do_better_goes_on(world, providers, passing, kind):
    """Overloads, refused keys, empty accounts, models that are gone: as the SDKs raise them."""
    _, _, ask = providers([passing])
    answer = world.call(ask, "hi")
    assert answer.value == "from two"
    assert [why.kind for why in answer.failures] == [kind]


def test_who_refuses_our_key_is_left_alone(world, providers):
    """After five of them, and asked again later."""
    one, _, ask = providers([of_openai(401, "invalid_api_key")])
    for _ in range(20):
        assert world.call(ask).value == "from two"
    assert len(one.calls) == 5
    world.wait(12)
    world.call(ask)
    assert len(one.calls) == 6


def test_who_is_open_is_passed_by_and_tried_again(world, providers):
    """The reason says so; when it is well it is first again."""
    one, _, ask = providers([*[OSError] * 5, "from one"])
    for _ in range(5):
        world.call(ask)
    passed = world.call(ask)
    assert [(why.target, why.kind) for why in passed.failures] == [("one", "rejected")]
    assert "the circuit is open" in passed.failures[0].message
    assert len(one.calls) == 5
    world.wait(12)
    assert [world.call(ask).value for _ in range(3)] == ["from one"] * 3


def test_each_has_so_long(world, providers):
    """A provider that hangs costs its cap, and not the caller's patience."""
    _, _, ask = providers([Takes(600)], [Takes(1, "from two")], within=2.0)
    answer = world.call(ask, "hi")
    assert answer.value == "from two"
    assert [why.kind for why in answer.failures] == ["timeout"]
    assert world.now() == (3.0 if world.face == "coroutine" else 601.0)  # a plain function is not interrupted


def test_plain_functions_that_hang_are_left_behind():
    """In their threads."""
    go_on = Event()

    def hangs(prompt):
        go_on.wait(120)
        return prompt

    def answers(prompt):
        return prompt.upper()

    answer = first_of(hangs, answers, within=2.0)("hi")  # which the other one needs less than on any machine
    go_on.set()
    assert (answer.value, answer.by) == ("HI", "answers")


def test_threads_may_ask_at_the_same_time():
    """Sixteen are inside at once: no lock is held while anybody is asked."""
    barrier = Barrier(16, timeout=120)
    ask = first_of(barrier.wait, barrier.wait, max_latency=60)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: ask(), range(16)))
    assert sorted(answer.value for answer in answers) == list(range(16))
    assert {answer.by for answer in answers} == {"wait"}


def test_threads_that_are_left_behind_are_bounded(monkeypatch):
    """Who hangs for ever is not asked for ever: beyond so many, the next one is asked at once."""
    monkeypatch.setattr("outlast.recipes.in_time.LEFT_BEHIND", 3)
    go_on, asked = Event(), []

    def hangs():
        asked.append(1)
        go_on.wait(120)

    def answers():
        return "well"

    ask = first_of(hangs, answers, within=1.0, breaker=Breaker(failures=1_000, failure_rate=2, slow_rate=2))
    whys = [ask().failures[0].kind for _ in range(10)]
    go_on.set()
    assert whys == ["timeout"] * 3 + ["rejected"] * 7
    assert len(asked) == 3


def test_all_of_them_have_a_deadline(loop):
    """Whoever is asked late has what is left; who has nothing left is not asked."""
    slow = [Provider(loop, f"p{number}", Takes(4)) for number in range(5)]
    ask = first_of(*(each.function for each in slow), within=3, deadline=7, io=loop.io)
    error = loop.fails(ask)
    assert loop.now() == 7
    assert type(error) is Exhausted
    assert [len(each.calls) for each in slow] == [1, 1, 1, 0, 0]


def test_when_all_have_failed_the_last_error_is_told(world, providers):
    """And the reason of each."""
    last = OSError("two")
    _, _, ask = providers([TimeoutError], [last])
    error = world.fails(ask)
    assert type(error) is Exhausted
    assert error.last is error.__cause__ is last
    assert [(why.target, why.error) for why in error.attempts] == [("one", "TimeoutError"), ("two", "OSError")]


def test_when_none_can_be_asked_it_is_a_refusal(world, providers):
    """Never sent; the smallest wait of all is told."""
    _, _, ask = providers([OSError], [OSError], breaker=Breaker(failures=1, jitter=0))
    world.fails(ask)
    world.wait(4)
    error = world.fails(ask)
    assert (type(error), error.retry_after, error.gate) == (Rejected, 6.0, "first_of")
    assert [why.kind for why in error.attempts] == ["rejected", "rejected"]


def test_who_has_lately_been_too_slow_comes_last(loop):
    """By its live p99 and twenty samples; not by one call that was slow."""
    one, two = Provider(loop, "one", Takes(9, "slow"), *["fast"] * 30), Provider(loop, "two", "from two")
    ask = first_of(one.function, two.function, max_latency=2, io=loop.io)
    assert [loop.call(ask).by for _ in range(15)] == ["one"] * 15
    for _ in range(15):
        loop.call(ask)
    assert len(two.calls) > 0


def test_too_slow_is_not_for_ever(loop):
    """One in twenty asks it all the same, and old samples are forgotten."""
    one, two = Provider(loop, "one", *[Takes(9, "slow")] * 20, "fast"), Provider(loop, "two", "from two")
    ask = first_of(one.function, two.function, max_latency=2, io=loop.io)
    for _ in range(20):
        loop.call(ask)
    by = [loop.call(ask).by for _ in range(100)]
    assert 1 <= by.count("one") <= 15
    loop.wait(301)
    assert loop.call(ask).by == "one"


def test_all_too_slow_is_better_than_nobody(loop):
    """They are asked in their order."""
    one, two = Provider(loop, "one", Takes(9, "slow")), Provider(loop, "two", Takes(9, "slow"))
    ask = first_of(one.function, two.function, max_latency=2, io=loop.io)
    assert {loop.call(ask).value for _ in range(60)} == {"slow"}


def test_what_a_timer_cut_counts_as_slow(loop):
    """It would have taken longer still, and a failure that came at once says nothing."""
    one, two = Provider(loop, "one", *[Takes(9)] * 4, *["fast"] * 16, "fast"), Provider(loop, "two", "from two")
    ask = first_of(one.function, two.function, within=3, max_latency=2, io=loop.io)
    for _ in range(20):
        loop.call(ask)
    assert [loop.call(ask).by for _ in range(20)].count("two") >= 15


def test_what_the_deadline_cut_is_not_taken_for_fast(loop):
    """A way that had half a second only would have taken longer: as long as it does."""
    one, two = Provider(loop, "one", OSError), Provider(loop, "two", Takes(2.2, "from two"))
    three = Provider(loop, "three", OSError)
    ask = first_of(one.function, two.function, three.function, max_latency=2, io=loop.io)
    assert {loop.call(ask).by for _ in range(20)} == {"two"}

    async def hurried():
        with within(loop.io.now() + 0.5, loop.io.now):
            return await ask()

    for _ in range(150):
        loop.fails(hurried)
    three.script.outcomes = ["from three"]
    loop.wait(30)
    assert [loop.call(ask).by for _ in range(10)].count("three") >= 8


def test_a_refusal_of_a_guard_inside_is_no_failure_of_its_own(world):
    """Two breakers around one function do not count twice, and a local no opens nothing."""
    inner = outlast.CircuitBreaker(1, 10, io=world.io)
    one, two = Provider(world, "one", OSError, "from one"), Provider(world, "two", "from two")
    ask = first_of(inner(one.function), two.function, io=world.io)
    for _ in range(20):
        world.call(ask)
    assert len(one.calls) == 1
    world.wait(10)
    assert world.call(ask).by == "one"


def test_a_cancelled_call_asks_nobody_else(loop):
    """And counts for nothing."""
    one, two = Provider(loop, "one", Takes(100)), Provider(loop, "two", "from two")
    ask = first_of(one.function, two.function, io=loop.io)

    async def story():
        task = asyncio.create_task(ask())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert loop.run(story()) is True
    assert two.calls == []
    assert loop.state(ask.guards["one"]).in_flight == 0


def test_an_operator_may_take_one_out(world, providers):
    """By its name."""
    one, _, ask = providers(["from one"])

    async def forced():
        ask.guards["one"].breaker.force_open()

    world.run(forced()) if world.face == "coroutine" else ask.guards["one"].breaker.force_open()
    assert world.call(ask).by == "two"
    assert one.calls == []


def test_every_attempt_is_told(world, providers):
    """To sinks, with the names of those who were asked."""
    events = []
    _, _, ask = providers([OSError], sinks=[events.append])
    world.call(ask)
    told = [(event.target, event.kind) for event in events if isinstance(event, AttemptEnded)]
    assert told == [("one", "connect"), ("two", "ok")]
    (moved,) = [event for event in events if isinstance(event, FailedOver)]
    assert (moved.from_target, moved.to_target, moved.kind) == ("one", "two", "connect")


def test_classify_has_the_first_word(world, providers):
    """A refused key may be the caller's own, say."""
    _, two, ask = providers([PermissionError("his")], classify=lambda error: "neutral")
    assert type(world.fails(ask)) is PermissionError
    assert two.calls == []


def test_it_is_a_function_of_the_same_name_and_kind(loop):
    """So that a guard, or a framework, takes it for what it is."""
    ask = first_of(loop.dependency("well"), loop.dependency("well"), name="ask")
    assert inspect.iscoroutinefunction(ask)
    assert ask.__name__ == "ask"
    assert list(ask.guards) == ["coroutine", "coroutine-2"]
    assert loop.call(outlast.guard(outlast.Deadline(5), io=loop.io)(ask)).value == "well"


def test_an_answer_does_not_tell_what_it_is_where_it_should_not(world, providers):
    """No text in a repr; and neither true nor false, since an empty answer is one."""
    _, _, ask = providers([""])
    answer = world.call(ask, "secret")
    assert answer.value == ""
    assert "secret" not in repr(answer)
    with pytest.raises(TypeError, match="ask for its value"):
        bool(answer)


class Bodied(Exception):
    """An error of a library that has read the body itself, and keeps no response."""

    def __init__(self, status, body):
        super().__init__("no")
        self.status_code, self.body = status, body


class Answered(Exception):
    """An error of an HTTP library, with the answer as it came."""

    def __init__(self, status, content):
        super().__init__("no")
        self.response = type("Response", (), {"status_code": status, "content": content, "headers": {}})()


class Unread(Exception):
    """An error whose response was never read, which raises who asks for it."""

    def __init__(self, status):
        super().__init__("no")
        self.response = type("Response", (), {"status_code": status, "content": property(self._raise)})()

    def _raise(self, _):
        raise RuntimeError("never read")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Bodied(429, {"code": "insufficient_quota"}), "quota"),
        (Bodied(429, {"error": {"type": "rate_limit_error"}}), "throttled"),
        (Bodied(503, {"odd": object()}), "transient"),
        (Bodied(500, None), "transient"),
        (Unread(529), "transient"),
        (Answered(429, b'{"error": {"code": "insufficient_quota"}}'), "quota"),
        (Answered(500, b"<html>"), "bad_response"),
    ],
)
def test_an_error_is_read_as_far_as_it_can_be(world, providers, error, kind):
    """By its status where nothing else is known."""
    _, _, ask = providers([error])
    assert [why.kind for why in world.call(ask).failures] == [kind]


def test_a_client_of_ours_tells_all_that_it_tried():
    """Its own attempts are among the reasons."""
    config = outlast.simulated("http://127.0.0.1:1")

    async def story():
        io = ScriptedIo()
        for target in config.routes.find("default").targets:
            io.script(target.name, 503)

        async def other(prompt):
            return prompt

        async with outlast.AsyncClient(config, io=io) as client:
            return await first_of(client.chat, other, io=io)("hi")

    answer = run(story())
    assert (answer.value, answer.by) == ("hi", "other")
    assert len(answer.failures) >= 2
    assert {why.kind for why in answer.failures} == {"transient"}
    assert {why.target for why in answer.failures} == {t.name for t in config.routes.find("default").targets}


@pytest.mark.parametrize(
    ("wrong", "mend"),
    [
        ({"timeout": 5}, "say which: within="),
        ({"max_retries": 2}, "put outlast.backoff around"),
        ({"default": "sorry"}, "use outlast.degrade"),
        ({"colour": 1}, "no parameter 'colour'"),
    ],
)
def test_a_name_that_would_be_a_lie_is_refused(wrong, mend):
    """It says why, and what to use."""
    with pytest.raises(TypeError, match=mend):
        first_of(len, len, **wrong)


def test_what_cannot_work_is_refused_at_once(loop):
    """One option, both kinds of functions, generators, no time."""

    async def stream():
        yield 1

    with pytest.raises(TypeError, match="two functions or more"):
        first_of(len)
    with pytest.raises(TypeError, match="coroutine is a coroutine function, and len is not"):
        first_of(len, loop.dependency())
    with pytest.raises(TypeError, match="stream is an async generator: use a function that gives one answer"):
        first_of(stream, stream)
    with pytest.raises(ValueError, match="a number of seconds above 0"):
        first_of(len, len, deadline=0)
    with pytest.raises(ValueError, match="a number of seconds above 0"):
        first_of(len, len, within=0)
