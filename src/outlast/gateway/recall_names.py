"""The name under which an answer is remembered: whose it is, and then which.

    responses1:k91ab…:u2c1d…:answer6e34…
               │      │      └── an answer, or an item of one, by its id
               │      └── the user who got it, or nobody
               └── the API key that it was got with

They stand there as digests: names of keys and users are nobody else's business, and may hold any sign.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

from outlast.dialects import wire
from outlast.model.caller import Caller
from outlast.model.tag import tag
from outlast.ports import Store

SPACE = "responses1:"
"""Another number for each way of writing them down."""


def key_of(kind: Literal["answer", "item"], id_: str, caller: Caller) -> str:
    """Where a store keeps what this caller knows by that id; nobody else comes to the same."""
    own = sha256(wire.dumps([caller.key, caller.user, id_])).hexdigest()[:40]
    return f"{SPACE}k{tag(caller.key)}:u{tag(caller.user)}:{kind}{own}"


async def purge(store: Store, *, key: str = "", user: str = "") -> int:
    """Forget what was answered to that API key's callers and that user; everything if neither is said.

    Args:
        store: where it is kept.
        key: name of an API key.
        user: name of a user.

    Returns:
        How many answers and items there were.

    Raises:
        StoreFailed: the store is out of reach.
    """
    prefix = f"{SPACE}k{tag(key)}:" if key else SPACE
    return await store.purge(prefix, f":u{tag(user)}:" if user else "")
