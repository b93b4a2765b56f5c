"""What a test may expect of a simulated provider's record: in process, and over HTTP for every other language."""

import asyncio
import http.client
import json
import re
import socket
import threading

import pytest

from outlast.lab.conduct import Conduct
from outlast.lab.expectation import Expectation
from outlast.lab.provider import SimulatedProvider
from outlast.lab.script import cut, ended, ok, silent
from outlast.lab.seen import Seen
from outlast.lab.table import table
from outlast.model.target import Price

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
HEAD = {"content-type": "application/json"}


@pytest.fixture
def provider():
    with SimulatedProvider() as running:
        running.conduct("alpha", Conduct(price=Price(input=1_000_000, output=1_000_000)))
        yield running


def ask(provider, name="alpha", **fields):
    """One request, on a connection of its own; whatever comes of it."""
    link = http.client.HTTPConnection(provider.url.removeprefix("http://"), timeout=120)
    try:
        link.request("POST", f"/{name}/v1/chat/completions", json.dumps({**BODY, **fields}), HEAD)
        link.getresponse().read()
    except (http.client.IncompleteRead, ConnectionError):
        pass
    finally:
        link.close()


def control(provider, method, path, body=None):
    """Status and answer of a control page."""
    link = http.client.HTTPConnection(provider.url.removeprefix("http://"), timeout=120)
    link.request(method, path, None if body is None else json.dumps(body), HEAD)
    answer = link.getresponse()
    found = answer.status, json.loads(answer.read())
    link.close()
    return found


def seen_at(*moments, ended=None, call=1):
    """Requests that began, and were over, at these moments."""
    made = []
    for number, (start, end) in enumerate(moments, 1):
        place = {"provider": "", "number": number, "connection": number, "method": "POST", "path": "/"}
        one = Seen(**place, headers={}, body=b"", json={}, started=start)
        one.ended, one.call, one.attempt = end, call, number
        made.append(one)
    return made


GOOD = {
    "requests": 3,
    "calls": 1,
    "attempts": 3,
    "gaps": 0.0,
    "statuses": [503, 200, 200],
    "hung_up": [None, "provider", None],
    "streams_ended": False,
    "connections": 3,
    "at_once": 1,
    "no_more_than_per_second": 3,
    "prompt_tokens": 18,
    "completion_tokens": [3, 5],
    "billed_below": 22.001,
}
"""What holds of a refusal, a stream cut after two words, and a whole answer of two."""
WRONG = [
    ("requests", 2, "3"),
    ("requests", [4, None], "3"),
    ("calls", [2, 3], "1"),
    ("attempts", [1, 2], "[3]"),
    ("gaps", 60, None),
    ("gaps", [[0, None]], None),
    ("statuses", [503, 503, 200], "[503, 200, 200]"),
    ("hung_up", None, "[None, 'provider', None]"),
    ("hung_up", "caller", "[None, 'provider', None]"),
    ("streams_ended", True, "[False, True]"),
    ("connections", 1, "3"),
    ("at_once", [2, 9], "1"),
    ("no_more_than_per_second", 2, "3"),
    ("prompt_tokens", 27, "18"),
    ("completion_tokens", [5, None], "4"),
    ("billed_below", 22.0, "22.0"),
]


@pytest.fixture
def told(provider):
    """The provider after one call with three attempts."""
    provider.script("alpha", 503, cut(2), ok("one two"))
    for _ in range(3):
        ask(provider, stream=True)
    provider.wait(3, ended=True)
    return provider


def test_what_holds_gives_the_requests(told):
    """All expectations at once; the answer is what was seen."""
    assert [seen.status for seen in told.expect("alpha", **GOOD)] == [503, 200, 200]


@pytest.mark.parametrize(("name", "wanted", "found"), WRONG, ids=str)
def test_what_does_not_hold_is_told_with_what_was_seen(told, name, wanted, found):
    """The error names the expectation, both sides, and has a table of the requests."""
    with pytest.raises(AssertionError) as wrong:
        told.expect("alpha", within=0, **{name: wanted})
    words = str(wrong.value)
    assert words.startswith("provider 'alpha' did not see what was expected\n")
    assert f"  {name}: wanted {wanted}, saw {found or '['}" in words
    assert len(re.findall(r"^ *\d+ +alpha ", words, re.MULTILINE)) == 3
    assert re.search(r"2 +alpha +1 +2 .* cut-2-fin +200 .* 2  provider hung up +9 \+ 2$", words, re.MULTILINE)


@pytest.mark.parametrize(("name", "wanted", "found"), WRONG, ids=str)
def test_over_http_the_same_is_417(told, name, wanted, found):
    """In any language: each expectation that does not hold, and the table."""
    expect = {**GOOD, name: wanted}
    code, verdict = control(told, "POST", "/_sim/requests", {"provider": "alpha", "expect": expect, "within": 0})
    assert (code, verdict["holds"]) == (417, False)
    assert [one["expectation"] for one in verdict["broken"]] == [name]
    assert verdict["broken"][0]["wanted"] == wanted
    assert len(verdict["table"]) == 4


def test_over_http_what_holds_is_200(told):
    """Nothing but that it holds."""
    assert control(told, "POST", "/_sim/requests", {"provider": "alpha", "expect": GOOD}) == (200, {"holds": True})


def test_gaps_may_be_bounded_each_for_itself(told):
    """One least and most for all, or one for each."""
    told.expect("alpha", gaps=(0.0, 60.0))
    told.expect("alpha", gaps=[(0.0, 60.0), (0.0, None)])
    with pytest.raises(AssertionError, match="gaps: wanted"):
        told.expect("alpha", within=0, gaps=[(0.0, 60.0)])


