"""Callers' requests: what is read at once, what is refused, and what goes on to a provider of the same dialect."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects import DIALECTS
from outlast.model.errors import Caller, Failure
from outlast.model.messages import Request
from outlast.model.target import Quirks

CHATS = ["openai", "anthropic"]
PICTURE = "data:image/png;base64," + "A" * 40_000


def body(**fields):
    return json.dumps(
        {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]} | fields
    ).encode()


REFUSED = [
    ("G9-empty", b"", "empty"),
    ("G9-blank", b"  ", "empty"),
    ("G9-text", b"hello", "JSON"),
    ("G9-array", b"[]", "object"),
    ("G9-null", b"null", "object"),
    ("G9-string", b'"x"', "object"),
    ("G9-cut", b'{"model":"m"', "JSON"),
    ("G9-latin", b'{"model":"\xff","messages":[]}', "UTF-8"),
    ("G9-surrogate", b'{"model":"\\ud800"}', "JSON"),
    ("G11-nan", body()[:-1] + b',"temperature":NaN}', "JSON"),
    ("G11-1e999", body()[:-1] + b',"temperature":1e999}', "temperature"),
    ("G11-long", body()[:-1] + b',"max_tokens":' + b"9" * 5000 + b"}", "max_tokens"),
    ("G11-huge", body()[:-1] + b',"max_tokens":' + b"9" * 400 + b"}", "max_tokens"),
    ("G12-deep", body()[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deeply"),
    (
        "no-model",
        json.dumps({"max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}).encode(),
        "model is required",
    ),
    ("empty-model", body(model=""), "model must not be empty"),
    ("model-number", body(model=5), "model must be str, not int"),
    ("no-messages", json.dumps({"model": "m", "max_tokens": 1}).encode(), "messages is required"),
    ("empty-messages", body(messages=[]), "messages must not be empty"),
    ("messages-text", body(messages="hi"), "messages must be array, not str"),
    ("message-text", body(messages=["hi"]), "messages[0]"),
    ("bad-role", body(messages=[{"role": "king", "content": "hi"}]), "messages[0].role"),
    ("no-role", body(messages=[{"content": "hi"}]), "messages[0].role is required"),
    ("bad-content", body(messages=[{"role": "user", "content": 5}]), "messages[0].content"),
    ("bad-stream", body(stream="yes"), "stream must be bool or null, not str"),
    ("bad-limit", body(max_tokens="9"), "max_tokens"),
    ("negative-limit", body(max_tokens=-1), "max_tokens"),
    ("bad-tools", body(tools={"a": 1}), "tools"),
]


@pytest.mark.parametrize("dialect", CHATS)
@pytest.mark.parametrize(("given_", "words"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_wrong_requests_are_refused_by_name(dialect, given_, words):
    """What is wrong is a 400 that names the field, in our words."""
    with pytest.raises(Caller) as caught:
        DIALECTS[dialect].parse("chat", given_)
    assert caught.value.status == 400
    assert words in caught.value.message
    assert "king" not in caught.value.message


def test_anthropic_asks_for_a_limit():
    """max_tokens is required there, as at the vendor's."""
    with pytest.raises(Caller, match="max_tokens is required"):
        DIALECTS["anthropic"].parse("chat", b'{"model":"m","messages":[{"role":"user","content":"x"}]}')


def test_what_the_engine_must_know_is_read_at_once(wire):
    """Model, stream, limit, needs and usage are there without reading the rest."""
    asked = wire.ask(
        stream=True,
        stream_options={"include_usage": True},
        max_completion_tokens=7,
        tools=[{"type": "function", "function": {"name": "f"}}],
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": PICTURE}},
                    {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA=="}},
                ],
            }
        ],
    )
    assert (asked.model, asked.stream, asked.max_tokens, asked.usage_wanted) == ("default", True, 7, True)
    assert (asked.needs.tools, asked.needs.vision, asked.needs.schema, asked.needs.documents) == (True,) * 4


