"""Each fact in words: what a person reads of it, with the numbers behind it."""

import pytest

from outlast.model.events import (
    AttemptEnded,
    BackIn,
    BreakerChanged,
    CacheKept,
    CacheLooked,
    CacheRenewed,
    CameBack,
    CountEstimated,
    Degraded,
    Diverted,
    FailedOver,
    Fault,
    GaveUp,
    HedgeLost,
    HedgeRefused,
    HedgeStarted,
    HedgeWon,
    Joined,
    KeyFound,
    KeyKept,
    LimitAwaited,
    LimitChanged,
    LimitHit,
    LimitsApart,
    LimitsTogether,
    Overdrawn,
    PauseAwaited,
    ProbeSent,
    RanOn,
    Refused,
    ReplyRejected,
    RequestCut,
    RequestEnded,
    RetryRefused,
    RetryScheduled,
    Rewritten,
    Shed,
    SlotAwaited,
    StoreTrouble,
    StreamBroke,
    StreamResumed,
    TakenOut,
    TargetSkipped,
)
from outlast.model.messages import Usage
from outlast.telemetry.story.ending import beginning, ending
from outlast.telemetry.story.units import amount, dollars, many, number, printable, seconds
from outlast.telemetry.story.words import TELLERS, words_of

A, B = "a/m", "b/m"


def attempt(**fields):
    return AttemptEnded(
        **{"call": "r", "target": A, "provider": "a", "model": "m", "number": 1, "seconds": 0.5} | fields
    )


