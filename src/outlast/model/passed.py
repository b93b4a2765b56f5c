"""An answer that was passed on unread: its status and media type, and its bytes."""

from __future__ import annotations

from collections.abc import Callable

from outlast.model.messages import Opening, Part, Reply, Usage


class Head(Opening, gc=False):
    """What stood before the body: the status, and the headers that go on to the caller."""

    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Passed(Reply, kw_only=True, eq=False):
    """A whole answer; `raw` is its body."""

    head: Head
    model: str = ""
    finish: str = "stop"
    usage: Usage = Usage()
    read: Callable[[], tuple[Part, ...]] = tuple
