"""How those who speak OpenAI's dialect differ, as their rows of the catalog say: what they get, what they answer."""

import json

import pytest

from outlast.catalog import builtin
from outlast.dialects import DIALECTS
from outlast.model import messages as m
from outlast.model.continuing import Beginning
from outlast.model.errors import ContextLength, Quota, Throttled, Transient
from outlast.model.messages import Chunk, Usage

OPENAI = DIALECTS["openai"]
HI = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f"}}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "x"}
THOUGHT = {"role": "assistant", "content": "so", "reasoning_content": "hm"}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "look"}


def at(wire, provider, **facts):
    """A model at this provider of the catalog."""
    return wire.target(quirks=builtin().providers[provider].quirks, **facts)


def sent(request, target):
    outgoing = OPENAI.encode(request, target)
    return json.loads(outgoing.body), set(outgoing.dropped)


def passed(wire, provider, **fields):
    """What it is sent for the caller's own fields, and what is named."""
    return sent(wire.ask(**fields), at(wire, provider))


def anew(wire, provider, **fields):
    """The same for a request that is written anew, here of Anthropic's."""
    return sent(wire.ask("anthropic", **fields), at(wire, provider))


@pytest.mark.parametrize("provider", ["mistral", "deepseek", "together"])
def test_the_limit_has_their_name(wire, provider):
    """Whichever of OpenAI's two the caller uses."""
    for name in ("max_tokens", "max_completion_tokens"):
        body, dropped = passed(wire, provider, **{name: 9})
        assert (body["max_tokens"], "max_completion_tokens" in body, dropped) == (9, False, set())
    assert passed(wire, provider, max_tokens=7, max_completion_tokens=9)[0]["max_tokens"] == 7
    assert "max_tokens" not in passed(wire, "openai", max_completion_tokens=9)[0]


def test_mistral_s_words(wire):
    """Seed, and the tool that must be called, under its own names, passed on and written anew."""
    body, dropped = passed(wire, "mistral", seed=3, tools=[TOOL], tool_choice="required")
    assert (body["random_seed"], body["tool_choice"], "seed" in body, dropped) == (3, "any", False, set())
    tools = [{"name": "f", "input_schema": {}}]
    assert anew(wire, "mistral", tools=tools, tool_choice={"type": "any"})[0]["tool_choice"] == "any"
    chat = m.Chat((m.Message("user", (m.Text("hi"),)),), seed=3)
    assert sent(m.Request(model="x", read=lambda _: chat), at(wire, "mistral"))[0]["random_seed"] == 3
    for choice in ("auto", "none", {"type": "function", "function": {"name": "f"}}):
        assert passed(wire, "mistral", tools=[TOOL], tool_choice=choice)[0]["tool_choice"] == choice
    assert passed(wire, "mistral", safe_prompt=True)[0]["safe_prompt"] is True


def test_mistral_takes_no_field_that_it_does_not_know(wire):
    """Not even empty ones in a turn, as OpenAI's SDK repeats them; those that say something are named."""
    echoed = {"role": "assistant", "content": "x", "refusal": None, "annotations": [], "audio": None}
    body, dropped = passed(wire, "mistral", messages=[HI | {"name": "bob"}, echoed, THOUGHT, HI], user="u", store=True)
    assert body["messages"] == [HI, {"role": "assistant", "content": "x"}, {"role": "assistant", "content": "so"}, HI]
    assert dropped == {"user", "store", "messages.name", "messages.reasoning_content"}
    named = m.Chat((m.Message("user", (m.Text("hi"),), "bob"),))
    assert sent(m.Request(model="x", read=lambda _: named), at(wire, "mistral"))[1] == {"messages.name"}


def test_turns_without_anything_to_mend_stay_as_they_are_written(wire):
    """Byte by byte, whatever else is in them."""
    odd = b'{"model":"m","messages":[{"role":"user","content":"hi","odd":1.00000000000000000001}]}'
    outgoing = OPENAI.encode(OPENAI.parse("chat", odd), at(wire, "mistral"))
    assert b'{"role":"user","content":"hi","odd":1.00000000000000000001}' in outgoing.body
    assert "messages" not in json.loads(
        OPENAI.encode(OPENAI.parse("embed", b'{"model":"m","input":"x"}'), at(wire, "mistral")).body
    )


