"""One frozen struct for each kind of fact. Layers emit them; sinks make logs, metrics, spans and stories of them.

An event tells the fact and the numbers behind it; one about a call carries its id in `call`. None holds a prompt, an
answer, a key or a provider's text. Durations are in seconds; an event has no time of its own, for whoever hears of it
knows when. A call that is answered at the first go makes two, AttemptEnded and RequestEnded; all others tell that
something was decided otherwise than in the plain case.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from outlast.model.messages import Usage


class AttemptEnded(Struct, frozen=True, gc=False):
    """One upstream call is over. `kind` is "ok" or the failure class; `first` the seconds to the first content.

    `timer` names the timer that ended it, if one did (connect, first_content, whole, stall, max_stream, or the caller's
    deadline), and `limit` its seconds; `hint` the seconds that the provider asks to be left alone; `cost` is in US
    dollars, None when nobody knows.
    """

    call: str
    target: str
    provider: str
    model: str
    number: int
    kind: str
    seconds: float
    first: float | None = None
    status: int = 0
    code: str | None = None
    message: str = ""
    usage: Usage | None = None
    maybe_billed: bool = False
    cost: float | None = None
    timer: str = ""
    limit: float | None = None
    hint: float | None = None


class RequestEnded(Struct, frozen=True, gc=False):
    """A caller's request is over. `kind` is "ok" or the failure class; `target` who answered.

    `deadline` is how many seconds it had for its answer, or for the first content of a stream; `code` and `retry_after`
    are what a failure told the caller.
    `resumed` is how often another target went on with its stream; `instead_of` the failure class that a lesser answer
    stands in for; `fit`, where the request was too long, what was to happen to such.
    """

    call: str
    route: str
    operation: str
    caller: str
    user_type: str
    stream: bool
    kind: str
    status: int
    target: str
    source: str
    attempts: int
    seconds: float
    first: float | None = None
    usage: Usage | None = None
    cost: float | None = None
    message: str = ""
    history: tuple[AttemptEnded, ...] = ()
    deadline: float = 0.0
    code: str | None = None
    retry_after: float | None = None
    resumed: int = 0
    instead_of: str = ""
    fit: str = ""


class StreamBroke(Struct, frozen=True):
    """A stream broke after `said` characters; `reason` says why nobody goes on with it, "" while somebody may."""

    call: str
    target: str
    said: int
    stalled: bool
    reason: str = ""


class StreamResumed(Struct, frozen=True):
    """Another target goes on with a stream that broke after `said` characters.

    `way` is how: it took them as the beginning of its answer (prefill), was asked to go on (asking), began with the
    same words from the top (restart), or gives another answer, as nothing but thoughts had been said or the route wants
    it so (anew). `seconds` is how long the caller got nothing new because of it, since the break was noticed.
    """

    call: str
    from_target: str
    to_target: str
    said: int
    way: Literal["prefill", "asking", "restart", "anew"]
    seconds: float


Then = Literal["asked again", "next target", "given up"]


class ReplyRejected(Struct, frozen=True):
    """An answer does not match the schema of its request, and what comes of that.

    `reason` is that it held no JSON, was cut off, or does not match; `faults` are the keywords that it breaks, and
    where, in names that the schema has.
    """

    call: str
    target: str
    reason: Literal["no json", "cut off", "mismatch"]
    faults: tuple[str, ...] = ()
    then: Then = "given up"


class RetryScheduled(Struct, frozen=True):
    """The same target will be asked again in `delay` seconds, which chance has chosen from `least` to `most`.

    `number` is which of the request's upstream calls that will be; `hint` what the provider asked for. It draws `cost`
    on the target's retry budget, whose deposits are `before` and `after`; `floor` says that it needed none.
    """

    call: str
    target: str
    kind: str
    delay: float
    number: int = 0
    least: float = 0.0
    most: float = 0.0
    hint: float | None = None
    cost: float = 0.0
    before: float = 0.0
    after: float = 0.0
    floor: bool = False


class RetryRefused(Struct, frozen=True):
    """A retry was allowed by its class, and not made: no budget, no time, or another target is better.

    It would have come after `delay` seconds, where the call's patience was `patience` (None: for ever) and its deadline
    `left` seconds away, as number `number` of its upstream calls, while `healthy` other targets were ready; it would
    have drawn `cost` on a budget of `balance`.
    """

    call: str
    target: str
    kind: str
    reason: str
    delay: float | None = None
    patience: float | None = None
    left: float | None = None
    number: int = 0
    healthy: int = 0
    cost: float = 0.0
    balance: float = 0.0
    hint: float | None = None


class FailedOver(Struct, frozen=True):
    """A call moves on from one target to another because of `kind`."""

    call: str
    from_target: str
    to_target: str
    kind: str


class Rewritten(Struct, frozen=True):
    """A call begins anew in other words, since `target` refused its own for reasons of content."""

    call: str
    target: str


class HedgeStarted(Struct, frozen=True):
    """A call asks `target` too, since `waiting` has brought no content for `after` seconds."""

    call: str
    target: str
    waiting: str
    after: float


class HedgeWon(Struct, frozen=True):
    """The first content came from `target`, or from where that leg of the call went on to, after `seconds`."""

    call: str
    target: str
    seconds: float


class HedgeLost(Struct, frozen=True):
    """The other leg of the call was not the one that answered: it was cancelled, or ended by `kind`."""

    call: str
    target: str
    kind: str


class HedgeRefused(Struct, frozen=True):
    """It was time to ask a second target beside `waiting`, and it was not done."""

    call: str
    waiting: str
    reason: str


class TargetSkipped(Struct, frozen=True):
    """Routing passed a target by: it is open, paused, out, too slow, too dear, or cannot do what is asked.

    `wait` is in how many seconds it may be ready; `value` the estimate that is over the route's `limit`, in US dollars
    or in seconds.
    """

    call: str
    target: str
    reason: str
    wait: float | None = None
    value: float | None = None
    limit: float | None = None


class RequestCut(Struct, frozen=True):
    """A conversation was shortened to fit into the window of `target`: `messages` of `of` were left out.

    It had about `before` tokens, and has `after`; `fit` is what was left out first, `window` 0 where nobody knows it.
    """

    call: str
    target: str
    fit: str
    messages: int
    of: int
    before: int
    after: int
    window: int = 0


class CountEstimated(Struct, frozen=True):
    """A caller wanted to know how many tokens its request has, and no provider said so: `why` is the reason."""

    call: str
    target: str
    tokens: int
    why: str


class CameBack(Struct, frozen=True):
    """No untried target is left: the call waits `seconds` and asks one again that had failed, paused or diverted it."""

    call: str
    target: str
    seconds: float
    failed: bool = False


class GaveUp(Struct, frozen=True):
    """Routing has no target to go on with: `made` of at most `most` attempts were made, `left` seconds remain."""

    call: str
    reason: str
    made: int
    most: int
    left: float
    retry_after: float | None = None


class Refused(Struct, frozen=True):
    """A circuit or a pause refused a call that had come to its target, for `seconds` (None: nobody knows)."""

    call: str
    target: str
    gate: str
    reason: str
    seconds: float | None = None


class Diverted(Struct, frozen=True):
    """A target that starts slowly sent a call to the others: `flying` calls were under way where `allowed` may be."""

    call: str
    target: str
    flying: int
    allowed: float
    seconds: float


class ProbeSent(Struct, frozen=True):
    """A call tests a target that is out: its circuit is half open, or its credential's time is over.

    `early` says that the circuit stays open for `left` seconds more, and that every other one of the route is open too.
    """

    call: str
    target: str
    gate: str
    early: bool = False
    left: float = 0.0


class BreakerChanged(Struct, frozen=True):
    """A circuit changed its state. `seconds` is how long it stays open; `reason` the numbers behind it.

    In the window were `calls`, of which `failed` and `slow`, the last `run` of them failures in a row; `threshold` is
    what was reached: so many in a row, such a share of the calls, so many good probes. `hint` is what the provider
    asked for, `openings` how often it has opened lately, `call` whose end has changed it.
    """

    target: str
    before: str
    after: str
    seconds: float
    reason: str
    call: str = ""
    run: int = 0
    calls: int = 0
    failed: int = 0
    slow: int = 0
    threshold: float = 0.0
    hint: float = 0.0
    openings: int = 0


class TakenOut(Struct, frozen=True):
    """A target or a credential is out for `seconds`: it is throttled, refused, out of money, or lacks the model.

    `scope` says what is out: the target, or every target of the provider's credential. `hint` is what the provider
    asked for, `times` how often in a row it was taken out, `call` who heard of it.
    """

    scope: Literal["target", "credential"]
    name: str
    kind: str
    seconds: float
    call: str = ""
    hint: float | None = None
    times: int = 0


class BackIn(Struct, frozen=True):
    """What was taken out works again, as `call` has found."""

    scope: Literal["target", "credential"]
    name: str
    call: str = ""


class PauseAwaited(Struct, frozen=True):
    """A call waits `seconds` for the end of its target's pause; it would wait up to `patience` (None: for ever)."""

    call: str
    target: str
    seconds: float
    patience: float | None = None


