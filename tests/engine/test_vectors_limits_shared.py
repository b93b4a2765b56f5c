"""The conformance vector of limits that lose their store."""

import pytest

from outlast.model.errors import Failure

from .test_limits import APP, limited

POLICIES = {
    # name: (of 40 requests at once so many go, what the others get: status, gate, seconds until it is worth asking)
    "local": (25, (429, "caller_limits", pytest.approx(0.04))),
    "open": (40, None),
    "closed": (0, (503, "caller_limits", 1.0)),
}
"""100 a second, 100 at once, four processes."""


@pytest.mark.parametrize("policy", POLICIES)
def test_rl_32_without_its_store_each_limit_does_as_it_is_told(fleet_of, policy):
    """A quarter of the quota, all that is asked, or nothing."""
    more = limited(rpm=6_000, without_store=f'"{policy}"') + "\n[limits]\nburst = 1.0\nprocesses = 4"
    fleet = fleet_of(1, more)
    (world,) = fleet.worlds
    fleet.store.ails = lambda _name: "before"
    heard = world.crowd(40, caller=APP)
    goes, refused = POLICIES[policy]
    assert sum(not isinstance(answer, Failure) for answer in heard) == goes
    told = [(no.status, no.gate, no.retry_after) for no in heard if isinstance(no, Failure)]
    assert all(each == refused for each in told)


def test_what_is_closed_says_how_to_open_it(fleet_of):
    """In the words of the configuration."""
    fleet = fleet_of(1, limited(rpm=6_000, without_store='"closed"'))
    (world,) = fleet.worlds
    fleet.store.ails = lambda _name: "before"
    failure = world.fail(caller=APP)
    assert failure.code == "store_out_of_reach"
    assert failure.message == (
        "the limits of key app cannot be counted while the store is out of reach, and without_store is closed"
    )