def test_anthropic_needs_are_read_from_tool_results_too(wire):
    """A picture that a tool gave back needs a model that sees."""
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 40_000}}
    asked = wire.ask(
        "anthropic",
        messages=[{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [image]}]}],
    )
    assert asked.needs.vision
    assert asked.tokens < 1200


def test_a_plain_chat_needs_nothing(wire):
    """Text alone goes anywhere; OpenAI's callers get usage in a stream only if they ask."""
    asked = wire.ask()
    assert asked.needs == wire.ask("anthropic").needs
    assert not any([asked.needs.tools, asked.needs.vision, asked.needs.schema, asked.needs.documents])
    assert not asked.usage_wanted


@pytest.mark.parametrize(
    ("content", "least", "most"),
    [("word " * 400, 400, 600), ("слово " * 400, 1000, 2000), ("語" * 400, 300, 700)],
)
def test_tokens_are_estimated(content, least, most):
    """English has about four bytes to a token, other scripts fewer."""
    asked = DIALECTS["openai"].parse(
        "chat",
        json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}, ensure_ascii=False).encode(),
    )
    assert least <= asked.tokens <= most


def test_a_picture_counts_the_same_whatever_its_size(wire):
    """Base64 is no text."""
    asked = wire.ask(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}])
    assert 800 <= asked.tokens < 1000


def test_the_callers_fields_go_on(wire):
    """Same dialect: unknown fields and all values pass, only the model is another."""
    asked = wire.ask(temperature=0.25, brand_new={"deep": [1, 2]}, logit_bias={"5": -1})
    sent = wire.sent(DIALECTS["openai"].encode(asked, wire.target(model="gpt-x")))
    assert sent == json.loads(asked.body) | {"model": "gpt-x"}


@pytest.mark.parametrize("dialect", CHATS)
def test_g31_a_caller_names_no_address(wire, dialect):
    """G31: fields that name an address, a key or a header are removed and named."""
    evil = {
        "base_url": "http://x",
        "api_base": "http://x",
        "host": "x",
        "api_key": "k",
        "extra_headers": {"a": "b"},
        "extra_body": {"base_url": "x"},
    }
    outgoing = DIALECTS[dialect].encode(wire.ask(dialect, **evil), wire.target(dialect))
    assert not wire.sent(outgoing).keys() & evil.keys()
    assert set(outgoing.dropped) == set(evil)


def test_g31_holds_for_other_dialects_too(wire):
    """An address in a request that is written anew is removed as well."""
    asked = wire.ask(base_url="http://x", api_key="k")
    outgoing = DIALECTS["anthropic"].encode(asked, wire.target("anthropic"))
    assert b"http://x" not in outgoing.body
    assert set(outgoing.dropped) == {"base_url", "api_key"}