class LimitChanged(Struct, frozen=True):
    """So many calls at once are believed to be what a target bears; `in_flight` were when that was learned.

    `why` is "throttled" or "overloaded" where the provider said that it was too much, "answered" where it was not.
    """

    target: str
    before: int
    after: int
    in_flight: int
    why: str


class LimitHit(Struct, frozen=True):
    """A limit refused a request; `limit` names it, `user_type` is anonymous, key, user or operator (our own quota).

    The request was to cost `cost` where `remaining` is left of `amount`, in the limit's own unit: requests, tokens, US
    dollars, or calls at once. It would have waited `wait` seconds at most.
    """

    call: str
    scope: str
    limit: str
    user_type: str
    retry_after: float | None
    cost: float = 0.0
    remaining: float = 0.0
    amount: float = 0.0
    wait: float = 0.0


class LimitAwaited(Struct, frozen=True):
    """A call waits `seconds` for its place under a limit, where it costs `cost` and `remaining` is left of `amount`."""

    call: str
    scope: str
    limit: str
    user_type: str
    seconds: float
    cost: float = 0.0
    remaining: float = 0.0
    amount: float = 0.0


class Overdrawn(Struct, frozen=True):
    """A call used more than it was charged for, and the limits that it falls under owe the difference.

    Most calls use less; what is refunded then is no event. `usd` are US dollars.
    """

    call: str
    target: str
    charged_tokens: float
    used_tokens: float
    charged_usd: float
    used_usd: float


