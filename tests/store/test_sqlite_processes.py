"""Several processes with one SQLite file, of which any may be killed at any moment."""

import asyncio
import signal
import subprocess
import sys
import textwrap

from outlast.store.sqlite import SqliteStore

HEAD = """
import asyncio, os, sys
from outlast.ports import Asked, Charge
from outlast.store.sqlite import SqliteStore
store, me = SqliteStore(sys.argv[1]), sys.argv[2]
def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
"""
PROMISES = """
async def promise(n):
    while True:
        assert await store.claim(f"own:{me}-{n}", b"mine", 600.0) is None
        assert await store.swap(f"own:{me}-{n}", b"mine", b"done", 600.0)
        say("own", f"own:{me}-{n}", "done")
        held = await store.append(f"log:{me}", [b"%d" % n], 600.0)
        say("log", held - 1, n)
        n += 8
async def main():
    await asyncio.gather(*(promise(n) for n in range(8)))
asyncio.run(main())
"""
LIMIT = """
async def main():
    asked = [Asked("key a", (Charge("rpm", 1.0, 50.0, 1e6, 50.0),))]
    told = await asyncio.gather(*(store.take(asked, 0.0) for _ in range(40)))
    claimed = await asyncio.gather(*(store.claim(f"own:{n}", me.encode(), 600.0) for n in range(40)))
    say(sum(decision.granted for [decision] in told), *(n for n, found in enumerate(claimed) if found is None))
    await store.aclose()
asyncio.run(main())
"""
FORK = """
async def use(key):
    found = await store.claim(key, b"mine", 600.0), await store.get(key)
    return found[0] is None and found[1].value == b"mine"
assert asyncio.run(use("own:parent"))
child = os.fork()
if not child:
    os._exit(0 if asyncio.run(use("own:child")) else 1)
assert os.waitpid(child, 0)[1] == 0
assert asyncio.run(use("own:after"))
asyncio.run(store.aclose())
say("done")
"""


def begun(script, path, name):
    """A process of its own."""
    program = HEAD + textwrap.dedent(script)
    return subprocess.Popen([sys.executable, "-c", program, path, name], stdout=subprocess.PIPE, text=True)


def test_what_was_acknowledged_outlives_a_kill(tmp_path):
    """Of three processes that write as fast as they can, each killed in the midst of it."""
    path = tmp_path / "store.db"
    processes = [begun(PROMISES, path, f"p{n}") for n in range(3)]
    said = [[process.stdout.readline().split() for _ in range(200)] for process in processes]
    for process, lines in zip(processes, said, strict=True):
        process.send_signal(signal.SIGKILL)
        with process:
            lines.extend(line.split() for line in process.stdout)

    async def story():
        store = SqliteStore(path)
        for name, lines in zip(("p0", "p1", "p2"), said, strict=True):
            log = await store.read(f"log:{name}")
            for kind, where, what in lines:
                if kind == "own":
                    assert (await store.get(where)).value == what.encode()
                else:
                    assert log[int(where)] == what.encode()
        await store.aclose()

    asyncio.run(story())
    assert all(len(lines) >= 200 for lines in said)


def test_several_processes_share_limits_and_claims(tmp_path):
    """To the last request: no more is granted than there is, and each key belongs to one."""
    processes = [begun(LIMIT, tmp_path / "store.db", f"p{n}") for n in range(3)]
    told = [list(map(int, process.communicate(timeout=120)[0].split())) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum(granted for granted, *_ in told) == 50
    assert sorted(key for _, *claimed in told for key in claimed) == list(range(40))


def test_a_forked_child_has_connections_of_its_own(tmp_path):
    """And the parent's go on."""
    process = begun(FORK, tmp_path / "store.db", "me")
    assert process.communicate(timeout=120)[0] == "done\n"
    assert process.returncode == 0
