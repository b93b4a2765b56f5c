"""Every named fault, over real sockets, through the library: what a program gets, and what it cost."""

import pytest

from .cases import QUESTIONS, SPARE, cases_of
from .terms import USUAL

BILLED = {"timeout", "broken_stream"}
"""Who is cut off in the middle may have been paid for."""
UNBILLED = {"connect", "throttled", "quota", "credential", "permission", "missing", "caller"}
"""Who is refused has not."""


@pytest.mark.parametrize(("row", "dialect"), QUESTIONS)
def test_a_fault_through_the_library(library, row, dialect):
    """`chat` and `stream`, with one target and with two: class, status and attempts are the table's.

    The text is exact; a stream that is cut raises, and never ends as if it were whole.
    """
    cases = cases_of(row, dialect)
    answers, asked = library.play(cases)
    for case, answer in zip(cases, answers, strict=True):
        try:
            check(library, case, answer, asked)
        except AssertionError as error:
            error.add_note(f"{case}: {answer}")
            raise


def check(library, case, answer, asked):
    """All that the table says, and what holds in every row."""
    attempts = library.ear.attempts(case.name)
    assert [attempt.kind for attempt in attempts] == case.kinds
    assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1))
    assert library.circuit(f"{case.name}/m") == case.counted
    assert asked.attempts(case) == len([one for one in attempts if one.provider == case.name]), "one event for each"
    assert asked.spared(case) == case.spared
    assert all(attempt.maybe_billed for attempt in attempts if attempt.kind in BILLED)
    assert not any(attempt.maybe_billed for attempt in attempts if attempt.kind in UNBILLED)
    assert library.held() == {"slots": 0, "queue": 0, "target queues": 0}
    if case.spared:
        check_answer(case, answer, USUAL.format(provider=SPARE), f"{SPARE}/{case.name}", "fallback")
        return
    assert library.ear.ended(case.name).kind == case.kind
    if case.kind == "ok":
        assert case.holds(answer.text)
        check_answer(case, answer, answer.text, f"{case.name}/m", "primary")
    else:
        check_failure(case, answer, attempts)


def check_answer(case, answer, text, target, source):
    """All of the text, one finish, and who gave it."""
    assert answer.failure is None
    assert (answer.text, answer.target, answer.source) == (text, target, source)
    assert (answer.attempts, answer.finishes) == (len(case.kinds), 1)
    assert answer.finish in {"stop", "length", "tool_calls", case.facts.finish}


def check_failure(case, answer, attempts):
    """Class, status, hint, target and history on the exception; none of the provider's words, and no key."""
    failure = answer.failure
    assert (failure.kind, failure.status) == (case.kind, case.wanted.native)
    assert failure.target == f"{case.name}/m"
    assert not case.echoes(answer.words)
    hint = case.facts.hint
    if hint is not None:
        assert hint - 0.8 < failure.retry_after <= hint + min(1.0, 0.1 * hint)
        assert failure.retryable
    if case.kind == "broken_stream":
        assert case.holds(answer.text)
        assert answer.finish is None or case.facts.finished
    else:
        assert (answer.text, answer.finish) == ("", None)
        assert list(failure.attempts) == attempts
