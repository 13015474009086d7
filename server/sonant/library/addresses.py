"""Which network addresses a link may lead to: those of the public internet, and no others.

A tool that opens links for a model must not become its way into the networks this computer can see.
Source: IANA IPv4 and IPv6 special-purpose address registries; RFC 4291, 6052 (NAT64), 3056 (6to4), 4380 (Teredo),
5214 (ISATAP).
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
AddressRule = Callable[[Address], bool]
"""Whether a connection to the address may be opened."""

_ALSO_CLOSED_4 = tuple(map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24")))
"""Protocol assignments and the old 6to4 relays, some of which Python calls global."""

_GLOBAL_UNICAST_6 = IPv6Network("2000::/3")
"""All of IPv6 that was ever given out; Python's `is_global` also holds for what was not."""

_ALSO_CLOSED_6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
"""Protocol assignments and documentation; older Pythons do not know the last."""

_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet. One that carries another is as public as what it carries."""
    if isinstance(address, IPv4Address):
        closed = address.is_multicast or address.is_reserved or any(address in network for network in _ALSO_CLOSED_4)
        return address.is_global and not closed
    carried = _carried(address)
    if carried and not all(map(is_public, carried)):
        return False
    if address.ipv4_mapped or address in _NAT64:  # the carried one is where the connection goes
        return True
    closed = address.is_multicast or any(address in network for network in _ALSO_CLOSED_6)
    return address in _GLOBAL_UNICAST_6 and not closed and (address.is_global or bool(carried))


def _carried(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses inside an IPv6 one."""
    if mapped := address.ipv4_mapped:
        return (mapped,)
    if relayed := address.sixtofour:
        return (relayed,)
    if tunnelled := address.teredo:
        return tunnelled
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
        return (last,)
    return ()
