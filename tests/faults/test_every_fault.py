"""Every named fault, over real sockets, through the whole gateway and through the library."""

import pytest

from outlast.testing import FAULTS

from . import check_gateway, check_library
from .cases import QUESTIONS, cases_of, named
from .rows import ROWS


def test_every_fault_is_in_the_table():
    """A fault that is added to the lab must be given what is to come of it."""
    assert sorted(ROWS) == sorted(FAULTS)


@pytest.mark.parametrize(("row", "dialect"), QUESTIONS)
def test_a_fault_through_the_gateway(stage, row, dialect):
    """Whole and streamed, with one target and with two: status, attempts and the circuit's count are the table's.

    Where another target is left it is asked, or not, as the table says; and then it answers as if nothing had been.
    """
    cases = cases_of(row, dialect)
    answers, asked = stage.play(cases)
    for case, answer in zip(cases, answers, strict=True):
        with named(case, answer):
            check_gateway.check(stage, case, answer)
            asked.check(case, stage.ear.attempts(case.name))


@pytest.mark.parametrize(("row", "dialect"), QUESTIONS)
def test_a_fault_through_the_library(library, row, dialect):
    """`chat` and `stream`, with one target and with two: class, status and attempts are the table's.

    The text is exact; a stream that is cut raises, and never ends as if it were whole.
    """
    cases = cases_of(row, dialect)
    answers, asked = library.play(cases)
    for case, answer in zip(cases, answers, strict=True):
        with named(case, answer):
            check_library.check(library, case, answer)
            asked.check(case, library.ear.attempts(case.name))
