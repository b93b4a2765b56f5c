"""Routing in the engine: capabilities, credentials, order, prices, latencies, the operator's hand, and what leaks."""

import asyncio
import json
import sys

import pytest

from outlast.dialects import DIALECTS
from outlast.engine import Asked
from outlast.model.errors import Failure
from outlast.model.events import BackIn, BreakerChanged, TakenOut, TargetSkipped
from outlast.model.messages import Vectors
from outlast.testing import Behaviour, ok, status

from .world import key_of

TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}
PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}


def route(**fields):
    """The route `default` over alpha/m and beta/m."""
    told = "\n".join(f"{name} = {json.dumps(value)}" for name, value in fields.items())
    return f'[routes.default]\ntargets = ["alpha/m", "beta/m"]\n{told}\n'


def model(provider, **fields):
    """What is special about that provider's model."""
    told = "\n".join(f"{name} = {json.dumps(value)}" for name, value in fields.items())
    return f"[providers.{provider}.models.m]\n{told}\n"


def price(provider, dollars):
    """Dollars for a million tokens in and out."""
    return f"[providers.{provider}.models.m.price]\ninput = {dollars}\noutput = {dollars}\n"


# -- capabilities ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ability", "fields", "reason"),
    [
        ("tools", {"tools": [TOOL]}, "it takes no tools"),
        ("vision", {"messages": PICTURE}, "it takes no images"),
        ("schema", {"response_format": SCHEMA}, "it cannot be held to a schema"),
    ],
)
def test_a_target_that_cannot_is_passed_by(make, ability, fields, reason):
    """A target is never asked for what it cannot do, and the reason is told."""
    world = make(more="[structured]\nenabled = false\n" + model("alpha", **{ability: False}))
    assert world.ask(**fields).target == "beta/m"
    assert world.sent("alpha/m") == 0
    assert [event.reason for event in world.events(TargetSkipped)] == [reason]
    assert world.ask().target == "alpha/m"


def test_nobody_can(make):
    """When no target can do what is asked, that is the caller's to know, with the reasons."""
    world = make(["alpha/m"], model("alpha", tools=False))
    failure = world.fail(tools=[TOOL])
    assert (failure.kind, failure.status, world.sent()) == ("caller", 400, 0)
    assert "it takes no tools" in failure.message


def test_who_can_is_down(make):
    """When the only target that can is down, its failure is what is told, not the others' lack."""
    world = make(more=model("alpha", tools=False))
    world.script("beta/m", 500)
    failure = world.fail(tools=[TOOL])
    assert (failure.kind, failure.target) == ("transient", "beta/m")
    assert len(failure.attempts) == 3


def test_a_prompt_that_did_not_fit_goes_only_to_larger_windows(make):
    """After context_length, smaller and equal windows are not tried."""
    windows = {"a": 1000, "b": 500, "c": 1000, "d": 9000}
    world = make([f"{name}/m" for name in windows], "".join(model(n, window=w) for n, w in windows.items()))
    world.script("a/m", "B2-context-length")
    assert world.ask().target == "d/m"
    assert world.path() == ["a/m", "d/m"]


def test_a_prompt_that_fits_nowhere(make):
    """Without a larger window the caller is told 413, from the target that said so."""
    world = make(more=model("alpha", window=1000) + model("beta", window=1000))
    world.script_all("B2-context-length")
    failure = world.fail()
    assert (failure.kind, failure.status, failure.target, world.sent()) == ("context_length", 413, "alpha/m", 1)


def test_a_long_prompt_prefers_the_larger_window(make):
    """A target whose window is too small by our estimate is tried last, not refused."""
    world = make(more=model("alpha", window=100) + model("beta", window=100_000))
    assert world.ask("word " * 500).target == "beta/m"
    assert world.ask("hi", max_tokens=10).target == "alpha/m"


# -- credentials and models --------------------------------------------------------------------------------------------

