"""`[jwt]`: callers who come with a signed token of yours instead of a key; its `sub` is the user."""

from __future__ import annotations

from pathlib import Path as FilePath

from msgspec import Struct

from outlast.config.environment import secret_file
from outlast.config.errors import ConfigError, Path
from outlast.config.schema import JwtSection
from outlast.model.caller import PRIORITIES
from outlast.model.target import Secret


class TokenRules(Struct, frozen=True):
    """How the gateway verifies tokens, resolved. The key never shows in a repr."""

    key: Secret
    algorithms: tuple[str, ...]
    audience: str | None
    issuer: str | None
    leeway: float
    priority: int


def token_rules(section: JwtSection | None, folder: FilePath) -> TokenRules | None:
    """The rules that a section means; None where there is none."""
    if section is None or not section.enabled:
        return None
    path: Path = ("jwt",)
    if bool(section.key) == bool(section.key_file):
        raise ConfigError("give one of key and key_file", path)
    shared = [name.startswith("HS") for name in section.algorithms]
    if not shared or any(shared) != all(shared):
        raise ConfigError("shared-secret (HS…) and public-key algorithms must not be mixed", (*path, "algorithms"))
    if section.key is not None and not shared[0]:
        raise ConfigError("public-key algorithms need key_file", path)
    return TokenRules(
        key=section.key or _from_file(section.key_file, folder, path),
        algorithms=section.algorithms,
        audience=section.audience or None,
        issuer=section.issuer or None,
        leeway=section.leeway,
        priority=PRIORITIES.index(section.priority),
    )


def _from_file(name: str, folder: FilePath, path: Path) -> Secret:
    try:
        return Secret(secret_file(name, folder))
    except ConfigError as error:
        raise ConfigError(error.problem, (*path, "key_file")) from None
