"""What the demo's tests need: providers over real sockets, and requests to send them."""

import pytest

from outlast.demo.traffic import Ask
from outlast.lab.provider import SimulatedProvider


@pytest.fixture
def provider():
    """A simulated provider on real sockets."""
    with SimulatedProvider(models=("demo",)) as running:
        yield running


def asking(dialect="openai", *, stream=False, number=0, at=0.0):
    """One request."""
    return Ask(number=number, at=at, dialect=dialect, stream=stream, priority="normal", question="Where is my parcel?")