SENTENCES = {
    CacheLooked("r", "default", "fresh", 12.0, 48.0): "is kept, 12 s old: the answer is given again",
    CacheLooked("r", "default", "renew", 70.0, -10.0): (
        "is kept, 70 s old, which is too old: it is given once more, and asked for anew"
    ),
    CacheLooked("r", "default", "spare", 90.0, -30.0, "stale"): (
        "is kept, 90 s old, which is too old: only if nobody answers"
    ),
    CacheLooked("r", "default", "none", reason="miss"): "is not kept: nothing is",
    CacheLooked("r", "default", "none", 900.0, -840.0, "stale"): "is not kept: it is too old, 900 s old",
    CacheLooked("r", "default", "none", reason="request"): "is not kept: the caller wants none",
    CacheKept("r", "default", 60.0, 700): "the answer is kept for 60 s",
    CacheKept("r", "default", reason="it was cut"): "the answer is not kept: it was cut",
    CacheRenewed("r~", "r", "default", "ok", A, 0.5): (
        "asks anew for what r was given from the cache: answered by a/m after 0.5 s"
    ),
    CacheRenewed("r~", "r", "default", "transient", "", 0.5): (
        "asks anew for what r was given from the cache: transient after 0.5 s"
    ),
    StoreTrouble("r", "get", "X at x:1"): "goes on without the store, which failed to get: X at x:1",
    Joined("r", "default", "q"): "waits for what the same request brings, which is under way as q",
    KeyFound("r", "default", "nothing"): "its idempotency key is new: the call is made",
    KeyFound("r", "default", "answer"): "its idempotency key was answered: the same answer is given again",
    KeyFound("r", "default", "refusal"): "its idempotency key was refused: the same refusal is told again",
    KeyFound("r", "default", "running"): "its idempotency key is being answered: that answer is waited for",
    KeyFound("r", "default", "running", elsewhere=True): (
        "its idempotency key is being answered by another process: that answer is waited for"
    ),
    KeyFound("r", "default", "busy"): (
        "its idempotency key is being answered by another process, of which the store brings no news: ask again"
    ),
    KeyFound("r", "default", "other"): "its idempotency key belongs to another request",
    KeyFound("r", "default", "spent"): (
        "its idempotency key was answered, and the answer was too large to be kept"
    ),
    KeyFound("r", "default", "dead"): (
        "its idempotency key was being answered by a process that died: whether the call was carried out nobody knows"
    ),
    KeyKept("r", "default", 86_400.0, 700): (
        "what came of it is kept for the next request with its idempotency key, for 86400 s"
    ),
    KeyKept("r", "default", reason="it is too large"): (
        "nothing is kept for the next request with its idempotency key: it is too large"
    ),
    RanOn("r", "default", "ok", "a/m", 2.0, 0.1): (
        "went on when no caller was left, for the sake of its idempotency key, and was answered by a/m after 2 s"
    ),
    RanOn("r", "default", "timeout", seconds=2.0): (
        "went on when no caller was left, for the sake of its idempotency key, and failed by timeout after 2 s"
    ),
    Degraded("r", "default", "weaker", "transient"): 'the rung "weaker" answers, after transient',
    Degraded("r", "default", "stale", "timeout", "nothing is kept"): (
        'the rung "stale" gives nothing: nothing is kept, after timeout'
    ),
    attempt(kind="ok"): "asks a/m: answered in 0.5 s",
    attempt(kind="ok", first=0.2, cost=0.01): "asks a/m: answered in 0.5 s, first content after 0.2 s, $0.01",
    attempt(kind="ok", first=0.5): "asks a/m: answered in 0.5 s",
    attempt(kind="transient", status=503, code="overloaded", message="a/m cannot answer"): (
        "asks a/m: transient 503 (overloaded) after 0.5 s; cannot answer"
    ),
    attempt(kind="throttled", status=429, hint=30.0): (
        "asks a/m: throttled 429 after 0.5 s; it wants to be left alone for 30 s"
    ),
    attempt(kind="timeout", timer="connect", limit=3.0): "asks a/m: timeout after 0.5 s; no connection within 3 s",
    attempt(kind="timeout", timer="first_content", limit=10.0, maybe_billed=True): (
        "asks a/m: timeout after 0.5 s; no content within 10 s; it may have been billed"
    ),
    attempt(kind="timeout", timer="whole", limit=120.0): "asks a/m: timeout after 0.5 s; no whole answer within 120 s",
    attempt(kind="broken_stream", status=200, timer="stall", limit=10.0): (
        "asks a/m: broken_stream after 0.5 s; no further content for 10 s"
    ),
    attempt(kind="broken_stream", timer="max_stream", limit=600.0): (
        "asks a/m: broken_stream after 0.5 s; longer than 600 s"
    ),
    attempt(kind="timeout", timer="deadline", limit=0.5): (
        "asks a/m: timeout after 0.5 s; the caller's deadline left it 0.5 s"
    ),
    attempt(kind="timeout", timer="from_the_future", limit=2.0): (
        "asks a/m: timeout after 0.5 s; from_the_future 2 s"
    ),
    RetryScheduled("r", A, "transient", 0.2, most=0.25, cost=1.0, before=2.2, after=1.2): (
        "asks a/m again in 0.2 s (by chance from 0 s to 0.25 s); the retry budget goes from 2.20 to 1.20"
    ),
    RetryScheduled("r", A, "connect", 0.0, floor=True): (
        "asks a/m again at once; few are under way, so it costs nothing"
    ),
    RetryScheduled("r", A, "throttled", 2.0, least=2.0, most=2.0, before=1.0, after=0.64): (
        "asks a/m again in 2 s; the retry budget goes from 1 to 0.64"
    ),
    RetryRefused("r", A, "transient", "the retry budget is spent", 0.2, cost=1.0, balance=0.2): (
        "does not ask a/m again: the retry budget is spent, it has 0.20 and a retry costs 1"
    ),
    RetryRefused("r", A, "throttled", "another target is ready sooner", 3.1, 0.5, 30.0): (
        "does not ask a/m again: another target is ready sooner (the wait would be 3.1 s, the patience is 0.5 s)"
    ),
    RetryRefused("r", A, "transient", "no time left before the deadline", 2.0, None, 1.5): (
        "does not ask a/m again: no time left before the deadline (the wait would be 2 s, 1.5 s are left)"
    ),
    RetryRefused("r", A, "transient", "no attempts left", 0.1, 2.5, 30.0): "does not ask a/m again: no attempts left",
    RetryRefused("r", A, "transient", "it is paused"): "does not ask a/m again: it is paused",
    ReplyRejected("r", A, "mismatch", ("type at /total", "required at /"), "asked again"): (
        "the answer of a/m is not what was asked for: type at /total, required at /; it is told so, and asked again"
    ),
    ReplyRejected("r", A, "no json", (), "next target"): (
        "the answer of a/m is not what was asked for: no json; the next target is asked instead"
    ),
    ReplyRejected("r", A, "cut off", ("cut off",)): "the answer of a/m is not what was asked for: cut off",
    StreamBroke("r", A, 11, stalled=False): "the stream of a/m breaks after 11 characters",
    StreamBroke("r", A, 1, stalled=True, reason="no attempts left"): (
        "the stream of a/m breaks after 1 character, and nobody goes on with it: no attempts left"
    ),
    CountEstimated("r", A, 1200, "no target of the route counts"): (
        "is counted by our own estimate for a/m, 1,200 tokens: no target of the route counts"
    ),
    RequestCut("r", A, "drop_oldest", 12, 40, 9000, 7000, 8192): (
        "leaves out 12 of 40 messages (drop_oldest) to fit into 8,192 at a/m: about 9,000 tokens become 7,000"
    ),
    StreamResumed("r", A, B, 11, "asking", 0.5): (
        "b/m goes on after 11 characters, as it was asked to; for 0.5 s there was nothing new"
    ),
    StreamResumed("r", A, B, 11, "prefill", 0.5): (
        "b/m goes on after 11 characters, taking them as the beginning of its answer; for 0.5 s there was nothing new"
    ),
    Rewritten("r", A): "begins anew in other words, which the application found: a/m refused its own",
    FailedOver("r", A, B, "timeout"): "moves on from a/m to b/m: timeout",
    HedgeStarted("r", B, A, 1.5): "asks b/m too, since a/m has brought nothing for 1.5 s",
    HedgeWon("r", B, 0.25): "is answered by the second one first: by b/m, 0.25 s after it was asked",
    HedgeLost("r", B, "cancelled"): "is not answered by the second one, b/m: cancelled",
    HedgeRefused("r", A, "too many are hedged"): "asks nobody beside a/m: too many are hedged",
    TargetSkipped("r", A, "it takes no tools"): "passes a/m by: it takes no tools",
    TargetSkipped("r", A, "its circuit is open", 5.8): "passes a/m by: its circuit is open, for 5.8 s more",
    TargetSkipped("r", A, "it would cost $0.5", value=0.5, limit=0.25): (
        "passes a/m by: it would cost $0.5, and $0.25 is the route's limit"
    ),
    TargetSkipped("r", A, "its p99 of 6 s is too long", value=6.0, limit=4.0): (
        "passes a/m by: its p99 of 6 s is too long, and 4 s is the route's limit"
    ),
    CameBack("r", A, 4.2): "comes back to a/m in 4.2 s, since no other target is left",
    CameBack("r", A, 0.0): "comes back to a/m, since no other target is left",
    GaveUp("r", "no time is left", 2, 6, -0.1): "gives up: no time is left; 2 of at most 6 attempts made, 0 s left",
    Refused("r", A, "breaker", "the circuit is open", 5.0): (
        "is refused at a/m by its breaker: the circuit is open, for 5 s more"
    ),
    Refused("r", A, "pause", "it is paused"): "is refused at a/m by its pause: it is paused",
    Diverted("r", A, 2, 2.0, 3.0): (
        "is sent on by a/m, which has just come back and starts slowly: "
        "2 calls of the 2 that it may have by now are under way"
    ),
    ProbeSent("r", A, "breaker"): "tests a/m: its circuit is half open",
    ProbeSent("r", A, "pause"): "tests a/m: its credential's time is over",
    ProbeSent("r", A, "breaker", early=True, left=8.0): (
        "tests a/m 8 s before its time, since every circuit is open"
    ),
    BreakerChanged(A, "closed", "open", 9.5, "5 failures in a row", run=5, calls=5, failed=5): (
        "the circuit of a/m opens for 9.5 s: 5 failures in a row"
    ),
    BreakerChanged(A, "closed", "open", 40.0, "3 failures in a row", run=3, calls=9, failed=4, hint=40.0): (
        "the circuit of a/m opens for 40 s: 3 failures in a row, 4 of 9 calls failed; the provider asked for 40 s"
    ),
    BreakerChanged(A, "open", "half_open", 0.0, "its time is over"): (
        "the circuit of a/m is half open now: its time is over"
    ),
    TakenOut("target", A, "throttled", 2.1, hint=2.0): "a/m is out for 2.1 s: throttled; the provider asked for 2 s",
    TakenOut("credential", "a", "quota", 60.0, times=2): (
        "the credential of a is out for 60 s: quota, 2 times in a row"
    ),
    BackIn("target", A): "a/m works again",
    BackIn("credential", "a"): "the credential of a works again",
    PauseAwaited("r", A, 2.1, 2.5): "waits 2.1 s for the end of the pause of a/m; its patience is 2.5 s",
    PauseAwaited("r", A, 2.1): "waits 2.1 s for the end of the pause of a/m",
    LimitHit("r", "key app", "rpm", "key", 10.0, 1.0, 0.0, 6.0): (
        "is over the limit rpm of key app: it costs 1 where 0 of 6 is left, free in 10 s"
    ),
    LimitHit("r", "user u", "usd_per_day", "user", None, 3.0, 0.5, 2.0): (
        "is over the limit usd_per_day of user u: it costs $3 where $0.5 of $2 is left, never within this limit"
    ),
    LimitAwaited("r", "a", "tpm", "operator", 4.0, 1200.0, 100.0, 60000.0): (
        "waits 4 s for the limit tpm of a: it costs 1,200 where 100 of 60,000 is left"
    ),
    LimitsApart(8): "the store of shared limits is out of reach: this process grants its share as one of 8",
    LimitsApart(1): "the store of shared limits is out of reach: this process grants all of them",
    LimitsTogether(12.0): "the store of shared limits answers again after 12 s",
    Overdrawn("r", A, 100.0, 250.0, 0.0, 0.0): (
        "used more of a/m than was estimated: 250 tokens where 100 were charged"
    ),
    LimitChanged(A, 64, 51, 60, "throttled"): "a/m gets 51 calls at once instead of 64: throttled with 60 in flight",
    SlotAwaited("r", A, 0.5): "waits 0.5 s for a slot of a/m, with nobody before it",
    SlotAwaited("r", A, 0.5, ahead=1, expected=0.4): (
        "waits 0.5 s for a slot of a/m, with 1 call before it, 0.4 s were expected"
    ),
    SlotAwaited("r", A, 0.5, granted=False, ahead=3): (
        "waits 0.5 s for a slot of a/m, with 3 calls before it, and leaves without one"
    ),
    Shed("r", A, "the queue is full", 1.0, waiting=256, slots=64): (
        "is turned away from the queue of a/m: the queue is full (256 calls waiting for 64 slots)"
    ),
    Shed("r", A, "no slot became free in time", 1.0, waited=2.0, waiting=1, slots=1): (
        "is turned away from the queue of a/m after 2 s: no slot became free in time (1 call waiting for 1 slot)"
    ),
    Fault("engine", "KeyError at outlast.engine:7"): "meets a fault of our own in engine: KeyError at outlast.engine:7",
}  # fmt: skip


