"""The cache and what it writes down, held in the hand: every kind of answer, and everything that can be wrong."""

import json

import msgspec
import pytest

from outlast.dialects import DIALECTS
from outlast.flow.call import Call
from outlast.flow.entry import Entry, entry_of, given, packed, unpacked
from outlast.flow.likeness import HARMLESS, likeness
from outlast.flow.stream import End, Stream
from outlast.flow.whole import OneBatch, as_stream
from outlast.layers.cache.record import Record
from outlast.layers.cache.worth import unworthy
from outlast.model.caller import Caller
from outlast.model.cut import Cut
from outlast.model.errors import BadResponse, InvalidOutput, Transient
from outlast.model.messages import (
    Batch,
    Chunk,
    Document,
    Embed,
    Image,
    Message,
    Reasoning,
    Refusal,
    Reply,
    Request,
    Text,
    ToolCall,
    ToolDelta,
    ToolResult,
    Usage,
    Vectors,
)
from outlast.model.messages import Chat as Asked
from outlast.model.target import Route
from outlast.testing import run

from .calls import ALPHA, BETA, Ear

USAGE = Usage(input=3, output=4, cached=1)


def reply(*parts, **fields):
    """An answer of our own making."""
    return Reply(model="m", finish="stop", usage=USAGE, read=lambda: parts, target="alpha/m", **fields)


def call(body=b"", asked=None, *, stream=False, dialect="openai", targets=(ALPHA, BETA), io=None, **more):
    """A call with such a question."""

    def read(_body):
        if asked is None:
            raise BadResponse("nobody can read it")
        return asked

    request = Request(model="default", read=read, body=body, dialect=dialect, stream=stream, **more)
    return Call(
        request=request, route=Route("default", targets), deadline=9.0, io=io or Ear(), id="r", caller=Caller("k")
    )


# -- writing down ------------------------------------------------------------------------------------------------------


class Desk:
    """Who keeps what was written down."""

    def __init__(self):
        self.entry = self.parts = self.reason = None

    def keep(self, entry, parts):
        self.entry, self.parts = entry, parts

    def give_up(self, reason):
        self.reason = reason


def written(*chunks, most=1_000, error=None, usage=USAGE):
    """What comes of a stream of these chunks."""
    source = OneBatch(reply(Text("x"), id="a1", created=7), "alpha/m")
    stream = Stream(source, Batch(b"", [], last=True), Ear())
    stream.dropped, stream.cut = ("seed",), Cut("drop_oldest", 1, 2, 30, 20)
    desk = Desk()
    record = Record(stream, 60.0, most, desk.keep, desk.give_up)
    run(stream.next())
    for chunk in chunks:
        record.note(Batch(b"", [chunk]))
    record.settle(call(), End("success" if error is None else "failure", error, usage), 0.0)
    return desk


def test_every_kind_of_words_is_written_down():
    """In the order in which it came, with signatures, ids and names."""
    desk = written(
        Chunk(reasoning="hm, "),
        Chunk(reasoning="well"),
        Chunk(signature="sig"),
        Chunk(text="Hel"),
        Chunk(text="lo"),
        Chunk(tool=ToolDelta(0, "c0", "f", "{")),
        Chunk(tool=ToolDelta(1, "c1", "g", "[]")),
        Chunk(tool=ToolDelta(0, arguments="}")),
        Chunk(refusal="no"),
        Chunk(finish="tool_calls", usage=USAGE),
    )
    assert desk.parts == (
        Reasoning("hm, well", signature="sig"),
        Text("Hello"),
        ToolCall("c0", "f", "{}"),
        ToolCall("c1", "g", "[]"),
        Refusal("no"),
    )
    entry = desk.entry
    assert (entry.id, entry.model, entry.created, entry.finish) == ("a1", "m", 7, "tool_calls")
    assert (entry.life, entry.target, entry.usage, entry.dropped) == (60.0, "alpha/m", USAGE, ("seed",))
    assert str(entry.cut) == "1 of 2 messages; drop_oldest"


def test_thoughts_and_words_of_one_event_are_both_written_down():
    """Some providers send them together."""
    assert written(Chunk(text="a", reasoning="b"), Chunk(finish="stop")).parts == (Reasoning("b"), Text("a"))


