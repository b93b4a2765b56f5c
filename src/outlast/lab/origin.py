"""Who may use the control pages: programs and the simulation's own pages, but no page of another origin.

A browser tells where a request comes from (`Origin`, `Sec-Fetch-Site`), so a web page cannot drive a simulation on its
visitor's machine. It could have its own name point to 127.0.0.1, so the name that was asked for must be one that nobody
else can own: an address, a name without a dot, or one of `.localhost` and `.internal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

_OWN = (".localhost", ".internal")
_SAME = ("same-origin", "none")


def foreign(headers: Mapping[str, str]) -> bool:
    """Does this request come from a page of somebody else?"""
    host = headers.get("host", "")
    if host and not _ours(host):
        return True
    if headers.get("sec-fetch-site", "none") not in _SAME:
        return True
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != host.lower()


def _ours(host: str) -> bool:
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return False
    return "." not in name or name.endswith(_OWN) or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
