"""Each fact of a story in words, with the numbers that it was decided by."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

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
    LimitAwaited,
    LimitChanged,
    LimitHit,
    Overdrawn,
    PauseAwaited,
    ProbeSent,
    Refused,
    ReplyRejected,
    RequestCut,
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
from outlast.telemetry.record import fields_of, name_of
from outlast.telemetry.story.units import amount, dollars, many, number, seconds

TIMERS = {
    "connect": "no connection within {}",
    "first_content": "no content within {}",
    "whole": "no whole answer within {}",
    "stall": "no further content for {}",
    "max_stream": "longer than {}",
    "deadline": "the caller's deadline left it {}",
}


WAYS = {
    "prefill": "taking them as the beginning of its answer",
    "asking": "as it was asked to",
    "restart": "beginning again with the same words",
    "anew": "with another answer, from its beginning",
}


THEN = {"asked again": "it is told so, and asked again", "next target": "the next target is asked instead"}


def words_of(event: Struct) -> str:
    """What happened. A kind of event that has no words of its own is told by its name and its fields."""
    teller = TELLERS.get(type(event))
    return teller(event) if teller is not None else _by_name(event)


def _by_name(event: Struct) -> str:
    fields = ", ".join(f"{name} {_short(value)}" for name, value in fields_of(event).items())
    return f"{name_of(event).replace('_', ' ')}: {fields}"


def _short(value: object) -> str:
    return number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def _attempt(event: AttemptEnded) -> str:
    if event.kind == "ok":
        begins = event.first is not None and event.first < event.seconds - 0.001
        first = f", first content after {seconds(event.first or 0.0)}" if begins else ""
        cost = "" if event.cost is None else f", {dollars(event.cost)}"
        return f"asks {event.target}: answered in {seconds(event.seconds)}{first}{cost}"
    status = f" {event.status}" if event.status and event.status != 200 else ""
    code = f" ({event.code})" if event.code else ""
    ended = f"asks {event.target}: {event.kind}{status}{code} after {seconds(event.seconds)}"
    return "; ".join([ended, *_details(event)])


def _details(event: AttemptEnded) -> list[str]:
    details = []
    if event.timer and event.limit is not None:
        details.append(TIMERS.get(event.timer, event.timer + " {}").format(seconds(event.limit)))
    elif event.message:
        details.append(event.message.removeprefix(event.target).strip())
    if event.hint is not None:
        details.append(f"it wants to be left alone for {seconds(event.hint)}")
    if event.maybe_billed:
        details.append("it may have been billed")
    return details


def _broke(event: StreamBroke) -> str:
    nobody = f", and nobody goes on with it: {event.reason}" if event.reason else ""
    return f"the stream of {event.target} breaks after {many(event.said, 'character')}{nobody}"


def _resumed(event: StreamResumed) -> str:
    way = WAYS.get(event.way, event.way)
    gap = f"for {seconds(event.seconds)} there was nothing new"
    return f"{event.to_target} goes on after {many(event.said, 'character')}, {way}; {gap}"


def _rejected(event: ReplyRejected) -> str:
    then = "" if event.then == "given up" else f"; {THEN.get(event.then, event.then)}"
    return f"the answer of {event.target} is not what was asked for: {', '.join(event.faults) or event.reason}{then}"


def _retry(event: RetryScheduled) -> str:
    chance = f" (by chance from {seconds(event.least)} to {seconds(event.most)})" if event.most > event.least else ""
    wait = f"in {seconds(event.delay)}{chance}" if event.delay > 0 else "at once"
    paid = f"the retry budget goes from {number(event.before)} to {number(event.after)}"
    return f"asks {event.target} again {wait}; {'few are under way, so it costs nothing' if event.floor else paid}"


def _no_retry(event: RetryRefused) -> str:
    because = f"does not ask {event.target} again: {event.reason}"
    if "budget" in event.reason:
        return f"{because}, it has {number(event.balance)} and a retry costs {number(event.cost)}"
    if event.delay is None:
        return because
    weighed = [f"the wait would be {seconds(event.delay)}"]
    if event.patience is not None and event.delay > event.patience:
        weighed.append(f"the patience is {seconds(event.patience)}")
    if event.left is not None and event.delay >= event.left:
        weighed.append(f"{seconds(max(0.0, event.left))} are left")
    return f"{because} ({', '.join(weighed)})" if len(weighed) > 1 else because


def _moved(event: FailedOver) -> str:
    return f"moves on from {event.from_target} to {event.to_target}: {event.kind}"


def _rewritten(event: Rewritten) -> str:
    return f"begins anew in other words, which the application found: {event.target} refused its own"


def _hedged(event: HedgeStarted) -> str:
    return f"asks {event.target} too, since {event.waiting} has brought nothing for {seconds(event.after)}"


def _hedge_won(event: HedgeWon) -> str:
    return f"is answered by the second one first: by {event.target}, {seconds(event.seconds)} after it was asked"


def _hedge_lost(event: HedgeLost) -> str:
    return f"is not answered by the second one, {event.target}: {event.kind}"


def _no_hedge(event: HedgeRefused) -> str:
    return f"asks nobody beside {event.waiting}: {event.reason}"


def _skipped(event: TargetSkipped) -> str:
    more = f", for {seconds(event.wait)} more" if event.wait is not None else ""
    if event.limit is not None:
        limit = dollars(event.limit) if "$" in event.reason else seconds(event.limit)
        more += f", and {limit} is the route's limit"
    return f"passes {event.target} by: {event.reason}{more}"


def _cut(event: RequestCut) -> str:
    left = f"{event.messages} of {many(event.of, 'message')}"
    window = f" into {number(event.window)}" if event.window else ""
    sizes = f"about {number(event.before)} tokens become {number(event.after)}"
    return f"leaves out {left} ({event.fit}) to fit{window} at {event.target}: {sizes}"


def _estimated(event: CountEstimated) -> str:
    return f"is counted by our own estimate for {event.target}, {number(event.tokens)} tokens: {event.why}"


def _back(event: CameBack) -> str:
    wait = f" in {seconds(event.seconds)}" if event.seconds > 0 else ""
    return f"comes back to {event.target}{wait}, since no other target is left"


def _gave_up(event: GaveUp) -> str:
    left = seconds(max(0.0, event.left))
    return f"gives up: {event.reason}; {event.made} of at most {many(event.most, 'attempt')} made, {left} left"


def _refused(event: Refused) -> str:
    more = f", for {seconds(event.seconds)} more" if event.seconds is not None else ""
    return f"is refused at {event.target} by its {event.gate}: {event.reason}{more}"


def _diverted(event: Diverted) -> str:
    flying = f"{many(event.flying, 'call')} of the {number(event.allowed)} that it may have by now are under way"
    return f"is sent on by {event.target}, which has just come back and starts slowly: {flying}"


def _probe(event: ProbeSent) -> str:
    if event.early:
        return f"tests {event.target} {seconds(event.left)} before its time, since every circuit is open"
    what = "its credential's time is over" if event.gate == "pause" else "its circuit is half open"
    return f"tests {event.target}: {what}"


def _circuit(event: BreakerChanged) -> str:
    if event.after != "open":
        return f"the circuit of {event.target} is {event.after.replace('_', ' ')} now: {event.reason}"
    counts = f", {event.failed} of {many(event.calls, 'call')} failed" if event.calls > event.run else ""
    hint = f"; the provider asked for {seconds(event.hint)}" if event.hint else ""
    return f"the circuit of {event.target} opens for {seconds(event.seconds)}: {event.reason}{counts}{hint}"


def _out(event: TakenOut) -> str:
    what = event.name if event.scope == "target" else f"the credential of {event.name}"
    asked = f"; the provider asked for {seconds(event.hint)}" if event.hint is not None else ""
    times = f", {event.times} times in a row" if event.times > 1 else ""
    return f"{what} is out for {seconds(event.seconds)}: {event.kind}{times}{asked}"


def _in(event: BackIn) -> str:
    return f"{event.name if event.scope == 'target' else f'the credential of {event.name}'} works again"


def _pause(event: PauseAwaited) -> str:
    patience = "" if event.patience is None else f"; its patience is {seconds(event.patience)}"
    return f"waits {seconds(event.seconds)} for the end of the pause of {event.target}{patience}"


def _limit_hit(event: LimitHit) -> str:
    free = "never within this limit" if event.retry_after is None else f"free in {seconds(event.retry_after)}"
    return f"is over the limit {event.limit} of {event.scope}: {_left(event)}, {free}"


def _limit_wait(event: LimitAwaited) -> str:
    return f"waits {seconds(event.seconds)} for the limit {event.limit} of {event.scope}: {_left(event)}"


def _left(event: LimitHit | LimitAwaited) -> str:
    cost, left, of = (amount(value, event.limit) for value in (event.cost, event.remaining, event.amount))
    return f"it costs {cost} where {left} of {of} is left"


def _slots(event: LimitChanged) -> str:
    flying = f" with {event.in_flight} in flight" if event.in_flight else ""
    return f"{event.target} gets {many(event.after, 'call')} at once instead of {event.before}: {event.why}{flying}"


def _overdrawn(event: Overdrawn) -> str:
    tokens = f"{number(event.used_tokens)} tokens where {number(event.charged_tokens)} were charged"
    return f"used more of {event.target} than was estimated: {tokens}"


def _slot(event: SlotAwaited) -> str:
    ahead = f"with {many(event.ahead, 'call')} before it" if event.ahead else "with nobody before it"
    expected = f", {seconds(event.expected)} were expected" if event.expected else ""
    got = "" if event.granted else ", and leaves without one"
    return f"waits {seconds(event.seconds)} for a slot of {event.queue}, {ahead}{expected}{got}"


def _fault(event: Fault) -> str:
    return f"meets a fault of our own in {event.where}: {event.error}"


def _shed(event: Shed) -> str:
    waited = f" after {seconds(event.waited)}" if event.waited else ""
    full = f"{many(event.waiting, 'call')} waiting for {many(event.slots, 'slot')}"
    return f"is turned away from the queue of {event.queue}{waited}: {event.reason} ({full})"


def _looked(event: CacheLooked) -> str:
    old = "" if event.age is None else f", {seconds(event.age)} old"
    match event.found:
        case "fresh":
            return f"is kept{old}: the answer is given again"
        case "renew":
            return f"is kept{old}, which is too old: it is given once more, and asked for anew"
        case "spare":
            return f"is kept{old}, which is too old: only if nobody answers"
    return f"is not kept: {MISSES.get(event.reason, event.reason)}{old}"


MISSES = {"miss": "nothing is", "stale": "it is too old", "request": "the caller wants none"}


def _kept(event: CacheKept) -> str:
    if event.reason:
        return f"the answer is not kept: {event.reason}"
    return f"the answer is kept for {seconds(event.seconds)}"


def _renewed(event: CacheRenewed) -> str:
    by = f" by {event.target}" if event.kind == "ok" and event.target else ""
    how = f"answered{by}" if event.kind == "ok" else event.kind
    return f"asks anew for what {event.of} was given from the cache: {how} after {seconds(event.seconds)}"


def _store(event: StoreTrouble) -> str:
    return f"goes on without the store, which failed to {event.doing}: {event.error}"


def _joined(event: Joined) -> str:
    return f"waits for what the same request brings, which is under way as {event.other}"


def _rung(event: Degraded) -> str:
    gave = f"gives nothing: {event.reason}" if event.reason else "answers"
    return f'the rung "{event.rung}" {gave}, after {event.kind}'


TELLERS: dict[type, Callable[..., str]] = {
    AttemptEnded: _attempt,
    StreamBroke: _broke,
    StreamResumed: _resumed,
    ReplyRejected: _rejected,
    RetryScheduled: _retry,
    RetryRefused: _no_retry,
    FailedOver: _moved,
    Rewritten: _rewritten,
    HedgeStarted: _hedged,
    HedgeWon: _hedge_won,
    HedgeLost: _hedge_lost,
    HedgeRefused: _no_hedge,
    TargetSkipped: _skipped,
    RequestCut: _cut,
    CountEstimated: _estimated,
    CameBack: _back,
    GaveUp: _gave_up,
    Refused: _refused,
    Diverted: _diverted,
    ProbeSent: _probe,
    BreakerChanged: _circuit,
    TakenOut: _out,
    BackIn: _in,
    PauseAwaited: _pause,
    LimitHit: _limit_hit,
    LimitAwaited: _limit_wait,
    LimitChanged: _slots,
    Overdrawn: _overdrawn,
    SlotAwaited: _slot,
    Shed: _shed,
    CacheLooked: _looked,
    CacheKept: _kept,
    CacheRenewed: _renewed,
    StoreTrouble: _store,
    Joined: _joined,
    Degraded: _rung,
    Fault: _fault,
}
