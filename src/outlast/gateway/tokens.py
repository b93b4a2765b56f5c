"""Signed tokens (JWT) as callers' credentials: the `sub` of a good one is the user that limits and queues know.

The library that verifies them, PyJWT, is optional; it is asked for when the configuration has a table `[jwt]`.
"""

from __future__ import annotations

from types import ModuleType

from outlast.config import ConfigError
from outlast.config.tokens import TokenRules
from outlast.model.caller import Caller
from outlast.model.errors import Unauthorized

LONGEST = 8192
LONGEST_USER = 256


class Tokens:
    """Verifies tokens.

    Args:
        rules: how.

    Raises:
        ConfigError: PyJWT is not installed, or the key is none for these algorithms.
    """

    __slots__ = ("_jwt", "_key", "_rules")

    def __init__(self, rules: TokenRules) -> None:
        self._rules = rules
        self._jwt = _library()
        try:
            algorithm = self._jwt.get_algorithm_by_name(rules.algorithms[0])
            self._key: object = algorithm.prepare_key(rules.key.reveal())
        except (self._jwt.PyJWTError, ValueError, NotImplementedError, TypeError):
            raise ConfigError(f"the key is none for {rules.algorithms[0]}", ("jwt",)) from None

    @staticmethod
    def resembles(presented: bytes) -> bool:
        """Could this be a token at all?"""
        return presented.count(b".") == 2 and len(presented) <= LONGEST

    def caller(self, token: bytes) -> Caller:
        """Who comes with this token.

        Raises:
            Unauthorized: it is not signed with our key, too old, for somebody else, or names nobody.
        """
        rules = self._rules
        try:
            claims: dict[str, object] = self._jwt.decode(
                token,
                self._key,
                algorithms=list(rules.algorithms),
                audience=rules.audience,
                issuer=rules.issuer,
                leeway=rules.leeway,
                options={"require": ["sub", "exp"], "verify_aud": rules.audience is not None},
            )
        except self._jwt.PyJWTError:
            raise Unauthorized("this token is not valid here") from None
        subject = claims["sub"]
        if not isinstance(subject, str) or not subject:
            raise Unauthorized("this token names no user")
        return Caller(key="jwt", user=subject[:LONGEST_USER], user_type="user", priority=rules.priority)


def _library() -> ModuleType:
    try:
        import jwt  # noqa: PLC0415  (optional)
    except ModuleNotFoundError:
        raise ConfigError("tokens need PyJWT: pip install 'outlast[jwt]'", ("jwt",)) from None
    return jwt
