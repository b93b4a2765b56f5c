"""What a provider is told of the time that is left, and of how often it was asked."""

import pytest

from outlast.testing import ok

QUIRKS = '[providers.alpha.quirks]\ndeadline_header = "x-time-left"\nattempt_header = "x-attempt"\n'


def told(world, name, target="alpha/m"):
    """What requests to that target said in this header."""
    lines = [line.split(b": ") for sent in world.io.sent_to(target) for line in sent.headers]
    return [int(value) for header, value in lines if header == name]


@pytest.mark.parametrize(
    ("stream", "timeout", "expected"),
    [
        (False, None, 119_000),  # the limit of a whole answer, less the second that is kept for the way
        (True, None, 9_500),  # the first content, less a twentieth
        (False, 4.0, 3_800),  # the caller's deadline
        (True, 1.0, 950),
        (False, 600.0, 119_000),
    ],
)
def test_an_attempt_s_own_time_is_told(make, stream, timeout, expected):
    """The smaller of the attempt's limit and the caller's deadline, less what the answer takes on its way."""
    world = make(["alpha/m"], QUIRKS)
    world.hear(stream=stream, timeout=timeout)
    assert told(world, b"x-time-left") == [expected]


def test_every_attempt_tells_what_is_left_then_and_its_number(make):
    """Backoffs are time too; the number counts all attempts of the request, at whatever target."""
    world = make(["beta/m", "alpha/m"], QUIRKS + "[retry]\nper_target = 1\n")
    world.script("beta/m", 503)
    world.script("alpha/m", 503, 503, ok())
    world.ask(timeout=20.0)
    times = world.times("alpha/m")
    assert told(world, b"x-time-left") == [int(950 * (20.0 - at)) for at in times]
    assert told(world, b"x-attempt") == [2, 3, 4]


def test_others_are_told_nothing(make):
    """Only who wants to know."""
    world = make(["alpha/m", "beta/m"], QUIRKS)
    world.script("alpha/m", 501)
    world.ask()
    assert told(world, b"x-time-left", "beta/m") == told(world, b"x-attempt", "beta/m") == []


def test_something_is_always_left(make):
    """A millisecond, at the least: nobody takes 0 for an answer."""
    world = make(["alpha/m"], QUIRKS + "[retry]\nuseful = 0.0\n")
    world.hear(timeout=0.0005)
    assert told(world, b"x-time-left") == [1]