def test_words_between_thoughts_stay_where_they_were():
    """A model may think again before it goes on."""
    desk = written(Chunk(text="a"), Chunk(reasoning="b"), Chunk(text="c"), Chunk(finish="stop"))
    assert desk.parts == (Text("a"), Reasoning("b"), Text("c"))


@pytest.mark.parametrize(
    "kind",
    [
        {"text": "a" * 8},
        {"reasoning": "a" * 8},
        {"refusal": "a" * 8},
        {"signature": "a" * 8},
        {"tool": ToolDelta(0, "id is not counted", "name", "args")},
    ],
)
def test_so_many_characters_are_written_down_and_not_one_more(kind):
    """Of whatever kind they are."""
    chunks = [Chunk(**kind), Chunk(text="abc"), Chunk(finish="stop")]
    assert written(*chunks, most=11).reason is None
    assert written(*chunks, most=10).reason == "it is too large"


def test_an_answer_that_began_anew_is_what_came_then():
    """All before it is void."""
    desk = written(Chunk(text="old"), Chunk(text="new", restart=True), Chunk(finish="stop"))
    assert desk.parts == (Text("new"),)


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        ([Chunk(text="a"), Chunk(text="b", choice=1), Chunk(finish="stop")], "it holds what is not kept"),
        ([Chunk(text="a" * 20, choice=1), Chunk(text="b" * 20), Chunk(finish="stop")], "it holds what is not kept"),
        ([Chunk(audio=True), Chunk(text="a"), Chunk(finish="stop")], "it holds what is not kept"),
        ([Chunk(text="a" * 9), Chunk(text="b" * 3), Chunk(finish="stop")], "it is too large"),
        ([Chunk(tool=ToolDelta(0, "c", "f" * 6, "x" * 6)), Chunk(finish="stop")], "it is too large"),
        ([Chunk(text="a")], "it has no end"),
    ],
)
def test_what_cannot_be_told_again_is_given_up(chunks, reason):
    """And says why."""
    desk = written(*chunks, most=11)
    assert (desk.entry, desk.reason) == (None, reason)


def test_what_broke_is_given_up():
    """Whatever came before."""
    desk = written(Chunk(text="a"), Chunk(finish="stop"), error=Transient("gone"))
    assert desk.reason == "it was not read to its end"


def test_without_usage_none_is_invented():
    """It is told as nothing."""
    assert written(Chunk(text="a"), Chunk(finish="stop"), usage=None).entry.usage == Usage()


class Deaf:
    """Fails at the first word."""

    def __init__(self):
        self.heard = 0

    def note(self, _batch):
        self.heard += 1
        raise ValueError("a secret")


def test_who_fails_to_write_it_down_spoils_no_stream():
    """It is told once, without what it said, and not asked again."""

    async def story():
        ear, deaf = Ear(), Deaf()
        source = OneBatch(reply(Text("x")), "alpha/m")
        stream = Stream(source, Batch(b"", [Chunk(text="y")]), ear)
        stream.heard_by(deaf)
        while await stream.next() is not None:
            pass
        return deaf, ear.events

    deaf, events = run(story())
    assert deaf.heard == 1
    assert [event.where for event in events] == ["hear Deaf"]
    assert "secret" not in str(events)


# -- keeping and giving ------------------------------------------------------------------------------------------------


def again(answer, asked=None, *, stream=False, **fields):
    """An answer that went through a store."""
    entry = unpacked(packed(entry_of(answer, 60.0)))
    return given(msgspec.structs.replace(entry, **fields), call(stream=stream, asked=asked), "cache", DIALECTS)


def test_an_answer_of_our_own_making_is_kept_in_the_models_words():
    """Every part of it."""
    parts = (Text("a"), Reasoning("b", "s", "d"), Refusal("c"), ToolCall("i", "f", "{}"))
    got = again(reply(*parts, id="a1", created=7, dropped=("x",), cut=Cut("middle_out", 1, 3, 9, 5)))
    assert got.parts == parts
    assert (got.id, got.created, got.finish, got.usage, got.raw) == ("a1", 7, "stop", USAGE, b"")
    assert (got.target, got.source, got.cost, got.attempts, got.dropped) == ("alpha/m", "cache", 0.0, 0, ("x",))
    assert got.cut.messages == 1


def test_vectors_of_our_own_making_are_kept_as_numbers():
    """All of them."""
    made = Vectors(model="m", usage=USAGE, read_vectors=lambda: [[0.5, 1.0], [2.0]], target="alpha/m")
    assert again(made).vectors == [[0.5, 1.0], [2.0]]


