"""Answers at a provider's pace, step by step on a clock that moves only with their pauses."""

from random import Random

import pytest

from outlast.lab.answer import Asked
from outlast.lab.laws import Law
from outlast.lab.pacing import Pace, breakable, counted, headed, paced
from outlast.lab.script import cut, ok, silent, slow_headers, status, steps
from outlast.lab.steps import Body, End, Fin, Head, Pause, Raw, Rst

HI = {"messages": [{"role": "user", "content": "hi"}]}
STREAM = Asked(body=HI | {"stream": True})
WHOLE = Asked(body=HI)


class Watch:
    """Plays behaviours and notes when each step comes; each pause lasts `late` seconds longer than it should."""

    def __init__(self, late=0.0):
        self.now = 0.0
        self.late = late

    def pace(self, first, between, **options):
        return Pace(first, between, Random(1), lambda: self.now, **options)

    def play(self, behaviour, asked):
        noted = []
        for step in behaviour.play(asked):
            if isinstance(step, Pause):
                self.now += step.seconds + (self.late if step.seconds else 0)
            else:
                noted.append((round(self.now, 6), step))
        return noted

    def contents(self, behaviour, asked=STREAM):
        return [when for when, step in self.play(behaviour, asked) if isinstance(step, Body) and step.pieces]


def test_a_stream_waits_for_its_first_content_and_between_pieces():
    """The head comes at once, the first piece after `first`, each further one after `between`."""
    watch = Watch()
    noted = watch.play(paced(ok("a b c"), watch.pace(2, 0.5)), STREAM)
    assert noted[0][0] == 0
    assert isinstance(noted[0][1], Head)
    assert [when for when, step in noted if isinstance(step, Body) and step.pieces] == [2, 2.5, 3]


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_a_whole_answer_waits_as_long_as_its_stream(vendor):
    """The head itself is late, by the sum."""
    watch = Watch()
    noted = watch.play(paced(ok("a b c"), watch.pace(2, 0.5)), Asked(vendor=vendor, body=HI))
    assert [when for when, _ in noted] == [3, 3, 3]
    assert isinstance(noted[0][1], Head)


def test_the_good_part_of_a_fault_has_the_same_pace():
    """Two pieces, then the cut, which waits for nothing."""
    watch = Watch()
    noted = watch.play(paced(cut(2), watch.pace(2, 0.5)), STREAM)
    assert noted[-1] == (2.5, Fin())


def test_a_whole_fault_that_does_not_tell_its_pieces_waits_as_the_good_answer_would():
    """Also one that was put on the wire by hand."""
    good = len([step for step in ok().play(STREAM) if isinstance(step, Body) and step.pieces])
    bare = steps("bare", Head(length=2), Body(b"{}"), End())
    raw = steps("raw", Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"))
    for behaviour in (bare, raw):
        watch = Watch()
        assert watch.play(paced(behaviour, watch.pace(1, 0.5)), WHOLE)[0][0] == 1 + 0.5 * (good - 1)


def test_refusals_wait_for_nothing():
    """An error is told at once."""
    watch = Watch()
    assert watch.play(paced(status(503), watch.pace(2, 0.5)), WHOLE)[-1][0] == 0


def test_what_a_behaviour_waits_by_itself_comes_on_top():
    """Slow headers are slower still."""
    watch = Watch()
    assert watch.contents(paced(slow_headers(3, ok("a b")), watch.pace(2, 0.5))) == [5, 5.5]


def test_factor_and_delay_make_it_slower():
    """The factor stretches every wait, the delay only the first."""
    watch = Watch()
    assert watch.contents(paced(ok("a b c"), watch.pace(2, 0.5, factor=4, delay=1))) == [9, 11, 13]


def test_a_pause_that_took_too_long_is_made_up_for():
    """Pieces come at their own times, not later and later."""
    watch = Watch(late=0.2)
    assert watch.contents(paced(ok("a b c d"), watch.pace(2, 0.5))) == [2.2, 2.7, 3.2, 3.7]


def test_laws_are_drawn_anew_for_each_piece():
    """Waits differ, and the same dice give the same."""
    law = Law(low=0.1, high=0.9)
    runs = []
    for _ in range(2):
        watch = Watch()
        runs.append(watch.contents(paced(ok("a b c d e f"), watch.pace(law, law))))
    waits = [after - before for before, after in zip([0, *runs[0]], runs[0], strict=False)]
    assert runs[0] == runs[1]
    assert len(set(waits)) == 6
    assert all(0.1 <= wait <= 0.9 for wait in waits)


def test_a_provider_that_breaks_resets_what_is_under_way():
    """Also in the midst of a long pause or of silence."""
    watch = Watch()
    behaviour = breakable(paced(ok("a b c"), watch.pace(2, 10)), lambda: watch.now >= 5, attentive=True)
    noted = watch.play(behaviour, STREAM)
    assert noted[-1] == (pytest.approx(5, abs=0.11), Rst())
    silence = breakable(silent(), lambda: watch.now >= 9, attentive=True)
    assert watch.play(silence, STREAM) == [(pytest.approx(9, abs=0.11), Rst())]
    assert watch.contents(breakable(ok("a b"), lambda: False, attentive=False)) == [pytest.approx(watch.now)] * 2


def test_made_pieces_are_counted_also_of_whole_answers():
    """Streams tell each piece, whole answers all at once."""
    made = []
    for asked in (STREAM, WHOLE):
        list(counted(ok("a b c"), made.append).play(asked))
    assert made == [1, 1, 1, 3]


def test_headers_are_added_and_never_doubled():
    """What a behaviour says itself stays."""
    behaviour = headed(status(429, {"X-Said": "by itself"}), (("x-said", "by us"), ("x-more", "yes")))
    head = next(iter(behaviour.play(WHOLE)))
    assert [pair for pair in head.headers if pair[0].lower().startswith("x-") and "request" not in pair[0]] == [
        ("X-Said", "by itself"),
        ("x-more", "yes"),
    ]


def test_a_clock_that_stands_still_does_not_add_up_the_pauses():
    """Each is as long as it would be."""
    pace = Pace(2, 0.5, Random(1), lambda: 7.0)
    assert [pace.pause(1).seconds for _ in range(3)] == [2, 0.5, 0.5]


def test_a_stream_written_by_hand_waits_for_its_first_bytes():
    """Nobody told how much content is in them; a refusal by hand waits for nothing."""
    by_hand = steps("by-hand", Head(framing="chunked"), Body(b"data: {}"), Body(b"data: {}"), End())
    watch = Watch()
    assert [when for when, _ in watch.play(paced(by_hand, watch.pace(2, 0.5)), STREAM)] == [0, 2, 2, 2]
    refused = steps("refused", Head(503, framing="chunked"), Body(b"no"), End())
    watch = Watch()
    assert watch.play(paced(refused, watch.pace(2, 0.5)), STREAM)[-1][0] == 0
