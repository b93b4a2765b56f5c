"""A whole engine over scripted providers in virtual time, in words that let a test read as a story.

    world.script("alpha/m", 503, 503)
    reply = world.ask("hi")
    assert reply.target == "beta/m"

A `World` keeps one loop for its whole life, so that time goes on from one question to the next; `world.held()` says
which slots, permits and budgets are out. `Part` is what a reader of a stream got and how it ended.
"""

import asyncio
import json
from math import inf

from outlast.build import Outlast
from outlast.config import parse
from outlast.dialects import DIALECTS
from outlast.engine import Asked
from outlast.flow.stream import Stream
from outlast.model.caller import LIBRARY, Caller
from outlast.model.errors import Failure
from outlast.model.events import AttemptEnded, BreakerChanged, RequestEnded
from outlast.model.messages import Request
from outlast.testing import ScriptedIo, VirtualLoop

DEFAULT = ("alpha/m", "beta/m")
TEXT = "one two three four five six"


def key_of(provider):
    """The key that our side has for a provider."""
    return f"sk-{provider}-0123456789"


def toml_of(targets, more, dialect="openai"):
    """A configuration with these targets in the route `default`; `more` is TOML; `dialect` is theirs, or a mapping."""
    providers = dict.fromkeys(target.partition("/")[0] for target in targets)
    spoken = dialect if isinstance(dialect, dict) else dict.fromkeys(providers, dialect)
    tables = [
        f'[providers.{name}]\ntype = "openai-compatible"\nbase_url = "http://127.0.0.1:1/v1"\nkey = "{key_of(name)}"'
        f'\ndialect = "{spoken.get(name, "openai")}"'
        for name in providers
    ]
    routes = "" if "[routes.default]" in more else f"[routes.default]\ntargets = {json.dumps(targets)}"
    return "\n".join([*tables, routes, more])


def chat(text="hi", *, stream=False, model="default", **fields):
    """A request in OpenAI's words."""
    body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream, **fields}
    return DIALECTS["openai"].parse("chat", json.dumps(body).encode())


class Part:
    """What a reader got of an answer: its words, why it ended, and the error that ended it, if any."""

    def __init__(self, text, finish, error):
        self.text = text
        self.finish = finish
        self.error = error


async def read(stream):
    """All of a stream, or as much as there was."""
    words = ""
    try:
        async for chunk in stream:
            words += chunk.text
    except Failure as error:
        return Part(words, stream.finish, error)
    return Part(words, stream.finish, None)


