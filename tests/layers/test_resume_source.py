"""An answer of several parts, with the layer in the hand: what is given on, what is summed, and what is told."""

import pytest

from outlast.flow.stream import Stream
from outlast.model.errors import Caller as Wrong
from outlast.model.errors import Cancelled, Connect
from outlast.model.events import StreamBroke, StreamResumed
from outlast.model.messages import Batch, Chat, Chunk, ToolDelta, Usage

from .calls import ALPHA
from .legs import House, Leg, run
from .resume_story import FIRST, REST, SAID, SECOND, TAKES, Told, cut, done

# -- which answers outlive their streams -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on_break", "fields"), [("resume", {"stream": False}), ("error", {"restarts": True}), ("restart", {})]
)
def test_other_answers_are_left_alone(on_break, fields):
    """A whole one; where the route wants the error; and where the caller could not be told."""
    told = Told(Leg(SAID, done()), on_break=on_break, **fields)
    stream = told.begun()
    assert not told.call.outlived
    assert not stream.keeps_request


def test_an_answer_that_is_no_stream_is_passed_on():
    """And one that has been read."""
    reply = object()
    assert Told(reply).begun() is reply
    told = Told()
    leg = Leg(done())
    read = Stream(leg, Batch(b"", []), told.io)
    run(read.next())
    run(read.next())
    told.legs = [read]
    assert told.begun() is read


def test_what_cannot_be_outlived_is_let_go():
    """A fault of ours leaves no connection open, pays what is owed, and reaches the caller."""
    leg = Leg(SAID, ends=2_000.0)
    told = Told(leg, io=House(faulty=True))
    with pytest.raises(RuntimeError, match="no clock"):
        told.begun()
    assert leg.aborted
    assert told.request.body == b""

    class Faulty(Stream):
        def outlived_by(self, source, head, call):
            raise RuntimeError("not today")

    leg = Leg()
    told = Told(Faulty(leg, Batch(b"", [Chunk("word")]), House()))
    with pytest.raises(RuntimeError, match="not today") as kept:
        told.begun()
    assert leg.aborted
    assert kept.value is not None


def test_what_the_question_was_is_kept_as_bytes():
    """What was read of it is let go when the answer begins, and again when the next part does."""
    told = Told(Leg(SAID, cut()), Leg(REST, done(), target="beta/m"))
    told.request._content = "read"
    told.begun()
    assert (told.request.body, told.request._content) == (b"the question", None)
    told.heard()
    assert told.calls[1].request.body == b"the question"
    told = Told(Leg(SAID, cut()), Leg(REST, target="beta/m"), read=lambda _: Chat((), stop=("x",)))
    told.begun()
    for _ in range(2):
        run(told.stream.next())
    assert told.request._content is None


def test_an_answer_is_of_its_first_target():
    """Its name, its dialect and its opening, whoever goes on."""
    told = Told(Leg(SAID, cut()), Leg(REST, done(), target="beta/m"))
    stream = told.begun()
    assert told.call.outlived
    assert (stream.target, stream.dialect, stream.opening.id) == ("alpha/m", "openai", "id of alpha/m")
    told.heard()
    assert (stream.target, stream.dialect, stream.opening.id) == ("alpha/m", "openai", "id of alpha/m")


def test_a_part_may_end_without_a_last_batch():
    """Nothing more is read."""
    told = Told(Leg(SAID, Chunk(finish="stop")))
    assert [batch.raw for batch in told.batches()] == [b"raw", b"raw"]
    assert told.stream.finish == "stop"


# -- what is given on --------------------------------------------------------------------------------------------------


def test_the_rest_is_rendered_anew_and_nothing_else_is():
    """Batches with nothing new are none; the last one is told, though it is empty."""
    later = Leg(Batch(b"raw", [Chunk()]), SAID, REST, Batch(b"raw", [], last=True), target="beta/m")
    told = Told(Leg(SAID, cut()), later)
    assert told.batches() == [Batch(b"raw", [Chunk(SAID)]), Batch(b"", [Chunk(REST)]), Batch(b"", [], last=True)]


def test_a_piece_that_ends_the_answer_stays_one():
    """Words and finish together."""
    told = Told(Leg(SAID, cut()), Leg(Chunk(REST, finish="stop"), target="beta/m"))
    assert told.batches()[1:] == [Batch(b"", [Chunk(REST, finish="stop")])]


