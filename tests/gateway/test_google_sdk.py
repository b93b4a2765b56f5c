"""Google's official SDK against the gateway, over sockets, and Gemini behind it for everybody else's."""

import hashlib
import json

import pytest
from google import genai
from google.genai import errors, types

from outlast.testing import behaviour, cut, ended, error_event, ok, pings, stall, status, throttled

from .house import timers_for
from .sdks import CLAUDE_TOOL, HI, OPENAI_TOOL, WEATHER, Part, Sdk
from .test_openai_sdk import DOWN, WHOLE

THEIRS = {"alpha": "gemini", "beta": "gemini"}
TOOLS = [{"function_declarations": [{"name": "get_weather", "parameters_json_schema": WEATHER}]}]
FORCED = {"function_calling_config": {"mode": "ANY"}}
BY_HAND = {"disable": True}
TOO_LONG = "The input token count (9) exceeds the maximum number of tokens allowed (8)."
SCHEMA = {"response_mime_type": "application/json", "response_json_schema": WEATHER}


class Google(Sdk):
    """Google's."""

    def _models(self):
        return self.client.models if self.blocking else self.client.aio.models

    def whole(self, contents="hi", *, model="default", **config):
        config = {"max_output_tokens": 100, "automatic_function_calling": BY_HAND} | config
        return self.do(self._models().generate_content(model=model, contents=contents, config=config))

    def stream(self, contents="hi", *, model="default", **config):
        config = {"max_output_tokens": 100, "automatic_function_calling": BY_HAND} | config
        return self.do(self._models().generate_content_stream(model=model, contents=contents, config=config))

    def streamed(self, contents="hi", **config):
        """All of a stream."""
        part = Part()
        try:
            for chunk in self.each(self.stream(contents, **config)):
                part.items.append(chunk)
                for piece in chunk.candidates[0].content.parts:
                    part.pieces.append("" if piece.thought else piece.text or "")
                part.finish = chunk.candidates[0].finish_reason or part.finish
        except errors.APIError as error:
            part.error = error
        return part

    def embed(self, texts, **config):
        return self.do(self._models().embed_content(model="default", contents=texts, config=config))

    def close(self):
        self.client.close()
        self._runner.run(self.client.aio.aclose())


@pytest.fixture
def google_of(fashion, driven):
    """Makes Google's client of a gateway; it has no retries of its own."""

    def made(house, *, api_key="any", version="v1"):
        options = types.HttpOptions(base_url=house.url, api_version=version)
        sdk = driven(Google, genai.Client(api_key=api_key, http_options=options))
        sdk.blocking = fashion == "blocking"
        return sdk

    return made


@pytest.fixture
def gateway(open_house):
    """A gateway whose providers speak Google's dialect."""
    return open_house(dialects=THEIRS)


@pytest.fixture
def sdk(gateway, google_of):
    """The SDK."""
    return google_of(gateway)


@pytest.fixture(params=["gemini", "openai", "anthropic"])
def any_house(request, open_house):
    """Gateways whose only provider speaks this dialect."""
    return open_house(providers=("alpha",), dialects={"alpha": request.param})


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_a_whole_answer(provider, gateway, google_of, version):
    """Text, finish reason, usage, in both versions of the API."""
    provider.script("alpha", ok("Hello there."))
    reply = google_of(gateway, version=version).whole()
    assert (reply.text, reply.candidates[0].finish_reason) == ("Hello there.", "STOP")
    assert (reply.usage_metadata.candidates_token_count, reply.model_version) == (2, "m")
    assert provider.requests("alpha")[0].path == "/alpha/v1beta/models/m:generateContent"


def test_a_stream(provider, sdk):
    """Piece by piece; comments on the way do no harm."""
    provider.script("alpha", ok("one two three"), pings(after=1, every=0.001, count=3, text="one two three"))
    for _ in range(2):
        part = sdk.streamed()
        assert (part.text, part.finish, part.error) == ("one two three", "STOP", None)
        assert part.items[-1].usage_metadata.candidates_token_count == 3


def test_what_only_google_has(provider, sdk):
    """Candidates, likelihoods, safety settings, thoughts: nothing is lost in its own dialect."""
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    reply = sdk.whole(candidate_count=2, response_logprobs=True, logprobs=1, top_k=3, safety_settings=safety)
    assert [candidate.index for candidate in reply.candidates] == [0, 1]
    assert reply.candidates[0].logprobs_result.chosen_candidates[0].log_probability == -0.1
    assert provider.requests("alpha")[-1].json["safetySettings"] == safety
    part = sdk.streamed(thinking_config={"include_thoughts": True})
    assert part.items[0].candidates[0].content.parts[0].thought
    assert part.items[-1].usage_metadata.thoughts_token_count > 0


