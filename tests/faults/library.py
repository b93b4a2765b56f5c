"""Questions through the library to a provider that plays one fault, and everything there is to know afterwards.

AsyncClient (this thread's loop) ── TCP ──▶ simulated provider (its own thread)
    └── events, circuits, slots, log            └── what it saw
"""

import asyncio
import os
import re
import time
import traceback

from outlast import AsyncClient, Failure
from outlast.config import parse
from outlast.telemetry.log import Log
from outlast.telemetry.outlet import Outlet
from outlast.testing import FAULTS

from .cases import ECHOES, PATIENCE, SPARE, Asked, Heard, toml_of

NAMES = re.compile(r"[a-e]\d+-[a-z0-9-]+")
"""Of the cases; they may hold any word."""


class Library:
    """A client that knows the account and the route of every case. On leaving, nothing may be held, or told.

    `place` says where they are, as for `toml_of`.
    """

    def __init__(self, provider, cases, folder, **place):
        self.provider = provider
        self.ear = Heard(_named)
        self._log = folder / "log"
        self._outlet = Outlet(os.open(self._log, os.O_CREAT | os.O_WRONLY))
        self._runner = asyncio.Runner()
        self._used = set()
        config = parse(toml_of(provider.url, cases, **place), {})
        self._client = AsyncClient(config, sinks=[self.ear, Log(self._outlet.put)])
        self.stack = self._client.outlast.stack

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._runner.run(self._client.aclose())
        self._runner.close()
        self._outlet.close()
        assert self.held() == {"slots": 0, "queue": 0, "target queues": 0}
        told = NAMES.sub("", self._log.read_text()).lower()
        assert not [word for word in ECHOES if word.lower() in told]

    def play(self, cases):
        """Ask all of them at once, while each case's account plays its fault and nothing else; what came of it."""
        for case in cases:
            self.provider.script(case.name, default=FAULTS[case.row])
        answers = self.ask_all(cases)
        return answers, Asked(self.provider, cases, self._used)

    def ask_all(self, cases):
        """The answers to all of them, asked at once."""
        return self._runner.run(self._all(cases))

    async def _all(self, cases):
        async with asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(*map(self._ask, cases))
            for case in cases:  # what lingers is closed by this loop, while it runs
                await self.provider.saw(len(self.provider.requests(case.name)), case.name, ended=True)
        return answers

    async def _ask(self, case):
        answer = Told(case)
        since = time.monotonic()
        options = {"model": case.model, "max_tokens": case.facts.max_tokens or 1000}
        try:
            if case.streamed:
                await answer.read(await self._client.stream("hi", **options))
            else:
                answer.take(await self._client.chat("hi", **options))
        except Failure as failure:
            answer.failure = failure
        answer.seconds = time.monotonic() - since
        return answer

    def circuit(self, name):
        """What the circuit of a target has counted; of its permits and slots none may be held."""
        breaker = self.stack.breakers.of(name)
        assert (breaker.flying, self.stack.bulkhead.of(name).used) == (0, 0)
        return {"ok": breaker._window.ok, "failed": breaker._window.failed}

    def held(self):
        """Waiting or busy in the engine as a whole."""
        return {
            "slots": self.stack.admission.of("gateway").used,
            "queue": self.stack.admission.waiting(),
            "target queues": self.stack.bulkhead.waiting(),
        }


class Told:
    """What the library gave after so many `seconds`: text, finish and target, or the failure that it raised."""

    def __init__(self, case):
        self.case = case
        self.text = ""
        self.finish = None
        self.finishes = 0
        self.target = self.source = None
        self.attempts = 0
        self.failure = None
        self.seconds = 0.0

    def take(self, reply):
        """A whole answer."""
        self.text, self.finish, self.finishes = reply.text, reply.finish, 1
        self.target, self.source, self.attempts = reply.target, reply.source, reply.attempts

    async def read(self, stream):
        """A stream to its end, or to its break."""
        self.target, self.source, self.attempts = stream.target, stream.source, stream.attempts
        async for chunk in stream:
            self.text += chunk.text
            self.finish = chunk.finish or self.finish
            self.finishes += chunk.finish is not None
        assert stream.finish == self.finish

    @property
    def words(self):
        """Everything that a program could print of the failure, its causes included."""
        told, error = [], self.failure
        while error is not None:
            told += [str(error), repr(error), *traceback.format_exception_only(error)]
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n".join([*told, repr(self.failure.attempts)])

    def __repr__(self):
        return f"Told({self.text[:100]!r}, {self.finish}, {self.target}, {self.failure!r})"


def _named(event):
    """The case that an event is of: that of its account, or of the route that went on to the other one."""
    provider, _, model = (event.target or event.route).partition("/")
    return model if provider == SPARE else provider
