"""What is told of a server that works, but is not set up as it should be."""

from __future__ import annotations

OLDEST = 7
"""The major version from which on it was tried."""


def advice(info: str) -> list[str]:
    """What is wrong with it, each with what mends it, by its answer to INFO."""
    told = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    warnings = []
    version = told.get("redis_version", "")
    major = version.partition(".")[0]
    if major.isdigit() and int(major) < OLDEST:
        warnings.append(f"Redis there is {version}, and this was tried with {OLDEST} and later: update it")
    policy = told.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        warnings.append(
            f"Redis there may forget what it is to keep (maxmemory-policy {policy}), and then a request with an "
            "idempotency key may be carried out twice: set maxmemory-policy to noeviction"
        )
    return warnings
