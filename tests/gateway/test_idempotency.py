"""Idempotency keys over sockets: the header, the official SDKs, every dialect, and several gateways over one store."""

import json
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import pytest

from outlast.model.events import KeyFound, KeyKept
from outlast.testing import ok, slow_headers, status

from .house import House, chat, toml_of

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
HEADER = "idempotency-key: 8e03978e"
WORDS = "one two three four five six"
ASKS = {
    "/v1/chat/completions": {"model": "default", "messages": [{"role": "user", "content": "hi"}]},
    "/v1/messages": {"model": "default", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "/v1/responses": {"model": "default", "input": "hi"},
    "/v1/generate": {"prompt": "hi"},
    "/v2/chat": {"model": "default", "messages": [{"role": "user", "content": "hi"}]},
    "/api/chat": {"model": "default", "messages": [{"role": "user", "content": "hi"}]},
}
KEPT = ("content-type", "outlast-target", "outlast-source")


@pytest.fixture
def sdk(house, openai_of):
    """OpenAI's SDK, with its own retries switched off."""
    return openai_of(house)


# -- the SDK -----------------------------------------------------------------------------------------------------------


def test_the_sdk_asks_twice_and_the_provider_hears_it_once(provider, sdk):
    """The same answer, with its id."""
    first, again = sdk.whole(extra_headers=KEY), sdk.whole(extra_headers=KEY)
    assert again.to_dict() == first.to_dict()
    assert len(provider.requests()) == 1


def test_a_stream_of_the_sdk_too(provider, sdk):
    """Chunk by chunk."""
    provider.script("alpha", ok(WORDS))
    first, again = sdk.streamed(extra_headers=KEY), sdk.streamed(extra_headers=KEY)
    assert [chunk.to_dict() for chunk in again.items] == [chunk.to_dict() for chunk in first.items]
    assert first.text == WORDS
    assert len(provider.requests()) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_who_asks_at_once_makes_one_call(provider, house, stream):
    """Six callers with one key, whenever each of them comes."""
    provider.script("alpha", slow_headers(0.3, ok(WORDS, between=0.02)))
    with ThreadPoolExecutor(6) as callers:
        answers = list(callers.map(lambda _: house.chat("hi", HEADER, stream=stream), range(6)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(provider.requests()) == 1
    assert sum(answer.headers.get("idempotent-replayed") == "true" for answer in answers) == 5


# -- every dialect -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ASKS)
@pytest.mark.parametrize("spoken", ["openai", "anthropic"])
def test_the_same_bytes_in_every_dialect(open_house, provider, path, stream, spoken):
    """Whatever the provider speaks; only what it cost now is told anew."""
    house = open_house(dialects={"alpha": spoken, "beta": spoken})
    body = json.dumps(ASKS[path] | ({"stream": stream} if path != "/v2/chat" or stream else {})).encode()
    first, again = house.post(path, body, HEADER), house.post(path, body, HEADER)
    assert (first.status, again.status) == (200, 200), first
    assert len(provider.requests()) == 1
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert {name: again.headers[name] for name in KEPT} == {name: first.headers[name] for name in KEPT}
    if path != "/v1/generate":
        assert again.body == first.body
        return
    assert again.body.replace(b'"attempts":0', b'"attempts":1').replace(b'"cost":0.0', b'"cost":null') == first.body


# -- the header --------------------------------------------------------------------------------------------------------


def test_what_became_of_the_key_is_told(house):
    """The expiry is published as a date."""
    first, again = house.chat("hi", HEADER), house.chat("hi", HEADER)
    assert (first.headers["outlast-idempotency"], again.headers["outlast-idempotency"]) == ("first", "replayed")
    left = parsedate_to_datetime(again.headers["idempotency-expires"]) - parsedate_to_datetime(
        first.headers["idempotency-expires"]
    )
    assert abs(left.total_seconds()) <= 20.0
    assert "outlast-idempotency" not in house.chat("hi").headers


@pytest.mark.parametrize(
    ("one", "other"),
    [("k", '"k"'), ('"a\\"b\\\\c"', '"a\\"b\\\\c"'), ('a"b', '"a\\"b"'), ("  k  ", "k")],
    ids=["quoted", "escaped", "bare", "spaces"],
)
def test_quoted_or_bare_it_is_the_same_key(house, provider, one, other):
    """The draft wants a quoted string; most write it bare."""
    house.chat("hi", f"idempotency-key: {one}")
    assert house.chat("hi", f"idempotency-key: {other}").headers["idempotent-replayed"] == "true"
    assert len(provider.requests()) == 1


@pytest.mark.parametrize("key", ['"open', '"a"b"', '""', '"', "k" * 256, '"a\\n"', "k\xe9"])
def test_what_is_no_key_is_refused(house, provider, key):
    """As every wrong request, in the dialect's own words."""
    answer = house.chat("hi", f"idempotency-key: {key}")
    assert (answer.status, answer.error["code"]) == (400, "idempotency_key_invalid")
    assert provider.requests() == []


@pytest.mark.parametrize("path", ASKS)
def test_another_body_is_refused_in_the_callers_dialect(house, provider, path):
    """422, and no SDK asks again."""
    house.post(path, json.dumps(ASKS[path]).encode(), HEADER)
    told = json.dumps(ASKS[path]).replace('"hi"', '"ho"').encode()
    answer = house.post(path, told, HEADER)
    assert answer.status == 422
    assert answer.headers["x-should-retry"] == "false"
    assert b"idempotency key" in answer.body
    assert len(provider.requests()) == 1


def test_a_refusal_is_told_again(house, provider):
    """With the same status and body, but for the request's own id."""
    provider.script("alpha", status(400))
    first, again = house.chat("hi", HEADER), house.chat("hi", HEADER)
    assert (first.status, again.status) == (400, 400)
    assert first.error["message"] == again.error["message"]
    assert again.headers["idempotent-replayed"] == "true"
    assert len(provider.requests()) == 1


def test_two_api_keys_do_not_share_idempotency_keys(open_house, provider):
    """The same word of two callers is two keys."""
    house = open_house('[keys.ada]\nkey = "sk-ada-0123456789"\n[keys.bob]\nkey = "sk-bob-0123456789"')
    ada, bob = "authorization: Bearer sk-ada-0123456789", "authorization: Bearer sk-bob-0123456789"
    house.chat("hi", ada, HEADER)
    other = house.chat("ho", bob, HEADER)
    assert (other.status, other.headers["outlast-idempotency"]) == (200, "first")
    assert house.chat("hi", ada, HEADER).headers["outlast-idempotency"] == "replayed"
    assert len(provider.requests()) == 2


# -- what is passed on unread ------------------------------------------------------------------------------------------

SPEECH = "/v1/audio/speech"
SAY = json.dumps({"model": "default", "input": "hi", "voice": "alloy"}).encode()


def test_what_is_passed_on_unread_is_given_again(house, provider):
    """Sounds, too, with their media type."""
    first, again = house.post(SPEECH, SAY, HEADER), house.post(SPEECH, SAY, HEADER)
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert (first.headers["outlast-idempotency"], again.headers["outlast-idempotency"]) == ("first", "replayed")
    assert len(provider.requests()) == 1
    assert provider.requests()[0].headers["idempotency-key"] == "8e03978e"


def test_a_list_is_no_request_to_be_made_once(house, provider):
    """What is read may be read again."""
    house.get("/v1/files", HEADER)
    assert "outlast-idempotency" not in house.get("/v1/files", HEADER).headers
    assert len(provider.requests()) == 2


def test_an_upload_on_its_way_is_not_kept_and_says_so(open_house, provider):
    """The provider has its key."""
    house = open_house("[pass_through]\nwindow = 1024")
    mark = b"--xx\r\ncontent-disposition: form-data; "
    model = mark + b'name="model"\r\n\r\ndefault\r\n'
    sound = mark + b'name="file"; filename="a.mp3"\r\n\r\n' + b"a" * 300_000 + b"\r\n--xx--\r\n"
    kind = "content-type: multipart/form-data; boundary=xx"
    with house.caller() as caller:
        body = model + sound
        lines = [HEADER, kind, f"content-length: {len(body)}"]
        caller.send("\r\n".join(["POST /v1/audio/transcriptions HTTP/1.1", "host: gateway", *lines, "", ""]).encode())
        caller.send(body)
        answer = caller.answer()
    assert answer.status == 200
    assert answer.headers["outlast-idempotency"].startswith("first; not-kept; detail=")
    assert provider.requests()[0].headers["idempotency-key"] == "8e03978e"


# -- leaving, and what is told -----------------------------------------------------------------------------------------


def test_a_caller_who_leaves_finds_its_answer_when_it_comes_back(house, provider):
    """The call went on, and its cost is told."""
    provider.script("alpha", slow_headers(0.3, ok(WORDS)))
    with house.caller() as caller:
        caller.post("/v1/chat/completions", chat("hi"), HEADER)
        house.ear.wait(KeyFound)
        caller.leave()
    house.ear.wait(KeyKept)
    answer = house.chat("hi", HEADER)
    assert answer.json["choices"][0]["message"]["content"] == WORDS
    assert answer.headers["idempotent-replayed"] == "true"
    assert len(provider.requests()) == 1


def test_the_log_and_the_metrics_tell_of_keys(house):
    """Neither has the key itself."""
    house.chat("hi", HEADER)
    house.chat("hi", HEADER)
    page = house.get("/metrics").body.decode()
    assert (
        'outlast_idempotency_keys_total{route="default",found="nothing"} 1' in page or "idempotency_keys_total" in page
    )
    house.close()
    assert [line.get("key") for line in house.log() if line["event"] == "request"] == ["first", "replayed"]
    assert "8e03978e" not in house.log_text()


# -- several gateways --------------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "redis"])
def place(request, tmp_path):
    """A store that several gateways share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kept.db"
    return request.getfixturevalue("redis").url


@pytest.mark.parametrize("stream", [False, True])
def test_two_gateways_over_one_store_make_one_call(provider, tmp_path, place, stream):
    """Whoever of them is asked, and whenever."""
    provider.script("alpha", slow_headers(0.3, ok(WORDS, between=0.02)))
    toml = f'store = "{place}"\nguard = {{ disk = 20.0, patience = 20.0 }}\n' + toml_of(provider.url)
    with House(toml, tmp_path) as one, House(toml, tmp_path) as other, ThreadPoolExecutor(6) as callers:
        asks = [callers.submit(house.chat, "hi", HEADER, stream=stream) for house in (one, other) * 3]
        answers = [ask.result() for ask in asks]
    assert {answer.status for answer in answers} == {200}
    assert len(provider.requests()) == 1
    assert {_text(answer, stream=stream) for answer in answers} == {WORDS}


def _text(answer, *, stream):
    if not stream:
        return answer.json["choices"][0]["message"]["content"]
    events = [line[6:] for line in answer.body.decode().splitlines() if line.startswith("data: {")]
    choices = [choice for event in events for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