def test_usage_is_asked_for_in_a_stream(wire):
    """We need the usage even where the caller does not want it."""
    sent = wire.sent(DIALECTS["openai"].encode(wire.ask(stream=True), wire.target()))
    assert sent["stream_options"] == {"include_usage": True}
    asked = wire.ask(stream=True, stream_options={"include_obfuscation": False})
    sent = wire.sent(DIALECTS["openai"].encode(asked, wire.target()))
    assert sent["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert "stream_options" not in wire.sent(DIALECTS["openai"].encode(wire.ask(), wire.target()))


def test_providers_quirks_are_kept(wire):
    """Fields that a provider refuses are taken out and named."""
    target = wire.target(quirks=Quirks(stream_options=False, drops=("seed",)), sampling=False, max_output=50)
    asked = wire.ask(stream=True, stream_options={"include_usage": True}, seed=1, temperature=0.5, max_tokens=99)
    outgoing = DIALECTS["openai"].encode(asked, target)
    assert wire.sent(outgoing).keys() == {"model", "messages", "stream", "max_tokens"}
    assert wire.sent(outgoing)["max_tokens"] == 50
    assert set(outgoing.dropped) == {"seed", "temperature", "max_tokens above 50", "stream_options"}


def test_a_stream_that_is_gathered_first_is_not_asked_for(wire):
    """Where a layer wants the whole answer, the caller's `stream` does not go on."""
    asked = wire.ask(stream=True, stream_options={"include_usage": True})
    whole = Request(model="m", stream=False, dialect="openai", body=asked.body, read=lambda _: asked.content())
    assert not {"stream", "stream_options"} & wire.sent(DIALECTS["openai"].encode(whole, wire.target())).keys()


def test_newer_models_get_no_sampling(wire):
    """Anthropic's newer models refuse temperature, top_p and top_k."""
    asked = wire.ask("anthropic", temperature=0.5, top_p=0.9, top_k=4)
    outgoing = DIALECTS["anthropic"].encode(asked, wire.target("anthropic", sampling=False))
    assert outgoing.dropped == ("temperature", "top_k", "top_p")
    kept = wire.sent(DIALECTS["anthropic"].encode(asked, wire.target("anthropic")))
    assert (kept["temperature"], kept["top_p"], kept["top_k"]) == (0.5, 0.9, 4)


@pytest.mark.parametrize(
    ("dialect", "operation", "quirks", "path"),
    [
        ("openai", "chat", Quirks(), b"/chat/completions"),
        ("openai", "embed", Quirks(), b"/embeddings"),
        ("openai", "chat", Quirks(path_chat="/d/{model}/chat", query="api-version=1"), b"/d/a%2Fb/chat?api-version=1"),
        ("openai", "embed", Quirks(path_embed="/e", query="v=1"), b"/e?v=1"),
        ("anthropic", "chat", Quirks(), b"/v1/messages"),
        ("anthropic", "chat", Quirks(query="beta=true"), b"/v1/messages?beta=true"),
    ],
)
def test_paths(wire, dialect, operation, quirks, path):
    """Each operation has its path, which a provider's row may change."""
    target = wire.target(dialect, model="a/b", quirks=quirks)
    asked = wire.ask(dialect)
    if operation == "embed":
        asked = DIALECTS["openai"].parse("embed", b'{"model":"m","input":"x"}')
    assert DIALECTS[dialect].encode(asked, target).path == path


@pytest.mark.parametrize(("version", "told"), [("", b"2023-06-01"), ("2026-10-21", b"2026-10-21")])
def test_anthropic_is_told_its_version(wire, version, told):
    """The version is pinned, unless the provider's row says another."""
    target = wire.target("anthropic", quirks=Quirks(version=version))
    headers = DIALECTS["anthropic"].encode(wire.ask("anthropic"), target).headers
    assert b"anthropic-version: " + told in headers


KEYS = st.sampled_from(
    [
        "model",
        "messages",
        "max_tokens",
        "role",
        "content",
        "type",
        "text",
        "tools",
        "function",
        "stream",
        "stop",
        "system",
        "name",
        "prompt",
        "input",
        "schema",
        "source",
        "image_url",
        "url",
        "tool_choice",
        "response_format",
        "x",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["user", "text", "tool", "m", "function"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=15,
)


@pytest.mark.parametrize("dialect", [*CHATS, "native"])
@pytest.mark.parametrize("operation", ["chat", "embed"])
@given(data=st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_request_or_a_refusal(wire, dialect, operation, data):
    """Fuzz: what is parsed can be read, and written for every provider; else it is a failure, nothing else."""
    try:
        asked = DIALECTS[dialect].parse(operation, data)
        asked.content()
        for other in CHATS:
            DIALECTS[other].encode(asked, wire.target(other))
    except Failure:
        pass


@pytest.mark.parametrize("dialect", CHATS)
@given(fields=st.dictionaries(KEYS, VALUES, max_size=4), turn=st.dictionaries(KEYS, VALUES, max_size=4))
def test_odd_fields_of_a_good_request_do_no_harm(wire, dialect, fields, turn):
    """Fuzz near the truth: a good request with odd fields in it."""
    base = json.loads(body()) | fields | {"messages": [{"role": "user", "content": "x"} | turn]}
    try:
        asked = DIALECTS[dialect].parse("chat", json.dumps(base).encode())
        asked.content()
        for other in CHATS:
            DIALECTS[other].encode(asked, wire.target(other))
    except Failure:
        pass