SHARED = """
[routes.default]
targets = ["alpha/m", "alpha/n", "beta/m"]
"""


@pytest.mark.parametrize("fault", ["B4-credit-balance", "B5-key-refused", "B6-payment", "B43-insufficient-quota"])
def test_a_refused_credential_takes_all_its_targets_out(make, fault):
    """After one refusal nothing more is sent with that key for half a minute, on any of its models."""
    world = make(["alpha/m", "alpha/n", "beta/m"], SHARED)
    world.script("alpha/m", fault)
    assert [world.ask().target for _ in range(5)] == ["beta/m"] * 5
    assert world.path() == ["alpha/m", *["beta/m"] * 5]
    (out,) = world.events(TakenOut)
    assert (out.scope, out.name, out.seconds) == ("credential", "alpha", 30.0)
    assert not world.events(BreakerChanged)


def test_a_credential_is_out_twice_as_long_each_time(make):
    """Half a minute, one, two, four, then five minutes, with one probe at the end of each."""
    world = make()
    world.script("alpha/m", 401)
    for _ in range(400):
        world.ask()
        world.wait(5)
    seconds = [event.seconds for event in world.events(TakenOut)]
    assert seconds == [min(30.0 * 2**time, 300.0) for time in range(world.sent("alpha/m"))]
    assert len(seconds) == 10


def test_one_probe_at_a_time(make):
    """When its time is over, one call tries the credential; the others go elsewhere until it has succeeded."""
    world = make()
    world.script("alpha/m", 401, ok(first=1.0))
    world.ask()
    world.wait(30)
    world.forget()
    world.crowd(20)
    assert (world.sent("alpha/m"), world.sent("beta/m")) == (1, 19)
    assert [event.name for event in world.events(BackIn)] == ["alpha"]
    assert world.ask().target == "alpha/m"


def test_a_refused_credential_alone(make):
    """A lone provider whose key is refused is told as 401 at first, then refused until the next probe."""
    world = make(["alpha/m"])
    world.script("alpha/m", 401)
    first, second = world.fail(), world.fail()
    assert (first.kind, first.status, first.code) == ("credential", 401, "provider_authentication")
    assert (second.kind, second.status, world.sent()) == ("rejected", 503, 1)
    assert second.retry_after == pytest.approx(30.0)


def test_a_missing_model_is_out_for_five_minutes(make):
    """The target is out, its provider's other models are not."""
    world = make(["alpha/m", "alpha/n", "beta/m"], SHARED)
    world.script("alpha/m", "B8-no-model")
    world.ask()
    assert [world.ask().target for _ in range(3)] == ["alpha/n"] * 3
    world.wait(299)
    assert world.ask().target == "alpha/n"
    world.wait(2)
    world.script("alpha/m", ok())
    assert world.ask().target == "alpha/m"


# -- order -------------------------------------------------------------------------------------------------------------


def test_the_cheapest_is_first(make):
    """With order "cost" the price decides, and targets without one come last."""
    world = make(more=route(order="cost") + price("alpha", 10) + price("beta", 1))
    reply = world.ask()
    assert (reply.target, reply.source) == ("beta/m", "primary")
    assert reply.cost == pytest.approx(22e-6, rel=0.5)
    world.script("beta/m", 500)
    assert world.ask().target == "alpha/m"


def test_the_fastest_is_first(make):
    """With order "latency" calls go to the target with the shorter median, but for a few that look at the other."""
    world = make(more=route(order="latency"))
    world.script("alpha/m", ok(first=2.0))
    world.script("beta/m", ok(first=0.5))

    for _ in range(200):
        world.ask()
    slow = world.sent("alpha/m")
    assert 1 < slow < 30


def test_a_bad_sample_bans_nobody_for_ever(make):
    """A target that was slow once is explored again, and preferred when it has become the faster one."""
    world = make(more=route(order="latency"))
    world.script("alpha/m", ok(first=3.0), ok(first=0.1))
    world.script("beta/m", ok(first=1.0))
    for _ in range(400):
        world.ask()
    assert world.path()[-50:].count("alpha/m") > 40