def test_text_in_every_dialect(provider, any_house, google_of):
    """Whole and streamed, whoever answers."""
    sdk = google_of(any_house)
    reply = sdk.whole(system_instruction="be kind", stop_sequences=["x y z"])
    assert (reply.text, reply.candidates[0].finish_reason) == (WHOLE.format("alpha"), "STOP")
    part = sdk.streamed()
    assert (part.text, part.finish, part.error) == (WHOLE.format("alpha"), "STOP", None)
    assert part.items[-1].usage_metadata.candidates_token_count > 5
    assert sdk.whole(max_output_tokens=2).candidates[0].finish_reason == "MAX_TOKENS"


def test_tools_in_every_dialect(provider, any_house, google_of):
    """A call whole and streamed, and the answer to its result."""
    sdk = google_of(any_house)
    reply = sdk.whole(tools=TOOLS, tool_config=FORCED)
    (call,) = reply.function_calls
    assert (call.name, call.args) == ("get_weather", {"city": "text"})
    part = sdk.streamed(tools=TOOLS, tool_config=FORCED)
    (streamed,) = [call for chunk in part.items for call in chunk.function_calls or ()]
    assert (streamed.name, streamed.args, part.finish) == ("get_weather", {"city": "text"}, "STOP")
    result = types.Part.from_function_response(name=call.name, response={"result": "sunny"})
    result.function_response.id = call.id
    asked = types.Content(role="user", parts=[types.Part(text="hi")])
    told = [asked, reply.candidates[0].content, types.Content(role="user", parts=[result])]
    assert sdk.whole(told, tools=TOOLS).candidates[0].finish_reason == "STOP"


def test_functions_are_called_by_the_sdk_itself(provider, any_house, google_of):
    """Its own loop of calls and results goes on until there is an answer."""
    asked = []

    def get_weather(city: str) -> str:
        """The weather in a city."""
        asked.append(city)
        return "sunny"

    sdk = google_of(any_house)
    reply = sdk.whole("call get_weather", tools=[get_weather], automatic_function_calling={"disable": False})
    assert asked == ["text"]
    assert reply.text


def test_schemas_in_every_dialect(provider, any_house, google_of):
    """Whole and streamed, as JSON schema and as Google's own kind."""
    sdk = google_of(any_house)
    own = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
    for config in (SCHEMA, {"response_mime_type": "application/json", "response_schema": own}):
        assert json.loads(sdk.whole(**config).text) == {"city": "text"}
        assert json.loads(sdk.streamed(**config).text) == {"city": "text"}


def test_pictures_in_every_dialect(provider, any_house, google_of):
    """The simulated vendors look at how they are told."""
    image = types.Part.from_bytes(data=b"\x89PNG", mime_type="image/png")
    assert google_of(any_house).whole([image, "look"]).candidates[0].finish_reason == "STOP"


@pytest.mark.parametrize("dialect", ["gemini", "openai"])
def test_embeddings(provider, open_house, google_of, dialect):
    """Of several texts, and of a size, from Google and from others."""
    sdk = google_of(open_house(providers=("alpha",), dialects={"alpha": dialect}))
    assert [len(row.values) for row in sdk.embed(["a", "b"], output_dimensionality=4).embeddings] == [4, 4]


@pytest.mark.parametrize(
    ("dialect", "source"), [("gemini", "primary"), ("anthropic", "primary"), ("openai", "estimate")]
)
def test_tokens_are_counted(provider, open_house, google_of, dialect, source):
    """By the provider where it can, else by our own estimate."""
    house = open_house(providers=("alpha",), dialects={"alpha": dialect})
    sdk = google_of(house)
    counted = sdk.do(sdk._models().count_tokens(model="default", contents="How many tokens has this?"))
    assert 5 <= counted.total_tokens <= 30
    assert house.heard()[0].source == source


def test_anthropic_s_callers_have_their_tokens_counted_by_gemini(provider, gateway, claude_of):
    """Of all of the request: the system and the tools too."""
    sdk = claude_of(gateway)
    counted = sdk.do(sdk.client.messages.count_tokens(model="default", messages=HI, system="s", tools=[CLAUDE_TOOL]))
    assert counted.input_tokens > 0
    sent = provider.requests("alpha")[0]
    assert sent.path == "/alpha/v1beta/models/m:countTokens"
    assert {"model", "contents", "systemInstruction", "tools"} <= sent.json["generateContentRequest"].keys()


