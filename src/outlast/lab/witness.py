"""What a simulated provider says of what it saw, to whoever asks over HTTP, in any language.

GET  /_sim/requests?provider=alpha&since=12              what was seen, at once
GET  /_sim/requests?provider=alpha&wait=3&ended=true     the same when three have ended; 408 if they do not in time
POST /_sim/requests {"provider": "alpha", "expect": {"attempts": 3}}
                                                         200 {"holds": true}, or 417 with what does not hold
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from outlast.lab.answer import Asked, Json, dumps
from outlast.lab.expectation import Expectation, Wanted
from outlast.lab.ledger import PATIENCE, Ledger, Seen
from outlast.lab.rendering import whole
from outlast.lab.script import Behaviour, status
from outlast.lab.steps import Step, Until
from outlast.lab.table import table

_LONGEST = 300.0


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """Which requests somebody wants to see, and how many he waits for: so many seconds, until they have `ended`."""

    provider: str | None = None
    model: str | None = None
    since: int = 0
    wait: int = 0
    ended: bool = False
    timeout: float = 10.0

    def enough(self, seen: list[Seen]) -> bool:
        """Is that what he waits for?"""
        return sum(1 for one in seen if one.ended is not None or not self.ended) >= self.wait


class Judgement(Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody expects, of which requests; `within` is as for `expect`."""

    expect: dict[str, object]
    provider: str | None = None
    since: int = 0
    within: float = PATIENCE


def answered(value: Json, code: int = 200) -> Behaviour:
    """An answer of a control page."""
    return Behaviour("control", lambda asked: whole(dumps(value), asked, code))


def asked_for(ledger: Ledger, query: str) -> Behaviour:
    """The requests that a query asks for."""
    try:
        fields = dict(parse_qsl(query, keep_blank_values=True))
        question = msgspec.convert(fields, Question, strict=False)
    except msgspec.ValidationError as error:
        return status(400, message=f"{error}; there are: {', '.join(Question.__struct_fields__)}")

    def play(asked: Asked) -> Iterator[Step]:
        waiter = ledger.when(question.enough, question.provider, model=question.model, since=question.since)
        yield Until(waiter, min(question.timeout, _LONGEST))
        waiter.cancel()
        seen = ledger.of(question.provider, model=question.model, since=question.since)
        code = 200 if question.enough(seen) else 408
        yield from answered({"requests": [one.told() for one in seen]}, code).play(asked)

    return Behaviour("control", play)


def judged(ledger: Ledger, data: bytes) -> Behaviour:
    """Whether an expectation holds."""
    try:
        judgement = msgspec.json.decode(data, type=Judgement)
        expectation = Expectation(cast("Wanted", judgement.expect))
    except (msgspec.DecodeError, TypeError) as error:
        return status(400, message=str(error))

    def play(asked: Asked) -> Iterator[Step]:
        waiter = ledger.settled(expectation, judgement.provider, since=judgement.since)
        yield Until(waiter, min(judgement.within, _LONGEST))
        waiter.cancel()
        seen = ledger.of(judgement.provider, since=judgement.since)
        broken = expectation.broken(seen)
        verdict: Json = {"holds": not broken}
        if broken:
            verdict |= {"broken": [msgspec.to_builtins(one) for one in broken], "table": table(seen).splitlines()}
        yield from answered(verdict, 417 if broken else 200).play(asked)

    return Behaviour("control", play)
