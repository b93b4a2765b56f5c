"""A small file of our own, tried for good measure whenever all tests are run."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_what_is_kept_by_name_is_held_by_its_tests(tmp_path):
    """No change of it gets by; `make mutate` tries all the rest."""
    command = [sys.executable, "-m", "tests.mutation", "flow/kept", "--tests", "tests/layers/test_kept.py"]
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    done = subprocess.run(
        [*command, "--state", str(tmp_path / "state")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
