"""The seam of an answer: for every cut and every way to go on, the joined text is the whole one.

Texts are made of words of which no two are alike, so that what repeats, repeats; what merely looks so has stories of
its own.
"""

import random

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from outlast.layers.resume import Join, ResumeConfig, Stops
from outlast.model.continuing import LAST_WORDS, ask_on, last_words

CONFIG = ResumeConfig()
SPACES = [" ", " ", " ", "  ", "\n", ",\n\n", "… "]
SIGNS = "abcdefghijklmnopqrstuvwxyzäß✓日本"


def text_of(seed, count):
    """So many words, no two alike and none within another."""
    dice = random.Random(seed)
    words = [
        f"{''.join(dice.sample(SIGNS, dice.randint(1, 6)))}{number}{dice.choice(SIGNS)}" for number in range(count)
    ]
    return "".join(word + dice.choice(SPACES) for word in words).rstrip()


wholes = st.builds(text_of, st.integers(0, 2**32), st.integers(1, 120))
sizes = st.lists(st.integers(1, 30), min_size=1, max_size=20)


def joined(said, rest, sizes, *, asked):
    """What the caller has in the end, and the join, when `rest` comes in pieces of these sizes."""
    join, given, at, turn = Join(said, CONFIG, asked=asked), said, 0, 0
    while at < len(rest):
        piece = rest[at : at + sizes[turn % len(sizes)]]
        given += join.feed(piece)
        at, turn = at + len(piece), turn + 1
    return given + join.close(), join


def cut(whole, share):
    """The text up to there, and the rest."""
    at = max(1, min(len(whole) - 1, int(share * len(whole)))) if len(whole) > 1 else 1
    return whole[:at], whole[at:]


shares = st.floats(0, 1)


@given(wholes, shares, sizes, st.booleans())
def test_who_goes_straight_on_is_joined_as_he_is(whole, share, sizes, asked):
    """Nothing is repeated, save white space at the seam, which nobody was given: nothing is cut."""
    said, rest = cut(whole, share)
    blank = said[len(said.rstrip()) :]
    assert joined(said, blank + rest, sizes, asked=asked)[0] == whole
    assume(not rest[0].isspace())
    assert joined(said, rest, sizes, asked=asked)[0] == whole


@given(wholes, shares, sizes)
def test_the_last_words_are_dropped(whole, share, sizes):
    """Who does as he was asked repeats the last words; white space behind them may be said or not."""
    said, rest = cut(whole, share)
    assume(said.strip())
    blank = said[len(said.rstrip()) :]
    for between in ("", blank) if not rest[:1].isspace() else (blank,):
        text, join = joined(said, last_words(said.rstrip()) + between + rest, sizes, asked=True)
        assert (text, join.anew, join.lost) == (whole, False, False)


@given(wholes, shares, sizes, shares)
def test_an_overlap_of_any_length_is_dropped(whole, share, sizes, less):
    """Who repeats more or less than he was asked to, within reason, is understood: from the beginning of a word on."""
    said, rest = cut(whole, share)
    begins = [place for place in range(len(said)) if place == 0 or said[place - 1].isspace()]
    place = begins[int(less * (len(begins) - 1))]
    assume(said == said.rstrip() and CONFIG.least_overlap <= len(said) - place <= CONFIG.most_overlap)
    assert joined(said, said[place:] + rest, sizes, asked=True)[0] == whole


@given(wholes, shares, sizes, st.booleans())
def test_a_beginning_from_the_top_is_dropped(whole, share, sizes, asked):
    """However long it is, in either way."""
    said, rest = cut(whole, share)
    assume(said.strip() and (asked or len(said.rstrip()) >= 8))
    text, join = joined(said, said + rest, sizes, asked=asked)
    assert (text, join.lost) == (whole, False)


@given(wholes, shares, sizes, st.sampled_from(["Sure, here is the rest:\n\n", "Continuing: ", "Here you go:\n"]))
def test_an_introduction_before_the_last_words_is_dropped(whole, share, sizes, introduction):
    """Where the last words are long enough to be known again."""
    said, rest = cut(whole, share)
    words = last_words(said.rstrip())
    assume(len(words) >= 30)
    blank = said[len(said.rstrip()) :]
    assert joined(said, introduction + words + blank + rest, sizes, asked=True)[0] == whole


