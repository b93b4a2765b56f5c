"""How commands get to Redis: all that is asked in one turn of the loop goes in one round trip.

    ask ──▶ queue ──▶ batch ──▶ a connection of the pool ──▶ answers to whoever asked
    tell ─▶ queue, and goes along with the next batch, or after 50 ms, or when there are 64

A batch is carried by a task of the line's own. Who asked only waits for it: he may leave at any time, and his command
is carried out or was never sent. So no connection goes back to the pool with an answer that nobody has read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from msgspec import Struct
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import ResponseError

from outlast.store.redis.commands import Command, Reply, Wire, set_aside
from outlast.store.redis.failures import failed
from outlast.store.redis.remedies import refuses_names, remedy
from outlast.store.redis.scripts import Script

AT_ONCE = 4
"""Batches under way; what is asked meanwhile goes with the next."""
LARGEST = 256
"""Commands in one batch."""
ALONG = 64
"""Told commands that go along with one batch; when there are so many they go by themselves."""
SOON = 0.05
"""Seconds after which they do, too."""
CLOSING = 2.0
"""Seconds that there are for what waits when all is to be closed."""
MOST_TOLD = 4096
"""Told commands that wait; for each beyond that the oldest is lost."""


Left = Callable[[list[Reply]], None]


class Request(Struct, eq=False):
    """What one caller has asked, and where he waits: an answer or an error for each command.

    `left` hears of the answers when he has left meanwhile.
    """

    commands: Sequence[Command]
    answers: asyncio.Future[list[Reply]]
    left: Left | None


class Line:
    """Commands on their way, on one loop.

    Args:
        pool: where connections come from.
        moved: hears how many keys were set aside, because what they held was not ours.
    """

    __slots__ = ("_asked", "_known", "_loop", "_moved", "_nameless", "_pool", "_tasks", "_timer", "_told")

    def __init__(self, pool: ConnectionPool, moved: Callable[[int], None]) -> None:
        self._pool = pool
        self._moved = moved
        self._loop = asyncio.get_running_loop()
        self._asked: deque[Request] = deque()
        self._told: deque[Command] = deque(maxlen=MOST_TOLD)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Handle | None = None
        self._known: set[Script] = set()  # scripts that may be called by their names
        self._nameless = False  # no script may be

    async def ask(self, *commands: Command, left: Left | None = None) -> list[Reply]:
        """An answer or a `ResponseError` for each. Raises `StoreFailed` when there are none.

        `left` hears of them instead, if the caller is cancelled when the commands are under way.
        """
        request = Request(commands, self._loop.create_future(), left)
        self._asked.append(request)
        self._soon(0.0)
        return await request.answers

    def tell(self, command: Command) -> None:
        """Have it carried out; nobody waits for it."""
        self._told.append(command)
        self._soon(0.0 if len(self._told) >= ALONG else SOON)

    async def aclose(self) -> None:
        """Carry out what waits, as far as that goes within two seconds, and return when nothing is under way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING):
                self._go()
                while self._tasks:
                    await asyncio.wait(self._tasks)
                    self._go()
        self._told.clear()
        _fail(self._asked, TimeoutError())
        self._asked.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._stop_timer()

    # -- sending ---------------------------------------------------------------------------------------------------

    def _soon(self, seconds: float) -> None:
        """Send in so many seconds, or at the end of the loop's turn; the earlier counts."""
        if self._timer is not None and (seconds > 0 or not isinstance(self._timer, asyncio.TimerHandle)):
            return
        self._stop_timer()
        self._timer = self._loop.call_later(seconds, self._go) if seconds > 0 else self._loop.call_soon(self._go)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go(self) -> None:
        """Send what waits, as far as there is room for another batch."""
        self._stop_timer()
        while (self._asked or self._told) and len(self._tasks) < AT_ONCE:
            told = [self._told.popleft() for _ in range(min(len(self._told), ALONG))]
            requests = self._next(LARGEST - len(told))
            if told or requests:
                task = self._loop.create_task(self._carry(told, requests))
                self._tasks.add(task)
                task.add_done_callback(self._carried)

    def _next(self, room: int) -> list[Request]:
        """Whose commands go now, one caller's at least. Who has left already is forgotten."""
        requests: list[Request] = []
        while self._asked and (not requests or len(self._asked[0].commands) <= room):
            request = self._asked.popleft()
            if not request.answers.done():
                requests.append(request)
                room -= len(request.commands)
        return requests

    def _carried(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._asked or len(self._told) >= ALONG:
            self._soon(0.0)
        elif self._told:
            self._soon(SOON)

    async def _carry(self, told: Sequence[Command], requests: Sequence[Request]) -> None:
        commands = [*told, *(command for request in requests for command in request.commands)]
        try:
            answers = await self._answers(commands)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  (whatever it is, callers must hear of it)
            _fail(requests, error)
            return
        rest = iter(answers[len(told) :])
        for request in requests:
            own = [next(rest) for _ in request.commands]
            if not request.answers.done():
                request.answers.set_result(own)
            elif request.left is not None:
                request.left(own)

    # -- answers ---------------------------------------------------------------------------------------------------

    async def _answers(self, commands: Sequence[Command]) -> list[Reply]:
        """An answer or an error for each. What there is a remedy for is sent again, once for each remedy."""
        answers: list[Reply] = [None] * len(commands)
        tried: list[set[str]] = [set() for _ in commands]
        due = list(range(len(commands)))
        while due:
            came = await self._exchange([self._wire(commands[at]) for at in due])
            again = []
            for at, answer in zip(due, came, strict=True):
                answers[at] = answer
                if not isinstance(answer, ResponseError):
                    self._learn(commands[at])
                elif await self._mended(commands[at], answer, tried[at]):
                    again.append(at)
            due = again
        return answers

    def _wire(self, command: Command) -> Wire:
        """The first time a script goes as a whole: then what it is to be done before is not done after it."""
        return command.wire(whole=command.script not in self._known)

    def _learn(self, command: Command) -> None:
        if command.script is not None and not self._nameless:
            self._known.add(command.script)

    async def _mended(self, command: Command, error: ResponseError, tried: set[str]) -> bool:
        """Is the command worth sending again?"""
        found = remedy(error, scripted=command.script is not None)
        if found is None or found in tried:
            return False
        tried.add(found)
        if found == "whole":
            self._known.clear()
            self._nameless = self._nameless or refuses_names(error)
        elif found == "reconnect":
            await self._pool.disconnect(inuse_connections=False)
        else:
            (moved,) = await self._exchange([set_aside(command).wire(whole=True)])
            if isinstance(moved, ResponseError):
                return False
            self._moved(moved)
        return True

    async def _exchange(self, commands: Sequence[Wire]) -> list[Reply]:
        """One round trip; an answer or an error that Redis gave for each command."""
        connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            return [await _answer(connection) for _ in commands]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        finally:
            await self._pool.release(connection)


async def _answer(connection: AbstractConnection) -> Reply:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


def _fail(requests: Iterable[Request], error: BaseException) -> None:
    for request in requests:
        if not request.answers.done():
            request.answers.set_exception(failed(error))
