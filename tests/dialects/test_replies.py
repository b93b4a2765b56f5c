"""Whole answers: what is one, what is none, and what a caller gets."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects import DIALECTS
from outlast.model.errors import BadResponse, ContextLength, Failure
from outlast.model.messages import Reasoning, Refusal, Reply, Text, ToolCall, Usage

HTML = b"<html>502</html>"
DEEP = b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def decode(wire, body, dialect="openai"):
    return DIALECTS[dialect].decode(body, wire.ask(dialect), wire.target(dialect))


def test_an_answer_is_read(wire):
    """Words, reason, usage, id, model and time."""
    reply = decode(
        wire,
        wire.reply(
            usage={
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 3},
            }
        ),
    )
    assert (reply.text, reply.finish, reply.id, reply.model, reply.created) == ("hello", "stop", "chatcmpl-1", "m-1", 7)
    assert reply.usage == Usage(9, 4, 5, 1, 3)


def test_an_anthropic_answer_is_read(wire):
    """Its input tokens are counted with the cached ones, as everywhere else."""
    reply = decode(
        wire,
        wire.message(
            usage={
                "input_tokens": 3,
                "output_tokens": 4,
                "cache_read_input_tokens": 5,
                "cache_creation_input_tokens": 1,
                "output_tokens_details": {"thinking_tokens": 2},
            }
        ),
        "anthropic",
    )
    assert (reply.text, reply.finish, reply.id, reply.usage) == ("hello", "stop", "msg_1", Usage(9, 4, 5, 1, 2))


NONE = [
    ("D1", b""),
    ("D2", b'{"id":"x","choices":[{"index":0,"mess'),
    ("html", HTML),
    ("D4-null", b"null"),
    ("D4-list", b"[]"),
    ("D4-string", b'"ok"'),
    ("D6", b'{"choices":[{"message":{"content":"\\ud800"}}],"content":[{"type":"text","text":"\\ud800"}]}'),
    ("D11", DEEP),
    ("D16", b'{"choices":[]}'),
    ("D17-null", b'{"choices":null}'),
    ("D17-missing", b'{"id":"x"}'),
    ("no-message", b'{"choices":[{"text":"x"}]}'),
    ("message-null", b'{"choices":[{"message":null}],"content":null}'),
    ("stream", b"data: {}\n\n"),
    ("bytes", b"\x00\xff\xfe"),
]


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize("body", [pytest.param(row[1], id=row[0]) for row in NONE])
def test_what_is_no_answer_is_a_bad_response(wire, dialect, body):
    """Never an exception of another kind, and never an empty success."""
    with pytest.raises(BadResponse):
        decode(wire, body, dialect)


def test_d26_the_other_protocol_is_no_answer(wire):
    """D26: an answer in another vendor's form is a bad response."""
    with pytest.raises(BadResponse):
        decode(wire, wire.message())
    with pytest.raises(BadResponse):
        decode(wire, wire.reply(), "anthropic")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(b'{"error":"something broke"}', "transient", id="D14"),
        pytest.param(b'{"error":{"type":"rate_limit_error"}}', "throttled", id="throttled"),
        pytest.param(
            b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', "transient", id="overloaded"
        ),
        pytest.param(b'{"error":{"code":"insufficient_quota"},"choices":null}', "quota", id="quota"),
    ],
)
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_an_error_in_a_200_is_classified(wire, dialect, body, kind):
    """The envelope counts, not the 200."""
    with pytest.raises(Failure) as caught:
        decode(wire, body, dialect)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(None, "", id="D19-null"),
        pytest.param("", "", id="D19-empty"),
        pytest.param([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab", id="D19-list"),
        pytest.param(["x", 5, None], "", id="D19-odd-list"),
        pytest.param("a\x00b", "a\x00b", id="D7-NUL"),
        pytest.param("x" * (1 << 20), "x" * (1 << 20), id="D12-long"),
    ],
)
def test_odd_contents_are_answers(wire, content, text):
    """Providers differ in how they say nothing, or say it in parts."""
    assert decode(wire, wire.reply({"content": content})).text == text


@pytest.mark.parametrize("finish", ["another", "some_new_word"])
def test_d22_unknown_reasons_survive(wire, finish):
    """D22: a word that we do not know goes through to the caller, of any dialect."""
    assert decode(wire, wire.reply(finish=finish)).finish == finish
    reply = decode(wire, wire.message(stop=finish), "anthropic")
    assert reply.finish == finish
    assert json.loads(DIALECTS["openai"].render(reply, wire.ask()))["choices"][0]["finish_reason"] == finish


