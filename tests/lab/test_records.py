"""What a simulated provider knows of each request: calls and attempts, times, content, who hung up, and the bill."""

import contextlib
import http.client
import json
import socket

import openai
import pytest

from outlast.lab.conduct import Conduct
from outlast.lab.ledger import Ledger
from outlast.lab.provider import SimulatedProvider
from outlast.lab.script import cut, drip, ended, endless, ok, pings, reset, silent, stall, truncated_json
from outlast.lab.seen import Seen
from outlast.model.target import Price

HI = [{"role": "user", "content": "hi"}]
BODY = {"model": "m", "messages": HI}
PROMPT = 9
"""Tokens of that prompt, as the simulation counts them."""


@pytest.fixture
def provider():
    with SimulatedProvider() as running:
        yield running


def ask(provider, body=BODY, *, path="/v1/chat/completions", link=None, **headers):
    """One request on a connection of its own, or on the one that is given; gives all bytes that come."""
    host = provider.url.removeprefix("http://")
    own = link or http.client.HTTPConnection(host, timeout=120)
    told = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    own.request("POST", path, json.dumps(body), told)
    try:
        return own.getresponse().read()
    finally:
        if link is None:
            own.close()


def read_until(provider, words, body=BODY):
    """Asks for a stream, reads until `words` have come, and leaves."""
    host, _, port = provider.url.removeprefix("http://").partition(":")
    data = json.dumps({**body, "stream": True}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=120) as link:
        link.sendall(head.encode() + data)
        got = b""
        while words not in got:
            got += link.recv(65536)
    return got


def leave_at_once(provider, body=BODY):
    """Asks, and leaves when the provider has taken note."""
    host, _, port = provider.url.removeprefix("http://").partition(":")
    data = json.dumps(body).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=120) as link:
        link.sendall(head.encode() + data)
        provider.wait(1)
    return provider.wait(1, ended=True)[0]


def places(provider, name=None):
    """Call and attempt of each request."""
    return [(seen.call, seen.attempt) for seen in provider.requests(name)]


def test_an_answer_is_recorded_with_its_times_in_order(provider):
    """It starts, the first byte leaves, the last one does, and then it is over."""
    provider.script("", ok("one two", between=0.01))
    ask(provider, {**BODY, "stream": True})
    seen = provider.wait(1, ended=True)[0]
    assert seen.started <= seen.first < seen.last <= seen.ended
    assert seen.seconds == seen.ended - seen.started >= 0.01
    assert (seen.meter.pieces, seen.meter.tokens, seen.complete, seen.answered) == (2, 2, True, True)


def test_whoever_has_the_answer_finds_it_in_the_record(provider):
    """Status and bytes are noted before they leave, so a caller never knows more than the record."""
    for _ in range(20):
        provider.script("", 503)
        sent = ask(provider)
        assert provider.requests()[-1].status == 503
        assert provider.requests()[-1].sent > len(sent)


def test_a_connection_that_is_used_again_says_so(provider):
    """The second request of a connection is told from the first of another."""
    with contextlib.closing(http.client.HTTPConnection(provider.url.removeprefix("http://"), timeout=120)) as link:
        ask(provider, link=link)
        ask(provider, link=link)
    ask(provider)
    assert [seen.reused for seen in provider.requests()] == [False, True, False]


def test_the_same_body_after_a_failure_is_another_attempt(provider):
    """Without any key, a failure followed by the same words is one call; after a good answer a new one begins."""
    provider.script("", 503, reset(), ok(), 503)
    ask(provider)
    with pytest.raises(ConnectionResetError):
        ask(provider)
    ask(provider)
    ask(provider)
    assert places(provider) == [(1, 1), (1, 2), (1, 3), (2, 1)]


def test_another_body_is_another_call(provider):
    """Two questions are two calls, whatever becomes of them."""
    provider.script("", 503, 503)
    ask(provider)
    ask(provider, {**BODY, "model": "n"})
    assert places(provider) == [(1, 1), (2, 1)]


