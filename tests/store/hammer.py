"""One process of several that ask for the same limit: `python hammer.py URL TASKS ASKS MAX_WAIT COST…`.

For each grant it writes a line: the server's clock before and after the decision, in seconds, and the wait.
"""

import asyncio
import json
import sys

from outlast.ports import Asked, Charge
from outlast.store.redis import RedisStore
from outlast.store.redis.commands import Command
from outlast.store.redis.deciding import decided
from outlast.store.redis.limit_scripts import TAKE

TIME = Command(None, (), ("TIME",))


def limit(amount, period, burst, cost=1.0):
    return Asked("key a", (Charge("rpm", cost, amount, period, burst),))


async def main(url, tasks, asks, max_wait, amount, period, burst):
    store = RedisStore.from_url(url, prefix="hammer", timeout=60.0)
    asked = limit(amount, period, burst)

    async def task():
        for _ in range(asks):
            command = store._limits(TAKE, asked, repr(max_wait * 1e6))
            before, answer, after = await store._moored().line.ask(TIME, command, TIME)
            decision = decided(asked, answer)
            if decision.granted:
                sys.stdout.write(json.dumps([moment(before), moment(after), decision.wait]) + "\n")

    await asyncio.gather(*(task() for _ in range(tasks)))
    await store.aclose()


def moment(time):
    return int(time[0]) + int(time[1]) / 1e6


if __name__ == "__main__":
    url, tasks, asks, *numbers = sys.argv[1:]
    asyncio.run(main(url, int(tasks), int(asks), *map(float, numbers)))