def test_streams_and_whole_answers_are_ranked_apart(make):
    """How long a whole answer takes says nothing about the first content of a stream."""
    world = make(more=route(order="latency") + "[routing]\nexplore = 0.0")
    world.script("alpha/m", ok("one two three four five six", first=0.1, between=1.0))
    world.script("beta/m", ok("one two three four five six", first=1.0, between=0.1))
    for _ in range(4):
        world.hear(stream=True)
        world.hear()
    world.forget()

    async def story():
        await asyncio.gather(*(world.heard(stream=number % 2 == 0) for number in range(10)))

    world.run(story())
    assert {(sent.target, sent.json["stream"]) for sent in world.io.sent} == {("alpha/m", True), ("beta/m", False)}


def test_weights_split_the_traffic(make):
    """With order "weighted" each target gets its share, and the others are its fallbacks."""
    world = make(more=route(order="weighted") + '[routes.default.weights]\n"alpha/m" = 3\n"beta/m" = 1\n')
    for _ in range(400):
        world.ask()
    assert 260 < world.sent("alpha/m") < 340
    world.script("alpha/m", 402)
    assert world.ask().target == "beta/m"


def test_a_target_that_is_too_slow_is_skipped_and_comes_back(make):
    """`max_latency` passes by a target whose live p99 is over it, until its samples are too old to tell."""
    world = make(more=route(max_latency=1.0))
    world.script("alpha/m", *[ok(first=2.0)] * 20, ok())
    assert {world.ask().target for _ in range(20)} == {"alpha/m"}
    assert {world.ask().target for _ in range(5)} == {"beta/m"}
    assert "p99" in world.events(TargetSkipped)[-1].reason
    world.wait(300)
    assert world.ask().target == "alpha/m"


def test_when_all_are_too_slow_the_order_holds(make):
    """A slow answer is better than none."""
    world = make(["alpha/m"], '[routes.default]\ntargets = ["alpha/m"]\nmax_latency = 1.0')
    world.script("alpha/m", ok(first=2.0))
    assert {world.ask().target for _ in range(25)} == {"alpha/m"}


def test_a_slow_answer_is_better_than_none(make):
    """What is too slow is asked when everything else has failed, and is told as passed by once for a call."""
    world = make(more=route(max_latency=1.0))
    world.script("alpha/m", *[ok(first=2.0)] * 20, ok())
    for _ in range(20):
        world.ask()
    world.forget()
    world.script("beta/m", 501)
    reply = world.ask()
    assert (reply.target, reply.source, reply.attempts) == ("alpha/m", "primary", 2)
    assert world.path() == ["beta/m", "alpha/m"]
    assert [event.target for event in world.events(TargetSkipped)] == ["alpha/m"]


def test_too_dear_for_some_and_too_much_for_others(make):
    """When one cannot and the other is too dear, both reasons are told."""
    world = make(more=route(max_cost=0.01) + model("alpha", tools=False) + price("beta", 1000))
    failure = world.fail(max_tokens=1000, tools=[TOOL])
    assert (failure.kind, world.sent()) == ("caller", 0)
    assert "it takes no tools" in failure.message
    assert "at least, and $0.01 is the most" in failure.message


def test_what_was_refused_here_is_not_the_caller_s_fault(make):
    """One target cannot do it, the other could and has no room: that is no bad request."""
    world = make(more=model("alpha", tools=False) + "[providers.beta.limits]\nconcurrent = 1\n")

    async def story():
        first = asyncio.ensure_future(world.answer(tools=[TOOL]))
        await asyncio.sleep(0)
        refused = await world.heard(tools=[TOOL], timeout=0.5)
        await first
        return refused

    world.script("beta/m", ok(first=3.0))
    assert world.run(story()).kind == "rejected"