USAGES = [
    ("missing", None),
    ("empty", {}),
    ("negative", {"prompt_tokens": -1, "completion_tokens": 1, "input_tokens": -1, "output_tokens": 1}),
    ("float", {"prompt_tokens": 1.5, "completion_tokens": 1, "input_tokens": 1.5}),
    ("text", {"prompt_tokens": "1", "input_tokens": "1"}),
    ("list", [1]),
    ("D9-huge", {"prompt_tokens": 10**400, "completion_tokens": 1, "input_tokens": 10**400}),
    ("D9-longer", {"prompt_tokens": 10**4999, "input_tokens": 10**4999}),
]


@pytest.mark.parametrize("usage", [pytest.param(row[1], id=row[0]) for row in USAGES])
def test_d24_odd_usage_is_counted_by_us(wire, usage):
    """D24: an answer without usable usage is an answer, and its cost is marked estimated."""
    for dialect, made in (("openai", wire.reply), ("anthropic", wire.message)):
        body = made(usage="USAGE").replace(b'"USAGE"', _json(usage))
        reply = decode(wire, body, dialect)
        assert reply.usage.estimated
        assert reply.usage.input > 0
        assert reply.usage.output > 0


def _json(usage):
    if isinstance(usage, dict) and isinstance(usage.get("prompt_tokens"), int) and usage["prompt_tokens"] > 10**30:
        digits = b"1" + b"0" * (4999 if usage["prompt_tokens"] > 10**4000 else 400)
        return b'{"prompt_tokens":%b,"input_tokens":%b}' % (digits, digits)
    return json.dumps(usage).encode()


def test_odd_facts_are_left_out(wire):
    """An id that is a number or a time with a fraction do not spoil an answer."""
    reply = decode(wire, wire.reply(id=5, created=7.5, model=None))
    assert (reply.id, reply.created, reply.model, reply.text) == ("", 7, "m-1", "hello")


def test_a_bom_does_no_harm(wire):
    """Some servers begin with a byte order mark."""
    assert decode(wire, b"\xef\xbb\xbf" + wire.reply()).text == "hello"


def test_the_window_can_be_exceeded_in_a_200(wire):
    """Anthropic's stop reason is the context error of others."""
    with pytest.raises(ContextLength):
        decode(wire, wire.message(stop="model_context_window_exceeded"), "anthropic")


def test_d21_a_refusal_is_told_in_each_dialect(wire):
    """D21: content filter and refusal are the same reason in other words."""
    refused = decode(wire, wire.message(stop="refusal"), "anthropic")
    told = json.loads(DIALECTS["openai"].render(refused, wire.ask()))
    assert told["choices"][0]["finish_reason"] == "content_filter"
    filtered = decode(wire, wire.reply(finish="content_filter"))
    assert json.loads(DIALECTS["anthropic"].render(filtered, wire.ask("anthropic")))["stop_reason"] == "refusal"
    declined = decode(wire, wire.reply({"content": None, "refusal": "no"}))
    assert declined.parts == (Refusal("no"),)
    assert json.loads(DIALECTS["anthropic"].render(declined, wire.ask("anthropic")))["stop_reason"] == "refusal"


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_the_same_dialect_gets_the_providers_bytes(wire, dialect):
    """Nothing is written anew where nothing must be, several answers included."""
    body = (
        wire.message()
        if dialect == "anthropic"
        else wire.reply(
            choices=[
                {"index": n, "message": {"role": "assistant", "content": str(n)}, "finish_reason": "stop"}
                for n in (0, 1)
            ]
        )
    )
    reply = decode(wire, body, dialect)
    assert DIALECTS[dialect].render(reply, wire.ask(dialect)) is body


def test_old_tool_calls_are_read(wire):
    """function_call is a tool call by its old name."""
    call = {"name": "f", "arguments": '{"a":1}'}
    reply = decode(wire, wire.reply({"content": None, "function_call": call}, finish="function_call"))
    assert reply.tool_calls == (ToolCall("call_f", "f", '{"a":1}'),)
    assert reply.finish == "tool_calls"


def test_arguments_may_be_an_object(wire):
    """Some providers give a tool's arguments as they are, not as text."""
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]
    assert decode(wire, wire.reply({"content": None, "tool_calls": calls})).tool_calls[0].arguments == '{"a":1}'


