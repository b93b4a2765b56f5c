"""The seam at its edges: to the character, and what is remembered of an answer."""

import pytest

from outlast.layers.resume import Join, ResumeConfig, Stops
from outlast.layers.resume.said import Said
from outlast.model.continuing import last_words
from outlast.model.messages import Chunk, ToolDelta, Usage

CONFIG = ResumeConfig()
SAID = " ".join(f"word{number:02}" for number in range(30))
"""Longer than the last words by much: 209 characters, of which seven begin a word."""
LAST = last_words(SAID)


def asked(said=SAID, config=CONFIG):
    """The seam of a target that was asked to go on."""
    return Join(said, config, asked=True)


def prefilled(said=SAID):
    """The seam of a target that was given what was said as its beginning."""
    return Join(said, CONFIG, asked=False)


def letters(join, text):
    """What is handed over of it, letter by letter."""
    return [join.feed(sign) for sign in text]


# -- from the top ------------------------------------------------------------------------------------------------------


def test_eight_letters_that_come_again_are_no_chance():
    """A prefilled target may say seven again, and means it."""
    assert prefilled("12345678").feed("12345678 and") == " and"
    assert prefilled("1234567").feed("1234567 and") == "1234567 and"


def test_a_beginning_from_the_top_is_told():
    """Save where the last words are all that was said: then it did as it was asked to."""
    hello = "Hello, you"
    for said, seam, anew in (
        (hello, prefilled, True),
        (SAID, prefilled, True),
        (SAID, asked, True),
        (hello, asked, False),
    ):
        join = seam(said)
        assert join.feed(said + " and") == " and"
        assert (join.anew, join.open) == (anew, True)


@pytest.mark.parametrize("again", [SAID, LAST])
def test_sixteen_letters_and_then_others_are_another_answer(again):
    """From the top, or from the last words on; fewer are a coincidence, and stay."""
    for size, lost in ((16, True), (15, False)):
        other = again[:size] + "!"
        join = asked()
        given = join.feed(other) + join.close()
        assert (join.lost, given) == (lost, "" if lost else other)
        ended = asked()
        assert ended.feed(again[:size]) == ""
        assert (ended.close(), ended.lost) == ("" if lost else again[:size], lost)


# -- repeated ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "rest"), [("so we go and we", " went"), ("that was all of it", "it was")])
def test_few_letters_at_the_end_are_a_coincidence(said, rest):
    """However they come."""
    join = asked(said)
    assert "".join(letters(join, rest)) + join.close() == rest


def test_eight_letters_at_the_end_are_no_coincidence():
    """Seven may be."""
    assert asked("he told me so it is").feed("so it is and") == " and"
    assert asked("he told me I am it").feed("I am it and") == "I am it and"


def test_no_word_is_cut_in_two():
    """What is repeated begins where a word begins; in scripts without spaces, anywhere."""
    rest = "understanding of it"
    assert asked("It is a misunderstanding").feed(rest) == rest
    assert asked("It is a mis-understanding").feed(rest) == " of it"
    assert asked("これは日本語で書かれた文章です").feed("語で書かれた文章です。") == "。"


def test_signs_that_are_all_the_same_are_looked_at_one_by_one():
    """A line under a title: what is repeated begins at its second sign."""
    assert asked("Title\n" + "=" * 9 + "!").feed("=" * 8 + "! and") == " and"


def test_only_so_much_of_the_end_may_be_repeated():
    """To the character; what was said before may be said again."""
    config = ResumeConfig(most_overlap=20)  # "word27 word28 word29"
    for said, given in ((SAID[-20:], " and"), (SAID[-27:], SAID[-27:] + " and")):
        join = asked(config=config)
        assert join.feed(said + " and") == given
    assert asked(config=ResumeConfig(most_overlap=19)).feed(SAID[-20:] + " and") == SAID[-20:] + " and"


def test_the_last_words_are_waited_for_wherever_they_begin():
    """Also where less may be repeated unasked: they were asked for."""
    join = asked(config=ResumeConfig(most_overlap=10))
    assert set(letters(join, LAST)) == {""}
    assert join.feed(" and") == " and"
    short = asked("well")
    assert [*letters(short, "well"), short.feed(", no")] == ["", "", "", "", ", no"]


# -- introductions -----------------------------------------------------------------------------------------------------


def test_last_words_of_thirty_letters_are_known_again():
    """Of fewer nobody can say where they came from."""
    thirty = "one two three four five six se"
    assert asked(thirty).feed(f"Sure:\n{thirty}ven") == "ven"
    assert asked(thirty[:-1]).feed(f"Sure:\n{thirty}ven") == f"Sure:\n{thirty}ven"


@pytest.mark.parametrize("rest", ["and so on", " and", ", and", "1 of them", "éclair"])
def test_no_introduction_begins_so(rest):
    """A rest of a sentence is handed over at once."""
    assert asked().feed(rest) == rest


