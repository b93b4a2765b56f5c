"""What is left out of a conversation that is too long: whole turns, in an order, and never what must stay."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from outlast.dialects import DIALECTS
from outlast.layers.fit import FitConfig, in_order, left_out, plan, shortened
from outlast.model.errors import ContextLength
from outlast.model.messages import Chat, Image, Message, Needs, Request, Text, Tool, ToolCall, ToolResult
from outlast.model.tokens import count_chat

from .calls import ALPHA, no_content

CONFIG = FitConfig()
WORDS = "one two three four five six seven eight nine ten " * 10
"""About a hundred tokens."""


def system(text="Be brief."):
    return Message("system", (Text(text),))


def user(text=WORDS):
    return Message("user", (Text(text),))


def said(text=WORDS):
    return Message("assistant", (Text(text),))


def calls(*ids):
    return Message("assistant", tuple(ToolCall(id_, "look", "{}") for id_ in ids))


def result(id_, text=WORDS):
    return Message("tool", (ToolResult(id_, (Text(text),)),))


def request(*messages, max_tokens=None, **more):
    chat = Chat(tuple(messages), max_tokens=max_tokens, **more)
    made = Request(model="m", read=no_content, tokens=10_000, max_tokens=max_tokens)
    return made.holding(chat)


def target(window, **more):
    return replace(ALPHA, window=window, vocabulary="o200k", **more)


def kept(short):
    return list(short.request.content().messages)


def test_a_conversation_has_turns_and_the_last_one_has_steps():
    messages = [system(), user(), said(), user(), calls("a"), result("a"), said(), user(), calls("b"), result("b"),
                calls("c", "d"), result("c"), result("d")]  # fmt: skip
    parts = plan(messages)
    assert parts.turns == ((1, 2), (3, 4, 5, 6))
    assert parts.steps == ((8, 9),)


def test_a_beginning_of_the_answer_is_kept_with_the_calls_before_it():
    parts = plan([user(), calls("a"), result("a"), calls("b"), result("b"), said("So")])
    assert parts.steps == ((1, 2),)


def test_what_comes_before_the_first_question_is_a_turn_of_its_own():
    assert plan([said("Welcome!"), user(), said(), user()]).turns == ((0,), (1, 2))
    assert plan([system(), said("Welcome!")]).turns == ()


def test_what_nobody_has_asked_is_gone_on_with():
    """Without a question all of it is one turn, which is under way; of its steps the latest stays."""
    assert plan([said("Welcome!"), said("Still there?")]).turns == ()
    assert plan([calls("a"), result("a"), calls("b"), result("b")]).steps == ((0, 1),)


def test_a_beginning_is_kept_with_the_only_calls_before_it():
    """They are what it goes on from; with words beside them calls are calls."""
    assert plan([user(), calls("a"), result("a"), said("So")]).steps == ()
    aloud = Message("assistant", (Text("I will look."), ToolCall("b", "look", "{}")))
    assert plan([user(), calls("a"), result("a"), aloud, result("b")]).steps == ((1, 2),)


def test_system_words_are_kept_wherever_they_stand():
    parts = plan([system(), user(), system("Now in French."), said(), user()])
    assert parts.turns == ((1, 3),)


def test_the_oldest_go_first_or_those_in_the_middle():
    units = [(0,), (1,), (2,), (3,), (4,)]
    assert in_order(units, "drop_oldest") == units
    assert in_order(units, "middle_out") == [(2,), (1,), (3,), (0,), (4,)]
    assert in_order(units[:4], "middle_out") == [(1,), (2,), (0,), (3,)]


def test_no_more_goes_than_has_to():
    messages = [user(), said(), user(), said(), user()]
    sizes = [10, 20, 30, 40, 50]
    assert left_out(messages, sizes, 0, "drop_oldest") == frozenset()
    assert left_out(messages, sizes, 30, "drop_oldest") == {0, 1}
    assert left_out(messages, sizes, 31, "drop_oldest") == {0, 1, 2, 3}
    assert left_out(messages, sizes, 999, "drop_oldest") == {0, 1, 2, 3}


ROLES = st.sampled_from(["system", "user", "assistant", "calls"])


@st.composite
def conversations(draw):
    """Any conversation in which every call has its results right behind it."""
    messages = []
    for number, role in enumerate(draw(st.lists(ROLES, max_size=12))):
        if role == "calls":
            ids = [f"{number}-{index}" for index in range(draw(st.integers(1, 3)))]
            messages += [calls(*ids), *(result(id_, "done") for id_ in ids)]
        else:
            messages.append(Message(role, (Text(f"{role} {number}"),)))
    return [*messages, user("and now?"), *draw(st.sampled_from([[], [calls("z"), result("z", "26")], [said("It")]]))]


@given(conversations(), st.integers(0, 400), st.sampled_from(["drop_oldest", "middle_out"]))
def test_whatever_the_conversation(messages, excess, fit):
    """System, last question and end stay; calls stay with their results; enough goes, or all that may."""
    sizes = [10] * len(messages)
    gone = left_out(messages, sizes, excess, fit)
    rest = [message for place, message in enumerate(messages) if place not in gone]
    assert [m for m in rest if m.role == "system"] == [m for m in messages if m.role == "system"]
    assert [m for m in rest if m.role == "user"][-1].parts == (Text("and now?"),)
    assert rest[-1] is messages[-1]
    asked = [part.id for m in rest for part in m.parts if isinstance(part, ToolCall)]
    answered = [part.id for m in rest for part in m.parts if isinstance(part, ToolResult)]
    assert asked == answered
    may = {place for unit in (*plan(messages).turns, *plan(messages).steps) for place in unit}
    assert gone <= may
    assert 10 * len(gone) >= excess or gone == may


@given(conversations(), st.sampled_from(["drop_oldest", "middle_out"]))
def test_an_order_has_everybody_once(messages, fit):
    turns = plan(messages).turns
    assert sorted(in_order(turns, fit)) == sorted(turns)


def test_what_fits_stays_as_it_is():
    assert shortened(request(user(), said(), user()), target(100_000), "drop_oldest", CONFIG) is None
    assert shortened(request(user(), said(), user()), target(0), "drop_oldest", CONFIG) is None


def test_what_is_too_long_is_shortened_to_the_window_less_the_answer_and_a_margin():
    asked = request(system(), *[user(), said()] * 20, user("And now?"), max_tokens=500)
    short = shortened(asked, target(3_000), "drop_oldest", CONFIG)
    tokens = count_chat(short.request.content(), "o200k")
    assert 0.8 * 2_500 < tokens <= 0.9 * 2_500
    assert short.request.tokens == short.cut.after == tokens
    assert short.cut.of == 42
    assert short.cut.messages == 42 - len(kept(short))
    assert short.request.body == b""
    assert (kept(short)[0].role, kept(short)[1].role, kept(short)[-1]) == ("system", "user", user("And now?"))


def test_what_just_fits_stays_as_it_is():
    """The margin is for what is shortened: nothing is left out of what fits without it, to the last token."""
    asked = request(*[user(), said()] * 10, user("And now?"), max_tokens=500)
    tokens = count_chat(asked.content(), "o200k")
    assert shortened(asked, target(tokens + 500), "drop_oldest", CONFIG) is None
    assert shortened(asked, target(tokens + 499), "drop_oldest", CONFIG).cut.after <= 0.9 * tokens


def test_an_answer_without_a_limit_has_room_too():
    asked = request(*[user(), said()] * 20, user("And now?"))
    room = [shortened(asked, target(3_000), "drop_oldest", FitConfig(reserve=size)).cut.after for size in (200, 1_400)]
    assert room[0] > room[1] + 800


def test_an_answer_takes_no_more_than_the_model_gives_nor_half_of_the_window():
    asked = request(*[user(), said()] * 20, user("And now?"), max_tokens=1_000_000)
    assert 1_000 < shortened(asked, target(3_000), "drop_oldest", CONFIG).cut.after <= 1_500
    assert shortened(asked, target(3_000, max_output=100), "drop_oldest", CONFIG).cut.after > 2_000


def test_tools_and_pictures_take_room():
    asked = request(*[user(), said()] * 10, user("And now?"))
    tools = tuple(Tool(f"tool_{n}", WORDS) for n in range(5))
    picture = Message("user", (Text("What is this?"), Image(url="https://example.org/a.png")))
    plain = shortened(asked, target(2_500), "drop_oldest", CONFIG).cut
    armed = shortened(
        request(*[user(), said()] * 10, user("And now?"), tools=tools), target(2_500), "drop_oldest", CONFIG
    )
    shown = shortened(request(*[user(), said()] * 10, picture), target(2_500), "drop_oldest", CONFIG)
    assert armed.request.content().tools == tools
    assert armed.cut.messages > plain.messages
    assert shown.cut.messages > plain.messages
    assert kept(shown)[-1] == picture


def test_what_must_stay_and_does_not_fit_is_told_with_the_numbers():
    asked = request(system(WORDS * 20), user(), said(), user(WORDS * 20))
    with pytest.raises(ContextLength, match=r"prompt is too long: \d{4} tokens > 3000 maximum") as told:
        shortened(asked, target(3_000), "drop_oldest", CONFIG)
    assert told.value.target == ALPHA.name


def test_what_must_stay_and_hardly_exceeds_is_sent_for_the_provider_to_judge():
    asked = request(user(), said(), user(WORDS * 10))
    tokens = count_chat(Chat((user(WORDS * 10),)), "o200k")
    short = shortened(asked, target(int(tokens / 1.1)), "drop_oldest", CONFIG)
    assert kept(short) == [user(WORDS * 10)]
    with pytest.raises(ContextLength):
        shortened(asked, target(int(tokens / 1.2)), "drop_oldest", CONFIG)


def test_after_a_refusal_it_is_shortened_whatever_the_estimate_says():
    asked = request(*[user(), said()] * 10, user("And now?"))
    assert shortened(asked, target(100_000), "drop_oldest", CONFIG) is None
    for window in (0, 100_000):
        cut = shortened(asked, target(window), "drop_oldest", CONFIG, tight=True).cut
        assert 0.5 * cut.before < cut.after <= 0.7 * cut.before


def test_with_nothing_to_leave_out_there_is_nothing_to_do():
    assert shortened(request(user()), target(0), "drop_oldest", CONFIG, tight=True) is None


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_a_shortened_request_is_written_anew(dialect):
    turns = [{"role": role, "content": WORDS} for role in ("user", "assistant")] * 20
    body = {"model": "m", "max_tokens": 100, "messages": [*turns, {"role": "user", "content": "And now?"}]}
    asked = DIALECTS[dialect].parse("chat", json.dumps(body).encode())
    short = shortened(asked, target(2_000), "middle_out", CONFIG)
    sent = json.loads(DIALECTS[dialect].encode(short.request, ALPHA).body)
    assert len(sent["messages"]) == short.cut.of - short.cut.messages < 41
    assert sent["messages"][0]["role"] == "user"
    assert sent["messages"][-1]["content"] == "And now?"
    assert asked.body == json.dumps(body).encode()


@pytest.mark.parametrize("needs", [Needs(native=True), Needs(state=True)])
def test_what_only_its_provider_has_is_never_shortened(needs):
    asked = request(*[user(), said()] * 20, user("And now?"))
    asked.needs = needs
    assert shortened(asked, target(2_000), "drop_oldest", CONFIG, tight=True) is None


def test_what_only_its_provider_understands_is_never_shortened():
    """A result without the id of its call: passed on as it is, its provider will say so."""
    body = {"model": "m", "messages": [{"role": "tool", "content": WORDS}] * 40}
    asked = DIALECTS["openai"].parse("chat", json.dumps(body).encode())
    assert shortened(asked, target(2_000), "drop_oldest", CONFIG) is None
