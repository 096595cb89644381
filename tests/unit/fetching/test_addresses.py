"""The address guard's rule."""

import pytest

from workers.fetching.addresses import Guard, is_public, read_address

PUBLIC = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.9",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::8.8.8.8",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%2",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_public(text: str):
    assert is_public(read_address(text))


@pytest.mark.parametrize("text", PRIVATE)
def test_not_public(text: str):
    assert not is_public(read_address(text))
    assert not Guard([]).admits("feeds.example", read_address(text))


@pytest.mark.parametrize(
    ("entry", "host", "address"),
    [
        ("feeds.internal", "feeds.internal", "10.0.0.7"),
        ("Feeds.Internal.", "feeds.internal", "::1"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "localhost", "127.0.0.1"),
        ("127.0.0.1", "mapped", "::ffff:127.0.0.1"),
        ("[::1]", "::1", "::1"),
        ("10.1.0.0/16", "a.example", "10.1.2.3"),
    ],
)
def test_the_operator_lets_through(entry: str, host: str, address: str):
    assert Guard([entry]).admits(host, read_address(address))


@pytest.mark.parametrize(
    ("entry", "host", "address"),
    [
        ("feeds.internal", "evil.example", "10.0.0.7"),
        ("internal", "feeds.internal", "10.0.0.7"),
        ("127.0.0.1", "127.0.0.2", "127.0.0.2"),
        ("10.1.0.0/16", "a.example", "10.2.0.1"),
    ],
)
def test_and_nothing_beside_it(entry: str, host: str, address: str):
    assert not Guard([entry]).admits(host, read_address(address))
