"""`outlast check`: is the configuration good, and what does it come to?"""

from __future__ import annotations

from outlast.cli.configured import ConfigPath, loaded
from outlast.cli.telling import fail
from outlast.config import ConfigError, schema


def check(*, config: ConfigPath = None, json_schema: bool = False) -> None:
    """Validate the configuration and print what it comes to, without secrets.

    Args:
        config: path of outlast.toml.
        json_schema: print the JSON schema of outlast.toml instead.
    """
    if json_schema:
        print(schema().decode(), end="")
        return
    from outlast.build import check_providers  # noqa: PLC0415
    from outlast.check import report  # noqa: PLC0415
    from outlast.config import with_prices  # noqa: PLC0415

    told = loaded(config)
    try:
        check_providers(told)
    except ConfigError as error:
        fail(error)
    print(report(with_prices(told)))
