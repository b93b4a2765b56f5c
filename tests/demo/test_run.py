"""A run through the parts: the gateway that is looked at, the end of it, and an end that comes early."""

import asyncio

from outlast.demo import Demo, Plan
from outlast.demo.cast import Cast
from outlast.demo.house import gateway
from outlast.demo.line import post
from outlast.demo.settings import settings
from outlast.demo.traffic import written
from outlast.demo.ways import ROUTE
from outlast.lab.script import silent
from outlast.model.events import RequestEnded
from outlast.testing import RecordingSink

from .conftest import asking


class Eye:
    """A view that ends the demo once so many requests were begun."""

    every = 0.01

    def __init__(self, enough):
        self.enough = enough
        self.lines = []

    def heard(self, line):
        self.lines.append(line)

    def look(self, board):
        if board.callers[0].tally.asked >= self.enough:
            self.demo.stop()

    def close(self, lines):
        pass


def test_a_run_that_is_ended_early_has_a_summary():
    """What was begun is told, what was under way is named as such, and nothing is held."""

    async def story():
        eye = Eye(enough=5)
        eye.demo = Demo(Plan(3600.0, 100.0, 7), eye)
        summary = await eye.demo.run()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        return summary, left

    summary, left = asyncio.run(story())
    assert summary.interrupted
    assert summary.held == 0
    assert [one.way for one in summary.ways] == ["outlast", "sdk", "straight"]
    assert len({one.requests for one in summary.ways}) == 1
    assert all(5 <= one.requests == one.answered + one.unfinished for one in summary.ways)
    assert not left


def test_what_is_held_is_counted(provider):
    """While a request is being answered its slots are held; when it is over none is."""

    async def story():
        provider.script("alpha", silent())
        sink = RecordingSink()
        async with gateway(settings(provider.url), [sink]) as house:
            path, headers, body = written(asking(), ROUTE["openai"])
            asked = asyncio.create_task(post(house.url, path, headers, body))
            await provider.saw(1, "alpha")
            during = await house.at_rest(0.0)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            await provider.saw(1, "alpha", ended=True)
            after = await house.at_rest(5.0)
        return during, after, sink

    during, after, sink = asyncio.run(story())
    assert during == 3  # the gateway's slot, the target's, and the permit of its circuit
    assert after == 0
    assert [event.kind for event in sink.of(RequestEnded)] == ["cancelled"]


def test_copies_of_the_providers_bill_what_they_are_asked_for():
    """The same question costs the same in each, at the prices of the story; what nobody asked costs nothing."""

    async def story():
        async with Cast(1) as one, Cast(1) as other, Cast(1) as idle:
            for cast in (one, other, idle):
                cast.begin(30.0)
            for cast in (one, other):
                path, headers, body = written(asking(), "demo")
                answer = await post(f"{cast.url}/alpha", path, headers, body)
                await answer.load()
                answer.close()
            for _ in range(2):  # what is counted twice is there once
                for cast in (one, other, idle):
                    cast.count()
            return (one.billed, one.asked), (other.billed, other.asked), (idle.billed, idle.asked)

    one, other, idle = asyncio.run(story())
    assert one == other
    assert one[1] == 1
    assert 0.0 < one[0] < 0.001
    assert idle == (0.0, 0)
