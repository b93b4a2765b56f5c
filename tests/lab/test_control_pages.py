"""The control pages: what they tell, what they change, who may use them, and how much they read."""

import contextlib
import http.client
import json
import socket
import threading

import pytest

from outlast.lab.faults import FAULTS
from outlast.lab.origin import foreign
from outlast.lab.provider import SimulatedProvider
from outlast.lab.script import cut, ok, silent
from outlast.lab.summary import summary

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def provider():
    with SimulatedProvider() as running:
        yield running


def ask(provider, method, path, body=None, **headers):
    """Status and answer of any page."""
    told = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    with contextlib.closing(http.client.HTTPConnection(provider.url.removeprefix("http://"), timeout=120)) as link:
        link.request(method, path, body if body is None or isinstance(body, bytes) else json.dumps(body), told)
        answer = link.getresponse()
        return answer.status, json.loads(answer.read())


def chat(provider, name="alpha", **fields):
    return ask(provider, "POST", f"/{name}/v1/chat/completions", {**BODY, **fields})


def test_the_first_page_names_all_others(provider):
    """Whoever knows one page finds the rest: each one that it names answers."""
    code, told = ask(provider, "GET", "/_sim")
    assert code == 200
    assert "cut" in told["behaviours"]
    assert set(told["faults"]) == set(FAULTS)
    for page in told["pages"]:
        method, path = page.split()
        code, _ = ask(provider, method, path.replace("NAME", "alpha"), b"" if method == "GET" else {"expect": {}})
        assert code in {200, 400}, page
    assert ask(provider, "GET", "/_sim/nothing")[0] == 404
    assert ask(provider, "DELETE", "/_sim/reset")[0] == 404


def test_every_fault_has_its_line(provider):
    """A name alone says little to a newcomer."""
    code, told = ask(provider, "GET", "/_sim/faults")
    assert code == 200
    assert set(told["faults"]) == set(FAULTS)
    assert all(told["faults"].values())
    assert told["faults"]["E31-fin-after-4"] == (
        "200, 4 pieces of content without a finish, then the connection is closed"
    )
    assert told["faults"]["A1-refused"] == "no connection: refused"


