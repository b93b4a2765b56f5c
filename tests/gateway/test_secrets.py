"""Six canaries: our keys at providers, their headers and proxies, the callers' keys. None is seen anywhere."""

import base64
import json
import logging
from urllib.parse import quote

import pytest

from outlast.lab.script import body
from outlast.lab.steps import Fin, Raw
from outlast.layers.attempt.mask import Mask, forms_of
from outlast.model.target import Provider, Secret
from outlast.testing import Behaviour, ok, status

from .house import chat

PATHS = ("/v1/chat/completions", "/v1/messages", "/v1/generate")
KEY = "sk-canary/one+0123456789ab"
TEAM = "canary-two-0123456789ab"
CALLER = "sk-canary-three-0123456789"
OTHER = "sk-canary-four-0123456789"
WRONG = "sk-canary-five-0123456789"
USER_KEY = "sk-canary-six-0123456789"
CANARIES = (KEY, TEAM, CALLER, OTHER, WRONG, USER_KEY)

MORE = f"""
[providers.alpha.headers]
x-team-token = "{TEAM}"
[keys.app]
key = "{CALLER}"
trusted = true
[keys.idle]
key = "{OTHER}"
[retry]
enabled = false
[pause]
enabled = false
[breaker]
enabled = false
"""


def shapes(secret):
    """As it is, in a URL, in base64 alone and inside of something."""
    raw = secret.encode()
    yield from (raw, quote(secret, safe="").encode(), base64.b64encode(raw).rstrip(b"="))
    yield from (base64.b64encode(b"user:" + raw)[8:-4], base64.urlsafe_b64encode(raw).rstrip(b"="))
    yield json.dumps(secret)[1:-1].encode()


def clean(text):
    """None of the six is in there, in any shape."""
    text = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    found = [shape for secret in CANARIES for shape in shapes(secret) if shape in text]
    assert not found, found


ENCODED = base64.b64encode(KEY.encode()).decode()
ECHO = f"Authorization: Bearer {KEY} x-team-token: {TEAM} ?key={quote(KEY, safe='')} {ENCODED}"
ENVELOPE = json.dumps({"error": {"message": ECHO, "type": ECHO, "code": KEY, "param": KEY}})
HTML = f"<html><pre>Traceback: {ECHO}</pre></html>"


ECHOES = {
    "a good answer": ok(f"one {ECHO} two"),
    "500 in the envelope": status(500, body=ENVELOPE),
    "401 in the envelope": status(401, body=ENVELOPE),
    "400 in the envelope": status(400, body=ENVELOPE),
    "429 with headers": status(429, {"x-echo": ECHO, "retry-after": KEY, "x-request-id": KEY}, body=ENVELOPE),
    "502 in a page": status(502, body=HTML),
    "200 in a page": body(HTML.encode(), content_type="text/html"),
    "200 in an error": body(ENVELOPE.encode()),
    "a redirect": status(307, {"location": f"http://192.0.2.1/?key={quote(KEY, safe='')}"}),
    "no HTTP at all": Behaviour("raw", lambda _: [Raw(ECHO.encode()), Fin()]),
}


@pytest.fixture
def guarded(open_house, provider, caplog):
    """A gateway full of canaries, with every logger at DEBUG."""
    caplog.set_level(logging.DEBUG)
    return open_house(MORE, providers=("alpha",), keys={"alpha": KEY})


@pytest.mark.parametrize("case", ECHOES)
def test_a_provider_that_echoes_our_key_gives_it_to_nobody(provider, guarded, caplog, case):
    """K1, K2, K4: not in an answer, a header, an event, the log, a metric; whole and streamed, on every surface."""
    provider.script("alpha", default=ECHOES[case])
    for path in PATHS:
        for stream in (False, True):
            answer = guarded.post(path, chat(stream=stream, max_tokens=500), f"x-api-key: {CALLER}")
            clean(answer.body)
            clean(str(answer.headers))
            if case == "a good answer":
                assert answer.status == 200
                assert b"[redacted]" in answer.body
    assert provider.requests(), "nothing was sent"
    assert provider.requests()[0].headers["authorization"] == f"Bearer {KEY}"
    assert provider.requests()[0].headers["x-team-token"] == TEAM
    guarded.post(PATHS[0], chat(), f"authorization: Bearer {WRONG}")
    guarded.post(PATHS[0], chat(user=USER_KEY, model=f"none-{USER_KEY[:3]}"), f"x-api-key: {CALLER}")
    clean(guarded.get("/metrics", f"x-api-key: {CALLER}").body)
    clean(guarded.get("/v1/models", f"x-api-key: {CALLER}").body)
    clean(repr(guarded.ear.events))
    clean(repr(guarded.config))
    guarded.close()
    clean(guarded.log_text())
    clean(caplog.text)


def test_what_is_no_secret_stays(provider, guarded):
    """Only our own keys are blacked out: other words of their kind are the answer's own."""
    provider.script("alpha", ok("sk-of-somebody-else and x-team-token"))
    answer = guarded.chat("hi", f"x-api-key: {CALLER}")
    assert answer.json["choices"][0]["message"]["content"] == "sk-of-somebody-else and x-team-token"


@pytest.mark.parametrize("before", range(4))
def test_a_key_is_found_wherever_it_stands_in_base64(before):
    """Three alignments, two alphabets; what is around it stays."""
    mask = Mask(Provider("p", "openai", "https://x", Secret(KEY)))
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        said = b"<" + encode(b"x" * before + KEY.encode() + b"yyy") + b">"
        black = mask.raw(said)
        assert black != said
        assert black.startswith(b"<")
        assert black.endswith(b">")


def test_short_words_are_no_secrets():
    """A local server's key is often a word like "ollama"; answers may say it."""
    assert (
        forms_of(Provider("p", "openai", "http://x", Secret("ollama"), headers={"x-team": "search and ranking"})) == ()
    )


def test_a_proxys_password_is_a_secret():
    """As it is written in the address, and as it is sent."""
    mask = Mask(Provider("p", "openai", "https://x", proxy="http://me:pass%2Fword-0123@proxy:3128"))
    assert mask.raw(b"pass/word-0123 pass%2Fword-0123") == b"[redacted] [redacted]"
