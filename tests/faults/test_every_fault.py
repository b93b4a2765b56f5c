"""Every named fault, over real sockets, through the whole gateway: what the caller gets, and what it cost."""

import pytest

from outlast.testing import FAULTS

from .asking import ALONE, PAIRED, SPARE
from .rows import ROWS, USUAL

ECHOES = ("simulat", "<html", "<!doctype", "nginx", "SSH-", "random bytes", "FORGED", "Traceback", "sk-", "\ufffd")
"""Words of the provider's, or of ours that are nobody else's business."""
OURS = {"message", "type", "retryable", "retry_after", "request_id", "attempts"}
VENDORS = {"openai": OURS | {"param", "code"}, "anthropic": OURS}
"""The fields of an error in each dialect: the vendor's own, and ours."""
ENDS = {"openai": ("stop", "length", "tool_calls"), "anthropic": ("end_turn", "max_tokens", "tool_use")}


def test_every_fault_is_in_the_table():
    """A fault that is added to the lab must be given what is to come of it."""
    assert sorted(ROWS) == sorted(FAULTS)


@pytest.mark.parametrize("case", ALONE, ids=str)
def test_a_fault_of_the_only_target(stage, case):
    """The class, the vendor's status, the attempts and the circuit's count are those of the table."""
    answer = stage.play(case)
    wanted = case.facts.expected(streamed=case.streamed)
    attempts = stage.ear.attempts(case.name)
    assert (stage.ear.ended(case.name).kind, answer.status) == (case.kind, getattr(wanted, case.dialect)), answer
    assert [attempt.kind for attempt in attempts] == [case.kind] * wanted.alone
    assert stage.circuit(f"{case.name}/m") == counted(wanted.circuit, wanted.alone)
    check_hint(answer, case)
    check(stage, case, answer, attempts)


@pytest.mark.parametrize("case", PAIRED, ids=str)
def test_a_fault_where_another_target_is_left(stage, case):
    """As often as the table says on the first target; then the second answers, or nobody does."""
    answer = stage.play(case)
    wanted = case.facts.expected(streamed=case.streamed)
    attempts = stage.ear.attempts(case.name)
    kinds = [case.kind] * wanted.first + ["ok"] * wanted.onward
    assert [attempt.kind for attempt in attempts] == kinds, answer
    assert stage.spared(case) == wanted.onward
    assert stage.circuit(f"{case.name}/m") == counted(wanted.circuit, wanted.first)
    if wanted.onward:
        assert (answer.status, answer.error) == (200, None)
        assert answer.text == USUAL.format(provider=SPARE)
        assert answer.headers["outlast-source"] == "fallback"
        assert stage.circuit(f"{SPARE}/{case.name}") == counted("success", 1)
    else:
        assert answer.status == getattr(wanted, case.asked_as)
    check(stage, case, answer, attempts, answered=wanted.onward or None)


def counted(circuit, attempts):
    """What a circuit has counted when so many attempts ended like this."""
    return {"ok": attempts if circuit == "success" else 0, "failed": attempts if circuit == "failure" else 0}


def check_hint(answer, case):
    """The caller is told when to come back: never earlier than the provider wants, and not much later."""
    hint = case.facts.hint
    if hint is not None:
        told = int(answer.headers["retry-after-ms"]) / 1000
        assert hint - 0.8 < told <= hint + min(1.0, 0.1 * hint)
        assert int(answer.headers["retry-after"]) >= told
        assert (answer.headers.get("x-should-retry") == "false") == (told > 60)


def check(stage, case, answer, attempts, *, answered=None):
    """What holds in every row."""
    assert answer.headers["x-request-id"] == case.name
    assert "content-encoding" not in answer.headers
    assert set(answer.headers).isdisjoint({"x-odd", "x-big", "location", "server", "set-cookie"})
    requests, free = stage.seen(case)
    mine = [attempt for attempt in attempts if attempt.provider == case.name]
    assert len(requests) == len(mine) + free, "one event for each upstream request"
    assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1))
    assert all(attempt.maybe_billed for attempt in attempts if attempt.kind in {"timeout", "broken_stream"})
    assert stage.held() == {"gateway slots": 0, "gateway queue": 0, "target queues": 0}
    assert not [held for held in counts(attempts) if held < 0]
    if answered is None and case.kind != "ok":
        check_error(case, answer)
    if answered is None and case.kind in {"ok", "broken_stream"}:
        check_text(case, answer)
    if answer.error is None:
        assert answer.finish
        assert answer.finishes == case.streamed
        assert answer.marked == case.streamed


def counts(attempts):
    """Everything that was counted of tokens."""
    for attempt in attempts:
        if attempt.usage is not None:
            yield from (attempt.usage.input, attempt.usage.output, attempt.usage.cached, attempt.usage.reasoning)


def check_error(case, answer):
    """An envelope of the caller's dialect in our own words; in a stream it is the last thing that is said."""
    envelope = answer.error
    assert set(envelope["error"]) - {"code"} == VENDORS[case.asked_as] - {"code"}
    assert envelope["error"]["request_id"] == case.name
    if case.asked_as == "anthropic":
        assert (envelope["type"], envelope["request_id"]) == ("error", case.name)
    told = str(envelope).replace(case.name, "").lower()
    assert not [word for word in ECHOES if word.lower() in told]
    if case.kind == "broken_stream":
        assert (answer.after, answer.marked) == ([], False)
        if not case.facts.finished:
            assert answer.finish is None
    else:
        assert answer.headers["content-type"] == "application/json"
        assert not envelope["error"]["retryable"] or "x-should-retry" not in answer.headers or case.facts.hint


def check_text(case, answer):
    """Exactly what the provider said, or exactly its good beginning."""
    if case.row == "E37-endless":
        assert answer.text == " on" * (len(answer.text) // 3)
        assert len(answer.text) > 3000
    else:
        assert answer.text == case.said
    if case.kind == "ok":
        assert answer.error is None
        assert answer.finish == case.facts.finish or answer.finish in ENDS[case.asked_as]