@given(wholes, shares, st.booleans())
def test_nothing_is_held_back_for_longer_than_it_may_repeat(whole, share, asked):
    """Letter by letter: what is held is a beginning of what may be repeated, or an introduction; never more."""
    said, rest = cut(whole, share)
    join = Join(said, CONFIG, asked=asked)
    given = "".join(join.feed(sign) for sign in rest)
    held = len(rest) - len(given)
    assert held <= CONFIG.most_overlap + CONFIG.introduction + LAST_WORDS + len(said) - len(said.rstrip())
    if not asked and said == said.rstrip():
        assert held == 0 or said.startswith(rest[:held])


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        ("hel", "lo"),
        ("ha", "ha"),
        ("we will, we will rock you, we will, we will", " rock you"),
        ("one two one two", " one two three"),
        ("row, row, row", " your boat"),
        ("1000", "000"),
        ("The more", " the merrier"),
    ],
)
def test_a_repeated_phrase_is_not_eaten(said, rest):
    """A text may repeat itself: a prefilled target means what it says, and few letters are a coincidence."""
    assert joined(said, rest, [1], asked=False)[0] == said + rest
    if len(said) < CONFIG.least_overlap and said != rest:
        assert joined(said, rest, [1], asked=True)[0] == said + rest


@example("This is the simulated provider alpha", "This is the simulated provider beta, no")
@given(wholes, st.just("something else that is said"))
def test_a_beginning_in_other_words_is_lost(said, other):
    """Who repeats a good deal and then says something else cannot be joined."""
    assume(len(said) > 40)
    rest = other if other.startswith(said[:20]) else said[:20] + other
    text, join = joined(said, rest, [3], asked=True)
    assert (text, join.lost) == (said, True)


def test_a_shorter_answer_from_the_top_is_lost():
    """Who says less than the caller has, and then ends, has said something else."""
    said = text_of(1, 40)
    for asked in (True, False):
        assert joined(said, said[:100], [7], asked=asked)[1].lost


def test_nothing_more_to_say_is_an_end():
    """Only the end was missing: all of it is repeated, and nothing comes behind."""
    said = text_of(2, 40)
    for rest in (said, last_words(said), said[-100:], ""):
        text, join = joined(said, rest, [5], asked=True)
        assert (text, join.lost) == (said, False)


def test_white_space_at_the_seam_is_said_once():
    """A provider refuses it at the end of a beginning, so that it comes again, or does not."""
    for rest in ("\n\nworld", "\nworld", "world"):
        text, _ = joined("Hello\n\n", rest, [1], asked=False)
        assert text.replace("\n", "") == "Helloworld"
        assert text.count("\n") == 2
    assert joined("Hello ", "  world", [1], asked=False)[0] == "Hello  world"
    assert joined(" \n", "\nHello", [1], asked=True)[0] == " \n\nHello"


def test_nothing_said_is_nothing_to_join():
    """Where no word had been said, every word is new."""
    assert joined("", "Hello", [1], asked=True)[0] == "Hello"


def test_a_text_that_repeats_itself_costs_no_more():
    """The same letter without end: every letter is looked at a bounded number of times."""
    said = "a" * 100_000
    text, join = joined(said, said + "b", [1000], asked=True)
    assert (text[-1], join.lost) == ("b", False)
    assert joined("a" * 1000, "b" + "a" * 2000, [1], asked=True)[0] == "a" * 1000 + "b" + "a" * 2000


def test_the_last_words_are_the_end_of_what_was_said():
    """From the beginning of a word on, where there is one; and the request for them holds no more."""
    assert last_words("short") == "short"
    assert last_words("word " * 100 + "end") == "word word word word word word word word word word word end"
    assert last_words("日" * 100) == "日" * LAST_WORDS
    assert "<last_words>short</last_words>" in ask_on("short")


@given(
    st.text("ab", max_size=6), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3), st.text("ab", max_size=8)
)
def test_a_stop_sequence_over_the_seam_ends_the_answer(said, stops, rest):
    """The same as a provider that had said it all: it ends where the stop sequence does, whose beginning was said."""
    met = [
        (place + len(stop))
        for stop in stops
        for place in range(max(0, len(said) - len(stop) + 1), len(said))
        if (said + rest)[place : place + len(stop)] == stop
    ]
    looking = Stops(said, stops)
    given = "".join(looking.feed(sign) for sign in rest)
    assert looking.met == bool(met)
    if not looking.met:
        assert given + looking.close() == rest
    else:
        assert rest.startswith(given)
        assert len(said + given) < min(met)
