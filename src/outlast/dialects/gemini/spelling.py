"""Names of fields as Google takes them: `inlineData` and `inline_data` are the same. Here all become the first kind.

What is the caller's own stays as it is: the arguments and answers of functions, and schemas, whose names are data.
"""

from __future__ import annotations

import re

from outlast.dialects import wire

_SNAKE = re.compile(rb'"_?[a-z]+(?:_[a-z0-9]+)+"\s*:')
_JOINT = re.compile(r"(?<=[a-z0-9])_([a-z0-9])")
_OWN = frozenset({
    "args", "labels", "parameters", "parametersJsonSchema", "partMetadata", "response", "responseJsonSchema",
    "responseSchema", "_responseJsonSchema",
})  # fmt: skip


def camel(name: str) -> str:
    """The name in camel case."""
    return _JOINT.sub(lambda found: found[1].upper(), name)


def tidied(body: bytes) -> bytes:
    """The same request with every name in camel case; the very bytes where that is so. Raises `Caller`."""
    if not _SNAKE.search(body):
        return body
    content = wire.value(body)
    return wire.dumps(wire.nested(_tidied, content))


def _tidied(content: object) -> object:
    if isinstance(content, dict):
        named = ((camel(name), value) for name, value in content.items())
        return {name: value if name in _OWN else _tidied(value) for name, value in named}
    if isinstance(content, list):
        return [_tidied(item) for item in content]
    return content
