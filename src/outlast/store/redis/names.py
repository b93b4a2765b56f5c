"""Names of keys in Redis: `prefix:version:kind:{what belongs together}`, and the channel for news of each.

What is in braces decides on the slot in a cluster, so that everything of one key, and all limits of one scope, lie
together. The version is of the form in which we keep things: what another version keeps is never read.
"""

from __future__ import annotations

from typing import Literal

VERSION = 1
Kind = Literal["b", "l", "s", "t"]
"""Bytes, a log, sums, a limit."""

TYPES: dict[str, str] = {"b": "string", "l": "list", "s": "hash", "t": "string"}
"""What Redis calls each."""


class Names:
    """The names under one prefix.

    Raises:
        ValueError: the prefix would move keys that belong together to different places in a cluster.
    """

    __slots__ = ("_start",)

    def __init__(self, prefix: str) -> None:
        if "{" in prefix or "}" in prefix:
            raise ValueError(f"the prefix of keys in Redis is {prefix!r}: leave out its braces")
        self._start = f"{prefix}:{VERSION}:"

    def of(self, kind: Kind, key: str) -> str:
        """Where that is kept under the key."""
        return f"{self._start}{kind}:{{{_tagged(key)}}}"

    def limit(self, scope: str, name: str) -> str:
        """Where that limit of the scope is kept."""
        return f"{self._start}t:{{{_tagged(scope)}}}:{name}"

    def news(self, key: str) -> str:
        """The channel for news of that key."""
        return f"{self._start}news:{key}"

    def check(self) -> str:
        """What is written to see whether writing is possible."""
        return f"{self._start}check"

    def beginning(self, prefix: str) -> str:
        """A pattern of all names of keys that begin so: their bytes, logs and sums."""
        tagged = "".join(f"\\{sign}" if sign in "*?[]^-\\" else sign for sign in _tagged(prefix))
        start = "".join(f"\\{sign}" if sign in "*?[]^-\\" else sign for sign in self._start)
        return f"{start}[bls]:{{{tagged}*"

    def key_of(self, name: str) -> str:
        """The key of which that is a name."""
        inner = name[len(self._start) + 3 : -1]
        return inner.replace("%7D", "}").replace("%7B", "{").replace("%25", "%")


def aside(name: str) -> str:
    """Where that goes which was found under a name of ours, and is not ours."""
    return f"{name}:aside"


def _tagged(key: str) -> str:
    return key.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