def test_a_target_that_is_too_dear_is_skipped(make):
    """`max_cost` passes by a target whose price for this request is over it."""
    world = make(more=route(max_cost=0.01) + price("alpha", 1000) + price("beta", 1))
    assert world.ask(max_tokens=1000).target == "beta/m"
    assert world.events(TargetSkipped)[0].reason.startswith("it would cost $")


def test_money_is_not_spent_against_the_word(make):
    """When every target is too dear, nothing is sent: a limit of money is no wish."""
    world = make(more=route(max_cost=0.01) + price("alpha", 1000) + price("beta", 1000))
    failure = world.fail(max_tokens=1000)
    assert (failure.kind, world.sent()) == ("caller", 0)
    assert "would cost" in failure.message


# -- many targets ------------------------------------------------------------------------------------------------------

ORDERS = {
    "priority": "",
    "latency": 'order = "latency"',
    "cost": 'order = "cost"',
    "weighted": 'order = "weighted"',
    "max_latency": "max_latency = 1.0",
    "max_cost": "max_cost = 1.0",
}


def work_among(make, many, told, **fields):
    """How many functions are called for fifty calls of a route with so many targets, once all is known and ranked."""
    targets = [f"alpha/m{number}" for number in range(many)]
    world = make(targets, f"[routes.default]\ntargets = {json.dumps(targets)}\n{told}\n")
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in {"call", "c_call"}

    async def story():
        for _ in range(5):
            await world.answer(**fields)
        sys.setprofile(count)
        try:
            for _ in range(50):
                await world.answer(**fields)
        finally:
            sys.setprofile(None)

    world.run(story())
    return calls


@pytest.mark.parametrize("order", ORDERS)
def test_a_thousand_targets_are_no_more_work_than_one(make, order):
    """Whatever the order: a call looks at those that it gets to, and at no others."""
    assert work_among(make, 1_000, ORDERS[order]) <= 1.3 * work_among(make, 1, ORDERS[order])


# -- the operator ------------------------------------------------------------------------------------------------------


def test_a_disabled_target_gets_nothing_more(world):
    """What is under way goes on; new calls go elsewhere until it is enabled again."""
    world.script("alpha/m", ok("one two three", between=1.0))

    async def story():
        stream = await world.answer(stream=True)
        world.stack.routing.disable("alpha/m")
        assert (await world.answer()).target == "beta/m"
        return [chunk.text async for chunk in stream]

    assert "".join(world.run(story())) == "one two three"
    world.stack.routing.enable("alpha/m")
    assert world.ask().target == "alpha/m"


def test_all_disabled(world):
    """With everything disabled the call is refused, with the reason, and the caller is not blamed."""
    for target in world.targets:
        world.stack.routing.disable(target)
    failure = world.fail()
    assert (failure.kind, failure.status, world.sent()) == ("rejected", 503, 0)


def test_a_route_is_reordered_live(make):
    """The next call follows the new order."""
    world = make()
    found = world.engine.routes.find("default")
    world.stack.routing.reorder(found, found.targets[::-1])
    assert world.ask().target == "beta/m"


def test_without_failover_only_the_first_target_is_asked(make):
    """Whoever wants one provider and no other has that."""
    world = make(more="[routing]\nenabled = false")
    world.script("alpha/m", 500)
    assert world.fail().kind == "transient"
    assert world.path() == ["alpha/m"] * 3


def test_a_live_order_outlasts_the_arrival_of_prices(make):
    """Prices make the routes anew; what an operator has said still holds."""
    world = make()
    routes = world.house.config.routes
    found = routes.find("default")
    world.stack.routing.reorder(found, found.targets[::-1])
    world.engine.routes = routes.changed(lambda target: target)
    assert world.ask().target == "beta/m"


def test_a_weighted_route_is_reordered_with_its_weights(make):
    """Each target keeps its own share, wherever it stands."""
    world = make(more=route(order="weighted") + '[routes.default.weights]\n"alpha/m" = 1\n"beta/m" = 0\n')
    found = world.engine.routes.find("default")
    world.stack.routing.reorder(found, found.targets[::-1])
    assert {world.ask().target for _ in range(50)} == {"alpha/m"}


