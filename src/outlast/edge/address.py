"""Which addresses we connect to.

    literal address or `localhost` in the configuration   anything but link-local and metadata services
    a name inside a private zone (`ollama`, `x.internal`)  the same
    a public name                                          public addresses only, whatever its owner's DNS says

Checked on the very address that is then connected to, so that a name which changes its answer gains nothing.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

METADATA = frozenset(
    ip_address(text) for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
"""Metadata services of clouds that are not link-local."""
PRIVATE_ZONES = ("localhost", "local", "internal", "home.arpa")
"""Zones that public DNS does not serve (RFC 6761, 6762, 8375; ICANN's `internal`)."""
NAT64 = IPv6Network("64:ff9b::/96")


def literal(host: str) -> Address | None:
    """The address that `host` is; None if it is a name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def is_public_name(host: str) -> bool:
    """Whether anybody on the internet may own this name. A name without a dot is one of the local network."""
    name = host.lower().rstrip(".")
    return "." in name and not name.endswith(tuple(f".{zone}" for zone in PRIVATE_ZONES))


def refusal(host: str, address: str) -> str | None:
    """Why `address`, found for `host`, must not be connected to; None if it may."""
    target = _inner(ip_address(address.partition("%")[0]))
    if target.is_link_local or target in METADATA or target.is_multicast or target.is_unspecified:
        return f"{host} is a link-local, metadata or multicast address, which is never called"
    if not target.is_global and literal(host) is None and is_public_name(host):
        return f"the public name {host} resolves to a private address; write the address itself if that is meant"
    return None


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
