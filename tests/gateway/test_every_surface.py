"""Whatever surface a caller uses: what is wrong with a request is told in one clear answer, and steers nothing."""

import json

import pytest

from outlast.model.events import Fault, RequestEnded
from outlast.testing import SimulatedProvider, stall, status

GOOGLE = "/v1beta/models/default:"
TURNS = [{"role": "user", "content": "hi"}]
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
SURFACES = {
    "/v1/chat/completions": {"model": "default", "messages": TURNS},
    "/v1/embeddings": {"model": "default", "input": "hi"},
    "/v1/responses": {"model": "default", "input": "hi"},
    "/v1/responses/input_tokens": {"model": "default", "input": "hi"},
    "/v1/messages": {"model": "default", "max_tokens": 20, "messages": TURNS},
    "/v1/messages/count_tokens": {"model": "default", "messages": TURNS},
    "/v1/generate": {"model": "default", "prompt": "hi"},
    f"{GOOGLE}generateContent": CONTENTS,
    f"{GOOGLE}streamGenerateContent?alt=sse": CONTENTS,
    f"{GOOGLE}countTokens": CONTENTS,
    f"{GOOGLE}embedContent": {"content": {"parts": [{"text": "hi"}]}},
    "/v2/chat": {"model": "default", "messages": TURNS},
    "/v2/embed": {"model": "default", "texts": ["hi"], "input_type": "search_query", "embedding_types": ["float"]},
    "/api/chat": {"model": "default", "messages": TURNS},
    "/api/generate": {"model": "default", "prompt": "hi"},
    "/api/embed": {"model": "default", "input": "hi"},
    "/v1/images/generations": {"model": "default", "prompt": "hi"},
    "/v1/moderations": {"model": "default", "input": "hi"},
}
STREAMS = {
    "/v1/chat/completions": {"stream": True},
    "/v1/responses": {"stream": True},
    "/v1/messages": {"stream": True},
    "/v1/generate": {"stream": True},
    f"{GOOGLE}streamGenerateContent?alt=sse": {},
    "/v2/chat": {"stream": True},
    "/api/chat": {"stream": True},
    "/api/generate": {"stream": True},
}
READ = [path for path in SURFACES if path not in {"/v1/images/generations", "/v1/moderations"}]
"""All whose bodies we understand."""


def put(path, field):
    """The good body of that surface with another field, given as JSON."""
    name = b"dimensions" if "embed" in path else b"seed"
    return json.dumps(SURFACES[path]).encode()[:-1] + b', "' + name + b'": ' + field + b"}"


def told(answer):
    """The words of the error, in whatever envelope."""
    said = answer.json
    error = said.get("error", said)
    return error if isinstance(error, str) else error["message"]


@pytest.fixture
def unasked(provider):
    """The providers, none of which may see anything."""
    yield provider
    assert provider.requests() == []


@pytest.mark.parametrize("path", SURFACES)
def test_every_surface_answers_what_is_right(provider, house, path):
    """Or nothing below would show anything."""
    assert house.post(path, json.dumps(SURFACES[path]).encode()).status == 200


WRONG = {
    "invalid": lambda path: b'{"model": ',
    "empty": lambda path: b"",
    "array": lambda path: b"[]",
    "null": lambda path: b"null",
    "string": lambda path: b'"hi"',
    "nan": lambda path: put(path, b"NaN"),
    "nested": lambda path: put(path, b"[" * 100_000 + b"]" * 100_000),
    "nested alone": lambda path: b"[" * 100_000,
    "not UTF-8": lambda path: json.dumps(SURFACES[path]).encode().replace(b"hi", b"\xff\xfe"),
}


@pytest.mark.parametrize("path", [*READ, "/api/show"])
def test_a_wrong_body_is_a_400_and_the_connection_lives(unasked, house, path):
    """G9, G11, G12 on each of them."""
    wrong = [
        make(path) for name, make in WRONG.items() if path in SURFACES or name not in {"nan", "nested", "not UTF-8"}
    ]
    with house.caller() as caller:
        for body in wrong:
            caller.post(path, body)
            answer = caller.answer()
            assert (answer.status, bool(told(answer))) == (400, True), body[:60]
        caller.request("GET", "/livez")
        assert caller.answer().status == 200
    assert house.ear.of(Fault) == []


