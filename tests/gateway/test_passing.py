"""What is passed on unread: which requests, what of them, to whom; and what of the answers."""

import json

import openai
import pytest

import outlast
from outlast.config import ConfigError, parse
from outlast.lab.script import body, steps
from outlast.lab.steps import Body, End, Fin, Head, Silence
from outlast.testing import cut, hang_up, status

from .house import STALLS, chat, toml_of

SPEECH = "/v1/audio/speech"
ASKING = json.dumps({"model": "default", "input": "hello", "voice": "alloy"}).encode()
KEY = "sk-alpha-0123456789"
SOUND_HEAD = Head(200, (("content-type", "audio/mpeg"),), framing="chunked")


@pytest.fixture
def unasked(provider):
    """The providers, none of which may see anything."""
    yield provider
    assert provider.requests() == []


ESCAPES = [
    "/v1/files/../organization/users",
    "/v1/files/%2e%2e/organization/users",
    "/v1/files/..%2Forganization",
    "/v1/files//x",
    "/v1//files",
    "/v1/files/./x",
    "/v1/files/x%00",
    "/v1/files/x%0d%0aInjected:%20yes",
    "/v1/files/x;y",
    "/v1/files/x\\y",
    "/v1/%66iles",
    "/v1/files/",
    "/v1/files/" + "x" * 600,
    "http://127.0.0.1:1/v1/files",
    "//127.0.0.1/v1/files",
]


@pytest.mark.parametrize("path", ESCAPES)
def test_no_path_leads_anywhere_else(unasked, house, path):
    """K6, G24: escapes, empty parts, ways up and hosts are refused before anybody is asked."""
    assert house.get(path).status in {400, 404}


UNLISTED = ["/v1/organization/users", "/v1/fine_tuning/jobs", "/v1/filesystem", "/v3/files", "/files", "/v1/projects"]


@pytest.mark.parametrize("path", UNLISTED)
def test_what_is_not_listed_does_not_exist(unasked, house, path):
    """Who may call a model gets to no members, keys or bills of its account; the error says what there is."""
    answer = house.get(path)
    assert (answer.status, answer.error["type"]) == (404, "invalid_request_error")
    assert "/v1/files" in answer.error["message"]


def test_what_the_configuration_lists_is_passed_on(provider, open_house):
    """And nothing beside it."""
    house = open_house('[pass_through]\npaths = ["/v1/rerank"]')
    asking = json.dumps({"model": "default", "query": "q", "documents": ["a", "b"]}).encode()
    assert len(house.post("/v1/rerank", asking).json["results"]) == 2
    assert house.get("/v1/files").status == 404
    assert open_house("[pass_through]\nenabled = false").get("/v1/files").status == 404


@pytest.mark.parametrize("path", ["/", "", "v1/files", "/v1/", "/v1/../x", "/v1/a b", "/v1//x"])
def test_a_path_of_the_configuration_is_a_plain_one(path):
    """It must not be everything by mistake."""
    with pytest.raises(ConfigError, match="a path such as /v1/images"):
        parse(f'[pass_through]\npaths = ["{path}"]', {})


def test_what_is_our_own_stays_ours(provider, open_house):
    """However much is listed."""
    house = open_house('[pass_through]\npaths = ["/v1", "/metrics"]')
    assert house.get("/v1/models").json["data"][0]["id"] == "default"
    assert b"requests_total" in house.get("/metrics").body
    assert house.post("/v1/chat/completions", chat()).headers["outlast-target"] == "alpha/m"
    assert house.get("/v1/files").status == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD", "OPTIONS"])
def test_other_methods_are_refused(unasked, house, method):
    """405, with those that there are."""
    with house.caller() as caller:
        caller.request(method, "/v1/files")
        answer = caller.answer(bodiless=True)
        assert (answer.status, answer.headers["allow"]) == (405, "DELETE, GET, POST")


@pytest.mark.parametrize("query", ["key=sk-1", "a=1&api_key=x", "access_token=y", "a=%0d%0a", "a=%00", "a=b#c", "a=<"])
def test_no_key_and_no_trick_in_a_query(unasked, house, query):
    """Queries stand in logs."""
    assert house.get(f"/v1/files?{query}").status == 400


