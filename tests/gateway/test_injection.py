"""What callers put into their requests steers nothing: no address, no header, no log, no label."""

import json
import logging

import pytest

from outlast.testing import SimulatedProvider

from .house import chat

PATH = "/v1/chat/completions"


@pytest.fixture
def elsewhere():
    """A host that a caller would like us to call."""
    with SimulatedProvider() as sink:
        yield sink
        assert sink.requests() == []


FIELDS = ("base_url", "api_base", "api_key", "host", "url", "endpoint", "proxy", "custom_llm_provider", "api_version")


@pytest.mark.parametrize("path", [PATH, "/v1/messages", "/v1/generate", "/v1/embeddings"])
def test_no_caller_can_name_an_address(provider, house, elsewhere, path):
    """G31: in the body, in extra_body, metadata, headers and the model's name; nobody else is ever called."""
    url = elsewhere.url + "/v1"
    hostile = dict.fromkeys(FIELDS, url)
    body = json.loads(chat(max_tokens=20)) | hostile | {"extra_body": hostile, "metadata": {"base_url": url}}
    body["extra_headers"] = {"authorization": "Bearer x", "host": "evil"}
    if path == "/v1/embeddings":
        del body["messages"]
        body["input"] = "hi"
    headers = (
        f"x-base-url: {url}", f"x-forwarded-host: {url}", "x-forwarded-for: 10.0.0.1", f"outlast-base-url: {url}",
        f"x-portkey-custom-host: {url}", f"api-base: {url}", "x-litellm-api-base: " + url, "forwarded: host=evil",
    )  # fmt: skip
    assert house.post(path, json.dumps(body).encode(), *headers).status in {200, 400}
    for model in (url, f"{url}/m", "http:/m", "../m", f"alpha/{url}", "alpha/../../beta/v1/x?"):
        house.post(path, json.dumps(body | {"model": model}).encode(), *headers)
    for seen in provider.requests():
        assert not set(FIELDS) & set(seen.json), seen.json
        assert not {"extra_body", "extra_headers"} & set(seen.json)
        assert seen.headers["authorization"] == f"Bearer sk-{seen.provider}-0123456789"
        assert not [name for name in seen.headers if "forward" in name or "base" in name or "portkey" in name]
        assert seen.provider in {"alpha", "beta"}


def test_an_image_is_not_fetched(provider, house, elsewhere):
    """The address of a picture goes to the provider as words; we do not look."""
    picture = [{"type": "image_url", "image_url": {"url": f"{elsewhere.url}/cat.png"}}]
    body = json.dumps({"model": "default", "messages": [{"role": "user", "content": picture}]}).encode()
    assert house.post(PATH, body).status in {200, 400}


EVIL = '\r\nset-cookie: a=b\r\n\x1b[31mred\x1b[0m\x00\x07{"level":"error"}\n\u2028\u202e'


def test_nothing_of_a_prompt_reaches_a_header_or_the_log(provider, open_house, tmp_path):
    """G32: control characters in the prompt, the model, the user and the id; every log line is one of ours."""
    house = open_house('[keys.app]\nkey = "sk-caller-0123456789abcdef"\ntrusted = true')
    key = "x-api-key: sk-caller-0123456789abcdef"
    for fields in ({"text": EVIL}, {"model": EVIL}, {"model": f"alpha/{EVIL}"}, {"user": EVIL}, {EVIL: 1}):
        body = chat(**fields)
        for path in (PATH, "/v1/messages", "/v1/generate"):
            answer = house.post(path, body, key)
            assert answer.status in {200, 400, 404}
            assert "set-cookie" not in answer.headers
            assert b"\x1b" not in answer.body
    for name in ("x-request-id", "outlast-user", "traceparent", "user-agent"):
        answer = house.chat("hi", key, f"{name}: a\x1b[31mb\t{'c' * 300}")
        assert answer.status in {200, 400}
        assert "\x1b" not in str(answer.headers)
    assert house.chat("hi", key, 'x-request-id: a b"c').headers["x-request-id"].startswith("req_")


def test_the_log_is_one_line_of_plain_json_for_each_request(provider, open_house):
    """Whatever a name holds, it is escaped; no key and no prompt is there."""
    house = open_house('[keys.app]\nkey = "sk-caller-0123456789abcdef"\ntrusted = true')
    for user in ("ann\x1b[31m", "b\u00e9a", "c\td"):
        with house.caller() as caller:
            body = chat("a very private prompt")
            head = caller.head("POST", PATH, "x-api-key: sk-caller-0123456789abcdef", f"content-length: {len(body)}")
            caller.send(head[:-2] + b"outlast-user: " + user.encode() + b"\r\n\r\n" + body)
            caller.answer()
    house.close()
    text = house.log_text()
    assert text.isascii()
    assert "\x1b" not in text
    assert len(house.log()) == text.count("\n")
    assert "private prompt" not in text
    assert "sk-caller" not in text


def test_made_up_models_leave_no_trace(provider, house):
    """G26, G27: 10,000 names are refused; none becomes a label, and the page of metrics does not grow."""
    assert house.chat(model="made-up").status == 404
    before = house.get("/metrics").body.count(b"\n")
    with house.caller() as caller:
        for number in range(10_000):
            caller.post(PATH, chat(model=f"made-up-{number}"))
            assert caller.answer().status == 404
    page = house.get("/metrics").body
    assert b"made-up" not in page
    assert page.count(b"\n") == before
    assert provider.requests() == []


def test_made_up_models_of_a_real_provider_share_a_few_labels(provider, open_house):
    """Names behind a configured provider are passed on; labels and memory stay bounded."""
    house = open_house("[limits]\nenabled = false", providers=("alpha",))
    with house.caller() as caller:
        for number in range(600):
            caller.post(PATH, chat(model=f"alpha/made-up-{number}"))
            assert caller.answer().status == 200
    page = house.get("/metrics").body.decode()
    named = {line.partition('model="')[2].partition('"')[0] for line in page.splitlines() if 'model="' in line}
    assert len(named) <= 201
    assert "other" in named


def test_no_library_logs_what_a_caller_said(provider, house, caplog):
    """At DEBUG neither we nor the server below say anything of a request."""
    with caplog.at_level(logging.DEBUG):
        house.chat("a very private prompt", "authorization: Bearer sk-private-0123456789")
        house.post(PATH, b"{private", "authorization: Bearer sk-private-0123456789")
        with house.caller() as caller:
            caller.send(b"private garbage\r\n\r\n")
            caller.rest()
    assert "private" not in caplog.text