class World:
    """An `Outlast` with scripted providers; `targets` are tried in this order, `more` is further configuration.

    Several of them that share a store share a `runner`, too, which is theirs who made it.
    """

    def __init__(self, targets=DEFAULT, more="", *, io=None, seed=0, dialect="openai", runner=None, **given):
        self.io = io or ScriptedIo(seed)
        self.targets = tuple(targets)
        self.house = Outlast(parse(toml_of(self.targets, more, dialect)), io=self.io, **given)
        self.engine, self.stack = self.house.engine, self.house.stack
        self._lodges = runner is not None
        self._runner = runner or asyncio.Runner(loop_factory=lambda: VirtualLoop(seed))
        self._asked = 0

    # asking

    async def answer(self, text="hi", *, caller=LIBRARY, timeout=None, priority=None, key="", **fields):  # noqa: ASYNC109
        """What the engine answers: a reply, or a stream of which nothing but the first content has been read."""
        self._asked += 1
        asked = Asked(id=str(self._asked), caller=caller, timeout=timeout, priority=priority, key=key)
        request = text if isinstance(text, Request) else chat(text, **fields)
        return await self.engine.answer(request, asked)

    async def heard(self, text="hi", **how):
        """An answer as its caller has it in the end: `Part` of a stream, a `Reply`, or the `Failure`."""
        try:
            answer = await self.answer(text, **how)
        except Failure as failure:
            return failure
        return await read(answer) if isinstance(answer, Stream) else answer

    def ask(self, text="hi", **how):
        """`answer`, from outside of the loop."""
        return self.run(self.answer(text, **how))

    def hear(self, text="hi", **how):
        """`heard`, from outside of the loop."""
        return self.run(self.heard(text, **how))

    def fail(self, text="hi", **how):
        """The failure that the caller is told."""
        failure = self.hear(text, **how)
        assert isinstance(failure, Failure), f"{failure} is no failure"
        return failure

    def crowd(self, size, text="hi", **how):
        """So many calls at once, as their callers have them in the end."""

        async def all_of_them():
            return await asyncio.gather(*(self.heard(f"{text} {number}", **how) for number in range(size)))

        return self.run(all_of_them())

    def crowd_alike(self, size, text="hi", **how):
        """The same call so many times at once."""

        async def all_of_them():
            return await asyncio.gather(*(self.heard(text, **how) for _ in range(size)))

        return self.run(all_of_them())

    # time

    def run(self, coroutine):
        """Run something on the world's loop."""
        return self._runner.run(coroutine)

    def wait(self, seconds):
        """Let virtual time pass."""
        self.run(asyncio.sleep(seconds))

    @property
    def now(self):
        """Virtual seconds."""
        return self._runner.get_loop().time()

    def close(self):
        """Close the loop; gives what is held, is under way, or went wrong where nobody awaited it."""
        if self._lodges:
            return self.held()
        left = self.held() | {f"task {task}": 1 for task in asyncio.all_tasks(self._runner.get_loop())}
        left |= {f"fault {fault}": 1 for fault in self._runner.get_loop().faults}
        self._runner.close()
        return left

    # looking

    def script(self, target, *specs):
        """What that target does next; the last of it again and again."""
        self.io.script(target, *specs)

    def script_all(self, *specs):
        """The same for every target."""
        for target in self.targets:
            self.io.script(target, *specs)

    def events(self, kind):
        """The events of one kind."""
        return self.io.sink.of(kind)

    def sent(self, target=None):
        """How many upstream calls went out, in all or to one target."""
        return len(self.io.sent if target is None else self.io.sent_to(target))

    def times(self, target=None):
        """When they went out."""
        return [sent.at for sent in (self.io.sent if target is None else self.io.sent_to(target))]

    def path(self):
        """The targets that were called, in order."""
        return [sent.target for sent in self.io.sent]

    def story(self):
        """Target and end of every attempt, in the order in which they ended."""
        return [(event.target, event.kind) for event in self.events(AttemptEnded)]

    def last(self):
        """What was told of the last request that is over."""
        return self.events(RequestEnded)[-1]

    def breaker(self, target="alpha/m"):
        """The circuit of that target."""
        return self.stack.breakers.of(target)

    def changes(self, target="alpha/m"):
        """The states that its circuit entered."""
        return [event.after for event in self.events(BreakerChanged) if event.target == target]

    def slots(self, target="alpha/m"):
        """Its slots."""
        return self.stack.bulkhead.of(target)

    def forget(self):
        """Begin a new chapter: what was sent and told so far is no longer looked at."""
        self.io.sent.clear()
        self.io.sink.events.clear()

    def held(self):
        """What is held for somebody: slots, permits, budgets, timers; empty when all is at rest."""
        held = {
            "exchanges open": self.io.open,
            "gateway slots": self.stack.admission.of("gateway").used,
            "gateway queue": self.stack.admission.waiting(),
            "target queues": self.stack.bulkhead.waiting(),
            **{f"slots of {name}": self.slots(name).used for name in self.targets},
            **{f"permits of {name}": breaker.flying for name, breaker in self.stack.breakers.items()},
            **{f"retries of {name}": self.stack.retries.budget(name)._under_way for name in self.targets},
            **{f"limits of {name}": limits.under_way for name, limits in self._kept()},
            **{f"probe of {name}": pause.probing for name, pause in self.stack.pauses._credentials.items()},
            "shared calls": len(self.stack.coalesce or ()),
            "calls under keys": len(self.stack.idempotency or ()),
            "renewals": len(self.stack.cache._renewing) if self.stack.cache else 0,
            "answers on their way": len(self.stack.cache._pending) if self.stack.cache else 0,
            "timers": sum(alarm._args[0].due < inf for alarm in self.io._alarms.values()),
        }
        return {name: count for name, count in held.items() if count}

    def _kept(self):
        return [*self.stack.caller_limits._kept.items(), *self.stack.target_limits._kept.items()]


def caller(name, priority=2, key="", user=""):
    """Somebody who asks."""
    return Caller(key=key or name, user=user, user_type="key", priority=priority)
