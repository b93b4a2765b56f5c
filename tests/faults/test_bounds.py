"""What a hostile answer may cost: memory of the gateway's own process, and nothing of the next request."""

from pathlib import Path

import pytest
from tests.gateway.house import chat, toml_of
from tests.gateway.process import Process

MIB = 1024
"""In the units of /proc: KiB."""
WARM = 20


def memory(pid, what):
    """KiB that a process has (VmRSS), or had at most (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:"))


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("fault", "status", "growth"),
    [
        ("C27-gzip-bomb", {502}, 32),
        ("C21-header-1-mib", {502}, 32),
        ("C21-headers-20000", {502}, 32),
        ("C37-endless-trailers", {200, 502}, 32),
        ("D11-nested", {502}, 64),
        ("D12-32-mib", {200, 502}, 160),
        ("E36-line-16-mib", {200}, 64),
        ("E37-endless", {200, 502, 504}, 160),
    ],
)
def test_a_hostile_answer_takes_bounded_memory(provider, tmp_path, fault, status, growth, streamed):
    """C21, C27, D11, D12, E36, E37: so many MiB more at the worst moment, and the next request is answered."""
    more = "[attempt]\nmax_stream_bytes = 4194304\n[retry]\nbase = 0.01"
    toml = toml_of(provider.url, more, providers=("alpha", "hostile"), timers={"hostile": {"whole": 2.0}})
    with Process(toml, tmp_path) as process:
        for _ in range(WARM):
            assert ask(process).status == 200
        before = memory(process.pid, "VmRSS")
        provider.script("hostile", fault, fault, fault)
        assert ask(process, stream=streamed, model="hostile/m").status in status
        grown = memory(process.pid, "VmHWM") - before
        provider.reset()
        assert ask(process).status == 200
    assert grown <= growth * MIB


def ask(process, **fields):
    with process.caller() as caller:
        caller.post("/v1/chat/completions", chat(**fields))
        return caller.answer()
