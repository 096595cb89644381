"""The address guard's rule: which addresses a feed may be fetched from. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

# IANA has given out global unicast addresses from this block only.
_UNICAST = IPv6Network("2000::/3")
# Translators to IPv4 (RFC 6052): the IPv4 address is in the last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")
# What `is_global` of Python 3.11 calls global, and is not: special-purpose registries of IANA.
_SPECIAL = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2001::/23"),
    IPv6Network("3fff::/20"),
)


def is_public(address: Address) -> bool:
    """Say whether an address is on the public internet, and so is every IPv4 address embedded in it."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        # Teredo and the like fall under 2001::/23; IPv4-compatible and SIIT addresses are outside 2000::/3.
        if address not in _UNICAST:
            return False
    if any(address in network for network in _SPECIAL if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast


class Guard:
    """Public addresses, and what the operator let through by `fetch.allow_hosts`.

    An entry is a host name, which opens whatever it resolves to; an address; or a network ("10.1.0.0/16").
    """

    def __init__(self, allow_hosts: Iterable[str]) -> None:
        self._names: set[str] = set()
        self._networks: list[IPv4Network | IPv6Network] = []
        for entry in allow_hosts:
            text = entry.strip().strip("[]").rstrip(".").lower()
            try:
                self._networks.append(ip_network(text, strict=False))
            except ValueError:
                self._names.add(text)

    def admits(self, host: str, address: Address) -> bool:
        """Say whether a connection to this address, asked for under this host name, is let through."""
        if host.rstrip(".").lower() in self._names or is_public(address):
            return True
        plain = (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
        return any(plain in network for network in self._networks if network.version == plain.version)


def read_address(text: str) -> Address:
    """Read what a resolver returned."""
    return ip_address(text)
