"""Prices are found beside the answering, and nothing depends on them."""

import asyncio
import threading

import pytest

import outlast
from outlast import build
from outlast.config import parse
from outlast.edge.aside import aside
from outlast.model.events import Fault
from outlast.testing import SimulatedProvider

PRICED = """
[providers.openai]
key = "k"
base_url = "{url}/v1"
[routes.default]
targets = ["openai/gpt-4o-mini"]
"""


def test_an_answer_has_its_price_once_the_prices_are_known():
    """Tokens times the list price, in dollars; from the library that is installed."""
    with SimulatedProvider() as provider, outlast.Client(parse(PRICED.format(url=provider.url))) as client:
        client.priced()
        reply = client.chat("hi")
        assert reply.cost is not None
        assert 0 < reply.cost < 0.01


def test_without_a_price_list_answers_come_all_the_same(monkeypatch):
    """What goes wrong while looking prices up is told, and is no more than that."""

    def fail(_, find):
        raise OSError("no descriptors")

    monkeypatch.setattr(build, "with_prices", fail)
    seen = []
    with SimulatedProvider() as provider:
        config = parse(PRICED.format(url=provider.url))
        with outlast.Client(config, sinks=[seen.append]) as client:
            client.priced()
            assert client.chat("hi").cost is None
    assert Fault("prices", "OSError") in seen


def test_work_aside_gives_its_result_or_its_error():
    """On the loop that asked for it."""

    async def story():
        assert await aside(lambda: 6 * 7, "sum") == 42
        with pytest.raises(ZeroDivisionError):
            await aside(lambda: 1 / 0, "nonsense")

    asyncio.run(story())


def test_work_whose_loop_has_gone_is_forgotten():
    """Nobody waits for it, and nothing is raised anywhere."""
    go = threading.Event()
    done = threading.Event()

    def work():
        go.wait(120)
        done.set()

    async def story():
        aside(work, "late")

    asyncio.run(story())
    go.set()
    assert done.wait(120)


def test_a_caller_s_largest_prompt_passes_its_token_limit_at_once():
    """The burst of tokens is the largest window of the routes, at most a minute's worth."""
    config = parse(
        '[providers.openai]\nkey = "k"\n[routes.default]\ntargets = ["openai/gpt-4o-mini"]\n'
        '[keys.app]\nkey = "a-key-of-ours"\nlimits = { tpm = 100000 }'
    )
    scopes = build.Scopes(config)
    (scope,) = scopes._keys["app"]
    assert scope.window == 128_000