class SlotAwaited(Struct, frozen=True):
    """A call has waited `seconds` in a queue; `granted` says that it got its slot, and did not leave before.

    When it came, `ahead` calls of its class or a better one waited, and it was to wait `expected` seconds (0: not known
    yet) at a pace of one slot in `pace` seconds. `priority` is its class there, 0 the best.
    """

    call: str
    queue: str
    seconds: float
    granted: bool = True
    ahead: int = 0
    pace: float = 0.0
    expected: float = 0.0
    priority: int = 0


class Shed(Struct, frozen=True):
    """A request was turned away from a full or hopeless queue, in which it had waited `waited` seconds.

    Then `waiting` calls stood in the queue for `slots` slots, `ahead` of them of its class or a better one, and one of
    its class was to wait `expected` seconds (0: not known yet) at a pace of one slot in `pace` seconds.
    """

    call: str
    queue: str
    reason: str
    retry_after: float
    waited: float = 0.0
    waiting: int = 0
    ahead: int = 0
    slots: int = 0
    pace: float = 0.0
    expected: float = 0.0
    priority: int = 0


class CacheLooked(Struct, frozen=True):
    """A request was looked for among the answers that were kept.

    `found` is what was there is good for: "fresh", "renew" (given, and renewed), "spare" (for when nobody answers) or
    "none". `age` and `left` are how old it is, and for how long it is fresh still; `reason` why it was not given.
    """

    call: str
    route: str
    found: str
    age: float | None = None
    left: float = 0.0
    reason: str = ""


class CacheKept(Struct, frozen=True):
    """An answer was kept for `seconds`, in `size` bytes; or `reason` says why it was not."""

    call: str
    route: str
    seconds: float = 0.0
    size: int = 0
    reason: str = ""


class CacheRenewed(Struct, frozen=True):
    """What a request was given from the cache has been asked for anew, by a call of its own; `of` is that request.

    `kind` is "ok" or why there is no new answer; `target` who answered, and `cost` what that cost in US dollars.
    """

    call: str
    of: str
    route: str
    kind: str
    target: str = ""
    seconds: float = 0.0
    cost: float | None = None


class StoreTrouble(Struct, frozen=True):
    """The store did not do what it was asked (`doing`), or not in time; the request went on without it."""

    call: str
    doing: str
    error: str


class Joined(Struct, frozen=True):
    """A call waits for what the same request brings, that is under way already as `other`."""

    call: str
    route: str
    other: str


class Degraded(Struct, frozen=True):
    """A request failed by `kind`, and less was tried: the `rung` of its route's ladder, which gave an answer or not.

    `reason` says why it gave none.
    """

    call: str
    route: str
    rung: str
    kind: str
    reason: str = ""


class Fault(Struct, frozen=True):
    """Something of our own went wrong, in `call` if that is known; `error` is what and where, never what it said."""

    where: str
    error: str
    call: str = ""


class LoopBlocked(Struct, frozen=True):
    """The event loop did nothing for at least `seconds`: whatever runs on it must not block, ours or the caller's."""

    seconds: float


Event = (
    AttemptEnded
    | RequestEnded
    | StreamBroke
    | StreamResumed
    | ReplyRejected
    | RetryScheduled
    | RetryRefused
    | FailedOver
    | Rewritten
    | HedgeStarted
    | HedgeWon
    | HedgeLost
    | HedgeRefused
    | TargetSkipped
    | RequestCut
    | CountEstimated
    | CameBack
    | GaveUp
    | Refused
    | Diverted
    | ProbeSent
    | BreakerChanged
    | TakenOut
    | BackIn
    | LimitChanged
    | PauseAwaited
    | LimitHit
    | LimitAwaited
    | Overdrawn
    | SlotAwaited
    | Shed
    | CacheLooked
    | CacheKept
    | CacheRenewed
    | StoreTrouble
    | Joined
    | Degraded
    | Fault
    | LoopBlocked
)
