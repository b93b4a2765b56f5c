"""What callers send wrong: bodies, framing, heads, coding. One clear answer each, and nothing is forwarded."""

import contextlib
import gzip
import json

import pytest

from .house import PATIENCE, chat

PATH = "/v1/chat/completions"
GOOD = chat()


@pytest.fixture
def unasked(provider):
    """The providers, none of which may see anything."""
    yield provider
    assert provider.requests() == []


def refused(answer, status, words):
    """An envelope of OpenAI's with these words, and a request id."""
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    error = answer.error
    assert set(error) >= {"message", "type", "param", "code"}
    assert words in error["message"], error
    assert answer.headers["x-request-id"] == error["request_id"]
    return answer


WRONG = {
    "invalid": (b'{"model": ', "not valid JSON"),
    "empty": (b"", "empty"),
    "array": (b"[]", "must be a JSON object"),
    "null": (b"null", "must be a JSON object"),
    "string": (b'"hi"', "must be a JSON object"),
    "nan": (GOOD[:-1] + b', "temperature": NaN}', "not valid JSON"),
    "infinite": (GOOD[:-1] + b', "temperature": 1e999}', ""),
    "many digits": (GOOD[:-1] + b', "seed": ' + b"1" * 5000 + b"}", ""),
    "nested": (GOOD[:-1] + b', "tools": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),
    "nested alone": (b"[" * 100_000, ""),
    "not UTF-8": (GOOD.replace(b"hi", b"\xff\xfe"), "UTF-8"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_body_is_told_in_words_and_the_connection_lives(unasked, house, case):
    """G9, G11, G12: 400 with the envelope; the next request on the same connection is served."""
    body, words = WRONG[case]
    with house.caller() as caller:
        caller.post(PATH, body)
        answer = refused(caller.answer(), 400, words)
        assert answer.headers["x-should-retry"] == "false"
        caller.request("GET", "/livez")
        assert caller.answer().status == 200


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/v1/messages", "/v1/generate"])
@pytest.mark.parametrize("case", ["empty", "array", "nested alone", "many digits"])
def test_every_endpoint_refuses_what_is_no_request(unasked, house, path, case):
    """Also in the other dialects a wrong body is a 400 and never a 500."""
    answer = house.post(path, WRONG[case][0])
    assert (answer.status, "message" in answer.error) == (400, True)


def test_a_body_over_the_cap_is_refused_before_it_is_read(unasked, open_house):
    """G14: the length alone is enough; not a byte of the body has been sent."""
    house = open_house("[server]\nmax_body = 1000")
    with house.caller() as caller:
        caller.send(caller.head("POST", PATH, "content-length: 1001"))
        answer = refused(caller.answer(), 413, "larger than 1000 bytes")
        assert answer.headers["connection"] == "close"
        assert caller.rest() == b""


def test_a_caller_who_uploads_too_much_can_read_why(unasked, open_house):
    """The answer arrives although the caller is still sending megabytes: no reset overtakes it."""
    house = open_house("[server]\nmax_body = 1000")
    with house.caller() as caller:
        caller.send(caller.head("POST", PATH, f"content-length: {8 << 20}"))
        caller.send(b"x" * (8 << 20))
        refused(caller.answer(), 413, "larger than")
        assert caller.rest() == b""


def test_a_chunked_body_over_the_cap_is_refused_on_the_way(unasked, open_house):
    """G14 without a length: as soon as the cap is passed."""
    house = open_house("[server]\nmax_body = 100000")
    with house.caller() as caller:
        caller.send(caller.head("POST", PATH, "transfer-encoding: chunked"))
        for _ in range(3):
            caller.send(b"%x\r\n%s\r\n" % (50_000, b"x" * 50_000))
        refused(caller.answer(), 413, "larger than 100000 bytes")


def test_a_body_of_exactly_the_cap_is_taken(provider, open_house):
    """The cap itself is allowed, with a length and in chunks."""
    body = chat("x" * 1000)
    house = open_house(f"[server]\nmax_body = {len(body)}")
    assert house.post(PATH, body).status == 200
    with house.caller() as caller:
        caller.send(caller.head("POST", PATH, "transfer-encoding: chunked"))
        caller.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        assert caller.answer().status == 200


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, gzip", "zstd"])
def test_compressed_bodies_are_not_taken(unasked, house, coding):
    """G16: a bomb is never unpacked."""
    body = gzip.compress(b"a" * (32 << 20))
    refused(house.post(PATH, body, f"content-encoding: {coding}"), 415, "content-encoding")


FRAMINGS = {
    "CL and TE": (["content-length: 5", "transfer-encoding: chunked"], b"0\r\n\r\n"),
    "two CL": (["content-length: 5", "content-length: 6"], b"{}"),
    "CL is negative": (["content-length: -5"], GOOD),
    "CL is no number": (["content-length: ten"], GOOD),
    "CL is hexadecimal": (["content-length: 0x10"], GOOD),
    "CL has a plus": (["content-length: +10"], GOOD),
    "CL overflows": (["content-length: 99999999999999999999999"], GOOD),
    "bad chunk": (["transfer-encoding: chunked"], b"zz\r\n" + GOOD),
    "chunk without end": (["transfer-encoding: chunked"], b"2\r\n{}xx0\r\n\r\n"),
    "xchunked": (["transfer-encoding: xchunked"], GOOD),
    "chunked, then more": (["transfer-encoding: chunked, identity"], GOOD),
    "space before the colon": (["content-length : 5"], GOOD),
    "folded header": (["x-a: b\r\n content-length: 5"], GOOD),
    "bare LF": (["x-a: b\ncontent-length: 3"], GOOD),
    "NUL in a header": (["x-a: b\x00c"], GOOD),
}


@pytest.mark.parametrize("case", FRAMINGS)
def test_doubtful_framing_is_refused_and_the_connection_closed(unasked, house, case):
    """G17: one reading only, or none."""
    headers, body = FRAMINGS[case]
    with house.caller() as caller:
        caller.send(caller.head("POST", PATH, *headers) + body)
        answer = refused(caller.answer(), 400, "")
        assert answer.headers["connection"] == "close"
        assert caller.rest() == b""
    house.until(lambda: house.connections == 0)


def test_a_length_that_is_too_short_forwards_nothing(unasked, house):
    """G17: the rest would be read as a second request; so the first is not answered either."""
    with house.caller() as caller:
        caller.send(caller.head("POST", PATH, f"content-length: {len(GOOD)}") + GOOD + b"12345")
        answer = refused(caller.answer(), 400, "not a valid HTTP/1.1 request")
        assert answer.headers["connection"] == "close"
        assert caller.rest() == b""


def test_a_length_that_is_too_long_runs_into_the_body_timeout(unasked, open_house):
    """G17, G21: five bytes that never come."""
    house = open_house("[server]\nbody_timeout = 0.2")
    with house.caller() as caller:
        caller.send(caller.head("POST", PATH, f"content-length: {len(GOOD) + 5}") + GOOD)
        answer = refused(caller.answer(), 408, "did not come within 0.2 s")
        assert answer.headers["connection"] == "close"
        assert caller.rest() == b""


def test_a_body_that_drips_runs_into_the_body_timeout(unasked, open_house):
    """G21: bytes that come one by one do not extend the time."""
    house = open_house("[server]\nbody_timeout = 0.2")
    with house.caller() as caller:
        caller.send(caller.head("POST", PATH, "content-length: 1000000"))
        caller.sock.settimeout(0.01)
        answered = False
        while not answered:
            caller.send(b" ")
            try:
                answered = caller.more()
            except TimeoutError:
                continue
        caller.sock.settimeout(PATIENCE)
        refused(caller.answer(), 408, "did not come")


def test_a_head_that_does_not_end_runs_into_a_timeout(unasked, house, monkeypatch):
    """A caller who begins a request and stops is told, and its connection closed."""
    monkeypatch.setattr("outlast.gateway.protocol.HEAD_TIMEOUT", 0.2)
    with contextlib.ExitStack() as leaving:
        with house.held():
            caller = leaving.enter_context(house.caller())
            caller.send(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n")
        answer = caller.answer()
        assert (answer.status, answer.json["type"], answer.headers["connection"]) == (408, "error", "close")
        assert caller.rest() == b""


def test_a_caller_who_says_nothing_is_let_go_without_a_word(unasked, house, monkeypatch):
    """A connection that was only opened is closed; there is no request that an answer could belong to."""
    monkeypatch.setattr("outlast.gateway.protocol.HEAD_TIMEOUT", 0.2)
    with house.caller() as caller:
        assert caller.rest() == b""


HEADS = {
    "1 MiB header": lambda: b"x-big: " + b"a" * (1 << 20) + b"\r\n",
    "20,000 headers": lambda: b"".join(b"x-%d: a\r\n" % number for number in range(20_000)),
    "201 headers": lambda: b"".join(b"x-%d: a\r\n" % number for number in range(201)),
    "64 KiB name": lambda: b"x" * (64 << 10) + b": a\r\n",
}


@pytest.mark.parametrize("case", HEADS)
def test_a_head_that_is_too_large_is_refused(unasked, house, case):
    """G19: 431 and closed, however it is too large, and although the caller is still sending."""
    with house.caller() as caller:
        caller.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n" + HEADS[case]() + b"\r\n")
        answer = refused(caller.answer(), 431, "too large")
        assert answer.headers["connection"] == "close"
        assert caller.rest() == b""


def test_a_path_that_is_too_long_is_refused(unasked, house):
    """The request line counts as head."""
    refused(house.get("/" + "a" * (70 << 10)), 431, "too large")


def test_no_request_at_all_is_refused(unasked, house):
    """TLS to the plain port, and words that are no HTTP."""
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"hello\r\n\r\n", b"GET /\r\n\r\n", b"\x00" * 100):
        with house.caller() as caller:
            caller.send(data)
            answer = caller.answer()
            assert (answer.status, answer.headers["connection"]) == (400, "close")
            assert caller.rest() == b""


@pytest.mark.parametrize("host", ["x/#@y", "[::1", "a" * 3000, "evil@127.0.0.1:1", "é"])
def test_an_odd_host_changes_nothing(unasked, open_house, host):
    """G24: the path that is routed decides, the host is not looked at."""
    house = open_house('[keys.app]\nkey = "sk-caller-0123456789abcdef"')
    with house.caller() as caller:
        caller.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: %b\r\ncontent-length: 2\r\n\r\n{}" % host.encode())
        refused(caller.answer(), 401, "no API key")


@pytest.mark.parametrize(
    "path", ["//v1/chat/completions", "/v1//chat/completions", "/v1/chat/completions/", "/V1/chat/completions", "/.."]
)
def test_a_path_that_only_resembles_one_of_ours_is_nothing(unasked, house, path):
    """No normalising: what is checked is what is routed."""
    refused(house.post(path, GOOD), 404, "nothing at this path")


def test_an_offer_to_upgrade_is_passed_over(provider, house):
    """Java's HTTP client offers h2c with each first request; it gets its answer in HTTP/1.1, body and all."""
    offer = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAEAAEAAAAIAAAABAAMAAABk")
    with house.caller() as caller:
        for headers in (offer, offer, ()):
            caller.post(PATH, GOOD, *headers)
            assert caller.answer().status == 200
        caller.send(caller.head("POST", PATH, *offer, f"content-length: {len(GOOD)}"))
        caller.send(GOOD)
        assert caller.answer().status == 200


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/v1/models"])
def test_a_body_where_none_is_needed_is_passed_over(unasked, house, path):
    """A GET may have one, also in pieces."""
    with house.caller() as caller:
        caller.send(caller.head("GET", path, "transfer-encoding: chunked") + b"2\r\n{}\r\n")
        house.until(lambda: house.app.under_way == 1)
        caller.send(b"0\r\n\r\n")
        assert caller.answer().status == 200


def test_a_large_body_to_nowhere_is_not_read(unasked, house):
    """404 and 405 are told before the body is there."""
    for path in ("/nothing", "/v1/models"):
        with house.caller() as caller:
            caller.send(caller.head("POST", path, f"content-length: {30 << 20}") + b"{")
            assert caller.answer().status in {404, 405}
            assert caller.rest() == b""


def test_this_is_no_proxy(unasked, house):
    """CONNECT is refused."""
    refused(house.ask("CONNECT", "example.com:443"), 405, "no proxy")


def test_a_caller_may_ask_whether_to_send_its_body(provider, open_house):
    """Expect: 100-continue is answered, and 413 comes instead where the length is too much."""
    house = open_house("[server]\nmax_body = 1000")
    with house.caller() as caller:
        caller.send(caller.head("POST", PATH, f"content-length: {len(GOOD)}", "expect: 100-continue"))
        assert caller.answer_head().status == 100
        caller.send(GOOD)
        assert caller.answer().status == 200
        caller.send(caller.head("POST", PATH, "content-length: 1001", "expect: 100-continue"))
        assert caller.answer().status == 413


def test_requests_sent_ahead_are_answered_in_order(provider, house):
    """Three requests in one write, three answers, each to its own."""
    with house.caller() as caller:
        for word in ("one", "two", "three"):
            body = chat(word)
            caller.send(caller.head("POST", PATH, f"content-length: {len(body)}") + body)
        said = [caller.answer().json["choices"][0]["message"]["content"] for _ in range(3)]
    assert [text.rpartition(" ")[2] for text in said] == ["one", "two", "three"]


def test_a_surrogate_in_a_body_is_refused_or_forwarded_but_never_a_fault(house):
    """Half a character is the caller's mistake."""
    answer = house.post(PATH, b'{"model": "default", "messages": [{"role": "user", "content": "\\ud800"}]}')
    assert answer.status in {200, 400}
    assert json.loads(answer.body)
