"""Finding the JSON in what models say, and reading it while it is still being written: for any document, cut anyhow."""

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outlast.layers.structured import NOTHING, Growing, find, finding
from outlast.layers.structured.passing import Bare

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALAR = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
BRACKETED = VALUE.filter(lambda value: isinstance(value, (dict, list)))
PROSE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}[]`"), max_size=30)


def dumped(value, indent=None):
    """The document, as models write it."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


# -- finding -----------------------------------------------------------------------------------------------------------


@given(BRACKETED, PROSE, PROSE, st.sampled_from([None, 2]))
def test_a_document_between_any_words_is_found(value, before, after, indent):
    """With the very text that says it."""
    found = find(f"{before}\n{dumped(value, indent)}\n{after}")
    assert found.documents[-1].value == value
    assert msgspec.json.decode(found.documents[-1].text) == value
    assert not found.cut


@given(VALUE, PROSE, PROSE)
@example(None, '"', '"')
def test_any_value_in_a_fence_is_found(value, before, after):
    """Numbers and texts too, which nobody could tell from the words around them."""
    found = find(f"{before}\n```json\n{dumped(value)}\n```\n{after}")
    assert found.documents[-1].value == value


@given(VALUE)
def test_a_document_alone_is_taken_as_it_stands(value):
    """To the letter."""
    text = f" {dumped(value)}\n"
    assert [document.text for document in find(text).documents] == [text.strip()]


@given(st.lists(BRACKETED, min_size=1, max_size=4))
def test_several_documents_are_found_in_their_order(values):
    """One behind the other, with words between them."""
    text = " and then ".join(map(dumped, values))
    documents = find(text).documents
    assert [document.value for document in documents] == values


@given(BRACKETED, st.data())
def test_a_document_that_is_cut_off_is_told_as_cut_off(value, data):
    """Wherever that is; what is whole inside of it is not taken for the answer."""
    text = dumped(value)
    cut = data.draw(st.integers(1, len(text) - 1))
    found = find(f"Here: {text[:cut]}")
    assert found.cut
    assert found.documents == []


@given(st.text(max_size=200))
@example("\ud800")
@example('{"a": "\\ud800"}')
@example("[" * 3000)
@example('{"a":' * 3000)
@example('{"a": 1e999}')
@example("[1" + "0" * 5000 + "]")
def test_nothing_that_a_model_says_does_harm(text):
    """Whatever is found can be told to a caller."""
    for document in find(text).documents:
        assert msgspec.json.decode(document.text.encode()) == document.value


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ('{"a": [1, 2, ], }', {"a": [1, 2]}),
        ('{"a": True, "b": None, "c": "True, ]"}', {"a": True, "b": None, "c": "True, ]"}),
        ('{"a": "one\ntwo"}', {"a": "one\ntwo"}),
        ('```\n{"a": "```"}\n```', {"a": "```"}),
        ('{placeholder} {"a": "}"}', {"a": "}"}),
    ],
)
def test_slips_are_mended(said, value):
    """A comma too many, Python's words, a line break in a text; nothing inside of texts is touched."""
    assert find(said).documents[-1].value == value


def test_what_is_no_slip_is_not_mended():
    """A number that no JSON can tell; and what stands around a document, which is none of it."""
    assert find('{"a": 1e999}').documents == []
    assert find('{"a": 1,} {"a": 1,}').documents[-1].text == '{"a":1}'


def test_a_document_in_a_fence_is_whole_whatever_is_begun_behind_it():
    """The answer is there; another one that was cut off takes nothing from it."""
    found = find('```json\n42\n```\nOr, if you like: {"a": 1')
    assert (found.cut, [document.value for document in found.documents]) == (False, [42])


def test_a_bracket_beside_a_bracket_is_looked_at():
    """As templates have them."""
    assert [document.value for document in find('{{"a": 1}}').documents] == [{"a": 1}]


class Looks:
    """Counts what is read of a text, and what is copied of it."""

    def __init__(self, monkeypatch):
        self.read = self.copied = 0
        looks = self

        class Counted(Growing):
            def __init__(self, text=""):
                looks.copied += len(text)
                super().__init__(text)
                looks.read += self.seen

        monkeypatch.setattr(finding, "Growing", Counted)

    def at(self, text):
        """What was read and copied while documents were looked for in this text, and how many were found."""
        self.read = self.copied = 0
        found = len(find(text).documents)
        return self.read, self.copied, found


