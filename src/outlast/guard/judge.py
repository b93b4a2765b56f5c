"""What a guard makes of a failure: what the breaker learns from it, and whether it is worth another attempt."""

from __future__ import annotations

from math import inf
from typing import Any

from outlast.guard.classify import Classify, classified, hint_of, matches
from outlast.guard.errors import OutOfTime, Unsatisfying
from outlast.guard.order import Plan
from outlast.guard.policies import Fallback
from outlast.guard.turn import Turn
from outlast.layers.retry import Move, SoFar, Wait, decide
from outlast.model.errors import Failure, Outcome, Rejected, Transient

TELLING = 1.0
"""An attempt that the deadline cut after less time than this says nothing about what was called."""

RETRIED = frozenset({"at_once", "backoff", "pause"})
CALLERS_OWN = frozenset({"auth", "caller_limits"})
"""Gates whose refusal is the caller's own affair: nothing is given instead."""

UNTOUCHED = Move()


class Judge:
    """One classification, for all policies of a guard.

    Args:
        plan: the policies.
        classify: what an exception means, asked before the usual classification.
    """

    __slots__ = ("_classify", "_config", "_limit", "_on", "late", "slow_after")

    def __init__(self, plan: Plan, classify: Classify | None) -> None:
        self._classify = classify
        self._on = None if plan.retry is None else plan.retry.on
        self._config = None if plan.retry is None else plan.retry.config
        self._limit = inf if plan.timeout is None else plan.timeout.seconds
        slow_after = inf if plan.breaker is None or plan.breaker.slow_after is None else plan.breaker.slow_after
        self.slow_after = min(slow_after, self._limit)
        """Seconds beyond which an attempt is slow."""

    def verdict(self, error: BaseException) -> Failure:
        """What it means. What `on=` names is a failure, whatever it would be otherwise."""
        verdict = classified(error, self._classify)
        if self._on is not None and isinstance(error, Exception) and matches(self._on, error):
            if verdict.again in RETRIED and verdict.outcome != "neutral":
                return verdict
            return Transient("it is named by on=", retry_after=hint_of(error))
        return verdict

    def outcome(self, error: BaseException, verdict: Failure, seconds: float) -> Outcome:
        """What a breaker learns from it."""
        cut = isinstance(error, OutOfTime) and error.phase == "deadline"
        return "neutral" if cut and seconds < min(TELLING, self._limit) else verdict.outcome

    def slow(self, error: BaseException, seconds: float) -> bool:
        """Did it run into a timer, or take longer than is good?"""
        return isinstance(error, TimeoutError) or seconds > self.slow_after

    def again(self, turn: Turn[Any], error: Exception, now: float, dice: float) -> Wait | Move:
        """Whether to try again, and when; a move without a reason leaves the error as it is."""
        verdict, config = turn.verdict, self._config
        if verdict is None or config is None or not self._worth_it(error):
            return UNTOUCHED
        if verdict.again == "never":
            return UNTOUCHED
        many = turn.number
        so_far = SoFar(
            here=many,
            made=many,
            total=many,
            healthy=0,
            patience=inf,
            left=turn.deadline - now,
            limit=0.0 if self._limit == inf else self._limit,
            waited=many > 1,
            reconnected=many > 1,
        )
        decision = decide(config, verdict, so_far, now, dice)
        if isinstance(decision, Move) and decision.reason is None:
            return Move("once more was enough")
        return decision

    def named(self, error: Exception) -> bool:
        """Is it one of those that `on=` names?"""
        return self._on is not None and matches(self._on, error)

    def _worth_it(self, error: Exception) -> bool:
        return self._on is None or isinstance(error, Unsatisfying) or self.named(error)

    def degrades(self, error: Exception, fallback: Fallback) -> bool:
        """Is it one for which something else is given?"""
        if fallback.on is not None:
            return matches(fallback.on, error)
        if isinstance(error, Rejected):
            return error.gate not in CALLERS_OWN
        return self.verdict(error).outcome in {"failure", "throttled"}