def test_a_provider_s_model_is_asked_for_by_name(world):
    """`provider/model` is that target alone."""
    world.script("beta/m", 500)
    failure = world.fail(model="beta/m")
    assert (failure.target, world.sent("alpha/m")) == ("beta/m", 0)


# -- embeddings --------------------------------------------------------------------------------------------------------


def embed(world, **fields):
    """An embeddings request."""
    body = json.dumps({"model": "default", "input": ["a", "b"], **fields}).encode()
    return world.run(world.engine.answer(DIALECTS["openai"].parse("embed", body), Asked(id="1")))


def test_embeddings_fail_over_too(world):
    """An embeddings request takes the same way through all layers."""
    world.script("alpha/m", 503)
    reply = embed(world)
    assert isinstance(reply, Vectors)
    assert (reply.target, reply.source, len(reply.vectors)) == ("beta/m", "fallback", 2)
    assert world.last().operation == "embed"


def test_embeddings_go_only_where_they_are_made(make):
    """A target that makes no embeddings is passed by."""
    world = make(more=model("alpha", embeds=False))
    assert embed(world).target == "beta/m"
    assert world.events(TargetSkipped)[0].reason == "it makes no embeddings"


# -- secrets -----------------------------------------------------------------------------------------------------------


def echo(code=200):
    """A provider that says the key it was given, in its words, its error or a header."""
    key = key_of("alpha")

    def play(asked):
        good = (
            ok(f"your key is {key} indeed")
            if code == 200
            else status(code, {"x-key": key}, message=f"bad key {key}", error=key)
        )
        yield from good.play(asked)

    return Behaviour("echo", play)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("code", [200, 400, 401, 500])
def test_a_key_that_is_echoed_goes_no_further(make, code, stream):
    """Neither answers, nor errors, nor events show a key that the provider says back."""
    world = make(["alpha/m"])
    world.script("alpha/m", echo(code))
    key = key_of("alpha")

    async def story():
        try:
            answer = await world.answer(stream=stream)
        except Failure as failure:
            return repr((failure, failure.message, failure.code, failure.attempts))
        if not stream:
            return repr((answer.text, answer.raw, answer.id))
        said = ""
        while (batch := await answer.next()) is not None:
            said += repr((batch.raw, batch.chunks))
        return said

    said = world.run(story())
    assert key not in said
    assert ("your" in said) == (code == 200)
    assert key not in repr(world.io.events)


# -- the clock ---------------------------------------------------------------------------------------------------------


def test_the_first_second_after_boot_is_like_any_other(make):
    """A monotonic clock that begins at zero makes no pause, window, bucket or limit go wrong."""
    world = make(more="[providers.alpha.limits]\nrpm = 600\ntpm = 1_000_000")
    assert world.now == 0.0
    assert [answer.target for answer in world.crowd(50)] == ["alpha/m"] * 50


def test_one_answer_belongs_to_one_question(make):
    """A thousand calls at once, with failures among them, each get the answer to their own question."""
    world = make(more="[bulkhead]\nslots = 16\nqueue = 2000\nwait = 100")
    world.script("alpha/m", ok(first=0.01), 500, ok(first=0.02), "A1-refused", "E31-fin-after-4", ok())

    async def one(number):
        heard = await world.heard(f"nonce-{number}-", stream=number % 2 == 0)
        return heard if isinstance(heard, Failure) else (number, heard.text)

    async def story():
        return await asyncio.gather(*(one(number) for number in range(1000)))

    answered = [pair for pair in world.run(story()) if not isinstance(pair, Failure)]
    assert len(answered) > 900
    whole = [(number, text) for number, text in answered if "You said" in text]
    assert all(text.endswith(f"nonce-{number}-") for number, text in whole)
