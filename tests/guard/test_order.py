"""Policies stand outermost first; an order that cannot work is refused with its reason and the mend."""

import itertools
import re

import pytest

from outlast import Breaker, Deadline, Fallback, Limit, Retry, Slots, Timeout, guard
from outlast.guard import OrderError
from outlast.guard.order import planned

ONE_OF_EACH = {
    "Fallback": Fallback(None),
    "Deadline": Deadline(10),
    "Retry": Retry(),
    "Limit": Limit(rpm=60),
    "Slots": Slots(8),
    "Breaker": Breaker(),
    "Timeout": Timeout(2),
}
RANK = {name: rank for rank, name in enumerate(ONE_OF_EACH)}

WRONG = {
    ("Breaker", "Retry"): "count one failure where there were several.* put Retry before Breaker",
    ("Slots", "Retry"): "held through every backoff: put Retry before Slots",
    ("Slots", "Limit"): "held while a call waits .* put Limit before Slots",
    ("Breaker", "Limit"): "half-open permit would wait .* put Limit before Breaker",
    ("Breaker", "Slots"): "half-open permit would wait in the queue: put Slots before Breaker",
    ("Timeout", "Retry"): "would cut all of them: use Deadline",
    ("Timeout", "Limit"): "use Deadline",
    ("Timeout", "Slots"): "use Deadline",
    ("Timeout", "Breaker"): "hide from it what took too long: put Timeout last",
    ("Retry", "Deadline"): "put it before Retry, or use Timeout",
    ("Limit", "Deadline"): "put it before Limit",
    ("Slots", "Deadline"): "put it before Slots",
    ("Breaker", "Deadline"): "put it before Breaker, or use Timeout",
    ("Timeout", "Deadline"): "put Deadline first and Timeout last",
    ("Retry", "Fallback"): "hide failures from it: put Fallback first",
    ("Deadline", "Fallback"): "put Fallback first",
}


@pytest.mark.parametrize("pair", list(itertools.permutations(ONE_OF_EACH, 2)), ids="-".join)
def test_every_pair_either_works_or_is_refused_with_its_reason(pair):
    """Only the order of the list works, save that a limit may stand on either side of a retry."""
    policies = [ONE_OF_EACH[name] for name in pair]
    if RANK[pair[0]] < RANK[pair[1]] or pair == ("Limit", "Retry"):
        assert planned(policies).policies() == policies
        return
    with pytest.raises(OrderError, match=WRONG.get(pair, "put Fallback first")):
        guard(*policies)


@pytest.mark.parametrize("name", [name for name in ONE_OF_EACH if name != "Limit"])
def test_one_of_a_kind_is_enough(name):
    """Two of them make no sense, and it says why."""
    with pytest.raises(OrderError, match=f"two times {name}: "):
        guard(ONE_OF_EACH[name], ONE_OF_EACH[name])


def test_limits_may_be_many_and_stand_on_both_sides_of_a_retry():
    """Outside it is a call that is charged, inside each attempt."""
    per_call, per_attempt, another = Limit(rpm=60), Limit(rpm=600), Limit(rpm=6000)
    plan = planned([per_call, Retry(), per_attempt, another])
    assert (plan.calls, plan.attempts) == ((per_call,), (per_attempt, another))
    assert planned([per_call]).attempts == (per_call,)


def test_what_is_no_policy_is_refused():
    """With what was probably meant."""
    with pytest.raises(TypeError, match=re.escape("write Retry(…)")):
        guard(Retry)
    with pytest.raises(TypeError, match=re.escape("the function comes afterwards, as in guard(Retry())(function)")):
        guard(print)


@pytest.mark.parametrize(
    ("wrong", "mend"),
    [
        (lambda: Retry(attempts=0), "attempts=0): use a whole number, 1 or more"),
        (lambda: Retry(base=-1), "base=-1): use a number of seconds, 0 or more"),
        (lambda: Retry(on=[OSError]), "use an exception type, a tuple of them, or a function"),
        (lambda: Retry(on=BaseException), "cancellations and interrupts are never failures"),
        (lambda: Retry(on=(OSError, KeyboardInterrupt)), "cancellations and interrupts are never failures"),
        (lambda: Slots(0), "Slots(slots=…): "),
        (lambda: Slots(queue=-1), "0 or more"),
        (lambda: Breaker(5), "Breaker(failures=5)"),
        (lambda: Breaker(failures=0), "Breaker(failures=…): "),
        (Limit, "give it rpm="),
        (lambda: Limit(rpm=-1), "Limit(rpm=…): "),
        (lambda: Limit(tpm=1000), "needs tokens="),
        (lambda: Limit(rpm=1, tokens=len), "needs tokens="),
        (lambda: Timeout(0), "a number of seconds above 0"),
        (lambda: Deadline(-1), "a number of seconds above 0"),
        (Fallback, "a value or call="),
        (lambda: Fallback(1, call=len), "one of both"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused_at_once(wrong, mend):
    """It says which, and what it may be."""
    with pytest.raises((ValueError, TypeError), match=re.escape(mend)):
        wrong()


def test_policies_are_values():
    """They cannot be changed, and are equal when they say the same."""
    assert Retry(attempts=2) == Retry(attempts=2)
    assert Breaker(failures=3).config.failures == 3
    with pytest.raises(AttributeError):
        Retry().attempts = 5
