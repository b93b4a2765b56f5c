"""Which dialect answers at which path, and what callers may ask for there. The dialects say so themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from outlast.dialects import DIALECTS
from outlast.model.messages import Operation

_VARIES = "{model}"


class Endpoint(Struct, frozen=True):
    """A path that the engine answers."""

    dialect: str
    operation: Operation


def _all() -> Iterator[tuple[str, Endpoint]]:
    for dialect in DIALECTS.values():
        for path, operation in dialect.paths.items():
            yield path, Endpoint(dialect.name, operation)


ENDPOINTS: Mapping[str, Endpoint] = {path: endpoint for path, endpoint in _all() if _VARIES not in path}
"""Those of one fixed path."""
PATTERNS = [
    (re.compile(re.escape(path).replace(re.escape(_VARIES), ".+")), endpoint)
    for path, endpoint in _all()
    if _VARIES in path
]
"""Those that name the model in their path."""


def endpoint_at(path: str) -> Endpoint | None:
    """What is asked for at that path; None when there is nothing."""
    found = ENDPOINTS.get(path)
    if found is not None:
        return found
    return next((endpoint for pattern, endpoint in PATTERNS if pattern.fullmatch(path)), None)


def all_paths() -> tuple[str, ...]:
    """Every path that the engine answers, for telling."""
    return tuple(path for path, _ in _all())
