"""Conducts as official SDKs and plain callers meet them: routing, limits, luck, outages, over sockets."""

import http.client
import json

import anthropic
import httpx2
import openai
import pytest

from outlast.lab.conduct import Conduct, Mishap
from outlast.lab.outages import Outage
from outlast.lab.provider import SimulatedProvider
from outlast.lab.quotas import Limits
from outlast.lab.script import ok
from outlast.model.target import Price

HI = [{"role": "user", "content": "hi"}]
DAWN = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""


class Time:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def provider(time):
    with SimulatedProvider(now=time, clock=lambda: DAWN + time.seconds - 1000, seed=5) as running:
        yield running


@pytest.fixture
def chat(provider):
    with openai.OpenAI(base_url=provider.base_url("alpha"), api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(provider):
    url = provider.base_url("alpha", vendor="anthropic")
    with anthropic.Anthropic(base_url=url, api_key="any", max_retries=0) as client:
        yield client


class Caller:
    """Plain requests; a status of 0 stands for a connection that broke."""

    def __init__(self, provider):
        self._client = httpx2.Client(base_url=provider.url, timeout=120, trust_env=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._client.close()

    def ask(self, path="/alpha/v1/chat/completions", method="POST", headers=None, **fields):
        body = {"model": "m", "messages": HI} | fields if method == "POST" else None
        try:
            answer = self._client.request(method, path, json=body, headers=headers)
        except httpx2.TransportError:
            return 0, {}, {}
        return answer.status_code, answer.headers, answer.json()

    def statuses(self, count, **fields):
        return [self.ask(**fields)[0] for _ in range(count)]


@pytest.fixture
def caller(provider):
    with Caller(provider) as calling:
        yield calling


def test_openai_sdk_sees_a_rate_limit_with_its_headers(provider, chat, time):
    """So many are admitted, then RateLimitError; each answer tells what is left; waiting as told is enough."""
    provider.conduct("alpha", Conduct(limits=Limits(requests_per_minute=3, tokens_per_minute=600)))
    told = [
        chat.chat.completions.with_raw_response.create(model="m", messages=HI, max_tokens=90).headers for _ in range(3)
    ]
    assert [headers["x-ratelimit-remaining-requests"] for headers in told] == ["2", "1", "0"]
    assert [headers["x-ratelimit-limit-requests"] for headers in told] == ["3"] * 3
    assert told[0]["x-ratelimit-reset-requests"] == "20s"
    prompt = 600 - 90 - int(told[0]["x-ratelimit-remaining-tokens"])
    assert told[0]["x-ratelimit-limit-tokens"] == "600"
    assert int(told[2]["x-ratelimit-remaining-tokens"]) == 600 - 3 * (prompt + 90)
    with pytest.raises(openai.RateLimitError) as refused:
        chat.chat.completions.create(model="m", messages=HI, max_tokens=90)
    answer = refused.value.response.headers
    assert (answer["retry-after"], answer["retry-after-ms"]) == ("20", "20000")
    assert answer["x-ratelimit-reset-requests"] == "1m0s"
    assert (refused.value.code, refused.value.type) == ("rate_limit_exceeded", "requests")
    time.seconds += 19.9
    with pytest.raises(openai.RateLimitError):
        chat.chat.completions.create(model="m", messages=HI, max_tokens=90)
    time.seconds += 0.1
    assert chat.chat.completions.create(model="m", messages=HI, max_tokens=90).choices
    assert [seen.behaviour for seen in provider.requests()].count("limit-requests") == 2


def test_anthropic_sdk_sees_a_rate_limit_with_its_headers(provider, claude):
    """The same in Anthropic's words: each unit by itself, resets as moments."""
    limits = Limits(requests_per_minute=2, input_tokens_per_minute=60_000, output_tokens_per_minute=6000)
    provider.conduct("alpha", Conduct(default={"ok": {"text": "a b c"}}, limits=limits))
    for _ in range(2):
        headers = claude.messages.with_raw_response.create(model="m", max_tokens=9, messages=HI).headers
    assert headers["anthropic-ratelimit-requests-limit"] == "2"
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert headers["anthropic-ratelimit-requests-reset"] == "2026-01-01T00:01:00Z"
    assert headers["anthropic-ratelimit-output-tokens-limit"] == "6000"
    assert headers["anthropic-ratelimit-output-tokens-remaining"] == "5997"
    assert int(headers["anthropic-ratelimit-input-tokens-remaining"]) < 60_000
    with pytest.raises(anthropic.RateLimitError) as refused:
        claude.messages.create(model="m", max_tokens=9, messages=HI)
    assert refused.value.response.headers["retry-after"] == "30"
    assert refused.value.type == "rate_limit_error"
    assert claude.messages.count_tokens(model="m", messages=HI).input_tokens > 0


def test_output_tokens_are_taken_as_they_are_streamed(provider, claude):
    """A long stream overdraws, and the next request has to wait for the debt."""
    provider.conduct(
        "alpha", Conduct(default={"ok": {"text": "w" + " w" * 89}}, limits=Limits(output_tokens_per_minute=60))
    )
    with claude.messages.stream(model="m", max_tokens=1000, messages=HI) as stream:
        assert len("".join(stream.text_stream).split()) == 90
    with pytest.raises(anthropic.RateLimitError) as refused:
        claude.messages.create(model="m", max_tokens=9, messages=HI)
    assert refused.value.response.headers["retry-after"] == "31"


def test_as_many_requests_run_at_once_as_may(provider, caller):
    """One more is refused; a place is free when a caller has left."""
    provider.conduct("alpha", Conduct(default="silent", limits=Limits(concurrent=2)))
    place = provider.url.removeprefix("http://")
    links = [http.client.HTTPConnection(place, timeout=120) for _ in range(2)]
    for link in links:
        body = json.dumps({"model": "m", "messages": HI})
        link.request("POST", "/alpha/v1/chat/completions", body, {"content-type": "application/json"})
    provider.wait(2, "alpha")
    status, headers, _ = caller.ask()
    assert (status, headers["retry-after"]) == (429, "1")
    assert provider.conducts()["alpha"]["running"] == 2
    for link in links:
        link.close()
    provider.wait(3, "alpha", ended=True)
    provider.conduct("alpha", Conduct(limits=Limits(concurrent=2)))
    assert caller.statuses(3) == [200, 200, 200]


def test_models_lead_to_their_provider_without_its_name(provider, caller):
    """At the root the model decides; with a name in the path it does not; what nobody serves is served as ever."""
    provider.conduct("alpha", Conduct(models=("one", "two")))
    provider.conduct("beta", Conduct(models=("two", "three")))
    for model in ("one", "two", "three", "four"):
        caller.ask("/v1/chat/completions", model=model)
    caller.ask("/beta/v1/chat/completions", model="one")
    assert [seen.provider for seen in provider.requests()] == ["alpha", "alpha", "beta", "", "beta"]


def test_each_provider_lists_its_models_and_the_root_all(provider, caller):
    """`/v1/models`, also one by one."""
    provider.conduct("alpha", Conduct(models=("one", "two")))
    provider.conduct("beta", Conduct(models=("two", "three")))

    def listed(path):
        return [model["id"] for model in caller.ask(path, method="GET")[2]["data"]]

    assert listed("/alpha/v1/models") == ["one", "two"]
    assert listed("/v1/models") == ["one", "two", "three", "sim-ok"]
    assert listed("/gamma/v1/models") == ["sim-ok"]
    assert caller.ask("/beta/v1/models/three", method="GET")[0] == 200
    assert caller.ask("/beta/v1/models/one", method="GET")[0] == 404


def test_a_key_is_asked_for_and_shown_to_nobody(provider, caller):
    """Wrong keys get 401; the conduct is told with the key blacked out."""
    provider.conduct("alpha", Conduct(key="sim-key-0123"))
    assert caller.ask()[0] == 401
    assert caller.ask(headers={"authorization": "Bearer sim-key-0123"})[0] == 200
    assert "sim-key-0123" not in json.dumps(provider.conducts())
    assert provider.conducts()["alpha"]["conduct"] == {"key": "***"}


def test_scripts_and_model_names_go_before_limits_outages_and_errors(provider, caller):
    """In that order, a wrong request before all of them; what is decided costs no quota until limits are asked."""
    conduct = Conduct(
        limits=Limits(requests_per_minute=2),
        outages=(Outage(kind=501),),
        errors=(Mishap(rate=1, behaviour=502),),
        default=503,
    )
    provider.conduct("alpha", conduct)
    provider.script("alpha", ok())
    assert caller.ask(temperature=9)[0] == 400
    assert caller.ask()[0] == 200
    assert caller.ask(model="sim-status-418")[0] == 418
    assert caller.ask()[1]["x-ratelimit-remaining-requests"] == "1"
    assert caller.statuses(3) == [501, 429, 429]
    provider.conduct("alpha", Conduct(errors=conduct.errors, default=503))
    assert caller.ask()[0] == 502
    provider.conduct("alpha", Conduct(default=503))
    assert caller.ask()[0] == 503


def test_errors_come_at_their_rates_and_the_same_seed_gives_the_same_run(time):
    """A tenth and a fifth, within what chance allows; another seed another run."""
    errors = (Mishap(rate=0.1, behaviour=500), Mishap(rate=0.2, behaviour={"throttled": {"retry_after": 1.5}}))
    runs = []
    for seed in (1, 1, 2):
        with SimulatedProvider(now=time, seed=seed) as provider:
            provider.conduct("alpha", Conduct(errors=errors))
            with Caller(provider) as caller:
                runs.append(caller.statuses(400))
    assert runs[0] == runs[1] != runs[2]
    assert runs[0].count(500) / 400 == pytest.approx(0.1, abs=0.05)
    assert runs[0].count(429) / 400 == pytest.approx(0.2, abs=0.06)
    assert runs[0].count(200) == 400 - runs[0].count(500) - runs[0].count(429)


def test_providers_of_one_seed_of_their_own_have_the_same_luck(provider, caller):
    """Copies of a provider fail at the same requests, whatever they are called."""
    conduct = Conduct(errors=(Mishap(rate=0.5),), seed=3)
    runs = []
    for name in ("alpha", "beta"):
        provider.conduct(name, conduct)
        runs.append(caller.statuses(40, path=f"/{name}/v1/chat/completions"))
    assert runs[0] == runs[1]
    assert 500 in runs[0]


def test_an_hour_of_outages(provider, caller, time):
    """What a caller gets at each time of a schedule; the list of models is gone meanwhile too."""
    outages = (
        Outage(at=10, lasts=10, every=100, kind="down"),
        Outage(at=30, lasts=10, kind="throttling", retry_after=7),
        Outage(at=50, lasts=10, kind="brown-out", share=1),
        Outage(at=70, lasts=10, kind="flapping", flip=5),
    )
    provider.conduct("alpha", Conduct(outages=outages))
    got = {}
    for second in (0, 9.9, 10, 19.9, 20, 30, 40, 50, 60, 70, 75, 80, 110, 130, 3510):
        time.seconds = 1000 + second
        got[second] = caller.ask()[0]
    assert got == {
        0: 200, 9.9: 200, 10: 0, 19.9: 0, 20: 200, 30: 429, 40: 200, 50: 503, 60: 200, 70: 0, 75: 200, 80: 200,
        110: 0, 130: 200, 3510: 0,
    }  # fmt: skip
    assert caller.ask("/alpha/v1/models", method="GET")[0] == 0
    assert provider.conducts()["alpha"]["outages"] == ["down"]
    time.seconds = 1000 + 3600
    assert caller.ask("/alpha/v1/models", method="GET")[0] == 200
    assert provider.conducts()["alpha"]["outages"] == []


def test_a_stream_under_way_breaks_off_when_its_provider_goes_down(provider, chat, time):
    """It had begun well; then the connection is reset."""
    provider.conduct("alpha", Conduct(default="endless", between=0.01, outages=(Outage(at=10, kind="down"),)))
    stream = chat.chat.completions.create(model="m", messages=HI, stream=True)
    words = iter(stream)
    next(words)
    time.seconds += 10
    with pytest.raises((httpx2.TransportError, openai.APIConnectionError)):
        list(words)
    seen = provider.wait(1, "alpha", ended=True)[0]
    assert (seen.status, seen.hung_up) == (200, "provider")


def test_a_new_conduct_replaces_the_old_one_and_begins_anew(provider, caller, time):
    """Nothing of the former stays, and the schedule starts with it."""
    provider.conduct("alpha", Conduct(default=503, limits=Limits(requests_per_minute=1)))
    assert caller.statuses(2) == [503, 429]
    time.seconds += 5
    provider.conduct("alpha", Conduct(outages=(Outage(at=1, kind=501),)))
    assert caller.ask()[0] == 200
    assert "x-ratelimit-limit-requests" not in caller.ask()[1]
    time.seconds += 1
    assert caller.ask()[0] == 501
    assert provider.conducted("alpha").default == "ok"


def test_a_reset_forgets_scripts_and_keeps_conducts(provider, caller):
    """Quotas are whole again, and requests are counted from one."""
    provider.conduct("alpha", Conduct(limits=Limits(requests_per_minute=1), price=Price(input=1)))
    provider.script("alpha", 503, default=501)
    assert caller.statuses(3) == [503, 501, 429]
    provider.reset()
    assert caller.statuses(2) == [200, 429]
    assert [seen.number for seen in provider.requests()] == [1, 2]
    provider.dismiss("alpha")
    assert caller.statuses(3) == [200, 200, 200]


def test_a_conduct_that_was_told_before_the_start_begins_with_it(time):
    """Schedules count from the start."""
    provider = SimulatedProvider(now=time)
    provider.conduct("alpha", Conduct(outages=(Outage(at=0, lasts=5, kind=501),)))
    time.seconds += 100
    with provider, Caller(provider) as caller:
        assert caller.ask()[0] == 501


def test_embeddings_are_limited_by_their_input(provider, chat):
    """Tokens of what is embedded are counted, and the same headers tell of them."""
    provider.conduct("alpha", Conduct(limits=Limits(tokens_per_minute=100)))
    raw = chat.embeddings.with_raw_response.create(model="m", input="word " * 40)
    used = json.loads(raw.text)["usage"]["total_tokens"]
    assert raw.headers["x-ratelimit-remaining-tokens"] == str(100 - used)
    with pytest.raises(openai.RateLimitError) as refused:
        chat.embeddings.create(model="m", input="word " * 200)
    assert "retry-after" not in refused.value.response.headers


def test_laws_slow_real_answers(provider, chat):
    """Whole and streamed answers come; how long each took is what the law says, or more on a busy machine."""
    provider.conduct("alpha", Conduct(default={"ok": {"text": "a b c d"}}, first=0.05, between=0.01))
    chat.chat.completions.create(model="m", messages=HI)
    list(chat.chat.completions.create(model="m", messages=HI, stream=True))
    for seen in provider.wait(2, "alpha", ended=True):
        assert seen.ended - seen.started >= 0.075