@pytest.mark.parametrize("broken", [cut(2), ended(2), stall(0), truncated_json()], ids=lambda one: one.name)
def test_a_broken_answer_is_tried_again_in_the_same_call(provider, broken):
    """An answer that the caller cannot use is no answer, also when its status was good."""
    provider.script("", broken, ok())
    if broken.name.startswith("stall"):
        leave_at_once(provider)
    else:
        with contextlib.suppress(http.client.IncompleteRead):
            ask(provider, {**BODY, "stream": broken.name.startswith(("cut", "ended"))})
    provider.wait(1, ended=True)
    ask(provider, provider.requests()[0].json)
    assert places(provider) == [(1, 1), (1, 2)]


@pytest.mark.parametrize("name", ["idempotency-key", "x-request-id", "x-client-request-id"])
def test_a_name_that_the_caller_gives_makes_one_call_of_its_attempts(provider, name):
    """Bodies may differ and answers be good: what has the same name is the same call, at each provider from 1."""
    ask(provider, **{name: "k1"})
    ask(provider, {**BODY, "model": "n"}, **{name: "k1"})
    ask(provider, {**BODY, "model": "n"}, path="/beta/v1/chat/completions", **{name: "k1"})
    ask(provider, **{name: "k2"})
    assert places(provider) == [(1, 1), (1, 2), (1, 1), (2, 1)]


def test_callers_who_name_their_calls_are_not_mixed_up(provider):
    """The same words after a failure are no other attempt when both have names and these differ."""
    provider.script("", 503, 503)
    ask(provider, idempotency_key="k1")
    ask(provider, idempotency_key="k2")
    assert places(provider) == [(1, 1), (2, 1)]


def test_the_count_of_the_official_sdks_tells_calls_apart(provider):
    """Two calls with the same words, each with a retry: count 0 begins a call, count 1 goes on with one."""
    provider.script("", 503, 503, 503, 200)
    for count in "0011":
        ask(provider, x_stainless_retry_count=count)
    assert places(provider) == [(1, 1), (2, 1), (1, 2), (2, 2)]


def test_retries_by_hand_around_an_sdk_are_one_call(provider):
    """An SDK whose own retries are off counts 0 each time; where nobody counts on, a failure goes on all the same."""
    provider.script("", 503, 503, 200)
    for _ in range(3):
        ask(provider, x_stainless_retry_count="0")
    assert places(provider) == [(1, 1), (1, 2), (1, 3)]


def test_the_official_sdk_makes_one_call_of_three_attempts(provider):
    """As it is in real life, with the SDK's own waiting between the attempts."""
    provider.script("", 503, 503, ok("done"))
    with openai.OpenAI(base_url=provider.base_url(), api_key="any", max_retries=2) as client:
        client.chat.completions.create(model="m", messages=HI)
    seen = provider.wait(3, ended=True)
    assert places(provider) == [(1, 1), (1, 2), (1, 3)]
    assert seen[0].gap is None
    assert seen[1].gap >= 0.375
    assert seen[2].gap >= 0.75


def test_a_gap_is_never_shorter_than_what_the_caller_waited(provider):
    """It counts from just before the last byte of an answer to the next request, so no waiting caller is wronged."""
    provider.script("", 503, 503, ok())
    for _ in range(3):
        ask(provider)
    first, second, third = provider.wait(3, ended=True)
    assert second.gap == second.started - first.last
    assert third.gap == third.started - second.last


