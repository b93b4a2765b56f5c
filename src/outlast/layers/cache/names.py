"""The name under which an answer is kept: what it can be forgotten by, and then what its request is the same by.

    cache2:m5f0c…:k91ab…:u2c1d…:6e34…
           │      │      │      └── the request: see `flow.likeness`
           │      │      └── the user whose it is, if it is one's
           │      └── the API key whose it is, if it is one's
           └── the model that was asked for: a route

They stand there as digests: names of keys and users are nobody else's business, and may hold any sign.
"""

from __future__ import annotations

from outlast.model.caller import Caller
from outlast.model.tag import tag
from outlast.ports import Store

SPACE = "cache2:"
"""The names of answers begin so; another number for each way of writing them down."""


def name_of(model: str, owner: Caller, alike: str) -> str:
    """Of an answer to that request for a model; `owner` is who shares it, with an empty key for everybody."""
    return f"{SPACE}m{tag(model)}:k{tag(owner.key)}:u{tag(owner.user)}:{alike}"


async def purge(store: Store, *, model: str = "", key: str = "", user: str = "") -> int:
    """Forget the answers to requests for that model, of that API key and that user: to all of what is said.

    Args:
        store: where they are kept.
        model: as callers name it: a route.
        key: name of an API key.
        user: name of a user.

    Returns:
        How many there were.

    Raises:
        StoreFailed: the store is out of reach.
    """
    tags = [f"{kind}{tag(name)}" if name else "" for kind, name in (("m", model), ("k", key), ("u", user))]
    first = tags.index("") if "" in tags else len(tags)
    prefix = SPACE + "".join(f"{word}:" for word in tags[:first])
    rest = ":".join(word for word in tags[first:] if word)
    return await store.purge(prefix, f":{rest}:" if rest else "")


async def forget(store: Store, name: str) -> None:
    """Forget the one answer of that name, as `Cache-Status` tells it, with or without the word before it."""
    await store.delete(name if name.startswith(SPACE) else SPACE + name)