def test_no_attempt_satisfies_no_gap(provider):
    """Where nothing was tried again there is no gap to be content with, and without a request no attempt."""
    with pytest.raises(AssertionError, match=r"gaps: wanted 0.5, saw \[\]"):
        provider.expect("alpha", within=0, gaps=0.5)
    with pytest.raises(AssertionError, match=r"attempts: wanted 1, saw \[\]"):
        provider.expect("alpha", within=0, attempts=1)
    provider.expect("alpha", requests=0)


def test_a_timer_that_is_a_little_early_is_forgiven():
    """Some loops count whole milliseconds: 0.4985 s pass for half a second, 0.497 do not."""
    first, early = seen_at((0, 0.0), (0.4985, 0.5))
    early.gap = 0.4985
    assert Expectation({"gaps": 0.5}).broken([first, early]) == []
    early.gap = 0.497
    assert [one.seen for one in Expectation({"gaps": 0.5}).broken([first, early])] == [[0.497]]


def test_the_rate_is_that_of_the_worst_second():
    """Two requests in a second at most, wherever that second begins."""
    calm = seen_at((0.0, 0.1), (0.9, 1.0), (1.0, 1.1), (2.0, 2.1))
    assert Expectation({"no_more_than_per_second": 2}).broken(calm) == []
    crowded = seen_at((0.0, 0.1), (0.5, 0.6), (0.9, 1.0), (1.45, 1.5))
    assert [one.seen for one in Expectation({"no_more_than_per_second": 2}).broken(crowded)] == [3]


def test_at_once_counts_those_that_overlap():
    """One that ends when another begins does not overlap it; one that is under way does."""
    assert Expectation({"at_once": 1}).broken(seen_at((0, 1), (1, 2))) == []
    assert Expectation({"at_once": 2}).broken(seen_at((0, 2), (1, 3), (2, None))) == []


def test_dollars_need_a_price(provider):
    """What nobody knows the price of is not cheap."""
    provider.script("beta", ok("one"))
    ask(provider, "beta")
    with pytest.raises(AssertionError, match=r"billed_below: wanted 1\.0, saw a model without a price"):
        provider.expect("beta", within=0.5, billed_below=1.0)


def test_streams_that_ended_are_those_with_their_finish(provider):
    """A silent cut is found, and a good stream passes."""
    provider.script("alpha", ok("one"), ended(1))
    ask(provider, stream=True)
    provider.expect("alpha", streams_ended=True)
    ask(provider, stream=True)
    provider.expect("alpha", streams_ended=False)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [({"attempt": 3}, "unknown expectation 'attempt'; there are: requests,"), ({"attempts": "many"}, "wrong type")],
)
def test_an_expectation_that_is_none_is_refused(provider, wanted, words):
    """A slip of the pen must not pass for a test."""
    with pytest.raises(TypeError, match=words):
        provider.expect("alpha", **wanted)
    code, answer = control(provider, "POST", "/_sim/requests", {"expect": wanted})
    assert code == 400
    assert words in answer["error"]["message"]


def test_it_waits_for_what_is_still_under_way(provider):
    """An answer that is not over when the question is asked gets time to be."""
    provider.script("alpha", silent())
    host, _, port = provider.url.removeprefix("http://").partition(":")
    data = json.dumps(BODY).encode()
    with socket.create_connection((host, int(port)), timeout=120) as link:
        head = (
            f"POST /alpha/v1/chat/completions HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {len(data)}"
        )
        link.sendall(head.encode() + b"\r\n\r\n" + data)
        provider.wait(1)
        leaving = threading.Thread(target=link.close)
        leaving.start()
        provider.expect("alpha", within=10, hung_up="caller")
        leaving.join()


def test_in_the_providers_own_loop_it_is_looked_at_once():
    """Where the provider cannot go on meanwhile, waiting would be in vain: nothing blocks."""

    async def story():
        async with SimulatedProvider() as provider:
            provider.script("alpha", silent())
            host, _, port = provider.url.removeprefix("http://").partition(":")
            _, writer = await asyncio.open_connection(host, int(port))
            data = json.dumps(BODY).encode()
            head = "POST /alpha/v1/chat/completions HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: "
            writer.write(f"{head}{len(data)}\r\n\r\n".encode() + data)
            await provider.saw(1)
            with pytest.raises(AssertionError, match="under way"):
                provider.expect("alpha", within=3600, statuses=[200])
            writer.close()
            await writer.wait_closed()
            await provider.saw(1, ended=True)
            provider.expect("alpha", hung_up="caller", statuses=[0])

    asyncio.run(story())


def test_only_what_came_later_is_looked_at(provider):
    """A simulation that many share need not be reset: each looks at what came after it began."""
    ask(provider)
    since = provider.requests()[-1].id
    ask(provider)
    assert [seen.id for seen in provider.expect("alpha", since=since, requests=1)] == [since + 1]
    code, _ = control(
        provider, "POST", "/_sim/requests", {"provider": "alpha", "since": since, "expect": {"requests": 1}}
    )
    assert code == 200


def test_the_table_shows_the_latest():
    """Fifty lines, and how many there were before."""
    lines = table(seen_at(*((float(at), float(at)) for at in range(60)))).splitlines()
    assert (len(lines), lines[1]) == (52, "… 10 before these")
    assert table([]).split()[:2] == ["#", "provider"]