def test_an_introduction_ends_with_a_colon_or_a_line():
    """Else the last words are a part of what is said."""
    said = f"No, I said {LAST} and"
    join = asked()
    assert join.feed(said) + join.close() == said
    assert asked().feed(f"No, I said: {LAST} and") == " and"


def test_no_introduction_is_longer_than_it_may_be():
    """To the letter: then all of it is handed over, and whatever comes."""
    join = asked(config=ResumeConfig(introduction=20))
    said = "S" + "o" * (20 + len(LAST) - 1)
    assert letters(join, said) == [""] * (len(said) - 1) + [said]
    assert (join.open, join.feed(f":\n{LAST}")) == (True, f":\n{LAST}")


# -- white space, and the end ------------------------------------------------------------------------------------------


def test_what_comes_behind_the_seam_is_new():
    """Also the last words once more, while white space is still awaited."""
    join = asked(SAID + "\n\n")
    assert join.feed(LAST + "\n") == ""
    assert not join.open
    assert join.feed(LAST) == LAST
    assert join.open


def test_behind_the_end_nothing_is_cut():
    """What was awaited is awaited no more, whether anything had come of it or not."""
    for come, given in ((LAST, ""), ("word", "word"), ("", "")):
        join = asked(SAID + "\n\n")
        assert (join.feed(come), join.close()) == ("", given)
        assert (join.open, join.feed("\n\nmore")) == (True, "\n\nmore")


# -- stop sequences ----------------------------------------------------------------------------------------------------


def test_what_can_be_no_stop_sequence_is_handed_over_at_once():
    """And what may be one is held, as long as it may."""
    stops = Stops("the E", ["END!", "END?"])
    assert [stops.feed(sign) for sign in "ND."] == ["", "", "ND."]
    assert stops.over
    assert not stops.met
    assert Stops("the E", ["END!"]).feed("X") == "X"


def test_a_stop_sequence_that_is_met_ends_all():
    """Nothing is handed over of it, nor of what comes behind."""
    stops = Stops("the E", ["END!"])
    assert [stops.feed(piece) for piece in ("N", "D! and", " more")] == ["", "", ""]
    assert (stops.met, stops.over) == (True, True)


def test_behind_the_end_there_is_no_stop_sequence():
    """What was held is handed over; then it begins in nothing that was said."""
    stops = Stops("the E", ["END"])
    assert (stops.feed("N"), stops.close()) == ("", "N")
    assert (stops.over, stops.feed("ND"), stops.met) == (True, "ND", False)


# -- what is remembered ------------------------------------------------------------------------------------------------


def remembered(*chunks, longest=200_000):
    """What is known when these have been handed over."""
    known = Said(longest)
    known.note(list(chunks))
    return known


def test_so_much_is_remembered_and_no_more():
    """To the character; of what is longer nothing is kept but how long it is."""
    assert (remembered(Chunk("12345"), longest=5).text, remembered(Chunk("12345"), longest=5).beyond) == ("12345", "")
    known = remembered(Chunk("123"), Chunk("456"), Chunk("7"), longest=5)
    assert (known.text, known.size, known.beyond) == ("", 7, "more than is remembered")


def test_words_are_remembered_in_their_order():
    """However many pieces they came in, and each once."""
    for count in (1, 31, 32, 33, 64, 100):
        assert remembered(*(Chunk("x") for _ in range(count)), longest=count).text == "x" * count
        assert remembered(*(Chunk(f"{number} ") for number in range(count))).text == "".join(
            f"{n} " for n in range(count)
        )


@pytest.mark.parametrize(
    ("chunk", "beyond"),
    [
        (Chunk(tool=ToolDelta(0, name="look")), "a tool call"),
        (Chunk(refusal="no"), "a refusal"),
        (Chunk(audio=True), "audio"),
        (Chunk(reasoning="hm"), ""),
        (Chunk(signature="signed"), ""),
        (Chunk("word"), ""),
        (Chunk(), ""),
    ],
)
def test_what_nobody_can_go_on_with_is_named(chunk, beyond):
    """Words and thoughts can be gone on with."""
    assert remembered(chunk).beyond == beyond


def test_a_finish_is_remembered():
    """Whatever comes behind it."""
    assert remembered(Chunk("word")).finish is None
    assert remembered(Chunk(finish="stop"), Chunk(usage=Usage(10, 2))).finish == "stop"


def test_a_piece_is_a_token_where_it_is_as_short_as_one():
    """Eight letters on average at most; else four letters are one."""
    assert remembered(Chunk("x" * 7), Chunk("x" * 9)).tokens == 2
    assert remembered(Chunk("x" * 8), Chunk("x" * 11)).tokens == 4
