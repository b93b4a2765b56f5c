"""One frozen struct for each kind of fact. Layers emit them; sinks make logs, metrics, spans and stories of them.

An event tells the fact and the numbers behind it; one about a call carries its id in `call`. None holds a prompt, an
answer, a key or a provider's text. Durations are in seconds; an event has no time of its own, for whoever hears of it
knows when. A call that is answered at the first go makes two, AttemptEnded and RequestEnded; all others tell that
something was decided otherwise than in the plain case.
"""

from outlast.model.events.answers import OfAnswers, ReplyRejected, Rewritten, StreamBroke, StreamResumed, Then
from outlast.model.events.choosing import (
    CameBack,
    CountEstimated,
    FailedOver,
    GaveUp,
    OfChoosing,
    RequestCut,
    TargetSkipped,
)
from outlast.model.events.ended import AttemptEnded, Ended, RequestEnded
from outlast.model.events.health import (
    BackIn,
    BreakerChanged,
    Diverted,
    OfHealth,
    PauseAwaited,
    ProbeSent,
    Refused,
    TakenOut,
)
from outlast.model.events.kept import (
    CacheKept,
    CacheLooked,
    CacheRenewed,
    Degraded,
    Joined,
    KeyFound,
    KeyKept,
    OfKept,
    RanOn,
    StoreTrouble,
)
from outlast.model.events.ours import Fault, LoopBlocked, Ours
from outlast.model.events.repeating import (
    HedgeLost,
    HedgeRefused,
    HedgeStarted,
    HedgeWon,
    OfRepeating,
    RetryRefused,
    RetryScheduled,
)
from outlast.model.events.room import (
    LimitAwaited,
    LimitChanged,
    LimitHit,
    LimitsApart,
    LimitsTogether,
    OfRoom,
    Overdrawn,
    Shed,
    SlotAwaited,
)
from outlast.model.events.stores import OfStores, StoreAdvice, StoreAsked, StoreDown, StoreUp

__all__ = [
    "AttemptEnded",
    "BackIn",
    "BreakerChanged",
    "CacheKept",
    "CacheLooked",
    "CacheRenewed",
    "CameBack",
    "CountEstimated",
    "Degraded",
    "Diverted",
    "Event",
    "FailedOver",
    "Fault",
    "GaveUp",
    "HedgeLost",
    "HedgeRefused",
    "HedgeStarted",
    "HedgeWon",
    "Joined",
    "KeyFound",
    "KeyKept",
    "LimitAwaited",
    "LimitChanged",
    "LimitHit",
    "LimitsApart",
    "LimitsTogether",
    "LoopBlocked",
    "Overdrawn",
    "PauseAwaited",
    "ProbeSent",
    "RanOn",
    "Refused",
    "ReplyRejected",
    "RequestCut",
    "RequestEnded",
    "RetryRefused",
    "RetryScheduled",
    "Rewritten",
    "Shed",
    "SlotAwaited",
    "StoreAdvice",
    "StoreAsked",
    "StoreDown",
    "StoreTrouble",
    "StoreUp",
    "StreamBroke",
    "StreamResumed",
    "TakenOut",
    "TargetSkipped",
    "Then",
]

Event = Ended | OfAnswers | OfRepeating | OfChoosing | OfHealth | OfRoom | OfKept | OfStores | Ours
