"""Whom a request is counted for: the user of a signed token, else its API key, else where it comes from if that may be.

Keys and addresses are known by a digest alone: nothing that could be used, or looked up, stays in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from fastapi import Request

from outlast.config.tokens import TokenRules
from outlast.gateway.auth import LONGEST, NO_KEY, presented
from outlast.gateway.tokens import Tokens
from outlast.model.caller import NORMAL
from outlast.model.errors import Unauthorized
from outlast.model.target import Secret

DIGEST = 32


class User:
    """Tells users apart.

    Args:
        jwt: verifies signed tokens: a shared secret or a public key (PEM); None where there are no tokens. Needs
            `pip install 'outlast[jwt]'`.
        algorithms: that tokens may be signed with.
        audience: whom tokens must be for; None: it is not looked at.
        issuer: whom tokens must be from; None: it is not looked at.
        leeway: seconds by which clocks may differ.
        address: count who shows neither a token nor a key by the address that it comes from. Behind a proxy that is
            the proxy's, unless your server puts the caller's in its place.

    Raises:
        ConfigError: PyJWT is not installed, or the key is none for these algorithms.
    """

    def __init__(
        self,
        *,
        jwt: str | None = None,
        algorithms: Sequence[str] = ("HS256",),
        audience: str | None = None,
        issuer: str | None = None,
        leeway: float = 0.0,
        address: bool = False,
    ) -> None:
        self._address = address
        self._tokens: Tokens | None = None
        if jwt is not None:
            rules = TokenRules(Secret(jwt), tuple(algorithms), audience, issuer, leeway, NORMAL)
            self._tokens = Tokens(rules)

    def __call__(self, request: Request) -> str:
        """Whom the request is counted for.

        Raises:
            Unauthorized: the token is not good, or there is nothing to tell users apart by.
        """
        key = presented(dict(request.scope["headers"]))
        if key and len(key) <= LONGEST:
            if self._tokens is not None and self._tokens.resembles(key):
                return f"user {self._tokens.caller(key).user}"
            return f"key {_digest(key)}"
        if self._address and not key and request.client is not None:
            return f"address {_digest(request.client.host.encode())}"
        raise Unauthorized(NO_KEY)


def _digest(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()[:DIGEST]
