"""OpenAI's SDK for JavaScript, unchanged but for its base URL, works against the gateway."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node", path=str(Path(sys.executable).parent))


@pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules").exists(), reason="needs Node and its packages: run make test"
)
def test_the_javascript_sdk_works_unchanged(served, tmp_path):
    """Answers, streams, tools, vectors and errors come as OpenAI would send them; a cut stream raises."""
    done = subprocess.run(
        [NODE, HERE / "chat.mjs", served],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    call = {"name": "get_weather", "arguments": '{"city": "text"}'}
    broken = {"text": "This is the simulated", "finish": None, "error": {"name": "APIError", "code": "broken_stream"}}
    assert told["whole"].endswith("You said: hi")
    assert told["tokens"] > 0
    assert told["streamed"] == {"text": told["whole"], "finish": "stop", "args": ""}
    assert told["called"] == call
    assert told["calledPieceByPiece"] == {"text": "", "finish": "tool_calls", "args": call["arguments"]}
    assert told["cut"] == told["endedSilently"] == broken
    assert told["refused"] == {"name": "NotFoundError", "status": 404}
    assert told["vectors"] == [4, 4]
