"""What the table says of a case, held against what came of it through the library."""

from .cases import SPARE
from .terms import USUAL

BILLED = {"timeout", "broken_stream"}
"""Who is cut off in the middle may have been paid for."""
UNBILLED = {"connect", "throttled", "quota", "credential", "permission", "missing", "caller"}
"""Who is refused has not."""


def check(library, case, answer):
    """All that the table says, and what holds in every row."""
    attempts = library.ear.attempts(case.name)
    assert [attempt.kind for attempt in attempts] == case.kinds
    assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1))
    assert library.circuit(f"{case.name}/m") == case.counted
    assert all(attempt.maybe_billed for attempt in attempts if attempt.kind in BILLED)
    assert not any(attempt.maybe_billed for attempt in attempts if attempt.kind in UNBILLED)
    assert library.held() == {"slots": 0, "queue": 0, "target queues": 0}
    if case.spared:
        if case.resumed:
            check_answer(case, answer, case.gone_on, f"{case.name}/m", "primary", attempts=1)
        else:
            check_answer(case, answer, USUAL.format(provider=SPARE), f"{SPARE}/{case.name}", "fallback")
        return
    assert library.ear.ended(case.name).kind == case.kind
    if case.kind == "ok":
        assert case.holds(answer.text)
        check_answer(case, answer, answer.text, f"{case.name}/m", "primary")
    else:
        check_failure(case, answer, attempts)


def check_answer(case, answer, text, target, source, attempts=None):
    """All of the text, one finish, who began it, and after how many attempts."""
    assert answer.failure is None
    assert (answer.text, answer.target, answer.source) == (text, target, source)
    assert (answer.attempts, answer.finishes) == (attempts or len(case.kinds), 1)
    assert answer.finish in {"stop", "length", "tool_calls", *case.facts.finishes}


def check_failure(case, answer, attempts):
    """Class, status, hint, target and history on the exception; none of the provider's words, and no key."""
    failure = answer.failure
    assert (failure.kind, failure.status) == (case.kind, case.wanted.native)
    assert failure.target == f"{case.name}/m"
    assert not case.echoes(answer.words)
    hint = case.facts.hint
    if hint is not None:
        assert hint - answer.seconds <= failure.retry_after <= hint + min(1.0, 0.1 * hint)
        assert failure.retryable
    if case.kind == "broken_stream":
        assert case.holds(answer.text)
        assert answer.finish is None
    else:
        assert (answer.text, answer.finish) == ("", None)
        assert list(failure.attempts) == attempts