def test_groq_s_turns(wire):
    """Neither names nor thoughts; the thoughts of its own answers are read."""
    body, dropped = passed(wire, "groq", messages=[HI | {"name": "bob"}, CALLED, RESULT], logprobs=True)
    assert [set(turn) for turn in body["messages"]] == [
        {"role", "content"}, {"role", "content", "tool_calls"}, {"role", "content", "tool_call_id"},
    ]  # fmt: skip
    assert dropped == {"logprobs", "messages.name", "messages.reasoning_content"}
    assert passed(wire, "groq", reasoning_format="parsed")[0]["reasoning_format"] == "parsed"


def test_deepseek_wants_the_thoughts_behind_its_calls(wire):
    """As they came, or an empty one; of other turns it takes none."""
    bare = {key: value for key, value in CALLED.items() if key != "reasoning_content"}
    turns = [HI, THOUGHT, HI, CALLED, RESULT, bare, RESULT, HI]
    body, dropped = passed(wire, "deepseek", messages=turns)
    thoughts = [turn.get("reasoning_content") for turn in body["messages"]]
    assert thoughts == [None, None, None, "look", None, "", None, None]
    assert dropped == {"messages.reasoning_content"}


def test_deepseek_s_thoughts_are_written_anew(wire):
    """An Anthropic caller gives them back as thinking."""
    thinking = {"type": "thinking", "thinking": "look", "signature": ""}
    use = {"type": "tool_use", "id": "c1", "name": "f", "input": {}}
    turns = [
        HI, {"role": "assistant", "content": [thinking, {"type": "text", "text": "so"}]}, HI,
        {"role": "assistant", "content": [thinking, use]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "x"}]},
    ]  # fmt: skip
    body, dropped = anew(wire, "deepseek", messages=turns, tools=[{"name": "f", "input_schema": {}}])
    assert [turn.get("reasoning_content") for turn in body["messages"]] == [None, None, None, "look", None]
    assert dropped == {"messages.reasoning"}
    assert anew(wire, "openai", messages=turns, tools=[{"name": "f", "input_schema": {}}])[1] == {"messages.reasoning"}


@pytest.mark.parametrize("prefill", [True, False])
def test_deepseek_goes_on_at_another_path(wire, prefill):
    """Where it is to begin with what was said, which is marked; else at the usual one."""
    target = at(wire, "deepseek", prefill=True)
    outgoing = OPENAI.encode(wire.ask().going_on(Beginning("This is", prefill), 2), target)
    last = json.loads(outgoing.body)["messages"][-1]
    assert outgoing.path == (b"/beta/chat/completions" if prefill else b"/chat/completions")
    assert (last["role"], last.get("prefix")) == (("assistant", True) if prefill else ("user", None))
    assert OPENAI.encode(wire.ask(), target).path == b"/chat/completions"


@pytest.mark.parametrize(
    ("finish", "told"), [("eos", "stop"), ("model_length", "length"), ("function_call", "tool_calls")]
)
def test_their_finish_reasons_are_ours(wire, finish, told):
    """Whole and streamed; callers of their own dialect get the word as it came."""
    reply = OPENAI.decode(wire.reply(finish=finish), wire.ask(), wire.target())
    assert reply.finish == told
    assert finish.encode() in OPENAI.render(reply, wire.ask())
    batch, _ = wire.read("openai", wire.chunk({"content": "x"}) + wire.chunk(finish=finish))
    assert [chunk.finish for chunk in batch.chunks if chunk.finish] == [told]
    assert finish.encode() in batch.raw