@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("number", [b"1" * 5000, b"1e999", b"-1e400"])
def test_a_number_that_is_none_harms_nobody(provider, house, path, number):
    """G11: it is refused, or it is a field of no meaning here and goes nowhere."""
    assert house.post(path, put(path, number)).status in {200, 400}
    assert house.ear.of(Fault) == []
    assert not [seen for seen in provider.requests() if number[:20] in seen.body]


@pytest.mark.parametrize("path", READ)
def test_an_unknown_model_is_a_404_and_no_label(unasked, house, path):
    """G26."""
    body = json.dumps(SURFACES[path] | ({"model": "no-such-model"} if "model" in SURFACES[path] else {})).encode()
    answer = house.post(path.replace("default", "no-such-model"), body)
    assert (answer.status, "no-such-model" in told(answer)) == (404, True)
    assert "no-such-model" not in house.get("/metrics").body.decode()


@pytest.fixture
def elsewhere():
    """A host that a caller would like us to call."""
    with SimulatedProvider() as sink:
        yield sink
        assert sink.requests() == []


FIELDS = (
    "base_url",
    "api_base",
    "api_key",
    "host",
    "endpoint",
    "proxy",
    "custom_llm_provider",
    "api_version",
)


MEANT = {path: {"endpoint", "host"} for path in set(SURFACES) - set(READ)}
"""What is not read may have fields of these names that mean something else; providers ignore or refuse them."""


@pytest.mark.parametrize("path", SURFACES)
def test_no_caller_can_name_an_address(provider, house, elsewhere, path):
    """G31: not in a field, nor in an object of options, nor in the model's name."""
    url = f"{elsewhere.url}/v1"
    hostile = dict.fromkeys(FIELDS, url)
    body = SURFACES[path] | hostile | {"extra_body": hostile, "extra_headers": {"host": "evil"}}
    assert house.post(path, json.dumps(body).encode(), f"x-base-url: {url}", "forwarded: host=evil").status in {
        200,
        400,
    }
    for model in (url, "../m", f"alpha/{url}", "alpha/../../beta/v1/x?"):
        named = body | ({"model": model} if "model" in body else {})
        house.post(path.replace("default", model.replace("?", "%3F")), json.dumps(named).encode())
    for seen in provider.requests():
        assert not {*FIELDS, "extra_body", "extra_headers"} & set(seen.json) - MEANT.get(path, set()), seen.json
        assert seen.headers["authorization"] == f"Bearer sk-{seen.provider}-0123456789"
        assert seen.provider in {"alpha", "beta"}
        assert ".." not in seen.path


@pytest.mark.parametrize("path", STREAMS)
def test_who_leaves_a_stream_stops_its_provider(provider, lone, path):
    """G2 on each of them: the connection closes, n = 1, and what was held is given back."""
    provider.script("alpha", stall(after=3))
    with lone.caller() as caller:
        caller.post(path, json.dumps(SURFACES[path] | STREAMS[path]).encode())
        assert caller.answer_head().status == 200
        assert caller.chunk()
    (seen,) = provider.wait(1, ended=True)
    assert seen.hung_up == "caller"
    assert [(event.kind, event.status) for event in lone.ear.wait(RequestEnded)] == [("cancelled", 499)]
    assert len(provider.requests()) == 1


KEY = "sk-canary/one+0123456789ab"
CALLER = "canary-caller-0123456789"
LOCKED = f'[keys.app]\nkey = "{CALLER}"\n[retry]\nenabled = false\n'


@pytest.mark.parametrize("path", SURFACES)
@pytest.mark.parametrize("code", [400, 401, 500])
def test_a_key_that_a_provider_repeats_is_never_told(provider, open_house, path, code):
    """K1: neither our provider's key nor the caller's, in the answer or in the log."""
    house = open_house(LOCKED, providers=("alpha",), keys={"alpha": KEY})
    provider.script("alpha", default=status(code, message=f"Bad key {KEY}, from {CALLER}"), key=KEY)
    answer = house.post(path, json.dumps(SURFACES[path]).encode(), f"authorization: Bearer {CALLER}")
    assert answer.status >= 400 or answer.headers["outlast-source"] == "estimate"
    house.close()
    for place in (answer.body.decode(), str(answer.headers), house.log_text()):
        assert KEY not in place
        assert CALLER not in place


