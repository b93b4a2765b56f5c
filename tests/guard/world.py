"""A guarded dependency that plays a script, as a plain function or as a coroutine function, both in virtual time.

    dependency = world.dependency(OSError, Takes(3.0, "late"), "well")
    answer = world.call(guarded, "hi")

What an outcome is: an exception is raised, `Takes` lets time pass first, anything else is given. The last one repeats.
"""

import asyncio
from contextlib import suppress

from outlast import guard
from outlast.testing import BlockingScriptedIo, ScriptedIo, VirtualLoop


class Takes:
    """An outcome that comes after so many seconds."""

    def __init__(self, seconds, then="well"):
        self.seconds = seconds
        self.then = then


def play(outcome):
    """Raise it or give it."""
    if isinstance(outcome, BaseException) or (isinstance(outcome, type) and issubclass(outcome, BaseException)):
        raise outcome
    return outcome


class Script:
    """Outcomes in order, and who has asked for them when."""

    def __init__(self, outcomes):
        self.outcomes = list(outcomes) or ["well"]
        self.calls = []
        self.at = []

    def next(self, args, now):
        self.calls.append(args)
        self.at.append(now)
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]


def played(script, io, face):
    """A function, plain or a coroutine function, that plays a script in that world."""

    def plain(*args):
        outcome = script.next(args, io.now())
        if isinstance(outcome, Takes):
            io.pass_time(outcome.seconds)
            outcome = outcome.then
        return play(outcome)

    async def coroutine(*args):
        outcome = script.next(args, io.now())
        if isinstance(outcome, Takes):
            await io.sleep(outcome.seconds)
            outcome = outcome.then
        return play(outcome)

    return plain if face == "plain" else coroutine


class World:
    """One face of the library: `plain` functions, or `coroutine` functions on one loop."""

    def __init__(self, face, seed=0):
        self.face = face
        self.io = ScriptedIo(seed) if face == "coroutine" else BlockingScriptedIo(seed)
        self.script = Script(())
        self._runner = asyncio.Runner(loop_factory=lambda: VirtualLoop(seed))

    def guard(self, *policies, **how):
        """A guard in this world."""
        return guard(*policies, **{"io": self.io, "name": "dep"} | how)

    def dependency(self, *outcomes):
        """A function that plays these outcomes; `world.script` tells of its calls."""
        self.script = Script(outcomes)
        return played(self.script, self.io, self.face)

    def guarded(self, *policies, outcomes=(), **how):
        """A guarded dependency."""
        return self.guard(*policies, **how)(self.dependency(*outcomes))

    def call(self, function, *args):
        """What it gives, or the exception that it raises, from outside."""
        if self.face == "plain":
            return function(*args)
        return self.run(function(*args))

    def run(self, coroutine):
        """Run a coroutine on the world's loop; time goes on from one to the next."""
        return self._runner.run(coroutine)

    def fails(self, function, *args):
        """The exception that it raises."""
        try:
            answer = self.call(function, *args)
        except Exception as error:  # noqa: BLE001
            return error
        raise AssertionError(f"it gave {answer!r}")

    def now(self):
        """Virtual seconds."""
        return self.io.now() if self.face == "plain" else self._runner.get_loop().time()

    def wait(self, seconds):
        """Let virtual time pass."""
        if self.face == "plain":
            self.io.pass_time(seconds)
        else:
            self.run(asyncio.sleep(seconds))

    def state(self, of, key=None):
        """How a guard stands."""
        if self.face == "plain":
            return of.state(key)

        async def asked():
            return of.state(key)

        return self.run(asked())

    def close(self):
        """No task is left."""
        with suppress(RuntimeError):
            self._runner.close()
