"""`outlast sim` in a process of its own, on a free port."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
OUTLAST = Path(sys.executable).parent / "outlast"
SAYS = "outlast sim listens on "
PATIENCE = 120


def environment(folder):
    """Nothing of ours but the source."""
    source = str(ROOT / "src")
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": source, "PYTHONWARNINGS": "error"}


def command(folder, *words):
    """One run of `outlast sim` that ends by itself."""
    return subprocess.run(
        [OUTLAST, "sim", *words], cwd=folder, env=environment(folder), capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip


class SimProcess:
    """Runs while it is entered; `said` has what it printed on stderr, line by line."""

    def __init__(self, folder, *words):
        self._process = subprocess.Popen(
            [OUTLAST, "sim", *words], cwd=folder, env=environment(folder), stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.said = []
        self.url = ""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self):
        self._reader.start()
        self.hears("see:  ")
        self.url = self.said[0].removeprefix(SAYS).partition(",")[0]
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self._process.stderr.close()

    def hears(self, words):
        """Waits for a line with these words, and gives it."""
        with self._news:
            assert self._news.wait_for(lambda: self._find(words) or not self._reader.is_alive(), PATIENCE), self.said
            return self._find(words)

    def signal(self, number=signal.SIGTERM):
        self._process.send_signal(number)

    def ended(self):
        """Its exit status, once it has one."""
        return self._process.wait(PATIENCE)

    def _find(self, words):
        return next((line for line in self.said if words in line), "")

    def _read(self):
        for line in self._process.stderr:
            with self._news:
                self.said.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()