def test_a_query_goes_along(provider, house):
    """As it was written."""
    assert house.get("/v1/files?limit=5&order=desc&after=file-a%20b").status == 200
    assert provider.requests()[0].path == "/alpha/v1/files?limit=5&order=desc&after=file-a%20b"


def test_only_a_few_headers_go_along(provider, house):
    """G31: no key, account, host or cookie of the caller's reaches a provider; its own key does."""
    house.post(
        SPEECH,
        ASKING,
        "authorization: Bearer sk-caller",
        "x-api-key: sk-caller",
        "cookie: a=b",
        "openai-organization: org-caller",
        "openai-project: proj-caller",
        "x-forwarded-host: evil",
        "idempotency-key: once",
        "openai-beta: assistants=v2",
        "accept: audio/mpeg",
    )
    (seen,) = provider.requests()
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert (seen.headers["idempotency-key"], seen.headers["openai-beta"]) == ("once", "assistants=v2")
    assert seen.headers["accept"] == "audio/mpeg"
    assert not {"cookie", "x-api-key", "openai-organization", "openai-project", "x-forwarded-host"} & set(seen.headers)
    assert b"sk-caller" not in seen.body


def test_a_body_cannot_name_an_address(provider, house):
    """G31: fields that would steer a gateway behind us are taken out, and named."""
    given = json.loads(ASKING) | {"api_base": "http://evil", "api_key": "sk-evil", "extra_headers": {"a": "b"}}
    answer = house.post(SPEECH, json.dumps(given).encode())
    assert (answer.status, answer.headers["outlast-dropped"]) == (200, "api_base, api_key, extra_headers")
    assert provider.requests()[0].json == json.loads(ASKING) | {"model": "m"}


def test_json_that_is_none_is_refused_here(unasked, house):
    """As on every other path."""
    assert house.post(SPEECH, b'{"model": ').status == 400


def test_a_body_that_is_not_ours_to_change_goes_byte_for_byte(provider, house):
    """Where nothing is to be replaced, not a blank is touched."""
    body = b'{ "input" : "peace" ,\n "model": "m" }'
    assert house.post("/v1/moderations", body, "outlast-route: alpha/m").status == 200
    assert provider.requests()[0].body == body


def test_the_route_is_named_by_body_query_or_header(provider, open_house):
    """In this order; a request that names none is for `default`."""
    house = open_house('[routes.default]\ntargets = ["alpha/m"]\n[routes.other]\ntargets = ["beta/n"]')
    peace = json.dumps({"input": "peace"}).encode()
    omni = json.dumps({"input": "peace", "model": "omni"}).encode()
    for path, given, header, target in (
        ("/v1/moderations", json.dumps({"input": "peace", "model": "other"}).encode(), (), "beta/n"),
        ("/v1/moderations?model=other", peace, (), "beta/n"),
        ("/v1/moderations", peace, ("outlast-route: other",), "beta/*"),
        ("/v1/moderations", peace, (), "alpha/*"),
        ("/v1/moderations", omni, (), "alpha/omni"),
        (
            "/v1/moderations",
            json.dumps({"input": "peace", "model": "omni"}).encode(),
            ("outlast-model: other",),
            "beta/omni",
        ),
    ):
        answer = house.post(path, given, *header)
        assert (answer.status, answer.headers["outlast-target"]) == (200, target)
    assert provider.requests("beta")[1].path == "/beta/v1/moderations?model=n"
    for model in ("alpha/", "two words", "x" * 300):
        assert house.post("/v1/moderations", json.dumps({"input": "a", "model": model}).encode()).status == 404
    assert house.post("/v1/moderations", peace, "outlast-route: none").status == 404


def test_who_speaks_another_dialect_is_passed_by(provider, open_house):
    """The reason is told, to callers and to the metrics."""
    house = open_house(dialects={"alpha": "anthropic"})
    answer = house.post(SPEECH, ASKING)
    assert (answer.status, answer.headers["outlast-target"]) == (200, "beta/m")
    lone = open_house(dialects={"alpha": "anthropic"}, providers=("alpha",))
    refused = lone.post(SPEECH, ASKING)
    assert refused.status == 400
    assert "alpha/m: it speaks another dialect" in refused.error["message"]
    assert lone.get("/v1/files").status == 404
    assert "targets_skipped_total{" in lone.get("/metrics").body.decode()


