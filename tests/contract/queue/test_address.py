"""What a URL means. No server needed."""

import pytest

from workers.errors import ConfigError
from workers.queue.address import parse
from workers.queue.connect import client
from workers.settings import RedisSettings


def test_one_server() -> None:
    address = parse("redis://jobs:a%40b@redis.example:7000/3")
    assert (address.kind, address.hosts) == ("one", [("redis.example", 7000)])
    assert address.options == {"username": "jobs", "password": "a@b", "db": 3}
    assert parse("redis://redis.example").hosts == [("redis.example", 6379)]
    assert parse("redis://[::1]:7/0").hosts == [("::1", 7)]


def test_a_socket() -> None:
    address = parse("unix:///run/redis.sock?db=2")
    assert (address.kind, address.hosts) == ("one", [])
    assert address.options == {"path": "/run/redis.sock", "db": 2}


def test_tls() -> None:
    address = parse("rediss://h/0?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=no")
    assert address.options == {"db": 0, "ssl": True, "ssl_ca_certs": "/etc/ca.pem", "ssl_check_hostname": False}


def test_sentinels() -> None:
    url = "rediss+sentinel://jobs:pw@a.example:1,b.example,[::1]:3/1?service=main&sentinel_password=x&ssl_ca_certs=/ca"
    address = parse(url)
    assert (address.kind, address.service) == ("sentinel", "main")
    assert address.hosts == [("a.example", 1), ("b.example", 26379), ("::1", 3)]
    assert address.options == {"username": "jobs", "password": "pw", "db": 1, "ssl": True, "ssl_ca_certs": "/ca"}
    assert address.of_sentinels == {"password": "x", "ssl": True, "ssl_ca_certs": "/ca"}


def test_a_cluster() -> None:
    address = parse("redis+cluster://jobs:pw@a.example:1,b.example/0")
    assert (address.kind, address.hosts) == ("cluster", [("a.example", 1), ("b.example", 6379)])
    assert address.options == {"username": "jobs", "password": "pw"}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://h", "one that begins with redis://"),
        ("redis://a,b", r"redis\+sentinel:// or redis\+cluster://"),
        ("redis+sentinel://a", r"\?service=NAME"),
        ("redis+cluster://a/1", "a cluster has only 0"),
        ("redis+cluster://a,", "HOST:PORT, several with a comma"),
        ("redis://a:port", "port"),
        ("redis://a:1,", "HOST:PORT"),
        ("redis://a?socket_timeout=1", "without socket_timeout; known are"),
        ("redis://a?service=x", "without service"),
    ],
)
def test_what_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        parse(url)


def test_a_refusal_shows_no_secret() -> None:
    with pytest.raises(ConfigError) as refused:
        parse("redis+sentinel://jobs:hunter2@a?sentinel_password=hunter3")
    assert "hunter" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://a",
        "rediss://a?ssl_ca_certs=/ca",
        "unix:///x",
        "redis+sentinel://a,b?service=s",
        "rediss+sentinel://u:p@a,b/0?service=s&ssl_check_hostname=no&sentinel_username=x",
        "redis+cluster://a,b",
        "rediss+cluster://u:p@a,b?ssl_ca_certs=/ca&client_name=x",
    ],
)
def test_a_client_of_each_kind(url: str) -> None:
    assert client(RedisSettings(url=url, partitions=5)).partitions == 5