@pytest.mark.parametrize("ending", [Chunk(tool=ToolDelta(0, name="look")), Chunk(finish="stop")])
def test_what_was_held_back_comes_before_what_is_no_word(ending):
    """And behind it nothing is cut."""
    told = Told(Leg(SAID, cut()), Leg("one", ending, SAID, target="beta/m"))
    assert told.batches()[1:] == [Batch(b"", [Chunk("one"), ending]), Batch(b"", [Chunk(SAID)])]


def test_neither_thoughts_nor_their_signature_come_behind_words():
    """Where no word had been said they do."""
    thoughts = [Chunk(reasoning="hm"), Chunk(signature="signed")]
    told = Told(Leg(SAID, cut()), Leg(*thoughts, REST, target="beta/m"))
    assert told.batches()[1:] == [Batch(b"", [Chunk(REST)])]
    told = Told(Leg(Chunk(reasoning="hm"), cut()), Leg(*thoughts, REST, target="beta/m"))
    assert told.batches()[1:] == [Batch(b"", [thought]) for thought in [*thoughts, Chunk(REST)]]


@pytest.mark.parametrize("piece", [[Chunk("ND")], [Chunk("N"), Chunk("D")], [Chunk("ND", finish="stop")]])
def test_a_stop_sequence_over_the_seam_ends_all(piece):
    """Nothing of it, nothing behind it; the part is let go, and both are summed."""
    later = Leg(Batch(b"", [*piece, Chunk(" more")]), " and more", target="beta/m")
    told = Told(Leg(Chunk("one two E", usage=FIRST), cut()), later, read=lambda _: Chat((), stop=("END",)))
    estimate = Usage(2, 2, estimated=True)  # what was said is a part of the question
    assert told.batches()[1:] == [Batch(b"", [Chunk(finish="stop", usage=FIRST + estimate)], last=True)]
    assert (later.aborted, told.stream.usage) == (True, FIRST + estimate)


def test_a_stop_sequence_in_what_was_held_back_ends_all():
    """Nothing of it is handed over, and the answer ends once."""
    later = Leg("one", Chunk(finish="stop"), target="alpha/m")
    told = Told(Leg("one two E", cut()), later, read=lambda _: Chat((), stop=("Eone",)), targets=(ALPHA,))
    assert [chunk.finish for chunk in told.batches()[-1].chunks] == ["stop"]
    assert (told.io.of(StreamResumed), told.stream.finish) == ([], "stop")


def test_a_question_that_cannot_be_read_has_no_stop_sequences():
    """It is gone on with all the same."""

    def unreadable(_):
        raise Wrong("no JSON")

    assert Told(Leg(SAID, cut()), Leg(REST, done(), target="beta/m"), read=unreadable).heard() == (SAID + REST, "stop")


def test_who_does_not_fit_is_let_go():
    """Its words are not handed over, its connection is closed, and the next is asked."""
    other = Leg(SAID[:17] + "!", "x", target="beta/m")
    told = Told(Leg(Chunk(SAID, usage=FIRST), cut()), other, Leg(REST, done(SECOND)), targets=(ALPHA,))
    assert told.heard() == (SAID + REST, "stop")
    assert other.aborted
    assert told.stream.usage == FIRST + Usage(5, 5, estimated=True) + SECOND
    assert told.calls[2].avoid == ("alpha/m", "beta/m")
    assert [(event.from_target, event.to_target) for event in told.io.of(StreamResumed)] == [("beta/m", "alpha/m")]


# -- what is summed ----------------------------------------------------------------------------------------------------


def test_tokens_and_cost_are_summed():
    """In the piece that tells of them, and at the end; each part once."""
    told = Told(Leg(Chunk(SAID, usage=FIRST), cut(), cost=0.25), Leg(REST, done(SECOND), target="beta/m", cost=0.5))
    assert told.batches()[-1].chunks[0].usage == FIRST + SECOND
    assert (told.stream.usage, told.stream.cost) == (FIRST + SECOND, 0.75)


@pytest.mark.parametrize(("first", "second", "sum_"), [(None, 0.5, 0.5), (0.25, None, 0.25), (None, None, None)])
def test_what_is_known_of_the_cost_is_told(first, second, sum_):
    """Where nothing is known, nothing."""
    told = Told(Leg(SAID, cut(), cost=first), Leg(REST, done(SECOND), target="beta/m", cost=second))
    told.heard()
    assert told.stream.cost == sum_


