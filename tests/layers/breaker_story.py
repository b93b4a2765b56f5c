"""A circuit told in single letters: F, S, N and T are calls that failed, succeeded, taught nothing, were throttled."""

from outlast.layers.breaker import Breaker, BreakerConfig, Refusal

OUTCOMES = {"F": "failure", "S": "success", "N": "neutral", "T": "throttled"}
NEVER = 1_000_000
"""A threshold that is never reached."""


class Circuit:
    """A breaker without jitter, and the permits that are out."""

    def __init__(self, **config):
        self.breaker = Breaker(BreakerConfig(**{"jitter": 0.0, **config}))
        self.out = []

    def call(self, letter, now, **more):
        """One whole call."""
        permit = self.breaker.admit(now)
        assert not isinstance(permit, Refusal), f"refused at {now}: {permit}"
        self.breaker.settle(permit, OUTCOMES[letter], now, **more)
        return self.breaker.state

    def calls(self, letters, now, every=0.0):
        """One call after the other; the state after each."""
        return [self.call(letter, now + every * number) for number, letter in enumerate(letters)]

    def attempt(self, now, **more):
        """Ask for a permit and keep it; was there one?"""
        permit = self.breaker.admit(now, **more)
        if isinstance(permit, Refusal):
            return False
        self.out.append(permit)
        return True

    def end(self, letter, now, **more):
        """The oldest of the calls that are out ends."""
        self.breaker.settle(self.out.pop(0), OUTCOMES[letter], now, **more)
        return self.breaker.state

    def opened(self, now=0.0):
        """The same circuit, open since `now`."""
        while self.breaker.state != "open":
            self.call("F", now)
        return self

    @classmethod
    def slow_starting(cls, flying, now, **config):
        """One that has just closed, after it opened with so many calls in flight."""
        circuit = cls(failures=1, successes=1, open=1.0, **config)
        for _ in range(flying):
            circuit.attempt(now - 1.0)
        for letter in "F" + "N" * (flying - 1):
            circuit.end(letter, now - 1.0)
        circuit.call("S", now)
        return circuit
