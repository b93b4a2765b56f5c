"""Estimates of tokens against true counts, on texts that they were not fitted to."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.model.messages import Chat, Document, Embed, Image, Message, Schema, Text, Tool, ToolCall, ToolResult
from outlast.model.pieces import ASCII, OTHERS, pieces_of
from outlast.model.tokens import IMAGE, LONG, LOW_DETAIL, Meter, count, count_chat, count_content, vocabulary_of
from outlast.model.vocabularies import COSTS

TEXTS = Path(__file__).parent / "texts"
COUNTS = json.loads((TEXTS / "counts.json").read_text())
PROMISED = ("english", "german", "chinese", "code")


def text_of(name):
    return (TEXTS / f"{name}.txt").read_text("utf-8")


def error(names, vocabulary):
    true = sum(COUNTS[name][vocabulary] for name in names)
    return sum(count(text_of(name), vocabulary) for name in names) / true - 1


def test_every_text_is_counted_in_every_vocabulary():
    assert {path.stem for path in TEXTS.glob("*.txt")} == set(COUNTS)
    assert all(row.keys() == COSTS.keys() for row in COUNTS.values())


@pytest.mark.parametrize("vocabulary", COSTS)
@pytest.mark.parametrize("kind", PROMISED)
def test_english_german_chinese_and_code_are_within_fifteen_percent(kind, vocabulary):
    names = [name for name in COUNTS if name.startswith(kind)]
    assert len(names) >= 3
    assert abs(error(names, vocabulary)) <= 0.15


@pytest.mark.parametrize("vocabulary", COSTS)
@pytest.mark.parametrize("name", COUNTS)
def test_no_text_is_off_by_more_than_a_quarter(name, vocabulary):
    assert abs(error([name], vocabulary)) <= 0.25


@pytest.mark.parametrize("vocabulary", COSTS)
def test_the_mean_error_is_below_eight_percent(vocabulary):
    errors = [abs(error([name], vocabulary)) for name in COUNTS]
    assert sum(errors) / len(errors) < 0.08


@pytest.mark.parametrize("name", ["english_story", "german_technical", "chinese_story", "code_python"])
def test_of_a_long_text_samples_are_counted(name):
    text = text_of(name)
    times = 4 * LONG // len(text)
    assert count(text * times, "o200k") == pytest.approx(count(text, "o200k") * times, rel=0.1)


@given(st.text(max_size=300), st.sampled_from(list(COSTS)))
def test_any_text_has_tokens_and_none_has_more_than_its_bytes(text, vocabulary):
    tokens = count(text, vocabulary)
    assert (tokens > 0) == bool(text)
    assert tokens <= 8 * len(text.encode("utf-8", "surrogatepass"))


@given(st.text(max_size=300))
def test_pieces_are_counted_in_the_order_of_their_costs(text):
    found = pieces_of(text)
    assert len(found) == (len(ASCII) if text.isascii() else len(ASCII) + len(OTHERS))
    assert all(piece >= 0 for piece in found)


def test_every_vocabulary_has_a_cost_for_every_piece():
    assert {len(costs) for costs in COSTS.values()} == {len(ASCII) + len(OTHERS)}


@pytest.mark.parametrize(
    ("model", "vocabulary"),
    [
        ("gpt-6.1-sol", "o200k"),
        ("gpt-4o-mini", "o200k"),
        ("gpt-4.1", "o200k"),
        ("openai/gpt-oss-20b", "o200k"),
        ("gpt-4-turbo", "cl100k"),
        ("text-embedding-3-small", "cl100k"),
        ("claude-opus-5-5", "claude-4.7"),
        ("us.anthropic.claude-opus-4-7-v1:0", "claude-4.7"),
        ("claude-haiku-4-5", "claude"),
        ("gemini-3.8-flash", "gemma"),
        ("Qwen/Qwen3-32B", "qwen"),
        ("mistral-large-4", "tekken"),
        ("deepseek-v4-pro", "deepseek"),
        ("llama-3.3-70b", "llama3"),
        ("something-else", "llama3"),
    ],
)
def test_a_models_name_tells_its_vocabulary(model, vocabulary):
    assert vocabulary_of(model) == vocabulary


def test_a_request_is_its_messages_tools_and_schema():
    hello = Message("user", (Text("Where does the last train to Leipzig leave?"),))
    tool = Tool("find_trains", "Trains between two stations", {"type": "object", "properties": {"to": {}}})
    schema = Schema({"type": "object", "properties": {"platform": {"type": "integer"}}})
    plain = count_chat(Chat((hello,)), "o200k")
    assert 10 < plain < 20
    assert count_chat(Chat((hello, hello)), "o200k") == 2 * plain
    assert count_chat(Chat((hello,), tools=(tool,)), "o200k") > plain + 20
    assert count_chat(Chat((hello,), schema=schema), "o200k") > plain + 10


def test_pictures_files_calls_and_results_count_too():
    def tokens(*parts):
        message = Message("user", parts)
        return Meter(Chat((message,)), "o200k").message(message)

    empty = tokens()
    assert tokens(Image(url="https://example.org/a.png")) == empty + IMAGE
    assert tokens(Image(data="AAAA", media_type="image/png", detail="low")) == empty + LOW_DETAIL
    assert tokens(Document(data="A" * 4000, media_type="application/pdf")) == empty + 300
    assert tokens(ToolCall("1", "find", '{"a": 1}')) > empty + 8
    assert tokens(ToolResult("1", (Text("on time"), Image(url="x")))) > empty + IMAGE


def test_a_long_conversation_is_counted_by_samples_of_each_message():
    text = text_of("english_story")
    many = tuple(Message("user", (Text(text * 4),)) for _ in range(60))
    exact = Meter(Chat(many[:1]), "claude").message(many[0]) * len(many)
    assert count_chat(Chat(many), "claude") == pytest.approx(exact, rel=0.1)


def test_embeddings_are_counted_by_text_or_by_number():
    assert count_content(Embed(("hello there", "hello there")), "cl100k") == 2 * count("hello there", "cl100k")
    assert count_content(Embed(((1, 2, 3), (4,))), "cl100k") == 4
    assert count_content(Chat((Message("user", (Text("hi"),)),)), "cl100k") > 1


@pytest.mark.parametrize("name", ["english_story", "chinese_story"])
def test_a_million_short_messages_are_counted_at_the_rate_of_some(name):
    words = [text_of(name)[start : start + 40] for start in range(0, 800, 40)]
    words = [piece for piece in words if piece]
    many = tuple(Message("user", (Text(words[number % len(words)]),)) for number in range(4_000))
    few = Chat(many[: len(words) * 10])
    assert count_chat(Chat(many), "o200k") / 4_000 == pytest.approx(
        count_chat(few, "o200k") / len(few.messages), rel=0.15
    )