@pytest.mark.parametrize(
    ("hopeless", "times"),
    [
        ('{"a": [', 5_000),  # cut off: looked at once
        ("[", 3_000),  # too deep: nobody reads it
        ("{" + "[" * 40 + "}", 1_000),
        ('{"a": {b ', 5_000),
        ('{"a": ' * 450 + "b ", 20),  # each bracket leads far, and nowhere
        ("{x ", 20_000),  # each leads nowhere at once, with much behind it
    ],
)
def test_the_work_is_bounded(monkeypatch, hopeless, times):
    """Brackets that lead nowhere do not make a long text a slow one: each sign is read four times at most."""
    looks, text = Looks(monkeypatch), hopeless * times
    read, copied, found = looks.at(text + '"')
    most = max(20_000, 4 * len(text))
    assert read <= most + len(text)
    assert copied <= 64 * (most + 20_000)
    assert found == 0


def test_what_is_cut_off_or_too_deep_is_looked_at_once(monkeypatch):
    """Whatever brackets are inside."""
    looks = Looks(monkeypatch)
    for text in ('{"a": [' * 200, "[" * 3_000):
        assert looks.at(text)[0] <= len(text)


@pytest.mark.parametrize(
    "before",
    [
        '["a", ' * 60 + "oops ",  # many brackets in few words
        '["' + "a" * 25_000 + '"} ',  # one that leads far
        "words " * 1_200 + "[x] " * 150,  # many at the end of much else
    ],
)
def test_what_stands_behind_brackets_that_lead_nowhere_is_found(before):
    """While the work for it is in proportion."""
    assert find(before + '{"a": 1}').documents[-1].value == {"a": 1}


# -- a document that grows ---------------------------------------------------------------------------------------------


def is_part(part, whole):
    """Is the one a beginning of the other? Texts and lists grow at their end, objects by keys."""
    if isinstance(whole, dict):
        keys = list(whole)[: len(part)] if isinstance(part, dict) else None
        return keys == list(part) and all(is_part(part[key], whole[key]) for key in part)
    if isinstance(whole, list):
        return isinstance(part, list) and len(part) <= len(whole) and all(map(is_part, part, whole))
    if isinstance(whole, str):
        return isinstance(part, str) and whole.startswith(part)
    return part == whole and type(part) is type(whole)


@given(BRACKETED, st.booleans())
def test_every_beginning_of_a_document_is_a_beginning_of_its_value(value, escaped):
    """What was there stays there, and at the end all of it is."""
    text = json.dumps(value, ensure_ascii=escaped)
    growing, last = Growing(), None
    for sign in text:
        assert growing.end < 0
        growing.feed(sign)
        assert not growing.broken
        part = growing.value()
        assert is_part(part, value)
        assert last is None or is_part(last, part)
        last = part
    assert growing.end == len(text)
    assert growing.value() == value


def so_far(told):
    """The longest text that begins so, without half a character."""
    for end in range(len(told), 0, -1):
        try:
            return msgspec.json.decode(told[:end] + '"')
        except msgspec.MsgspecError:
            continue
    raise AssertionError(told)


@given(TEXT, st.booleans())
@example("\U0001f600", True)
@example("a\n\U0001f600\U0001f600\\b", True)
def test_a_text_is_there_to_its_last_whole_character(text, escaped):
    """Half an escape, and half of a pair, wait for the other half."""
    told = json.dumps(text, ensure_ascii=escaped)
    for end in range(1, len(told)):
        assert Growing('{"a": ' + told[:end]).value() == {"a": so_far(told[:end])}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"total": 3, "lines": [{"name": "pe', {"total": 3, "lines": [{"name": "pe"}]}),
        ("[", []),
        ('{"a": {', {"a": {}}),
        ('{"a": {"na', {"a": {}}),
        ('{"a": 1, "b', {"a": 1}),
        ("[12, 3", [12]),
        ("[true", []),
    ],
)
def test_a_key_is_there_once_its_value_has_begun_and_a_number_once_it_is_over(text, value):
    """A text grows."""
    assert Growing(text).value() == value


def test_a_number_of_a_thousand_signs_may_go_on():
    """One of more is none that anybody reads; wherever it stands."""
    before = '{"a": "' + "x" * 2_000 + '", "b": '
    assert not Growing(before + "1" * 1_000).broken
    assert Growing(before + "1" * 1_001).broken