def test_the_callers_key_is_asked_for(unasked, open_house):
    """As everywhere: before a large body is read."""
    house = open_house('[keys.app]\nkey = "sk-caller-0123456789abcdef"')
    assert house.get("/v1/files").status == 401
    with house.caller() as caller:
        form = "content-type: multipart/form-data; boundary=mark"
        caller.send(caller.head("POST", "/v1/files", form, "content-length: 100000000"))
        answer = caller.answer()
        assert (answer.status, answer.headers["connection"]) == (401, "close")


def test_statuses_and_media_types_are_the_providers(provider, house):
    """201, 202 and 204 are answers; the name of a file goes along; what is odd does not."""
    provider.script(
        "alpha",
        steps("created", Head(201, (("content-type", "application/json"),), length=2), Body(b"{}"), End()),
        steps("none", Head(204)),
        body(b"%PDF", content_type="application/pdf", headers=(("content-disposition", 'attachment; filename="a"'),)),
        body(b"x", content_type="text/" + "x" * 300, headers=(("set-cookie", "a=b"), ("server", "nginx"))),
    )
    created = house.get("/v1/files")
    assert (created.status, created.body) == (201, b"{}")
    with house.caller() as caller:
        caller.request("GET", "/v1/files")
        none = caller.answer(bodiless=True)
        assert (none.status, none.headers.get("content-length"), caller.buffer) == (204, None, b"")
        caller.request("GET", "/v1/files")  # the connection goes on
        document = caller.answer()
    assert (document.headers["content-type"], document.body) == ("application/pdf", b"%PDF")
    assert document.headers["content-disposition"] == 'attachment; filename="a"'
    odd = house.get("/v1/files")
    assert not {"content-type", "set-cookie", "server"} & set(odd.headers)
    assert odd.headers["x-content-type-options"] == "nosniff"


