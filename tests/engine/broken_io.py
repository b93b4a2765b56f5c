"""A world of which one call fails: the k-th of all that the engine makes, whatever it is.

What must be asked for first (a request, a read, a sleep, a place to wait, an alarm, the dice) fails without having been
done; what only tells or lets go (an event, a wake-up, the end of an exchange) fails although it was. The clock does not
fail: it has nothing to fail with.
"""

from outlast.testing import ScriptedIo


class Broken(RuntimeError):
    """A fault of the world."""


class BrokenExchange:
    """An exchange whose methods are counted."""

    def __init__(self, io, exchange):
        self._io, self._exchange = io, exchange

    @property
    def status(self):
        """As it came."""
        return self._exchange.status

    def header(self, name):
        """One header."""
        self._io.count("header")
        return self._exchange.header(name)

    def lighten(self):
        """No header is needed any more."""
        self._io.count("lighten")
        self._exchange.lighten()

    async def read(self, due):
        """The next piece."""
        self._io.count("read")
        return await self._exchange.read(due)

    async def whole(self, due):
        """The rest."""
        self._io.count("whole")
        return await self._exchange.whole(due)

    def release(self):
        """No more is needed."""
        self._exchange.release()
        self._io.count("release")

    def abort(self):
        """Give up."""
        self._exchange.abort()
        self._io.count("abort")


class BrokenWaiter:
    """A place to wait whose methods are counted."""

    def __init__(self, io, waiter):
        self._io, self._waiter = io, waiter

    def wake(self):
        """Go on."""
        self._waiter.wake()
        self._io.count("wake")

    async def wait(self, due):
        """Until woken."""
        self._io.count("wait")
        return await self._waiter.wait(due)


class BrokenRace:
    """A race whose methods are counted."""

    def __init__(self, io, race):
        self._io, self._race = io, race

    def enter(self, runner):
        """One more runner."""
        try:
            self._io.count("enter")
        except Broken:
            runner.close()
            raise
        self._race.enter(runner)

    async def winner(self):
        """Who comes first."""
        return await self._race.winner()


class BrokenIo(ScriptedIo):
    """Counts every call of the port, and fails the k-th. `broke` names it; None while none has."""

    def __init__(self, k):
        super().__init__()
        self.broke = None
        self._k = k
        self._calls = 0

    def count(self, name):
        """One more call."""
        self._calls += 1
        if self._calls == self._k:
            self.broke = name
            raise Broken(name)

    def heal(self):
        """From now on nothing fails."""
        self._k = 0

    def random(self):
        """The dice."""
        self.count("random")
        return super().random()

    def emit(self, event):
        """The ear; an ear that fails may have heard."""
        super().emit(event)
        self.count("emit")

    async def sleep(self, seconds):
        """The clock."""
        self.count("sleep")
        await super().sleep(seconds)

    def on_loop(self, callback):
        """The loop."""
        callback()
        self.count("on_loop")

    def waiter(self):
        """A place to wait."""
        self.count("waiter")
        return BrokenWaiter(self, super().waiter())

    def race(self, decides, late):
        """A race."""
        self.count("race")
        return BrokenRace(self, super().race(decides, late))

    def begin(self, work):
        """Work beside the requests."""
        try:
            self.count("begin")
        except Broken:
            work.close()
            raise
        return super().begin(work)

    def watch(self, timed, due):
        """An alarm."""
        self.count("watch")
        super().watch(timed, due)

    async def send(self, target, outgoing, connect_due, due):
        """The network."""
        self.count("send")
        return BrokenExchange(self, await super().send(target, outgoing, connect_due, due))
