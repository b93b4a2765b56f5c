"""What tests of several rooms need."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SAYS = "outlast listens on "

# Nothing may fail for being slow: the machine may have other things to do.
settings.register_profile("outlast", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("outlast")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The URL of a gateway in a process of its own, as `make run` starts it, on a free port, without any key."""
    (tmp_path / "outlast.toml").write_text("[server]\nport = 0\ndrain = 0\n")
    with subprocess.Popen(
        [Path(sys.executable).parent / "outlast", "serve"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        said: list[str] = []
        for line in server.stderr or ():
            said.append(line)
            if line.startswith(SAYS):
                break
        assert said, "outlast serve ended without a word"
        assert said[-1].startswith(SAYS), "".join(said)
        yield said[-1].removeprefix(SAYS).strip()
        server.terminate()
        server.communicate(timeout=120)
