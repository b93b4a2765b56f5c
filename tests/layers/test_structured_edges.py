"""The pieces of `structured` held in the hand: how JSON is asked for, what is heard of a stream, what is judged."""

import json

import pytest
from msgspec.structs import replace

from outlast.flow.stream import End, Stream
from outlast.layers.structured import Structured, StructuredConfig
from outlast.layers.structured.asking import asked_again, asked_in_words
from outlast.layers.structured.holding import Heard
from outlast.layers.structured.judging import Fault, Wanted
from outlast.layers.structured.passing import Passed
from outlast.layers.structured.spending import Spent
from outlast.model.errors import InvalidOutput, TimedOut
from outlast.model.messages import (
    Batch,
    Chat,
    Chunk,
    Image,
    Message,
    Opening,
    Request,
    Schema,
    Text,
    ToolDelta,
    Usage,
)
from outlast.model.target import Route
from outlast.testing import run

from .calls import ALPHA, Ear, a_call

HI = Message("user", (Text("hi"),))
SUM = Schema({"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]})


def request(*messages, **fields):
    """A request of the library with these messages."""
    chat = Chat(messages=messages, schema=SUM)
    return Request(model="m", read=lambda _: chat, **fields)


# -- asking ------------------------------------------------------------------------------------------------------------


def test_who_has_said_nothing_is_asked_all_the_same():
    """The words stand alone then."""
    (only,) = asked_in_words(request(), SUM).content().messages
    assert (only.role, "json_schema" in only.parts[0].text) == ("system", True)


def test_of_the_systems_own_message_the_words_are_kept():
    """No dialect has a place for its pictures."""
    system = Message("system", (Text("Be terse."), Image(url="u"), Text("Be kind.")))
    first, then = asked_in_words(request(system, HI), SUM).content().messages
    assert len(first.parts) == 1
    assert first.parts[0].text.startswith("Be terse.\n\nBe kind.\n\n")
    assert then == HI


@pytest.mark.parametrize(
    ("said", "quote"), [("x" * 50, "x" * 50), ("x" * 51, "x" * 50 + "\n[…]"), (" \n", "(nothing)")]
)
def test_a_wrong_answer_is_quoted_to_its_last_character_or_cut_openly(said, quote):
    """And never empty, since providers refuse empty turns."""
    again = asked_again(request(HI), said, [Fault("a", "b")], StructuredConfig(longest_quote=50))
    first, answer, report = again.content().messages
    assert (first, answer) == (HI, Message("assistant", (Text(quote),)))
    assert (report.role, json.loads(report.parts[0].text.partition("<report>")[2].partition("</report>")[0])) == (
        "user",
        ["a"],
    )


def test_a_question_that_is_asked_again_is_as_much_larger_as_its_new_words():
    """Limits and windows go by that: about four characters are a token."""
    before = request(HI, tokens=100)
    again = asked_again(before, "x" * 4_000, [Fault("a", "b")], StructuredConfig())
    added = sum(len(message.parts[0].text) for message in again.content().messages[1:])
    assert again.tokens - 100 == pytest.approx(added / 4, abs=1)


# -- judging -----------------------------------------------------------------------------------------------------------


def judge(schema, text, accepts=None, **config):
    """The verdict on this text."""
    return Wanted(Schema(schema), accepts, StructuredConfig(**config)).judge(text)


def words(verdict):
    """What is wrong, in words and in safe ones."""
    return [(fault.words, fault.safe) for fault in verdict.faults]


def test_the_last_document_that_is_wrong_is_the_one_that_is_told():
    """The model meant that one."""
    verdict = judge(SUM.schema, '{"sum": "first"} and then {"more": 1}')
    assert words(verdict) == [('the answer: "sum" is a required property', "required at /")]
    assert verdict.document is None


def test_any_object_is_an_object():
    """And nothing else is."""
    assert judge({}, "{}").document.value == {}
    assert words(judge({}, "[1]"))[0][1] == "type at /"


@pytest.mark.parametrize(
    ("said", "reason", "fault"),
    [
        ('{"sum": ', "cut off", ("the answer ends before its JSON is whole", "cut off")),
        ("I would rather not.", "no json", ("the answer holds no JSON document", "no JSON")),
    ],
)
def test_where_there_is_no_document_that_is_told(said, reason, fault):
    """In words for the model, and in those of a log."""
    verdict = judge(SUM.schema, said)
    assert (verdict.reason, words(verdict)) == (reason, [fault])


def test_an_answer_of_just_the_longest_length_is_looked_at():
    """One character more is not."""
    assert judge(SUM.schema, '{"sum": 1}', longest=10).document is not None
    assert judge(SUM.schema, '{"sum": 12}', longest=10).reason == "no json"


def test_so_many_faults_are_told_and_no_more():
    """However many there are."""
    schema = {"additionalProperties": {"type": "string"}}
    said = json.dumps({str(number): number for number in range(9)})
    assert [len(judge(schema, said, most_faults=most).faults) for most in (1, 3, 10)] == [1, 3, 9]


def test_what_stands_in_the_answer_is_masked():
    """Values are not repeated to the model; places with names of its own are not told to a log."""
    schema = {
        "anyOf": [{"properties": {"lines": {"items": {"properties": {"name": {"type": "string"}}}}}}],
        "properties": {"more": {"additionalProperties": {"type": "integer"}}},
    }
    said = '{"lines": [{"name": 1}, {"name": 77}], "more": {"ada": "eighty"}}'
    told = words(judge(schema, said))
    assert ('/lines/1/name: it is not of type "string"', "type at /lines/1/name") in told
    assert ('/more/ada: it is not of type "integer"', "type at /more/*") in told
    assert "77" not in str(told)
    assert "eighty" not in str(told)


def test_of_several_forms_the_nearest_tells_two_of_its_faults():
    """The one that came furthest; a form that fits is no fault, where only one may fit."""
    far = {"properties": {"a": {"properties": {name: {"type": "string"} for name in "xyz"}}}}
    schema = {"anyOf": [{"type": "string"}, far, {"required": ["b"]}]}
    told = words(judge(schema, '{"a": {"x": 1, "y": 2, "z": 3}}'))
    assert [safe for _, safe in told] == ["anyOf at /", "type at /a/x", "type at /a/y"]
    items = {"items": {"items": {"type": "string"}}}
    shallow = {"properties": {"a": items, "b": {"type": "string"}}}
    middling = {"properties": {"a": {"items": {"type": "string"}}}}
    told = words(judge({"anyOf": [middling, shallow]}, '{"a": [[1]], "b": 2}'))
    assert sorted(safe for _, safe in told) == ["anyOf at /", "type at /a/0/0", "type at /b"]
    twice = {"oneOf": [{"required": ["b"]}, {"required": ["a"]}, {"properties": {"a": {"type": "integer"}}}]}
    assert [safe for _, safe in words(judge(twice, '{"a": 1}'))] == ["oneOf at /"]


def test_a_format_says_what_is_meant_and_is_not_checked():
    """As the newest draft has it, whichever draft is named."""
    for draft in ("https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"):
        schema = {"$schema": draft, "properties": {"mail": {"type": "string", "format": "email"}}}
        assert judge(schema, '{"mail": "nobody"}').document is not None


def test_a_callers_own_type_is_asked_about_what_matches_alone():
    """It knows more of the values than the schema says, and need not know less."""
    asked = []

    def accepts(value):
        asked.append(value)
        return () if value["sum"] > 2 else ("sum: must be above 2",)

    assert judge(SUM.schema, '{"sum": 3}', accepts).document.value == {"sum": 3}
    assert words(judge(SUM.schema, '{"sum": 1}', accepts)) == [
        ("sum: must be above 2", "refused by the caller's own type")
    ]
    judge(SUM.schema, '{"sum": "x"}', accepts)
    deep = judge(SUM.schema, "[" * 450 + "]" * 450, accepts)
    assert words(deep) == [("the answer is nested too deeply", "nested too deeply")]
    assert asked == [{"sum": 3}, {"sum": 1}]


@pytest.mark.parametrize(
    ("schema", "mend"),
    [
        ({"properties": {"a": {"type": "any"}}}, "at /properties/a/type: it does not follow the JSON Schema draft"),
        ({"$ref": "#/$defs/nowhere"}, "used: every $ref and $schema must point into the schema itself"),
        ({"$ref": "#nowhere"}, "used: every $ref and $schema must point into the schema itself"),
        ({"$schema": "http://example.com/own"}, "used: every $ref and $schema must point into the schema itself"),
    ],
)
def test_a_schema_that_is_none_is_told_with_the_mend(schema, mend):
    """And where."""
    with pytest.raises(Exception, match="JSON schema cannot be used") as wrong:
        Wanted(Schema(schema), None, StructuredConfig())
    assert mend in wrong.value.message


def test_a_schema_that_is_nested_too_deeply_is_the_callers_to_mend():
    """Whoever reads it would give up, too."""
    schema = {"type": "object"}
    for _ in range(400):
        schema = {"properties": {"a": schema}}
    with pytest.raises(Exception, match="nested too deeply"):
        Wanted(Schema(schema), None, StructuredConfig())


def test_nothing_is_fetched_for_a_schema(tmp_path):
    """Not even a file that is there."""
    (tmp_path / "a.json").write_text('{"type": "object"}')
    with pytest.raises(Exception, match="must point into the schema itself"):
        Wanted(Schema({"$ref": f"file://{tmp_path}/a.json"}), None, StructuredConfig())


# -- hearing -----------------------------------------------------------------------------------------------------------


class Told:
    """A stream of these batches, which take so long each."""

    target = "alpha/m"
    dialect = "openai"
    opening = Opening("a1", "m", 7)
    usage = Usage(1, 2)
    cost = 0.5

    def __init__(self, *batches, io=None, seconds=0.0):
        self.batches = list(batches)
        self.io, self.seconds = io, seconds
        self.aborted = []

    async def next(self):
        if self.io is not None:
            self.io.time += self.seconds
        return self.batches.pop(0) if self.batches else None

    def abort(self, why=""):
        self.aborted.append(why)


def batch(*chunks, last=False, raw=b""):
    """One batch of a stream."""
    return Batch(raw, list(chunks), last)


CALL = Chunk(tool=ToolDelta(0, "c", "f", "{}"))


@pytest.mark.parametrize("told", [CALL, Chunk(refusal="I will not")])
def test_what_is_no_answer_is_handed_over_at_once(told):
    """All of it that is there; the rest is not waited for."""
    stream = Told(batch(Chunk("so")), batch(told, Chunk("x")), batch(Chunk(finish="stop"), last=True))
    heard = Heard()
    run(heard.read(stream, a_call()))
    assert (heard.open, len(heard.batches), len(stream.batches)) == (True, 2, 1)


def test_an_answer_that_is_whole_at_the_deadline_is_one():
    """One that is not has come too late: nobody is to blame for it."""
    io = Ear()
    heard = Heard()
    words_ = [batch(Chunk("a")), batch(Chunk("b")), batch(Chunk("c", finish="stop"), last=True)]
    run(heard.read(Told(*words_, io=io, seconds=1.0), a_call(io, deadline=3.0)))
    assert (heard.text, heard.finish) == ("abc", "stop")
    with pytest.raises(TimedOut) as late:
        run(Heard().read(Told(*words_, io=io, seconds=1.0), a_call(io, deadline=5.0)))
    assert io.time == 5.0
    failure = late.value
    assert (failure.target, failure.timer, failure.outcome) == ("alpha/m", "deadline", "neutral")


def test_thoughts_stay_beside_a_held_answer():
    """Before it, in the order in which they came; with what lets their maker verify them."""
    heard = Heard()
    thoughts = [Chunk(reasoning="hm"), Chunk(signature="sig")]
    run(heard.read(Told(batch(*thoughts, Chunk("x")), batch(Chunk(finish="stop"), last=True)), a_call()))
    spent = Spent()
    spent.add(Usage(1, 2), None)
    told = heard.told("{}", spent)
    assert told.last
    assert [(chunk.reasoning, chunk.signature, chunk.text, chunk.finish, chunk.usage) for chunk in told.chunks] == [
        ("hm", "", "", None, None),
        ("", "sig", "", None, None),
        ("", "", "{}", None, None),
        ("", "", "", "stop", Usage(1, 2)),
    ]


def passed(*batches, judge=None, bare=None, spent=None):
    """What is handed over of a stream, batch by batch, and its source."""
    stream = Told(*batches)
    source = Passed(stream, [], spent or Spent(), judge, bare)

    async def story():
        got = []
        while (one := await source.next()) is not None:
            got.append(one)
        return got

    return run(story()), source, stream


class Gag:
    """Lets no words through."""

    def feed(self, _new):
        return ""


def test_what_says_nothing_is_not_handed_over():
    """Save the last, and what is passed on as bytes."""
    begun, words_, end = batch(Chunk()), batch(Chunk("a"), Chunk()), batch(Chunk(), last=True)
    got, _, _ = passed(begun, words_, end)
    assert got == [words_, end]
    raw = batch(Chunk(), raw=b": ping\n\n")
    assert passed(raw, end)[0] == [raw, end]
    gagged = passed(batch(Chunk("a")), batch(Chunk(finish="stop")), batch(last=True), bare=Gag())[0]
    assert [[chunk.finish for chunk in one.chunks] for one in gagged] == [["stop"], []]


def test_who_speaks_is_told_of_what_is_passed_on():
    """Its id and model, and the dialect of its bytes."""
    _, source, _ = passed(batch(last=True))
    assert (source.opening, source.dialect, source.target) == (Opening("a1", "m", 7), "openai", "alpha/m")


def test_earlier_answers_are_part_of_the_usage_that_is_passed_on():
    """The caller reads one sum, in the stream as at its end."""
    spent = Spent()
    spent.add(Usage(10, 20), 1.0)
    got, source, stream = passed(batch(Chunk("a"), raw=b"x"), batch(Chunk(usage=Usage(1, 2)), last=True), spent=spent)
    assert got[-1].chunks[0].usage == Usage(11, 22)
    assert [one.raw for one in got] == [b"", b""]
    end, call = End("success"), a_call()
    source.settle(call, end, 0.0)
    assert (end.usage, end.cost) == (Usage(11, 22), 1.5)
    assert not call.request.readable
    source.abort()
    assert stream.aborted == [""]


@pytest.mark.parametrize("told", [CALL, Chunk(refusal="I will not")])
def test_what_is_no_answer_is_not_judged(told):
    """Whatever follows it."""

    def judge_(_text, _finish):
        raise AssertionError("it was judged")

    assert len(passed(batch(told), batch(Chunk("x", finish="stop"), last=True), judge=judge_)[0]) == 2


def test_an_answer_is_judged_once_and_as_a_whole():
    """At its finish; what comes behind that is passed on."""
    heard = []
    batches = [batch(Chunk("a")), batch(Chunk("b", finish="stop")), batch(Chunk("", finish="stop"), last=True)]
    passed(*batches, judge=lambda text, finish: heard.append((text, finish)))
    assert heard == [("ab", "stop")]


def test_a_stream_without_any_json_is_let_go_of_at_once():
    """When its finish is there, though its end is not; nobody has to wait for that, or to forget the error first."""
    told = Told(batch(last=True))
    io = Ear()
    chat = Chat(messages=(HI,), schema=SUM)
    asked = Request(model="m", stream=True, json=True, read=lambda _: chat)
    call = replace(a_call(io), request=asked, route=Route("m", (ALPHA,), stream_partial=True))

    async def inner(_call):
        return Stream(told, batch(Chunk("I would rather not", finish="stop")), io)

    with pytest.raises(InvalidOutput):
        run(Structured(StructuredConfig(), most=1).layer()(inner)(call))
    assert told.aborted == [""]


# -- counting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("costs", "sum_"), [((1.0, 2.0), 3.0), ((None, 2.0), None), ((1.0, None), None)])
def test_one_unknown_price_makes_the_sum_unknown(costs, sum_):
    """It is not told as if the rest were all."""
    spent = Spent()
    for cost in costs:
        spent.add(Usage(1, 1), cost)
    assert (spent.usage, spent.cost) == (Usage(2, 2), sum_)