def test_an_answer_of_a_target_that_is_gone_is_read_as_the_first_ones():
    """Its name is still told."""
    body = json.dumps(
        {"choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}], "model": "m"}
    ).encode()
    answer = DIALECTS["openai"].decode(body, call(asked=Asked(())).request, ALPHA)
    answer.target = "gone/m"
    got = again(answer, asked=Asked(()))
    assert (got.text, got.target, got.raw) == ("hi", "gone/m", body)


def test_bytes_that_nobody_reads_any_more_are_no_answer():
    """Of a dialect that is gone, or of a later version."""
    with pytest.raises(BadResponse):
        again(reply(Text("x"), raw=b"{}", dialect="openai"), dialect="klingon")
    with pytest.raises(BadResponse):
        again(reply(Text("x"), raw=b"nothing", dialect="openai"), asked=Asked(()))
    assert unpacked(b"\xc1") is None
    assert unpacked(msgspec.json.encode({"life": "long"})) is None


def test_an_answer_that_nobody_was_asked_for_costs_nothing_as_a_stream():
    """Its usage is the one that it had."""

    async def story():
        stream = as_stream(reply(Text("x"), source="static"), call(stream=True))
        while await stream.next() is not None:
            pass
        return stream

    stream = run(story())
    assert (stream.cost, stream.usage, stream.source, stream.finish) == (0.0, USAGE, "static", "stop")


@pytest.mark.parametrize(
    ("finish", "parts", "limit", "reason"),
    [
        ("stop", (Text("a"),), None, ""),
        ("stop", (Text("a"), Refusal("b")), None, "it is a refusal"),
        ("length", (), 9, ""),
        ("length", (), None, "it was cut"),
        ("refusal", (), None, "it ended by refusal"),
        ("made up by a provider!", (), None, "it ended otherwise than by its own"),
    ],
)
def test_what_is_worth_keeping(finish, parts, limit, reason):
    """Whole answers that say what was asked for; no word of a provider's own is told."""
    assert unworthy(finish, parts, limit) == reason


def test_an_entry_is_small():
    """What it says beside the answer itself takes less than 200 bytes."""
    assert len(packed(Entry(60.0, "alpha/m", "m", "stop", USAGE, "a1", 7))) < 200


def test_what_is_kept_is_kept_once():
    """As the provider sent it, or else in our words; never both."""
    row = {"object": "embedding", "index": 0, "embedding": [0.5] * 1_000}
    body = json.dumps({"data": [row], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}).encode()
    sent = DIALECTS["openai"].decode(body, call(asked=Embed(("a",)), operation="embed").request, ALPHA)
    assert len(packed(entry_of(sent, 60.0))) < len(body) + 400
    own = Vectors(model="m", usage=USAGE, read_vectors=lambda: [[0.5] * 1_000])
    assert len(packed(entry_of(own, 60.0))) < 9 * 1_000 + 200


def test_who_answered_is_told_where_the_provider_does_not_say_it():
    """The model of the target that it was, not of the one that would be asked first."""
    gamma = msgspec.structs.replace(BETA, name="gamma/g", model="g")
    body = b'{"choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}'
    answer = DIALECTS["openai"].decode(body, call(asked=Asked(())).request, gamma)
    answer.target = "gamma/g"
    entry = unpacked(packed(entry_of(answer, 60.0)))
    got = given(entry, call(asked=Asked(()), targets=(ALPHA, gamma)), "cache", DIALECTS)
    assert (got.model, got.target) == ("g", "gamma/g")


def test_who_asks_for_a_stream_is_given_one():
    """Of an answer that was kept whole, too."""

    async def story():
        stream = again(reply(Text("x")), stream=True)
        assert isinstance(stream, Stream)
        return [chunk.text async for chunk in stream if chunk.text]

    assert run(story()) == ["x"]
    assert isinstance(again(reply(Text("x"))), Reply)


def test_what_another_caller_took_may_be_wrong_for_this_one():
    """A schema says less than the type it was made of; what does not suit is as if nothing were kept."""

    def faults_of(value):
        return () if value == {"sum": 3} else ("the sum is wrong",)

    def kept(words):
        entry = entry_of(reply(Text(words)), 60.0)
        return given(entry, call(asked=Asked(()), accepts=faults_of), "cache", DIALECTS)

    assert kept('{"sum": 3}').text == '{"sum": 3}'
    for words in ('{"sum": 4}', "no JSON"):
        with pytest.raises(InvalidOutput):
            kept(words)


# -- what is the same --------------------------------------------------------------------------------------------------

HI = (Message("user", (Text("hi"),)),)


def key(**fields):
    """What a call is the same by."""
    return likeness(call(**fields), "tenant").key


def test_the_tenant_the_route_and_its_targets_are_part_of_it():
    """Another of any of them is another request."""
    asked = Asked(HI)
    keys = {
        likeness(call(asked=asked), "one").key,
        likeness(call(asked=asked), "two").key,
        likeness(call(asked=asked, targets=(ALPHA,)), "one").key,
        likeness(call(asked=asked, operation="embed"), "one").key,
    }
    assert len(keys) == 4


def test_without_bytes_the_models_words_are_compared():
    """As for calls of the library."""
    assert key(asked=Asked(HI, effort="low")) == key(asked=Asked(HI, effort="low"))
    assert key(asked=Asked(HI, effort="low")) != key(asked=Asked(HI, effort="high"))


def test_what_cannot_be_read_is_compared_as_it_came():
    """Nothing is taken for the same by mistake."""
    assert key(body=b'{"a":1}') == key(body=b'{"a":1,"user":"x"}')
    assert key(body=b'{"a":1}') != key(body=b'{"a":2}')
    assert key(body=b"[1]") == key(body=b"[1]") != key(body=b"[2]")
    assert key(body=b'{"a":1}') != key(body=b'{"a":1}', dialect="anthropic")
    assert key(body=b'{"a":1}') != key(body=b'{"a":1}', stream=True)


@pytest.mark.parametrize("part", [Document(data="x"), Reasoning("a", data="x")])
def test_files_and_thoughts_are_compared_as_they_came(part):
    """The model's words may not hold all of them."""
    asked = Asked((Message("user", (part,)),))
    assert key(asked=asked, body=b'{"a":1}') != key(asked=asked, body=b'{"a":2}')


def test_pictures_and_vectors_have_words():
    """The same whoever wrote them."""
    asked = Asked((Message("user", (Image(url="u"),)),))
    assert key(asked=asked, body=b"1") == key(asked=asked, body=b"2", dialect="anthropic", stream=True)
    inputs = Embed(("a",), extra={"user": "x"})
    assert key(asked=inputs, operation="embed") == key(asked=Embed(("a",)), operation="embed")


def test_other_texts_have_other_vectors():
    """One word is enough."""
    assert key(asked=Embed(("a",)), operation="embed") != key(asked=Embed(("b",)), operation="embed")


def test_the_order_of_names_is_none():
    """Two writers of the same JSON may have two."""
    biases = [{"logit_bias": dict(order)} for order in ([("1", 5), ("2", 6)], [("2", 6), ("1", 5)])]
    assert key(asked=Asked(HI, extra=biases[0])) == key(asked=Asked(HI, extra=biases[1]))


def test_fields_that_change_no_answers_form_leave_it_plain():
    """All of them together."""
    assert likeness(call(asked=Asked(HI, extra=dict.fromkeys(HARMLESS, 1))), "tenant").plain
    assert not likeness(call(asked=Asked(HI, extra={"logprobs": True})), "tenant").plain


def test_how_much_it_may_think_is_compared_as_it_came_whole_or_streamed():
    """The answer is the same in both, and can be told in both."""
    asked = Asked(HI, effort="low")
    assert key(asked=asked, body=b'{"a":1}') == key(asked=asked, body=b'{"a":1}', stream=True)


def test_a_file_is_one_wherever_it_stands():
    """Beside words, or in what a tool gave back."""
    for parts in ((Text("see"), Document(data="x")), (ToolResult("c", (Text("see"), Document(data="x"))),)):
        asked = Asked((Message("user", parts),))
        assert key(asked=asked, body=b'{"a":1}') != key(asked=asked, body=b'{"a":2}')


def test_what_no_writer_takes_is_compared_as_it_came():
    """Within one dialect."""
    big = Asked(HI, extra={"logit_bias": "\ud800"})
    assert key(asked=big, body=b"1") == key(asked=big, body=b"1") != key(asked=big, body=b"2")