def test_surrogates_of_our_own_are_written(wire):
    """D6: text that UTF-8 cannot say is written with question marks, not with an exception."""
    reply = Reply(id="", model="m", finish="stop", usage=Usage(), read=lambda: (Text("a\ud800b"),))
    for dialect in DIALECTS.values():
        assert b"a?b" in dialect.render(reply, wire.ask())


WORDS = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)
IDS = st.text("abcXYZ019_-", min_size=1, max_size=20)
CALLS = st.builds(
    ToolCall,
    IDS,
    IDS,
    st.dictionaries(WORDS, st.integers(-9, 9) | WORDS, max_size=3).map(
        lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    ),
)
USAGE = st.builds(
    Usage, st.integers(200, 10**9), st.integers(0, 10**9), st.integers(0, 99), st.integers(0, 99), st.integers(0, 10**6)
)
FINISH = st.sampled_from(["stop", "length", "tool_calls", "some_new_word"])


@given(WORDS | st.none(), WORDS | st.none(), st.lists(CALLS, max_size=3), USAGE, FINISH)
def test_openai_replies_survive_being_written(wire, text, thought, calls, usage, finish):
    """What is rendered reads the same again."""
    parts = (*([Reasoning(thought)] if thought else []), *([Text(text)] if text else []), *calls)
    reply = Reply(id="chatcmpl-9", model="m", finish=finish, usage=usage, created=5, read=lambda: parts)
    back = decode(wire, DIALECTS["openai"].render(reply, wire.ask()))
    assert (back.parts, back.finish, back.usage, back.id, back.created) == (parts, finish, usage, "chatcmpl-9", 5)


BLOCKS = st.lists(
    st.builds(Text, WORDS) | CALLS | st.builds(Reasoning, WORDS, WORDS) | st.builds(Reasoning, data=WORDS), max_size=5
)


@given(BLOCKS.map(tuple), USAGE, FINISH)
def test_anthropic_replies_survive_being_written(wire, parts, usage, finish):
    """What is rendered reads the same again."""
    reply = Reply(id="msg_9", model="m", finish=finish, usage=usage, read=lambda: parts)
    back = decode(wire, DIALECTS["anthropic"].render(reply, wire.ask("anthropic")), "anthropic")
    assert (back.parts, back.finish, back.usage, back.id) == (parts, finish, usage, "msg_9")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "message",
                    "content",
                    "usage",
                    "error",
                    "type",
                    "finish_reason",
                    "tool_calls",
                    "text",
                    "id",
                    "model",
                    "created",
                    "stop_reason",
                    "input",
                    "function",
                    "arguments",
                    "data",
                    "embedding",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@given(body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_answer_or_a_failure(wire, dialect, body):
    """Fuzz: nothing but a reply or a failure, and what is a reply can be rendered for everybody."""
    try:
        reply = decode(wire, body, dialect)
    except Failure:
        return
    for other in DIALECTS.values():
        assert json.loads(other.render(reply, wire.ask()))


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@given(
    odd=st.dictionaries(
        st.sampled_from(["content", "refusal", "tool_calls", "role", "reasoning_content", "type"]), JSON
    )
)
def test_odd_messages_do_no_harm(wire, dialect, odd):
    """Fuzz near the truth: a good answer with odd fields in its message."""
    body = wire.message(content=[{"type": "text", "text": "x"} | odd]) if dialect == "anthropic" else wire.reply(odd)
    try:
        reply = decode(wire, body, dialect)
    except Failure:
        return
    for other in DIALECTS.values():
        assert json.loads(other.render(reply, wire.ask()))


ODD = {
    "gemini": b'{"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP","index":"0"}],'
    b'"modelVersion":7,"responseId":null}',
    "ollama": b'{"model":null,"created_at":7,"message":{"role":"assistant","content":"hi"},"done":true}',
    "cohere": b'{"id":7,"finish_reason":"COMPLETE","message":{"content":[{"type":"text","text":"hi"}]}}',
}


@pytest.mark.parametrize("dialect", ODD)
def test_a_good_answer_is_not_lost_for_a_name_of_another_type(wire, dialect):
    """Ids, models, times and numbers that nobody needs may be anything."""
    reply = DIALECTS[dialect].decode(ODD[dialect], wire.ask(), wire.target(dialect))
    assert (reply.text, reply.model, reply.created, isinstance(reply.id, str)) == ("hi", "m-1", 0, True)
    if dialect != "cohere":
        data = b"data: %b\r\n\r\n" % ODD[dialect] if dialect == "gemini" else ODD[dialect] + b"\n"
        batch, _ = wire.read(dialect, data)
        assert (wire.text(batch.chunks), batch.last) == ("hi", True)