def test_a_hedge_has_no_gap(provider):
    """An attempt that begins while another is under way waits for nothing."""
    provider.script("", silent(), ok())
    host, _, port = provider.url.removeprefix("http://").partition(":")
    data = json.dumps(BODY).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\ncontent-type: application/json\r\nidempotency-key: k\r\n"
    with socket.create_connection((host, int(port)), timeout=120) as link:
        link.sendall(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
        provider.wait(1)
        ask(provider, idempotency_key="k")
        second = provider.requests()[1]
        assert (second.call, second.attempt, second.gap) == (1, 2, 0.0)


def test_a_caller_who_leaves_is_recorded_with_how_far_the_answer_was(provider):
    """Who hung up, when, after how many bytes and pieces of content."""
    provider.script("", stall(after=3))
    got = read_until(provider, b"the")
    seen = provider.wait(1, ended=True)[0]
    assert (seen.hung_up, seen.sent, seen.meter.pieces, seen.complete) == ("caller", len(got), 3, False)


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_pieces_are_counted_however_the_bytes_are_cut(provider, vendor):
    """One byte at a time or all at once, an answer has the same content, in both vendors' words."""
    path = "/v1/messages" if vendor == "anthropic" else "/v1/chat/completions"
    provider.script(
        "", ok("one two three"), drip(0, "one two three"), pings(1, every=0.0, count=2, text="one two three")
    )
    for _ in range(3):
        ask(provider, {**BODY, "stream": True, "max_tokens": 9}, path=path, anthropic_version="2023-06-01")
    assert [(seen.meter.pieces, seen.complete) for seen in provider.wait(3, ended=True)] == [(3, True)] * 3


def test_a_stream_without_a_finish_is_not_complete(provider):
    """A clean end of the body does not make a whole answer of a half one."""
    provider.script("", ended(after=2))
    ask(provider, {**BODY, "stream": True})
    seen = provider.wait(1, ended=True)[0]
    assert (seen.status, seen.hung_up, seen.meter.pieces, seen.complete) == (200, None, 2, False)


def test_every_choice_needs_its_finish(provider):
    """A stream of three choices is complete when all three are, and bills the tokens of all."""
    provider.script("", ok("one two"))
    ask(provider, {**BODY, "stream": True, "n": 3})
    seen = provider.wait(1, ended=True)[0]
    assert (seen.complete, seen.meter.pieces, seen.bill.completion) == (True, 6, 6)


def billed(provider, body=BODY):
    """Prompt and completion of the only request."""
    with contextlib.suppress(http.client.IncompleteRead, ConnectionError, http.client.RemoteDisconnected):
        ask(provider, body)
    bill = provider.wait(1, ended=True)[0].bill
    return bill.prompt, bill.completion


@pytest.mark.parametrize(
    ("behaviour", "stream", "expected"),
    [
        (ok("one two three"), False, (PROMPT, 3)),
        (ok("one two three"), True, (PROMPT, 3)),
        (cut(after=4), True, (PROMPT, 4)),
        (cut(after=4, how="rst"), True, (PROMPT, 4)),
        (ended(after=2), True, (PROMPT, 2)),
        (cut(after=4), False, (PROMPT, 12)),
        (truncated_json(), False, (PROMPT, 12)),
        (503, False, (0, 0)),
        (reset(), False, (0, 0)),
        ("D14-error-string-in-200", False, (0, 0)),
        ("empty", False, (0, 0)),
    ],
)
def test_what_was_generated_is_billed(provider, behaviour, stream, expected):
    """A cut stream up to the cut, a whole answer wholly even if the way back broke, a refusal not at all."""
    provider.script("", behaviour)
    assert billed(provider, {**BODY, "stream": stream}) == expected


def test_a_tool_call_is_billed_by_its_arguments(provider):
    """The piece that opens a call holds no token; those of the arguments do, as the answer's own usage says."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "required": ["city"]}}}
    body = {**BODY, "tools": [tool], "tool_choice": "required"}
    whole = json.loads(ask(provider, body))["usage"]
    ask(provider, {**body, "stream": True})
    bills = [seen.bill for seen in provider.wait(2, ended=True)]
    assert [bill.completion for bill in bills] == [whole["completion_tokens"]] * 2
    assert provider.requests()[1].meter.pieces == whole["completion_tokens"] + 1


def test_a_caller_who_leaves_pays_for_what_was_generated(provider):
    """Hanging up on an endless stream costs the words until then, and no more."""
    provider.script("", endless(between=0.001))
    read_until(provider, b' on"')
    seen = provider.wait(1, ended=True)[0]
    assert seen.bill.prompt == PROMPT
    assert seen.bill.completion == seen.meter.tokens >= 1


def test_leaving_a_whole_answer_costs_the_share_that_was_done(provider):
    """Of an hour's answer next to nothing had been generated when the caller left at once; the prompt was read."""
    provider.script("", ok("one two three", first=3600))
    seen = leave_at_once(provider)
    assert (seen.status, seen.bill.prompt, seen.bill.completion) == (0, PROMPT, 0)
    assert 0 < seen.share < 0.01
    assert b"one two three" in seen.unsent


def test_what_never_arrived_costs_nothing(provider):
    """Packets that vanish reach no vendor; a silent vendor has at least read the prompt."""
    provider.script("", "unreachable-blackhole")
    assert leave_at_once(provider).bill.prompt == 0
    provider.reset()
    provider.script("", silent())
    assert (leave_at_once(provider).bill.prompt, provider.requests()[0].bill.completion) == (PROMPT, 0)


def test_a_price_that_the_provider_was_given_makes_dollars(provider):
    """The conduct says what a million tokens cost."""
    provider.conduct("", Conduct(price=Price(input=1_000_000, output=2_000_000)))
    provider.script("", ok("one two three"))
    ask(provider)
    assert provider.wait(1, ended=True)[0].bill.cost == PROMPT + 2 * 3


def test_a_model_of_the_catalog_has_its_price_and_others_have_none(provider):
    """A known model costs what it costs, an unknown one nobody knows what, and a refusal nothing."""
    provider.script("", ok("one"), ok("one"), 503)
    for model in ("gpt-4o-mini", "my-own", "my-own"):
        ask(provider, {**BODY, "model": model})
    known, unknown, refused = (seen.bill for seen in provider.wait(3, ended=True))
    assert known.cost == pytest.approx((known.prompt * 0.15 + known.completion * 0.6) / 1e6)
    assert (unknown.cost, refused.cost) == (None, 0.0)


def test_embeddings_cost_their_input(provider):
    """There is no completion; asking for the models is free."""
    ask(provider, {"model": "e", "input": ["one", "two"]}, path="/v1/embeddings")
    link = http.client.HTTPConnection(provider.url.removeprefix("http://"), timeout=120)
    link.request("GET", "/v1/models")
    link.getresponse().read()
    link.close()
    vectors, models = provider.wait(2, ended=True)
    assert (vectors.bill.prompt > 0, vectors.bill.completion) == (True, 0)
    assert (models.bill.prompt, models.bill.cost) == (0, 0.0)


def test_what_is_told_of_a_request_hides_keys(provider):
    """The same as JSON: with calls, content and bill, and without a secret."""
    provider.script("alpha", ok("one two"))
    ask(provider, path="/alpha/v1/chat/completions", authorization="Bearer s3cret", cookie="s3cret")
    told = provider.wait(1, ended=True)[0].told()
    assert "s3cret" not in json.dumps(told)
    assert (told["id"], told["call"], told["attempt"], told["gap"], told["reused"]) == (1, 1, 1, None, False)
    assert (told["model"], told["stream"], told["complete"], told["hung_up"]) == ("m", False, True, None)
    assert told["billed"] == {"prompt": PROMPT, "completion": 2, "cost": None}
    assert 0 <= told["first"] <= told["seconds"]


def test_only_the_latest_requests_are_kept():
    """A simulation that runs for days does not fill the memory."""
    ledger = Ledger()
    for number in range(1, 10_003):
        place = {"provider": "", "number": number, "connection": 1, "method": "POST", "path": "/"}
        ledger.add(Seen(**place, headers={}, body=b"", json={}, started=0.0))
    kept = ledger.of()
    assert (len(kept), kept[0].id, kept[-1].id) == (10_000, 3, 10_002)