def test_models(sdk):
    """Listed and looked up in Google's shape."""
    names = [model.name for model in sdk.each(sdk.do(sdk._models().list()))]
    assert names[0] == "models/default"
    assert sdk.do(sdk._models().get(model="alpha/m")).supported_actions[0] == "generateContent"
    with pytest.raises(errors.ClientError) as raised:
        sdk.do(sdk._models().get(model="none"))
    assert (raised.value.code, raised.value.status) == (404, "NOT_FOUND")


# -- Gemini for everybody else's callers --------------------------------------------------------------------------


def test_openai_s_callers_are_answered_by_gemini(provider, gateway, openai_of):
    """Text, stream, tools, schema; a call that comes back without its signature is taken all the same."""
    sdk = openai_of(gateway)
    assert sdk.whole().choices[0].message.content == WHOLE.format("alpha")
    part = sdk.streamed(stream_options={"include_usage": True})
    assert (part.text, part.finish) == (WHOLE.format("alpha"), "stop")
    message = sdk.whole(tools=[OPENAI_TOOL], tool_choice="required").choices[0].message
    assert json.loads(message.tool_calls[0].function.arguments) == {"city": "text"}
    told = [*HI, message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}]
    assert sdk.whole(told, tools=[OPENAI_TOOL]).choices[0].finish_reason == "stop"
    shape = {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}}
    assert json.loads(sdk.whole(response_format=shape).choices[0].message.content) == {"city": "text"}


def test_anthropic_s_callers_give_back_gemini_s_signatures(provider, open_house, claude_of):
    """They come as those of thoughts, and go back to where they stood; the newest models refuse all others."""
    routes = '[routes.default]\ntargets = ["alpha/gemini-3.8-flash"]'
    house = open_house(routes, providers=("alpha",), dialects=THEIRS)
    sdk = claude_of(house)
    reply = sdk.whole(tools=[CLAUDE_TOOL], tool_choice={"type": "any"})
    result = {"type": "tool_result", "tool_use_id": reply.content[-1].id, "content": "sunny"}
    told = [*HI, {"role": "assistant", "content": reply.content}, {"role": "user", "content": [result]}]
    assert sdk.whole(told, tools=[CLAUDE_TOOL]).stop_reason == "end_turn"
    parts = provider.requests("alpha")[-1].json["contents"][1]["parts"]
    assert parts[-1]["thoughtSignature"] == "c2ltdWxhdGVkIHRob3VnaHRz"


# -- when providers fail ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", DOWN)
@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_the_first_provider_fails_and_nobody_notices(provider, open_house, google_of, how, kind):
    """The second one answers; the SDK has asked once."""
    sdk = google_of(open_house(dialects=THEIRS, timers={"alpha": timers_for(DOWN[how])}))
    provider.script("alpha", default=DOWN[how])
    provider.script("beta", default=ok("from beta"))
    assert (sdk.whole().text if kind == "whole" else sdk.streamed().text) == "from beta"
    assert len(provider.requests("beta")) == 1


BREAKS = pytest.mark.parametrize(
    "how", [cut(3), cut(3, "rst"), ended(3), stall(3), error_event(3)], ids=["fin", "rst", "silently", "stall", "told"]
)


@BREAKS
@pytest.mark.parametrize("second", ["gemini", "openai"])
def test_a_stream_that_breaks_is_gone_on_with(provider, open_house, google_of, how, second):
    """The SDK sees one answer with one end, whoever goes on with it."""
    house = open_house(dialects={"alpha": "gemini", "beta": second}, timers={"alpha": timers_for(how)})
    provider.script("alpha", how)
    part = google_of(house).streamed()
    assert (part.text, part.finish, part.error) == (WHOLE.format("beta"), "STOP", None)
    assert len({chunk.response_id for chunk in part.items}) == 1
    assert house.heard()[0].resumed == 1


@BREAKS
def test_gemini_goes_on_with_what_another_has_begun(provider, open_house, openai_of, how):
    """Asked to repeat the last words, which are dropped."""
    house = open_house(dialects={"alpha": "openai", "beta": "gemini"}, timers={"alpha": timers_for(how)})
    provider.script("alpha", how)
    part = openai_of(house).streamed()
    assert (part.text, part.finish, part.error) == (WHOLE.format("beta"), "stop", None)