@given(BRACKETED, st.lists(st.integers(1, 9), max_size=30), PROSE)
def test_it_reads_alike_however_the_text_is_cut(value, sizes, after):
    """Piece by piece or at once; what follows the document is not its."""
    text = dumped(value) + after
    growing, at = Growing(), 0
    for size in [*sizes, len(text)]:
        growing.feed(text[at : at + size])
        at += size
    assert growing.end == Growing(text).end == len(dumped(value))
    assert growing.value() == value


def test_nothing_is_there_before_the_beginning():
    """And a number alone is one when nothing more comes."""
    growing = Growing(" ")
    assert growing.value() is NOTHING
    assert not growing.begun
    growing.feed("42")
    assert growing.value() is NOTHING
    growing.close()
    assert (growing.value(), growing.end) == (42, 3)
    assert Growing("42").value() is NOTHING


@pytest.mark.parametrize(("text", "end"), [("", -1), ("nope", -1), ('"42', -1), ("[4", -1), ("42 ", 2), ("[4]", 3)])
def test_nothing_else_is_over_because_nothing_more_comes(text, end):
    """What is cut off stays cut off, its last number too."""
    growing = Growing(text)
    growing.close()
    assert growing.end == end
    if text == "[4":
        assert growing.value() == []


def test_a_slip_is_no_part():
    """What no parser takes yet is not shown."""
    assert Growing('{"a": [1,]').value() is NOTHING
    assert Growing('{"a": "one\ntwo').value() is NOTHING


@pytest.mark.parametrize(
    "text",
    [
        "}",
        "{]",
        '{"a" 1}',
        "{1: 2}",
        "[1 2]",
        "[nope]",
        '["\\x"]',
        '["\\u12g4"]',
        "[,]",
        '{"a":}',
        "{,}",
        "[01]",
        '{"a" "b": 1}',
        '[1 "a"]',
        '{"a": 1 "b": 2}',
        "[" * 501,
    ],
)
def test_what_is_no_document_is_known_to_be_none(text):
    """As soon as that is certain."""
    assert Growing(text + " ").broken


def test_half_an_escape_that_is_none_is_known_at_its_sixth_sign():
    """It may be one until then."""
    assert not Growing('["\\u12g').broken
    assert Growing('["\\u12g4').broken
    assert Growing("[" * 501).deep
    assert not Growing("[" * 500).broken


# -- what of a stream belongs to the document --------------------------------------------------------------------------


@given(BRACKETED.filter(bool), PROSE, PROSE, st.integers(1, 20))
def test_of_a_stream_only_the_document_is_let_through(value, before, after, size):
    """However it is cut, and whatever stands around it."""
    text = f"{before}\n```json\n{dumped(value)}\n```\n{after}"
    bare = Bare()
    given_ = "".join(bare.feed(text[at : at + size]) for at in range(0, len(text), size))
    assert given_ == dumped(value)


def test_brackets_of_words_are_not_let_through():
    """A document has begun when what follows its bracket fits."""
    bare = Bare()
    said = ["With {", "name} and [see", ' below] it is {"na', 'me": 1} {', "}"]
    assert [bare.feed(piece) for piece in said] == ["", "", "", '{"name": 1}', ""]


@pytest.mark.parametrize("begun", ['{"name"', '{"name', "[[", '["a"', "[1,", "{}", "[]"])
def test_a_document_has_begun_with_the_first_that_fits(begun):
    """A name or a text that is over, a number, a bracket inside; or its end."""
    assert Bare().feed(begun) == ("" if begun == '{"name' else begun)
    assert Bare().feed(begun[0]) == ""


def test_a_document_that_breaks_is_let_through_as_it_came():
    """Its beginning cannot be taken back: whoever judges it says that it is none."""
    bare = Bare()
    said = ['{"a": 1, ', "oops} or ", '{"b": 2}']
    assert [bare.feed(piece) for piece in said] == said


def test_a_bracket_at_the_end_of_a_piece_may_be_one_of_words():
    """What follows in the next piece is looked at from its first bracket on."""
    bare = Bare()
    assert [bare.feed("{"), bare.feed('{"a": 1}}')] == ["", '{"a": 1}']


def test_words_with_brackets_in_one_piece_are_passed_over():
    """And hopeless depth is not looked into: what follows it in later pieces still is."""
    bare = Bare()
    assert bare.feed('With {name} and [see below]: {"a": 1, "b"') == '{"a": 1, "b"'
    assert bare.feed(": 2} {x}") == ": 2}"
    hopeless = Bare()
    assert hopeless.feed("[" * 100_000) == ""
    assert hopeless.feed('{"a": 1}') == '{"a": 1}'
