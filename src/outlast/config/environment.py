"""What the environment says: `${VAR}` in values, and the providers whose usual variables are set."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from urllib.parse import SplitResult, urlsplit

from outlast.catalog import Catalog, ProviderRow
from outlast.config.errors import ConfigError
from outlast.config.schema import ModelSection, ProviderSection, ServerConfig

Environment = Mapping[str, str]

_VARIABLE = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}")
_METADATA = {"metadata.google.internal", "metadata.goog", "fd00:ec2::254"}
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (addresses to listen on, and where those answer)


def expand(text: str, environment: Environment, *, strict: bool = True) -> str:
    """`text` with `${VAR}` and `${VAR:-default}` replaced; `$${VAR}` stays as `${VAR}`.

    Raises:
        ConfigError: a variable without a default is not set, and `strict`.
    """

    def value(found: re.Match[str]) -> str:
        escaped, name, has_default, default = found.groups()
        if escaped:
            return found[0][1:]
        said = environment.get(name, "")
        if said or (name in environment and not has_default):
            return said
        if has_default:
            return str(default)
        if strict:
            raise ConfigError(f'environment variable {name} is not set; set it, or write "${{{name}:-default}}"')
        return ""

    return _VARIABLE.sub(value, text)


def first(names: Iterable[str], environment: Environment) -> str:
    """The value of the first of these variables that says something."""
    return next((said for name in names if (said := environment.get(name, "").strip())), "")


def secret_file(name: str, folder: FilePath) -> str:
    """What stands in a file with a secret, without the line end. The name may be relative to `folder`."""
    try:
        text = (folder / FilePath(name).expanduser()).read_text("utf-8").strip()
    except UnicodeDecodeError:
        raise ConfigError(f'cannot read "{name}": it is not a text') from None
    except OSError as error:
        raise ConfigError(f'cannot read "{name}": {error.strerror}') from None
    if not text:
        raise ConfigError(f'"{name}" is empty; it should hold the key alone')
    return text


def address(said: str, row: ProviderRow) -> str:
    """The base URL that `said` means for this provider: with scheme, port and path, without a slash at the end.

    Raises:
        ConfigError: it is no address that may be used; the text does not repeat it, since it may hold a password.
    """
    url = _split(said if "://" in said else f"http://{said}")
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ConfigError("the address must look like https://host/path")
    if url.username is not None or url.query or url.fragment:
        raise ConfigError("the address must have no user, password, query or fragment; keys belong into `key`")
    if not url.path.isascii() or not url.path.isprintable() or " " in url.path:
        raise ConfigError("the path of the address must be URL-encoded")
    if _is_metadata(url.hostname):
        raise ConfigError("link-local and metadata addresses are never called")
    host = _EVERYWHERE.get(url.hostname, url.hostname)
    port = url.port or (row.port if "://" not in said else 0)
    place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    return f"{url.scheme}://{place}{url.path.rstrip('/') or row.base_path}"


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        url.port  # noqa: B018  (raises when it is no number)
    except ValueError:
        raise ConfigError("the address must look like https://host/path") from None
    return url


def _is_metadata(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_link_local or host in _METADATA
    except ValueError:
        return host.lower() in _METADATA


def base_url(row: ProviderRow, environment: Environment, server: ServerConfig) -> str:
    """Where the environment says that this provider is, else where everybody finds it.

    Our own callers use the same variables to find us: an address of our own listener is not taken.
    """
    said = first(row.base_url_env, environment)
    if not said:
        return row.base_url
    try:
        found = address(said, row)
    except ConfigError as error:
        raise ConfigError(f"{' or '.join(row.base_url_env)}: {error.problem}") from None
    url = urlsplit(found)
    ours = url.hostname in {"127.0.0.1", "localhost", "::1"} and url.port == server.port
    return row.base_url if ours else found


def discovered(catalog: Catalog, environment: Environment, server: ServerConfig) -> dict[str, ProviderSection]:
    """The providers that the environment configures, in the order of the catalog."""
    found = {}
    for name, row in catalog.providers.items():
        told = first(row.key_env, environment) if row.needs_key else first(row.base_url_env, environment)
        if told and base_url(row, environment, server):
            found[name] = _section(row, environment)
    return found


def _section(row: ProviderRow, environment: Environment) -> ProviderSection:
    model = first(row.model_env, environment)
    if not model:
        return ProviderSection()
    return ProviderSection(default=model, fast=model, models={model: ModelSection()})
