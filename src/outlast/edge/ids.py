"""Names for requests: unguessable, never given twice, and cheap.

Randomness is asked of the system for many ids at once, since each time costs a system call. A forked child asks anew.
"""

from __future__ import annotations

import os

SIZE = 12
"""Random bytes in an id."""
AT_ONCE = 256

_stock: list[str] = []


def new_id() -> str:
    """A request id that nobody has had before, such as "req_6f1c0a7e9b2d4c5a8e3f7012"."""
    try:
        return "req_" + _stock.pop()
    except IndexError:
        return "req_" + _restocked()


def _restocked() -> str:
    letters = os.urandom(SIZE * AT_ONCE).hex()
    width = 2 * SIZE
    _stock.extend(letters[start : start + width] for start in range(width, len(letters), width))
    return letters[:width]


os.register_at_fork(after_in_child=_stock.clear)
