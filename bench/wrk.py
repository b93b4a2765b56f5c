"""Load from wrk: one request again and again over a fixed number of connections."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.peers.peer import PeerError, Request
from bench.processes import LOAD_CORE

TIMEOUT = 60

SCRIPT = """
wrk.method = "POST"
wrk.headers = {headers}
wrk.body = {body}
done = function(summary, latency)
  local e = summary.errors
  print(string.format('\\nTOLD {{"requests":%d,"seconds":%f,"bytes":%d,"failed":%d,"p50":%f,"p99":%f}}',
    summary.requests, summary.duration / 1e6, summary.bytes,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True, slots=True)
class Shot:
    """What a load did.

    Attributes:
        requests: answered.
        seconds: it lasted.
        bytes: that came, heads and unfinished answers included.
        failed: requests with another status than 2xx or 3xx, and connections that broke.
        p50: milliseconds until the answer was whole; half took longer.
        p99: one in a hundred took longer.
    """

    requests: int
    seconds: float
    bytes: int
    failed: int
    p50: float
    p99: float


def lacking() -> str:
    """Why there can be no load; empty when there can."""
    return "" if shutil.which("wrk") else "wrk is missing: apt-get install wrk"


def shoot(port: int, request: Request, connections: int, seconds: int, folder: Path) -> Shot:
    """Ask for so many seconds over so many connections, from the load's core.

    Raises:
        PeerError: nobody listens.
    """
    script = folder / "wrk.lua"
    script.write_text(SCRIPT.format(headers=_table(request), body=_quoted(request.body.decode())))
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={TIMEOUT}s", "-s", str(script)]
    url = f"http://127.0.0.1:{port}{request.path}"
    done = subprocess.run(
        ["wrk", *options, url],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CORE}),
    )
    if done.returncode:
        raise PeerError(f"wrk: {' | '.join(done.stderr.strip().splitlines()[-2:])}")
    return Shot(**json.loads(done.stdout.partition("TOLD ")[2]))


def _table(request: Request) -> str:
    return "{" + ", ".join(f"[ {_quoted(name)} ] = {_quoted(value)}" for name, value in request.headers.items()) + "}"


def _quoted(text: str) -> str:
    """The text as Lua writes it."""
    level = "=" * 3
    return f"[{level}[{text}]{level}]"