@BREAKS
def test_a_stream_that_breaks_is_never_taken_for_whole(provider, open_house, google_of, how):
    """With nobody left what came is kept, then the SDK raises an error of a type that it knows."""
    gateway = open_house(dialects=THEIRS, timers={"alpha": timers_for(how)})
    sdk = google_of(gateway)
    provider.script("alpha", default=how)
    provider.script("beta", default=status(401))
    part = sdk.streamed()
    assert (part.text, part.finish) == ("This is the", None)
    assert isinstance(part.error, errors.ServerError)
    assert gateway.heard()[0].kind == "broken_stream"


@pytest.mark.parametrize(
    ("played", "code", "word", "reason"),
    [
        (status(400), 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        (status(400, message=TOO_LONG), 400, "INVALID_ARGUMENT", "CONTEXT_LENGTH_EXCEEDED"),
        (status(401), 502, "INTERNAL", "PROVIDER_AUTHENTICATION"),
        (status(402), 429, "RESOURCE_EXHAUSTED", "INSUFFICIENT_QUOTA"),
        (status(403), 403, "PERMISSION_DENIED", "PROVIDER_PERMISSION"),
        (status(404, message="models/m is not found for API version v1beta"), 404, "NOT_FOUND", "MODEL_NOT_FOUND"),
        (status(503), 503, "UNAVAILABLE", "UNAVAILABLE"),
        (behaviour("A1-refused"), 503, "UNAVAILABLE", "CONNECT"),
    ],
    ids=str,
)  # fmt: skip
def test_errors_are_told_as_google_would(provider, open_house, google_of, played, code, word, reason):
    """Its status and word, a reason, and our hints beside them."""
    sdk = google_of(open_house("[retry]\nenabled = false", providers=("alpha",), dialects=THEIRS))
    provider.script("alpha", played)
    with pytest.raises(errors.APIError) as raised:
        sdk.whole()
    error = raised.value.details["error"]
    assert (raised.value.code, raised.value.status, error["details"][0]["reason"]) == (code, word, reason)
    assert {"retryable", "retry_after", "request_id", "attempts"} <= set(error)


def test_when_to_come_again_stands_in_the_details(provider, open_house, google_of):
    """Where Google's clients look for it."""
    sdk = google_of(open_house("[retry]\nenabled = false", providers=("alpha",), dialects=THEIRS))
    provider.script("alpha", throttled(86400))
    with pytest.raises(errors.ClientError) as raised:
        sdk.whole()
    assert raised.value.code == 429
    delay = raised.value.details["error"]["details"][1]["retryDelay"]
    assert 86300 < float(delay.removesuffix("s")) <= 86400


def test_gemini_says_when_in_the_body(provider, open_house):
    """A limit of the simulated Google pauses the target for as long as its details say."""
    house = open_house("[retry]\nenabled = false", providers=("alpha",), dialects=THEIRS)
    provider.script("alpha", status(429, message="Quota exceeded.\nPlease retry in 27.5s."))
    assert house.chat("hi").status == 429
    assert house.heard()[0].history[0].hint == 27.5


def test_a_wrong_request_is_refused_as_google_would(sdk, gateway):
    """With the field; a model that there is not is none; a stream must be asked for as events."""
    with pytest.raises(errors.ClientError) as raised:
        sdk.whole(model="none")
    assert (raised.value.code, raised.value.status) == (404, "NOT_FOUND")
    bad = gateway.post("/v1beta/models/default:generateContent", b'{"contents": "hi"}')
    assert (bad.status, bad.error["status"]) == (400, "INVALID_ARGUMENT")
    assert bad.error["message"] == "contents must be array, not str"
    listed = gateway.post("/v1beta/models/default:streamGenerateContent", b'{"contents": [{"parts": [{"text": "x"}]}]}')
    assert "add ?alt=sse" in listed.error["message"]
    assert gateway.post("/v1beta/models/default:predict", b"{}").error["status"] == "NOT_FOUND"


def test_how_long_the_sdk_will_wait_is_the_deadline(provider, gateway, google_of):
    """It says so in a header of its own."""
    google_of(gateway).whole(http_options={"timeout": 7000})
    assert gateway.heard()[0].deadline == pytest.approx(7.0, abs=0.5)


def test_a_key_is_asked_for_and_taken(provider, open_house, google_of):
    """In Google's own header."""
    digest = hashlib.sha256(b"foo").hexdigest()
    house = open_house(f'[keys.me]\nsha256 = "{digest}"', dialects=THEIRS)
    assert google_of(house, api_key="foo").whole().text
    assert house.heard()[0].caller == "me"
    with pytest.raises(errors.ClientError) as raised:
        google_of(house, api_key="bar").whole()
    assert (raised.value.code, raised.value.status) == (401, "UNAUTHENTICATED")
