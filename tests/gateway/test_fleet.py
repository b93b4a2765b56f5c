"""Gateways that share a Redis: what one finds of a provider the others know, and they go on when it is gone."""

from outlast.testing import ok, status

from .house import chat

PATH = "/v1/chat/completions"
LEISURELY = "[retry]\nenabled = false\n[guard]\npatience = 60.0\n"
"""Every call tells of its own, and the store is waited for, however busy the machine is."""


def ask(process):
    """The status of one answer."""
    with process.caller() as caller:
        caller.post(PATH, chat())
        return caller.answer().status


def circuit(process):
    """What its page says of alpha's circuit."""
    lines = process.get("/metrics").body.decode().splitlines()
    (line,) = [line for line in lines if line.startswith('circuit_breaker_state{model="m",provider="alpha"')]
    return float(line.rpartition(" ")[2])


def test_a_circuit_that_one_opens_is_open_in_the_others(provider, gateways):
    """As soon as something has failed to them as well; their callers do not pay for finding out."""
    provider.script("alpha", default=status(500))
    first, second = gateways(2, LEISURELY)
    ask(second)
    for _ in range(5):
        ask(first)
    while circuit(second) != 1.0:
        continue
    before = len(provider.requests("alpha"))
    assert ask(second) == 503
    assert len(provider.requests("alpha")) <= before + 1  # at most the one early probe


def test_without_the_redis_each_goes_on_by_itself(provider, gateways, redis):
    """Answers, and circuits of its own."""
    provider.script("alpha", ok("well"), ok("well"), default=status(500))
    first, second = gateways(2, LEISURELY)
    assert [ask(first), ask(second)] == [200, 200]
    redis.kill()
    for _ in range(5):
        ask(first)
    assert (circuit(first), circuit(second)) == (1.0, 0.0)
