"""What the table says of a case, held against what came of it through the gateway."""

from .cases import SPARE
from .terms import USUAL
from .tongues import ENDS, ERRORS


def check(stage, case, answer):
    """All that the table says, and what holds in every row."""
    attempts = stage.ear.attempts(case.name)
    assert [attempt.kind for attempt in attempts] == case.kinds
    assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1))
    assert stage.circuit(f"{case.name}/m") == case.counted
    check_attempts(attempts)
    check_headers(case, answer)
    assert stage.held() == {"gateway slots": 0, "gateway queue": 0, "target queues": 0}
    if case.spared:
        check_spare(stage, case, answer)
        return
    assert (stage.ear.ended(case.name).kind, answer.status) == (case.kind, case.wanted.at(case.asked_as))
    check_hint(case, answer)
    if case.kind != "ok":
        check_error(case, answer)
    if case.kind in {"ok", "broken_stream"}:
        assert case.holds(answer.text)
    if case.kind == "ok":
        check_end(case, answer)


def check_attempts(attempts):
    """What each attempt is told as."""
    assert all(attempt.maybe_billed for attempt in attempts if attempt.kind in {"timeout", "broken_stream"})
    for attempt in attempts:
        if attempt.usage is not None:
            usage = attempt.usage
            assert min(usage.input, usage.output, usage.cached, usage.reasoning) >= 0


def check_headers(case, answer):
    """Nothing of the provider's, and the id by which the request is found."""
    assert answer.headers["x-request-id"] == case.name
    assert "content-encoding" not in answer.headers
    foreign = {"x-odd", "x-big", "x-trailer", "location", "server", "set-cookie", "content-range", "upgrade"}
    assert set(answer.headers).isdisjoint(foreign)


def check_spare(stage, case, answer):
    """The other target's answer, whole and marked as a fallback; or what it went on with, as if nothing had been."""
    assert (answer.status, answer.error) == (200, None)
    assert answer.text == (case.gone_on if case.resumed else USUAL.format(provider=SPARE))
    assert answer.headers["outlast-source"] == ("primary" if case.resumed else "fallback")
    assert stage.ear.ended(case.name).resumed == case.resumed
    assert stage.circuit(f"{SPARE}/{case.name}") == {"ok": 1, "failed": 0}
    check_end(case, answer)


def check_end(case, answer):
    """One finish, in the provider's own word where that is odd, and the end marker of a stream."""
    assert answer.error is None
    assert answer.finish in {*case.facts.finishes, *ENDS[case.asked_as]}
    assert answer.finishes == case.streamed
    assert answer.marked == case.streamed


def check_hint(case, answer):
    """The caller is told when to come back: never earlier than the provider wants, and not much later."""
    hint = case.facts.hint
    if hint is not None:
        told = int(answer.headers["retry-after-ms"]) / 1000
        assert hint - answer.seconds <= told <= hint + min(1.0, 0.1 * hint)
        assert int(answer.headers["retry-after"]) >= told
        assert (answer.headers.get("x-should-retry") == "false") == (told > 60)


def _unsaid(case):
    """What stands in the body of Cohere's errors, and not in the event that ends a stream."""
    return {"id"} if (case.asked_as, case.kind) == ("cohere", "broken_stream") else set()


def check_error(case, answer):
    """An envelope of the caller's dialect in our own words; in a stream it is the last thing that is said."""
    fields = answer.fields
    assert set(fields) - {"code", "finish_reason"} == ERRORS[case.asked_as] - ({"code"} | _unsaid(case))
    assert fields["request_id"] == case.name
    if case.asked_as == "anthropic":
        assert (answer.error["type"], answer.error["request_id"]) == ("error", case.name)
    assert not case.echoes(answer.error)
    if case.kind == "broken_stream":
        assert (answer.after, answer.marked) == ([], False)
        assert answer.finish is None
    else:
        assert answer.headers["content-type"] == "application/json"
        assert not fields["retryable"] or "x-should-retry" not in answer.headers or case.facts.hint