def test_a_part_is_counted_once():
    """Also where nobody goes on with it."""
    told = Told(Leg(Chunk(SAID, usage=FIRST), cut(), cost=0.25))
    told.heard()
    assert (told.stream.usage, told.stream.cost) == (FIRST, 0.25)


# -- how it is asked for -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("targets", "who", "way"),
    [
        ((ALPHA, TAKES), "beta/m", "prefill"),
        ((TAKES, ALPHA), "alpha/m", "asking"),
        ((ALPHA, TAKES), "gamma/m", "asking"),
    ],
)
def test_the_way_is_that_of_the_target_that_answers(targets, who, way):
    """Of one that is in no catalog nothing is known."""
    told = Told(Leg(SAID, cut()), Leg(REST, done(), target=who), targets=targets)
    assert told.heard() == (SAID + REST, "stop")
    assert told.ways() == [way]


def test_a_prefill_that_is_refused_becomes_a_question():
    """For whoever answers, though the catalog says that it takes it."""
    told = Told(Leg(SAID, cut()), Wrong("no prefill"), Leg("five", REST, done(), target="beta/m"))
    assert told.heard()[1] == "stop"
    assert [call.request.begun.prefill for call in told.calls[1:]] == [True, False]
    assert told.ways() == ["asking"]


@pytest.mark.parametrize(
    ("failure", "said", "targets", "fields"),
    [
        (Connect("down"), SAID, (ALPHA, TAKES), {}),
        (Wrong("no prefill"), SAID, (ALPHA, TAKES), {"json": True}),
        (Wrong("no prefill"), SAID, (ALPHA,), {}),
        (Wrong("no prefill"), " \n", (ALPHA, TAKES), {}),
    ],
)
def test_nobody_is_asked_where_prefill_was_not_the_reason(failure, said, targets, fields):
    """The server was down, half a JSON was under way, nobody takes it, or no word had been said."""
    told = Told(Leg(said, cut()), failure, Leg(REST, done(), target="beta/m"), targets=targets, **fields)
    assert f"nobody could go on with it: {failure.kind}" in told.heard()[1].message
    assert len(told.calls) == 2


def test_another_answer_is_asked_for_as_the_first_one_was():
    """With all its tokens; and how far it came is counted from its own beginning."""
    told = Told(
        Leg(SAID, cut()),
        Leg("six", cut("beta/m"), target="beta/m"),
        Leg("ten", done()),
        on_break="restart",
        restarts=True,
        tokens=7,
        max_tokens=50,
    )
    *_, last = told.batches()
    assert last.last
    assert [(call.request.tokens, call.request.max_tokens) for call in told.calls] == [(7, 50)] * 3
    assert [event.said for event in told.io.of(StreamBroke)] == [len(SAID), 3]
    assert told.ways() == ["anew", "anew"]


def test_only_another_answer_makes_what_came_void():
    """Who is gone on with has said nothing in vain."""
    for on_break, voids in (("resume", 0), ("restart", 1)):
        told = Told(Leg(SAID, cut()), Leg(REST, done(), target="beta/m"), on_break=on_break, restarts=True)
        assert sum(chunk.restart for batch in told.batches() for chunk in batch.chunks) == voids


def test_a_rest_that_is_no_stream_is_no_rest():
    """It is an honest end."""
    told = Told(Leg(SAID, cut()), object())
    assert "nobody could go on with it: broken_stream" in told.heard()[1].message


def test_who_has_left_while_another_is_found_gets_nothing():
    """What was found is let go."""
    told = Told(Leg(SAID, cut()))
    later = Leg(REST, done(), target="beta/m", doing=told.begun().abort)
    told.legs.append(later)
    *_, last = told.batches()
    assert isinstance(last, Cancelled)
    assert "while another target was found" in last.message
    assert later.aborted


def test_who_leaves_lets_the_part_go():
    """At once, of whichever it is reading."""
    legs = Leg(SAID, cut()), Leg(REST, done(), target="beta/m")
    told = Told(*legs)
    for _ in range(2):
        run((told.stream or told.begun()).next())
    told.stream.abort()
    assert legs[1].aborted
