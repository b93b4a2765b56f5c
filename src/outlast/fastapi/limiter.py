"""Limits per user as a dependency: requests and tokens a minute, requests at once.

    Depends(Limiter(rpm=60, concurrent=4)) ── over the limit ──▶ 429, Retry-After, RateLimit headers
                  │
                  └──▶ Permit ── the endpoint, its answer to the last byte, or the caller's leaving ──▶ settled

The algorithm is the engine's (`outlast.layers.limits`): one decision over all of a user's limits, and what one of them
refuses, none of them charges. The state is this process's own.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable

from fastapi import Request, Response

from outlast.fastapi.answers import Notes, Refused, limit_headers
from outlast.fastapi.who import User
from outlast.flow.bounds import checked
from outlast.flow.kept import Kept
from outlast.layers.limits import Costs, Denied, LimitConfig, Limits
from outlast.model.errors import Failure, Rejected
from outlast.model.messages import Usage

Key = Callable[[Request], str]

OTHERS = "others"
"""Whom newcomers are counted as when there are too many users at once."""
LOOK_AGAIN = 1.0
"""Seconds between two looks for users who may be forgotten."""


class Permit:
    """Leave to go on, for as long as the answer takes.

    Attributes:
        user: whom it is counted for; no key or address, but a digest of it.
    """

    __slots__ = ("_charged", "_limits", "_number", "_used", "user")

    def __init__(self, user: str, limits: Limits, charged: Costs) -> None:
        self.user = user
        self._limits = limits
        self._charged = charged
        self._number = limits.number()
        self._used = charged

    def used(self, tokens: float | Usage | None) -> None:
        """So many tokens were used, prompt and answer together; what was charged for them before is put right.

        Args:
            tokens: their number, or the `usage` of a reply; None, as of a provider that tells none, changes nothing.
        """
        if isinstance(tokens, Usage):
            tokens = tokens.input + tokens.output
        if tokens is not None:
            self._used = Costs(1.0, max(0.0, float(tokens)))

    def settle(self, now: float) -> None:
        """The answer is over."""
        self._limits.settle(self._charged, self._used, now, self._number)


class Limiter:
    """A dependency that keeps each user within limits. One limiter may guard many endpoints, which then share them.

    Args:
        rpm: requests a minute.
        tpm: tokens a minute; tell the `Permit` how many were `used`.
        concurrent: requests at once, each until the last byte of its answer is out or its caller has left.
        tokens: what a request is charged before that is known, where there is a `tpm`.
        key: whom a request is counted for; by its token or API key (`User()`) unless given. It may raise
            `Unauthorized`.
        users: how many are told apart; newcomers beyond them share one set of limits until others are at rest.
        now: monotonic seconds.

    Raises:
        ValueError: there is no limit, or one is out of bounds.
    """

    def __init__(
        self,
        *,
        rpm: float | None = None,
        tpm: float | None = None,
        concurrent: int | None = None,
        tokens: float = 1_000.0,
        key: Key | None = None,
        users: int = 100_000,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if rpm is None and tpm is None and concurrent is None:
            raise ValueError("a Limiter without rpm, tpm or concurrent limits nothing: give one of them")
        self._config = checked("Limiter", LimitConfig(rpm=rpm, tpm=tpm, concurrent=concurrent))
        self._charge = Costs(1.0, 0.0 if tpm is None else min(tokens, tpm))
        self._key: Key = key or User()
        self._users = users
        self._now = now
        self._kept: Kept[Limits] = Kept(users)
        self._looked = float("-inf")

    async def __call__(self, request: Request, response: Response) -> AsyncGenerator[Permit, None]:
        """The dependency.

        Raises:
            Refused: the user is over a limit, which is answered with 429; or nobody knows whom to count it for, 401.
        """
        permit = self._admit(request, response)
        try:
            yield permit
        finally:
            permit.settle(self._now())

    def _admit(self, request: Request, response: Response) -> Permit:
        now = self._now()
        user = self._user(request)
        limits = self._of(user, now)
        denied = limits.acquire(self._charge, now)
        left = limits.allowances(now)
        Notes.of(request.scope).allowances += left
        if isinstance(denied, Denied):
            raise Refused(_over(denied), left)
        for name, value in limit_headers(left):
            response.headers[name.decode()] = value.decode()
        return Permit(user, limits, self._charge)

    def _user(self, request: Request) -> str:
        try:
            return self._key(request)
        except Failure as failure:
            raise Refused(failure) from None

    def _of(self, user: str, now: float) -> Limits:
        kept = self._kept.get(user)
        if kept is None and len(self._kept) >= self._users and not self._made_room(now):
            user = OTHERS
            kept = self._kept.get(user)
        return self._kept.put(user, Limits.of(self._config), now) if kept is None else kept

    def _made_room(self, now: float) -> bool:
        """Forget who is as good as new: is there room for another user?"""
        if now - self._looked < LOOK_AGAIN:
            return False
        self._looked = now
        for user in [user for user, limits in self._kept.items() if limits.idle(now)]:
            del self._kept[user]
        return len(self._kept) < self._users


def _over(denied: Denied) -> Rejected:
    """What a user is told who is over a limit."""
    return Rejected(
        f"the limit {denied.limit} is used up",
        gate="caller_limits",
        code=denied.code,
        status=429,
        retry_after=denied.retry_after,
    )