@pytest.mark.parametrize(("event", "sentence"), SENTENCES.items(), ids=lambda value: type(value).__name__)
def test_a_fact_in_words(event, sentence):
    """What happened and the numbers that it was decided by; what an event does not know is not said."""
    assert words_of(event) == sentence


def test_every_kind_that_has_words_is_shown_here():
    """So that no sentence is written that nobody has read."""
    assert set(TELLERS) <= {type(event) for event in SENTENCES}, "add a line to SENTENCES for each new kind"


FAILED = (
    'failed after 2.5 s of its 180 s: rejected (rate_limit_exceeded), status 429; the caller was told "x"; '
    "and to come back in 9 s; nothing was sent"
)
END = RequestEnded("r", "default", "chat", "app", "key", True, "ok", 200, B, "fallback", 2, 2.5, 0.75)


@pytest.mark.parametrize(
    ("fields", "first", "second"),
    [
        ({}, "request r: chat on the route default, streamed, for app (key)",
         "answered by b/m (fallback) in 2.5 s, first content after 0.75 s; 2 attempts"),
        ({"stream": False, "caller": "", "user_type": "anonymous", "attempts": 1, "cost": 0.00005,
          "usage": Usage(input=1200, output=7, estimated=True)},
         "request r: chat on the route default, for somebody (anonymous)",
         "answered by b/m (fallback) in 2.5 s; 1 attempt; 1,200 + 7 tokens (estimated); $0.000050"),
        ({"kind": "rejected", "status": 429, "code": "rate_limit_exceeded", "message": "x", "retry_after": 9.0,
          "attempts": 0, "first": None, "deadline": 180.0, "route": "", "target": ""},
         "request r: chat, streamed, for app (key)",
         FAILED),
        ({"source": "static", "target": "", "instead_of": "transient", "attempts": 0, "first": None},
         "request r: chat on the route default, streamed, for app (key)",
         "answered (static) in 2.5 s; instead of failing by transient; nothing was sent"),
        ({"kind": "cancelled", "status": 499, "deadline": 180.0},
         "request r: chat on the route default, streamed, for app (key)",
         "failed after 2.5 s: cancelled, status 499, first content after 0.75 s; 2 attempts"),
    ],
)  # fmt: skip
def test_who_asked_and_how_it_ended(fields, first, second):
    """The first two lines of a story."""
    ended = RequestEnded(**{name: getattr(END, name) for name in END.__struct_fields__} | fields)
    assert (beginning("r", ended), ending(ended)) == (first, second)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 s"), (0.0004, "less than 1 ms"), (0.00915, "9.15 ms"), (0.0994, "99.4 ms"), (0.0996, "0.0996 s"),
     (12.345, "12.3 s"), (99.96, "100 s"), (180.4, "180 s"), (float("inf"), "ever")],
)  # fmt: skip
def test_seconds(value, text):
    """Three digits are enough for a person."""
    assert seconds(value) == text


def test_numbers():
    """Whole ones without a point, money with its sign, and nothing that a terminal obeys."""
    assert [number(value) for value in (2, 2.0, 0.36, 12345, 0.00002)] == ["2", "2", "0.36", "12,345", "0"]
    assert [dollars(value) for value in (0.0, 0.0125, 12.0, 0.0000994)] == ["$0", "$0.0125", "$12", "$0.000099"]
    assert (amount(3.0, "rpm"), amount(3.0, "usd_per_day")) == ("3", "$3")
    assert (many(1, "call"), many(1200, "call")) == ("1 call", "1,200 calls")
    assert printable("a\x1b[31m\u202eb") == "a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}b"
