"""`outlast serve` in a process of its own, as an operator starts and stops it."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from .house import PATIENCE, Answer, Wire

OUTLAST = Path(sys.executable).parent / "outlast"
SAYS = "outlast listens on "


def environment(tmp_path):
    """Nothing of ours but where the code is: no provider's key from outside may be found."""
    ours = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONWARNINGS": "error"} | ours


def command(tmp_path, *words, **options):
    """One run of the command `outlast`; its status, stdout and stderr."""
    options = {"env": environment(tmp_path), "capture_output": True, "text": True, "timeout": PATIENCE} | options
    return subprocess.run([OUTLAST, *words], cwd=tmp_path, check=False, **options)


class Process:
    """A gateway that runs while it is entered; `descriptors` bounds how many it may open."""

    def __init__(self, toml, tmp_path, *, descriptors=0, stdout=None):
        path = tmp_path / "outlast.toml"
        path.write_text(toml)
        self._stdout = stdout if stdout is not None else (tmp_path / "stdout").open("wb")
        limited = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh"] if descriptors else []
        self._process = subprocess.Popen(
            [*limited, OUTLAST, "serve", "--config", path],
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=self._stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = []
        self._listens = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self):
        self._reader.start()
        assert self._listens.wait(PATIENCE), self.said
        lines = [line for line in self.said if line.startswith(SAYS)]
        assert lines, self.said
        self.port = int(lines[0].strip().rpartition(":")[2])
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self._process.stderr.close()
        if hasattr(self._stdout, "close"):
            self._stdout.close()

    def _read(self):
        for line in self._process.stderr:
            self.said.append(line)
            if line.startswith(SAYS):
                self._listens.set()
        self._listens.set()

    @property
    def pid(self):
        return self._process.pid

    def signal(self, number=signal.SIGTERM):
        self._process.send_signal(number)

    def ended(self):
        """Its exit status, once it has one."""
        status = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def caller(self, **options):
        return Wire(self.port, **options)

    def get(self, path) -> Answer:
        """The whole answer to a GET on a connection of its own."""
        with self.caller() as caller:
            caller.request("GET", path)
            return caller.answer()
