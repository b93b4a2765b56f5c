"""OpenAI's SDK for JavaScript, unchanged but for its base URL, works against the gateway."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node", path=str(Path(sys.executable).parent))


@pytest.fixture
def gateway(tmp_path) -> Iterator[str]:
    """The address of a gateway that has a simulated provider behind it."""
    (tmp_path / "outlast.toml").write_text("[server]\nport = 0\ndrain = 0\n")
    with subprocess.Popen(
        [Path(sys.executable).parent / "outlast", "serve"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stderr is not None
        said = (line for line in server.stderr if line.startswith("outlast listens on "))
        yield next(said).split()[-1]
        server.terminate()
        server.communicate(timeout=30)


@pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules").exists(), reason="needs Node and its packages: run make test"
)
def test_the_javascript_sdk_works_unchanged(gateway, tmp_path):
    """A whole answer, a stream and an error reach an application in JavaScript as OpenAI would send them."""
    done = subprocess.run(
        [NODE, HERE / "chat.mjs", gateway],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["whole"].endswith("You said: hi")
    assert told["streamed"] == told["whole"]
    assert told["tokens"] > 0
    assert told["finish"] == "stop"
    assert told["refused"] == {"name": "NotFoundError", "status": 404}
