"""The first provider is down; the answer comes all the same, and says from where."""

import outlast
from outlast.testing import SimulatedProvider

with SimulatedProvider() as simulation:
    simulation.script("sim-one", default=500)
    with outlast.Client(outlast.simulated(simulation.url)) as client:
        reply = client.chat("Are you there?")
        print(f"{reply.target} answered after {reply.attempts} attempts: {reply.text}")
        assert reply.source == "fallback"