@pytest.mark.parametrize(
    ("behaviour", "line"),
    [
        (silent(), "nothing is ever sent"),
        (cut(0, "rst"), "200, 250 bytes, then the connection is reset"),
        (ok("one two", first=1, between=0.5), "200, 2 pieces of content, 1.5 s of waiting"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_behaviour_is_told_from_what_it_does(behaviour, line):
    """Status, content, waiting, and how it ends."""
    said = summary(behaviour)
    assert said == line or (said.startswith("200, ") and said.endswith(line.rpartition(", ")[2]))


def test_a_provider_is_told_how_to_conduct_itself(provider):
    """What is told replaces what was told before, and can be read again."""
    code, told = ask(provider, "POST", "/_sim/providers/alpha", {"default": 503})
    assert (code, told["provider"], told["conduct"]) == (200, "alpha", {"default": 503})
    assert chat(provider)[0] == 503
    assert ask(provider, "PUT", "/_sim/providers/alpha", {"models": ["m1"]})[0] == 200
    assert chat(provider)[0] == 200
    assert ask(provider, "GET", "/_sim/providers")[1]["providers"]["alpha"]["conduct"] == {"models": ["m1"]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", ["truncated"]),
        ({"defualt": 503}, ["defualt", "default"]),
        ({"first": {"median": "slow"}}, ["first", "median"]),
        ({"default": "no-such-thing"}, ["unknown behaviour"]),
    ],
)
def test_a_conduct_that_is_none_changes_nothing(provider, body, words):
    """The answer names the place and the mend."""
    ask(provider, "POST", "/_sim/providers/alpha", {"default": 503})
    code, answer = ask(provider, "POST", "/_sim/providers/alpha", body)
    assert code == 400
    assert all(word in answer["error"]["message"] for word in words), answer
    assert chat(provider)[0] == 503


def test_requests_are_filtered(provider):
    """By provider, by model, and by what came before."""
    chat(provider, "alpha")
    chat(provider, "beta", model="n")
    chat(provider, "beta")

    def ids(query):
        return [one["id"] for one in ask(provider, "GET", f"/_sim/requests{query}")[1]["requests"]]

    assert ids("") == [1, 2, 3]
    assert ids("?provider=beta") == [2, 3]
    assert ids("?model=m") == [1, 3]
    assert ids("?since=1") == [2, 3]
    assert ids("?provider=beta&model=m&since=2") == [3]
    assert ids("?provider=") == []


@pytest.mark.parametrize("query", ["wait=some", "since=x", "ended=perhaps", "providr=alpha"])
def test_a_question_that_is_none_is_refused(provider, query):
    """A filter with a slip of the pen would show too much, and look like a good test."""
    code, answer = ask(provider, "GET", f"/_sim/requests?{query}")
    assert code == 400
    assert "there are: provider, model, since, wait, ended, timeout" in answer["error"]["message"]


def test_it_waits_until_so_many_have_come(provider):
    """The answer comes with the second request, not after a time."""
    found = []
    asking = threading.Thread(target=lambda: found.append(ask(provider, "GET", "/_sim/requests?wait=2&ended=true")))
    asking.start()
    chat(provider)
    chat(provider)
    asking.join(120)
    code, told = found[0]
    assert (code, len(told["requests"])) == (200, 2)
    assert all(one["ended"] for one in told["requests"])


def test_waiting_in_vain_ends_with_408(provider):
    """What was seen until then is told all the same."""
    chat(provider)
    code, told = ask(provider, "GET", "/_sim/requests?wait=2&timeout=0.01")
    assert (code, [one["id"] for one in told["requests"]]) == (408, [1])


def test_who_leaves_while_he_waits_leaves_nothing_behind(provider):
    """The page is not served on, and the provider still ends in peace."""
    host, _, port = provider.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=120) as link:
        link.sendall(b"GET /_sim/requests?wait=9 HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert ask(provider, "GET", "/_sim")[0] == 200
    assert chat(provider)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:9000"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
    ids=str,
)
def test_a_web_page_of_somebody_else_cannot_drive_it(provider, headers):
    """Neither by a request across origins, nor under a name of its own that points here."""
    provider.script("alpha", 503)
    assert ask(provider, "POST", "/_sim/reset", b"", **headers)[0] == 403
    assert ask(provider, "GET", "/_sim/requests", **headers)[0] == 403
    assert provider.waiting("alpha") == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "127.0.0.1:9000"},
        {"host": "[::1]:9000"},
        {"host": "sim:9000"},
        {"host": "sim.localhost"},
        {"host": "host.docker.internal:9000"},
        {"host": "localhost:9000", "origin": "http://localhost:9000", "sec-fetch-site": "same-origin"},
    ],
    ids=str,
)
def test_programs_and_its_own_pages_may_use_it(headers):
    """An address, a name without a dot or a reserved one; and a page of the same origin."""
    assert not foreign(headers)


@pytest.mark.parametrize(
    "headers", [{"host": "[::1"}, {"host": "localhost", "origin": "http://localhost:9000"}], ids=str
)
def test_what_is_nearly_its_own_is_not(headers):
    """Another port is another origin, and half an address is none."""
    assert foreign(headers)


def test_a_control_page_reads_no_endless_body(provider):
    """More than a mebibyte is refused, and changes nothing."""
    wanted = {"provider": "alpha", "behaviours": ["ok"] * 200_000}
    code, answer = ask(provider, "POST", "/_sim/script", wanted)
    assert code == 413
    assert "1048576 bytes" in answer["error"]["message"]
    assert provider.waiting("alpha") == 0


def test_a_vendor_reads_no_endless_body_either(provider):
    """Beyond 32 MiB nothing is kept, and the vendor's own refusal comes."""
    code, answer = ask(provider, "POST", "/v1/messages", b" " * ((32 << 20) + 1), anthropic_version="2023-06-01")
    assert (code, answer["error"]["type"]) == (413, "request_too_large")
    assert len(provider.requests()[0].body) <= (32 << 20) + (1 << 20)
