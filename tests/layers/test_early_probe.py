"""Routing before circuits that are all open: the early probe, and what the rest are told."""

import asyncio

import pytest

from outlast.flow.call import compose
from outlast.layers.breaker import BreakerConfig, Breakers
from outlast.layers.routing import Routing, RoutingConfig, Standing
from outlast.model.errors import Rejected

from .calls import ALPHA, Ear, a_call


def test_an_early_probe_that_a_full_queue_refuses_is_not_asked_for_again_by_the_same_call():
    """The call is refused, once; the probe is still to be had by the next one."""
    breaker = Breakers(BreakerConfig(failures=1)).of(ALPHA.name)
    breaker.settle(breaker.admit(0.0), "failure", 0.0)
    routing = Routing(
        RoutingConfig(),
        peek=lambda _target, now: Standing(breaker.ready(now), waitable=False, open=True),
        can_probe_early=lambda _target: breaker.can_probe_early(),
    )
    asked = []

    async def full(call):
        asked.append(call.early)
        raise Rejected("the queue is full", gate="bulkhead", retry_after=1.0)

    with pytest.raises(Rejected) as refused:
        asyncio.run(compose([routing.layer()], full)(a_call(Ear(now=1.0))))
    assert asked == [True]
    assert refused.value.retry_after == pytest.approx(1.0)
    assert breaker.can_probe_early()


def test_circuits_that_an_operator_holds_open_without_an_end_promise_nothing():
    """The refusal names no time, rather than for ever."""
    breaker = Breakers(BreakerConfig()).of(ALPHA.name)
    breaker.operate("forced_open", 0.0)
    routing = Routing(
        RoutingConfig(),
        peek=lambda _target, now: Standing(breaker.ready(now), waitable=False, open=True, reason="open"),
        can_probe_early=lambda _target: breaker.can_probe_early(),
    )

    async def never(call):
        raise AssertionError("it was asked although it is held open")

    with pytest.raises(Rejected) as refused:
        asyncio.run(compose([routing.layer()], never)(a_call(Ear(now=1.0))))
    assert refused.value.retry_after is None
