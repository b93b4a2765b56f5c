"""Our own keys, taken out of what a provider says: an answer that echoes them must not hand them to a caller.

A provider can only know the secrets that are sent to it, so that its answers are searched for these few alone: the key
as it is, in JSON, in a URL, in base64 wherever it stands in the encoded text.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote, urlsplit

import msgspec

from outlast.model.messages import Batch, Chunk, Opening
from outlast.model.target import Provider

SHORTEST = 12
"""Characters; what is shorter is a word that answers may hold, and no secret."""
TELLING = ("auth", "key", "token", "secret", "password", "cookie")
"""Words in the names of headers whose values are secrets; others tell of a team or a beta feature."""
BLACK = "[redacted]"


class Mask:
    """Blacks out a provider's secrets in what the provider says; `secrets` tells whether it has any."""

    __slots__ = ("_forms", "_words", "secrets")

    def __init__(self, provider: Provider) -> None:
        self._forms = forms_of(provider)
        self._words = tuple(form.decode() for form in self._forms)
        self.secrets = bool(self._forms)

    def raw(self, said: bytes) -> bytes:
        """The same bytes without them."""
        for form in self._forms:
            if form in said:
                said = said.replace(form, BLACK.encode())
        return said

    def through(self) -> Through:
        """Takes them out of bytes that come in pieces."""
        return Through(self, self._forms)

    def batch(self, said: Batch) -> None:
        """Take them out of what one read of a stream brought, where they stand whole in one chunk."""
        said.raw = self.raw(said.raw)
        for chunk in said.chunks:
            if chunk.content:
                self._black(chunk)

    def opening(self, said: Opening) -> Opening:
        """The same without them."""
        so_far = said.so_far.cleaned(self.raw) if said.so_far is not None and self.secrets else said.so_far
        return Opening(self._text(said.id), self._text(said.model), said.created, said.blocks, said.block, so_far)

    def _text(self, said: str) -> str:
        for word in self._words:
            if word in said:
                said = said.replace(word, BLACK)
        return said

    def _black(self, chunk: Chunk) -> None:
        chunk.text = self._text(chunk.text)
        chunk.reasoning = self._text(chunk.reasoning)
        chunk.refusal = self._text(chunk.refusal)
        if chunk.tool is not None:
            chunk.tool = msgspec.structs.replace(chunk.tool, arguments=self._text(chunk.tool.arguments))


class Through:
    """Bytes on their way: what could be the beginning of a secret is kept back until more has come."""

    __slots__ = ("_forms", "_held", "_mask")

    def __init__(self, mask: Mask, forms: tuple[bytes, ...]) -> None:
        self._mask = mask
        self._forms = forms
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """These bytes without secrets, as far as they can be told yet."""
        said = self._mask.raw(self._held + data)
        keep = max((_overlap(said, form) for form in self._forms), default=0)
        self._held = said[len(said) - keep :]
        return said[: len(said) - keep]

    def rest(self) -> bytes:
        """What was kept back: no secret, since it has ended."""
        said, self._held = self._held, b""
        return said


def _overlap(said: bytes, form: bytes) -> int:
    """How many of the last bytes are the first of that form."""
    longest = min(len(said), len(form) - 1)
    return next((size for size in range(longest, 0, -1) if said.endswith(form[:size])), 0)


class Masks:
    """The masks of all providers, made when one is first called."""

    __slots__ = ("_masks",)

    def __init__(self) -> None:
        self._masks: dict[str, Mask] = {}

    def of(self, provider: Provider) -> Mask:
        """The mask of that provider."""
        mask = self._masks.get(provider.name)
        if mask is None:
            mask = self._masks[provider.name] = Mask(provider)
        return mask


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
    password = urlsplit(proxy).password
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