@pytest.mark.parametrize("path", SURFACES)
@pytest.mark.parametrize("header", ["", "authorization: Bearer wrong-0123456789", "x-goog-api-key: wrong-0123456789"])
def test_without_a_good_key_nothing_is_answered(unasked, open_house, path, header):
    """G22: 401, the key is not in it; nor does one in the address open the door."""
    house = open_house(LOCKED)
    sign = "&" if "?" in path else "?"
    for where in (path, f"{path}{sign}key={CALLER}"):
        answer = house.post(where, json.dumps(SURFACES[path]).encode(), *([header] if header else []))
        assert answer.status == 401 or (answer.status == 400 and "in a header" in told(answer))
        assert b"wrong-0123456789" not in answer.body
    house.close()
    assert CALLER not in house.log_text()


PART = b'--mark\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n'
MODEL = PART % (b"model", b"default")
FILE = PART % (b'file"; filename="a.wav', b"x" * 4000)
UPLOAD = MODEL + FILE + b"--mark--\r\n"


def upload(*headers):
    """The head of an upload of a form."""
    kind = "content-type: multipart/form-data; boundary=mark"
    return "\r\n".join(["POST /v1/audio/transcriptions HTTP/1.1", "host: gateway", kind, *headers, "", ""]).encode()


def sent(house, data):
    """The whole answer to these bytes."""
    with house.caller() as caller:
        caller.send(data)
        return caller.answer()


def whole(body):
    """An upload of that form, framed as it should be."""
    return upload(f"content-length: {len(body)}") + body


def test_a_good_upload_is_passed_on(provider, lone):
    """Or nothing below would show anything."""
    assert sent(lone, whole(UPLOAD)).status == 200
    assert provider.requests()[0].body == UPLOAD.replace(b"default", b"m")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["transfer-encoding: chunked", "content-length: 5"], b"0\r\n\r\n"),
        (["content-length: 5", "content-length: 6"], b"hello"),
        (["content-length: -5"], b""),
        (["transfer-encoding: xchunked"], b"0\r\n\r\n"),
        (["transfer-encoding: chunked"], b"zz\r\n" + UPLOAD),
        (["transfer-encoding: chunked"], b"%x\r\n%b\r\nnonsense\r\n" % (len(UPLOAD), UPLOAD)),
    ],
)
def test_an_upload_that_is_framed_wrong_is_refused_and_the_connection_closed(unasked, house, headers, body):
    """G17: one reading only, or none; nothing is forwarded."""
    with house.caller() as caller:
        caller.send(upload(*headers) + body)
        assert caller.answer().status == 400
        assert caller.rest() == b""


def test_a_coded_upload_is_refused(unasked, house):
    """G16: nothing is unpacked here, and nothing goes on that we cannot bound."""
    assert sent(house, upload("content-encoding: gzip", "content-length: 3") + b"abc").status == 415


def test_an_upload_without_a_key_is_refused_before_it_is_read(unasked, open_house):
    """G22: not a byte of the body is waited for."""
    assert sent(open_house(LOCKED), upload("content-length: 400000000")).status == 401


EVIL = b'\x1b[31mred\x00{"level":"error"}'


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (PART % (b"model", b"no\r\nset-cookie: a=b\r\n" + EVIL) + FILE, 404),
        (MODEL + PART % (b'file"; filename="%0d%0aset-cookie: a=b' + EVIL, b"x"), 200),
        (MODEL + FILE + PART % (b"prompt", b"\r\nset-cookie: a=b\r\n" + EVIL), 200),
        (MODEL + PART % (b"file", b"\r\nset-cookie: a=b\r\n" + EVIL), 400),
    ],
)
def test_what_a_form_says_is_no_header_and_no_line_of_the_log(provider, lone, form, expected):
    """G32: in the name of the model, of a file, in a part."""
    answer = sent(lone, whole(form + b"--mark--\r\n"))
    assert (answer.status, "set-cookie" in answer.headers) == (expected, False)
    assert lone.ear.of(Fault) == []
    assert not [seen for seen in provider.requests() if "set-cookie" in seen.headers]
    lone.close()
    assert all(line["event"] for line in lone.log())
    assert "\x1b" not in lone.log_text()
    assert "set-cookie: a=b\n" not in lone.log_text()
