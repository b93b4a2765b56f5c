"""Every decision is an event; a sink is a function."""

import outlast
from outlast.model.events import AttemptEnded, Event, FailedOver
from outlast.testing import SimulatedProvider


def tell(event: Event) -> None:
    """Print what an engineer on call would ask about."""
    if isinstance(event, AttemptEnded):
        print(f"attempt {event.number} on {event.target}: {event.kind} after {event.seconds:.3f} s")
    elif isinstance(event, FailedOver):
        print(f"moving on from {event.from_target} to {event.to_target}: {event.kind}")


with SimulatedProvider() as simulation:
    simulation.script("sim-one", 503, 503)
    with outlast.Client(outlast.simulated(simulation.url), sinks=[tell]) as client:
        client.chat("hi")