BROKEN = {
    "half JSON": body(b'{"data": [1, 2'),
    "a web page": body(b"<html>", content_type="text/html"),
    "cut": cut(0),
    "nothing": hang_up(),
    "elsewhere": status(307, {"location": "http://127.0.0.1:1/"}),
    "a part": status(206, body="x"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_no_answer_is_asked_for_again(provider, house, how):
    """Nobody sees half of one: another provider answers."""
    provider.script("alpha", default=BROKEN[how])
    answer = house.post(SPEECH, ASKING)
    assert (answer.status, answer.headers["outlast-target"]) == (200, "beta/m")


def test_errors_are_in_our_words(provider, lone):
    """Not a word of the provider's, the true status, and what a repetition would be good for."""
    provider.script("alpha", status(422, message="Secret words of the provider"))
    answer = lone.post(SPEECH, ASKING)
    assert (answer.status, answer.headers["x-should-retry"]) == (422, "false")
    assert "Secret" not in answer.body.decode()
    assert answer.error["attempts"] == 1


@pytest.mark.parametrize("refusal", [404, 401, 403])
def test_what_is_refused_here_takes_no_chat_away(provider, lone, refusal):
    """A path or right that a provider does not have says nothing of the model: everybody else is served."""
    played = status(404) if refusal == 404 else status(refusal, type="x", error="missing_scope")
    provider.script("alpha", played)
    assert lone.post(SPEECH, ASKING).status == (404 if refusal == 404 else 403)
    assert lone.post("/v1/chat/completions", chat()).status == 200


def test_our_key_is_never_told(provider, lone):
    """K1: not in text, whole or in pieces however they are cut, and not in a header."""
    echo = f'{{"echo": "Bearer {KEY}"}}'.encode()
    provider.script("alpha", body(echo, headers=(("content-disposition", f"attachment; filename={KEY}"),)))
    answer = lone.get("/v1/files")
    assert KEY not in repr(answer.headers) + answer.body.decode()
    assert "[redacted]" in answer.body.decode()
    events = b"data: %b\n\n" % echo
    for at in range(0, len(events), 7):
        pieces = [Body(events[:at] or b":"), Body(events[at:])]
        head = Head(200, (("content-type", "text/event-stream"),), framing="chunked")
        provider.script("alpha", steps("echo", head, *pieces, End()))
        told = lone.post("/v1/images/generations", json.dumps({"model": "m", "prompt": "x"}).encode())
        assert KEY.encode() not in told.body
        assert told.body.endswith(b"\n\n")


def test_a_download_that_is_cut_is_cut(provider, lone):
    """What was sent had no end, and neither has ours: the connection is closed without the last chunk."""
    provider.script("alpha", _cut_sound())
    with lone.caller() as caller:
        caller.post(SPEECH, ASKING)
        assert caller.answer_head().status == 200
        assert caller.chunk() == b"some sound"
        assert caller.rest() == b""
    ended = lone.heard()[0]
    assert (ended.kind, ended.status) == ("broken_stream", 502)


def _cut_sound():
    return steps("cut", SOUND_HEAD, Body(b"some sound"), Fin())


def test_a_download_that_stalls_is_cut(provider, open_house):
    """The stall timer runs between its pieces."""
    house = open_house(providers=("alpha",), timers={"alpha": STALLS})
    provider.script("alpha", steps("stall", SOUND_HEAD, Body(b"some sound"), Silence()))
    with house.caller() as caller:
        caller.post(SPEECH, ASKING)
        caller.answer_head()
        assert caller.chunk() == b"some sound"
        assert caller.rest() == b""
    assert house.heard()[0].history[0].timer == "stall"


def test_a_download_that_we_must_stop_is_cut(provider, lone):
    """When the gateway is told to stop and its time is over: no end that is none."""
    provider.script("alpha", steps("stall", SOUND_HEAD, Body(b"some sound"), Silence()))
    with lone.caller() as caller:
        caller.post(SPEECH, ASKING)
        caller.answer_head()
        assert caller.chunk() == b"some sound"
        lone._loop.call_soon_threadsafe(lone.app.interrupt_all, "the gateway stops")
        assert caller.rest() == b""
    assert lone.heard()[0].kind == "cancelled"


def test_who_leaves_a_download_takes_the_upstream_connection_along(provider, lone):
    """G2."""
    provider.script("alpha", steps("stall", SOUND_HEAD, Body(b"some sound"), Silence()))
    with lone.caller() as caller:
        caller.post(SPEECH, ASKING)
        caller.answer_head()
        assert caller.chunk() == b"some sound"
        caller.leave()
    (seen,) = provider.wait(1, ended=True)
    assert seen.hung_up == "caller"
    assert lone.heard()[0].kind == "cancelled"


def test_circuits_are_shared_and_answers_are_not(provider, open_house):
    """A circuit that opened for speech is open; two files have two answers, whatever is kept of others."""
    house = open_house("[cache]\nenabled = true")
    provider.script("alpha", default=status(500))
    for _ in range(4):
        assert house.post(SPEECH, ASKING).status == 200
    asked = len(provider.requests("alpha"))
    assert house.post(SPEECH, ASKING).headers["outlast-target"] == "beta/m"
    assert len(provider.requests("alpha")) == asked
    provider.script("alpha", default="ok")
    one, two = body(b'{"a": 1}'), body(b'{"a": 2}')
    provider.script("alpha", one, two)
    assert [house.get(f"/v1/files?after={n}").json for n in (1, 2)] == [{"a": 1}, {"a": 2}]


def test_it_is_told_like_any_other_request(provider, house):
    """One line, one metric for the request and for the attempt; its operation is "raw"."""
    house.post(SPEECH, ASKING)
    ended = house.heard()[0]
    assert (ended.operation, ended.route, ended.kind, ended.cost) == ("raw", "default", "ok", None)
    assert "requests_total{" in house.get("/metrics").body.decode()


def test_it_goes_through_an_sdk_without_a_gateway(provider):
    """`outlast.transport`: the same in-process."""

    inside = outlast.transport(parse(toml_of(provider.url), {}))
    with openai.OpenAI(api_key="-", http_client=inside.http_client, max_retries=0) as client:
        file = client.files.create(file=("a.txt", b"some notes"), purpose="user_data")
        assert client.files.content(file.id).content == b"some notes"
        provider.script("alpha", _cut_sound())
        with pytest.raises(openai.APIConnectionError):
            client.audio.speech.create(model="default", input="x", voice="alloy")
