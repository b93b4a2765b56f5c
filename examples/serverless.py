"""A function on a serverless platform, in the manner of AWS Lambda: made once, called often, frozen in between.

The client is made when the module is imported, so that its connections and what it has learned last from one invocation
to the next. What it has learned is kept outside too: a new instance begins with it, and need not find out anew, at its
callers' cost, that a provider is down.
"""

import json
import time
from typing import Protocol

import outlast
from outlast.edge.deadline import within
from outlast.model.events import AttemptEnded, Event
from outlast.testing import SimulatedProvider, throttled

SPARE = 0.25
"""Seconds that the platform leaves us for saying what went wrong."""


class Context(Protocol):
    """What the platform hands in."""

    def get_remaining_time_in_millis(self) -> int:
        """How long the invocation may still take."""
        ...


class Outside(dict[str, str]):
    """Wherever you keep small things: a table, a cache, a parameter store. Here it is in memory."""


outside = Outside()
simulation = SimulatedProvider()
simulation.__enter__()
attempts: list[AttemptEnded] = []


def hear(event: Event) -> None:
    """A sink of yours."""
    if isinstance(event, AttemptEnded):
        attempts.append(event)


def made() -> outlast.Client:
    """What the module does when it is imported: `client = outlast.Client()`, and what was learned before."""
    config = outlast.simulated(simulation.url)  # yours: nothing, or the path of an outlast.toml beside the function
    new = outlast.Client(
        config, sinks=[lambda event: attempts.append(event) if isinstance(event, AttemptEnded) else None]
    )
    if "learned" in outside:
        new.restore(outside["learned"])
    return new


client = made()


def handler(event: dict[str, str], context: Context) -> dict[str, object]:
    """One invocation."""
    due = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - SPARE
    try:
        with within(due, time.monotonic):  # the client gives up in time, and not the platform for it
            reply = client.chat(event["question"])
    except outlast.Failure as failure:
        wait = {} if failure.retry_after is None else {"retry-after": str(max(1, round(failure.retry_after)))}
        return {"statusCode": failure.status, "headers": wait, "body": failure.message}
    finally:
        outside["learned"] = client.state()  # small; at the end of an invocation, for afterwards we are frozen
    return {"statusCode": 200, "body": json.dumps({"answer": reply.text, "target": reply.target})}


class Minute:
    """An invocation that may take a minute."""

    def get_remaining_time_in_millis(self) -> int:
        """All of it."""
        return 60_000


if __name__ == "__main__":
    simulation.script("sim-one", throttled(300.0))
    print(handler({"question": "hi"}, Minute()))
    print([attempt.target for attempt in attempts], "- the first provider asks for five minutes, the second answers")

    client.close()  # the platform throws the instance away, and makes a new one
    attempts.clear()
    client = made()
    print(handler({"question": "hi again"}, Minute()))
    print([attempt.target for attempt in attempts], "- the new instance knows it")
    assert [attempt.provider for attempt in attempts] == ["sim-two"]
    client.close()
    simulation.__exit__(None, None, None)
