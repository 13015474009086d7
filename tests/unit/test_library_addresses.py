"""Which addresses a link may lead to."""

from ipaddress import ip_address

import pytest

from sonant.library.addresses import is_public


@pytest.mark.parametrize(
    "address",
    """
        8.8.8.8 1.1.1.1 93.184.216.34 192.0.1.1 2606:4700::1111 2a00:1450:4001::200e 2620:fe::fe
        ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1
    """.split(),
)
def test_the_public_internet_is_open(address: str) -> None:
    """Global unicast, and forms that carry a global IPv4 address (NAT64 is how IPv6-only networks reach IPv4)."""
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    """
        0.0.0.0 0.1.2.3 127.0.0.1 127.255.1.1 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254
        100.64.0.1 192.0.0.8 192.0.0.170 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1
        239.255.255.250 240.0.0.1 255.255.255.255
    """.split(),
)
def test_special_ipv4_is_closed(address: str) -> None:
    """Private, loopback, link-local (cloud metadata), shared, documentation, benchmarking, multicast, reserved."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    """
        :: ::1 fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd12:3456::1 ff02::1 ff0e::1 100::1 2001:db8::1 3fff::1
        2001:2::1 2001:20::1 4000::1 e000::1 5f00::1 64:ff9b:1::8.8.8.8
    """.split(),
)
def test_special_ipv6_is_closed(address: str) -> None:
    """Loopback, link-, site- and unique-local, multicast, documentation, and all that was never given out."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    """
        ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1
        64:ff9b::192.168.0.1 2002:7f00:1::1 2002:a00:1:: 2001:0:7f00:1::1 2001:0:808:808::f7f7:f7f7
        2606:4700::5efe:127.0.0.1 2606:4700::200:5efe:10.0.0.1 ::8.8.8.8 ::ffff:0:8.8.8.8
    """.split(),
)
def test_ipv4_inside_ipv6_gets_nobody_in(address: str) -> None:
    """Mapped, compatible, translated, NAT64, 6to4, Teredo and ISATAP forms of what is closed are closed."""
    assert not is_public(ip_address(address))