def test_an_answer_that_deepseek_gave_up_is_none(wire):
    """For lack of its own resources: whole or streamed, another target is asked."""
    for answer in (
        lambda: OPENAI.decode(wire.reply(finish="insufficient_system_resource"), wire.ask(), wire.target()),
        lambda: wire.read("openai", wire.chunk(finish="insufficient_system_resource")),
    ):
        with pytest.raises(Transient) as caught:
            answer()
        assert caught.value.overloaded


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
@pytest.mark.parametrize("loose", [{}, {"content": [{"type": "text", "text": "so"}]}])
def test_thoughts_by_either_name(wire, name, loose):
    """Also where the rest of the message looks odd."""
    reply = OPENAI.decode(wire.reply({"content": "so", name: "hm"} | loose), wire.ask(), wire.target())
    assert reply.parts == (m.Reasoning("hm"), m.Text("so"))
    batch, _ = wire.read("openai", wire.chunk({"content": "so", name: "hm"} | loose))
    assert (batch.chunks[0].reasoning, wire.text(batch.chunks)) == ("hm", "so")


def test_mistral_s_thoughts_among_its_words(wire):
    """As parts of the content."""
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    reply = OPENAI.decode(
        wire.reply({"content": [thinking, {"type": "text", "text": "so"}]}), wire.ask(), wire.target()
    )
    assert reply.parts == (m.Reasoning("hm"), m.Text("so"))
    data = wire.chunk({"content": [thinking]}) + wire.chunk({"content": "so"}) + wire.chunk(finish="stop")
    assert wire.read("openai", data)[0].chunks[:2] == [Chunk(reasoning="hm"), Chunk("so")]


def test_groq_s_usage_beside(wire):
    """In the last event, whether or not OpenAI's follows; told once."""
    told = {"prompt_tokens": 3, "completion_tokens": 2}
    data = wire.chunk({"content": "x"}, x_groq={"id": "req_1"}) + wire.chunk(finish="stop", x_groq={"usage": told})
    for more in (b"", wire.chunk(choices=[], usage=told)):
        assert wire.usage(wire.read("openai", data + more + b"data: [DONE]\n\n")[0].chunks) == Usage(3, 2)


def test_deepseek_s_cached_tokens(wire):
    """Under its own name."""
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5}
    assert OPENAI.decode(wire.reply(usage=usage), wire.ask(), wire.target()).usage == Usage(9, 1, cached=4)


def test_deepseek_s_blank_lines_are_no_answer_yet(wire):
    """Before a whole answer blank lines, in a stream comments, while the request waits its turn."""
    assert OPENAI.decode(b"\n\n\n" + wire.reply(), wire.ask(), wire.target()).text == "hello"
    waiting = b": keep-alive\n\n" * 3
    batch, _ = wire.read("openai", waiting + wire.stream("hi"))
    assert (wire.text(batch.chunks), b"keep-alive" in batch.raw) == ("hi", False)


@pytest.mark.parametrize(
    ("provider", "status", "error", "kind"),
    [
        ("groq", 498, {"code": "capacity_exceeded", "message": "flex"}, Throttled),
        ("groq", 413, {"type": "tokens", "code": "rate_limit_exceeded", "message": "Request too large"}, ContextLength),
        ("together", 503, {"message": "busy"}, Throttled),
        ("together", 429, {"message": "too fast"}, Throttled),
        ("together", 402, {"message": "pay"}, Quota),
        ("deepseek", 402, {"message": "Insufficient Balance", "type": "unknown_error"}, Quota),
        ("openai", 503, {"message": "busy"}, Transient),
    ],
)
def test_their_errors(wire, provider, status, error, kind):
    """By the row where the status alone would say something else."""
    body = json.dumps({"error": error}).encode()
    assert type(OPENAI.classify(status, lambda _: None, body, at(wire, provider))) is kind


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({b"x-tokenlimit-remaining": b"120", b"x-tokenlimit-reset": b"2"}, (None, None, 120, 2.0)),
        ({b"x-trial-endpoint-call-remaining": b"3"}, (3, None, None, None)),
    ],
)
def test_their_headers(headers, left):
    """Together's tokens, and the calls of Cohere's trial keys."""
    quota = OPENAI.quota(headers.get)
    assert (quota.requests_left, quota.requests_reset, quota.tokens_left, quota.tokens_reset) == left
