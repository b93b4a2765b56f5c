"""What the command says to whoever sits there, and how it gives up."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def fail(message: object, code: int = 2) -> NoReturn:
    """Say why nothing can be done, and exit."""
    say(f"outlast: {message}")
    raise SystemExit(code)


def say(text: str) -> None:
    """Tell whoever sits there; that nobody does, or has gone, is no reason to stop."""
    if sys.stderr is None:
        return
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what is buffered would fail again at the exit
