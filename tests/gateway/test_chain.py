"""Two gateways in a row: the one behind knows how long the one in front will wait."""

import pytest

from outlast.testing import ok

from .house import House, chat

CHAIN = """
[server]
port = 0
drain = 0.0

[providers.inner]
type = "outlast"
base_url = "{url}/v1"

[routes.default]
targets = ["inner/default"]
"""


class Spied:
    """Takes note of the calls that an engine sends down its stack."""

    def __init__(self, house):
        self.calls = []
        engine = house.outlast.engine
        self._handler, engine._handler = engine._handler, self

    async def __call__(self, call):
        self.calls.append((call.deadline, call.io.now()))
        return await self._handler(call)


@pytest.fixture
def chain(house, tmp_path):
    """The gateway in front, and the one behind."""
    with House(CHAIN.format(url=house.url), tmp_path) as front:
        yield front, house


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("said", [("outlast-deadline-ms: 30000",), ("x-stainless-read-timeout: 60",), ()])
def test_the_deadline_behind_is_never_later_than_the_one_in_front(provider, chain, stream, said):
    """Both clocks are this machine's: what the gateway behind may take is over before the one in front gives up."""
    front, behind = chain
    fronts, behinds = Spied(front), Spied(behind)
    provider.script("alpha", ok("one two three"))
    answer = front.post("/v1/chat/completions", chat(stream=stream), *said)
    assert answer.status == 200
    assert b"three" in answer.body
    (in_front, _), (behind_it, came) = fronts.calls[0], behinds.calls[0]
    assert came < behind_it <= in_front


def test_what_goes_wrong_behind_is_told_in_front(provider, chain):
    """All fail behind: the gateway in front hears of a failure it knows, and asks once more before it says so."""
    front, _ = chain
    provider.script("alpha", default=503)
    provider.script("beta", default=503)
    answer = front.chat()
    assert answer.status == 503
    assert answer.headers["outlast-attempts"] != "0"


def test_any_provider_can_be_told(provider, open_house):
    """In headers of its own choice, by a request that may wait 20 s and by its second attempt."""
    quirks = '[providers.alpha.quirks]\ndeadline_header = "x-left"\nattempt_header = "x-attempt"\n'
    house = open_house(quirks + "[retry]\nbase = 0.0\n", providers=("alpha",))
    provider.script("alpha", 503, ok("two"))
    assert house.chat("hi", "outlast-deadline-ms: 20000").status == 200
    first, second = provider.requests()
    assert [seen.headers["x-attempt"] for seen in (first, second)] == ["1", "2"]
    assert 0 < int(second.headers["x-left"]) <= int(first.headers["x-left"]) <= 19_000
