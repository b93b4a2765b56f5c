"""News of what was kept, forgotten or appended: one connection for each process, over which all of it comes.

listen ─▶ SUBSCRIBE ─▶ confirmed: wake, for something may have happened before ─▶ a message: wake
the connection is lost ─▶ after a while another one, all channels again: wake everybody, for the same reason
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from outlast.store.ears import Ears, Wake
from outlast.store.redis.commands import Reply

QUIET = 15.0
"""Seconds after which a connection on which nothing comes is asked whether it is still there."""
FIRST, LONGEST = 0.1, 5.0
"""Seconds until another connection is tried, at first and at most."""


class News:
    """Who listens to which channel, on one loop.

    Args:
        connect: makes a connection, which is not connected yet.
    """

    __slots__ = ("_connect", "_connection", "_ears", "_loop", "_sending", "_task")

    def __init__(self, connect: Callable[[], AbstractConnection]) -> None:
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._ears = Ears()
        self._connection: AbstractConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()

    def listen(self, channel: str, wake: Wake) -> Wake:
        """Call `wake` for each message there, and now and then for nothing. Gives what ends it."""
        is_new = channel not in self._ears
        ended = self._ears.listen(channel, wake)
        if is_new:
            self._send("SUBSCRIBE", channel)
        if self._task is None:
            self._task = self._loop.create_task(self._run())

        def end() -> None:
            ended()
            if channel not in self._ears and not self._loop.is_closed():
                self._send("UNSUBSCRIBE", channel)

        return end

    async def aclose(self) -> None:
        """Hear of nothing more."""
        tasks = [task for task in (self._task, *self._sending) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _send(self, *words: str) -> None:
        """Over the connection that there is; when there is none, the next one will subscribe to everything."""
        connection = self._connection
        if connection is not None:
            task = self._loop.create_task(_sent(connection, words))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    # -- the connection --------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        pause = FIRST
        while True:
            connection = self._connect()
            try:
                await connection.connect()  # type: ignore[no-untyped-call]
                self._connection = connection
                if self._ears:
                    await connection.send_command("SUBSCRIBE", *self._ears, check_health=False)
                pause = FIRST
                await self._hear(connection)
            except (RedisError, OSError, TimeoutError):
                pass
            finally:
                self._connection = None
                await connection.disconnect(nowait=True)
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  (no secret)
            pause = min(2.0 * pause, LONGEST)

    async def _hear(self, connection: AbstractConnection) -> None:
        """Until the connection is lost, or says nothing although it is asked."""
        asked = False
        while True:
            message = await connection.read_response(timeout=QUIET)
            if message is not None:
                asked = False
                self._heard(message)
            elif asked:
                return
            else:
                asked = True
                await connection.send_command("PING", check_health=False)

    def _heard(self, message: Reply) -> None:
        """Of a message, or that a channel is subscribed to. What a listener raises is the loop's to tell."""
        if message[0] in {b"message", b"subscribe"}:
            self._loop.call_soon(self._ears.tell, message[1].decode())


async def _sent(connection: AbstractConnection, words: tuple[str, ...]) -> None:
    try:
        await connection.send_command(*words, check_health=False)
    except (RedisError, OSError, TimeoutError):
        await connection.disconnect(nowait=True)  # its reader notices, and takes another
