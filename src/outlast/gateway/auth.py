"""Who is calling: the key or the token a request comes with, the user behind it, and what both may ask for.

Keys are known by their SHA-256 alone, so that comparing takes the same time for every wrong one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from outlast.config import CallerKey
from outlast.gateway.tokens import Tokens
from outlast.model.caller import PRIORITIES, Caller
from outlast.model.errors import Caller as BadRequest
from outlast.model.errors import Unauthorized
from outlast.model.freshness import NO_WISHES, Wishes, wishes_of
from outlast.model.target import FITS, Fit

ANONYMOUS = Caller()
NO_KEY = "no API key: send it as 'Authorization: Bearer KEY', 'x-api-key: KEY' or 'x-goog-api-key: KEY'"
LONGEST = 4096
"""Bytes of a key; a longer one is none of ours."""
LONGEST_USER = 256
SDK_TIMERS = (b"x-stainless-read-timeout", b"x-stainless-timeout", b"x-server-timeout")
"""Where SDKs tell how many seconds they will wait, the closest first: OpenAI's and Anthropic's, and Google's."""
KEY = b"idempotency-key"
WISHES = frozenset({b"outlast-priority", b"outlast-deadline-ms", *SDK_TIMERS, b"cache-control", b"outlast-fit", KEY})
"""Headers that `priority`, `timeout`, `wishes`, `fit` and `idempotency` look at; without them none need be asked."""
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_ESCAPED = re.compile(r'\\(["\\])')


class Door:
    """Lets callers in by their keys or tokens; when there are neither, all of them as `everybody`."""

    __slots__ = ("_callers", "_everybody", "_tokens", "_trusted")

    def __init__(
        self, keys: Mapping[str, CallerKey], tokens: Tokens | None = None, *, everybody: Caller = ANONYMOUS
    ) -> None:
        self._everybody = everybody
        self._tokens = tokens
        self._callers = {
            digest: Caller(key=key.name, user_type="key", priority=key.priority) for digest, key in keys.items()
        }
        self._trusted = {key.name for key in keys.values() if key.trusted}

    def caller(self, headers: Mapping[bytes, bytes]) -> Caller:
        """Who comes with these headers.

        Raises:
            Unauthorized: there are keys or tokens, and this request has none that is good.
        """
        if not self._callers and self._tokens is None:
            return self._everybody
        key = presented(headers)
        if not key:
            raise Unauthorized(NO_KEY)
        caller = self._callers.get(hashlib.sha256(key).hexdigest()) if len(key) <= LONGEST else None
        if caller is None:
            if self._tokens is not None and self._tokens.resembles(key):
                return self._tokens.caller(key)
            raise Unauthorized("this API key is not known here")
        user = headers.get(b"outlast-user")
        if user and caller.key in self._trusted:
            name = user[:LONGEST_USER].decode("utf-8", "replace")
            return Caller(key=caller.key, user=name, user_type="user", priority=caller.priority)
        return caller


def presented(headers: Mapping[bytes, bytes]) -> bytes:
    """The key or token that a request comes with; empty where there is none."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if token and scheme.lower() == b"bearer":
        return token.strip()
    return (headers.get(b"x-api-key") or headers.get(b"x-goog-api-key", b"")).strip()


def priority(headers: Mapping[bytes, bytes]) -> int | None:
    """The class that the request asks for in `outlast-priority`; None when it does not.

    Raises:
        Caller: there is no such class.
    """
    asked = headers.get(b"outlast-priority")
    if asked is None:
        return None
    name = asked.decode("ascii", "replace").strip().lower()
    if name not in PRIORITIES:
        raise BadRequest(f"outlast-priority must be one of {', '.join(PRIORITIES)}")
    return PRIORITIES.index(name)


def wishes(headers: Mapping[bytes, bytes]) -> Wishes:
    """What the caller wants of answers that were kept, by its `Cache-Control`."""
    said = headers.get(b"cache-control")
    return NO_WISHES if said is None else wishes_of(said.decode("latin-1"))


def timeout(headers: Mapping[bytes, bytes]) -> float | None:
    """Seconds that the caller will wait: as it says, or as its SDK says of its own timer; None when neither does.

    Raises:
        Caller: `outlast-deadline-ms` is no positive number.
    """
    asked = headers.get(b"outlast-deadline-ms")
    if asked is not None:
        milliseconds = _positive(asked)
        if milliseconds is None:
            raise BadRequest("outlast-deadline-ms must be a positive number of milliseconds")
        return milliseconds / 1000.0
    told = (_positive(headers.get(name, b"")) for name in SDK_TIMERS)
    return next((seconds for seconds in told if seconds is not None), None)


def idempotency(headers: Mapping[bytes, bytes]) -> str:
    """The idempotency key: a quoted string, as the draft has it, or the bare word; empty when there is none.

    Raises:
        Caller: it begins or ends with a quotation mark alone, or is empty.
    """
    given = headers.get(KEY)
    if given is None:
        return ""
    word = given.decode("latin-1").strip()
    if word.startswith('"'):
        quoted = _QUOTED.fullmatch(word)
        word = "" if quoted is None else _ESCAPED.sub(r"\1", quoted[1])
    if not word:
        raise BadRequest(
            "idempotency-key must be a word such as 8e03978e-40d5-43dd-bc93-6894a57f9324, quoted or bare",
            code="idempotency_key_invalid",
        )
    return word


def fit(headers: Mapping[bytes, bytes]) -> Fit | None:
    """What `outlast-fit` wants of a request that is too long; None when it says nothing.

    Raises:
        Caller: nobody knows how to do that.
    """
    asked = headers.get(b"outlast-fit")
    if asked is None:
        return None
    known = {way.encode(): way for way in FITS}
    way = known.get(asked.strip().lower())
    if way is None:
        raise BadRequest(f"outlast-fit must be one of {', '.join(FITS)}")
    return way


def _positive(text: bytes) -> float | None:
    if len(text) > 32:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0.0 < number < 1e9 else None
