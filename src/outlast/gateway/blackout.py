"""Our own keys, taken out of what a provider says: an answer that echoes them must not hand them to a caller.

A provider can only know the secrets that are sent to it, so that one answer is searched for these few alone: the key
as it is, in JSON, in a URL, in base64 wherever it stands in the encoded text.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote, urlsplit

import msgspec

from outlast.model.target import Provider

SHORTEST = 12
"""Characters; what is shorter is a word that answers may hold, and no secret."""
TELLING = ("auth", "key", "token", "secret", "password", "cookie")
"""Words in the names of headers whose values are secrets; others tell of a team or a beta feature."""
BLACK = b"[redacted]"


class Blackout:
    """Knows what must not be said, by provider."""

    __slots__ = ("_forms",)

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._forms = {name: forms_of(provider) for name, provider in providers.items()}

    def forms(self, target: str) -> tuple[bytes, ...]:
        """What an answer of "provider/model" must not hold."""
        return self._forms.get(target.partition("/")[0], ())


def hidden(said: bytes, forms: tuple[bytes, ...]) -> bytes:
    """The same with all of these blacked out."""
    for form in forms:
        if form in said:
            said = said.replace(form, BLACK)
    return said


def forms_of(provider: Provider) -> tuple[bytes, ...]:
    """Every form of every secret that the provider is sent, the longest first."""
    secrets = (provider.key.reveal(), *_of_headers(provider.headers), *_of_proxy(provider.proxy))
    forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
    return tuple(sorted(forms, key=len, reverse=True))


def _of_headers(headers: Mapping[str, str]) -> Iterator[str]:
    for name, value in headers.items():
        if any(word in name.lower() for word in TELLING):
            yield value
            yield value.rpartition(" ")[2]  # without its scheme


def _of_proxy(proxy: str) -> Iterator[str]:
    password = urlsplit(proxy).password if proxy else None
    if password:
        yield password
        yield unquote(password)


def _forms(secret: str) -> Iterator[bytes]:
    raw = secret.encode()
    yield raw
    yield msgspec.json.encode(secret)[1:-1]
    yield quote(secret, safe="").encode()
    yield quote_plus(secret).encode()
    for shift in range(3):  # base64 looks different at each of the three places where a secret may begin
        plain = base64.b64encode(b"\0" * shift + raw)
        start, end = (0, 2, 3)[shift], len(raw) + shift
        known = plain[start : end * 8 // 6]
        yield known
        yield known.replace(b"+", b"-").replace(b"/", b"_")
