"""Where a feed's URL, a redirect or a name may try to lead us."""

import pytest

from tests.feed_server import FeedServer, Reply
from tests.unit.fetching.conftest import changed, read
from workers.errors import BlockedAddress, ConfigError, HttpRefused, NetworkFailure
from workers.settings import FetchSettings

Names = dict[str, list[list[str]]]

INSIDE = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://0/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.100.100.200/",
    "http://10.0.0.1/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fd00:ec2::254]/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://user@127.0.0.1/",
    "http://①②⑦.0.0.1/",
]


@pytest.mark.parametrize("url", INSIDE)
async def test_a_source_inside_is_refused(settings: FetchSettings, url: str):
    refusal = "is at .*: expected a public address, or the host in fetch.allow_hosts|expected an http:// or https"
    with pytest.raises((BlockedAddress, ConfigError), match=refusal):
        await read(url, changed(settings, allow_hosts=[]))


@pytest.mark.parametrize("url", INSIDE)
async def test_a_redirect_inside_is_refused(server: FeedServer, settings: FetchSettings, names: Names, url: str):
    """The feed's own host is let through; the address it sends us to is not."""
    names["feeds.example"] = [["127.0.0.1"]]
    settings = changed(settings, allow_hosts=["feeds.example"])
    server.on("/feed.xml", Reply(status=302, headers={"Location": url.encode().decode("latin-1")}))
    with pytest.raises((BlockedAddress, HttpRefused), match=r"is at|expected a redirect to a URL"):
        await read(server.url("/feed.xml", host="feeds.example"), settings)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "192.168.0.1"]
)
async def test_a_name_that_leads_inside_is_refused(settings: FetchSettings, names: Names, address: str):
    names["feeds.example"] = [[address]]
    with pytest.raises(BlockedAddress, match=r"^http://feeds.example/ is at .*: expected a public address"):
        await read("http://feeds.example/", changed(settings, allow_hosts=[]))


async def test_rebinding_has_nothing_to_gain(server: FeedServer, settings: FetchSettings, names: Names):
    """The name is looked up once a connection, and the address that was checked is the one connected to."""
    looked_up = [["203.0.114.1"], ["127.0.0.1"]]
    names["feeds.example"] = looked_up
    settings = changed(settings, allow_hosts=[], connect_timeout=0.2)
    with pytest.raises(NetworkFailure, match="no connection"):
        await read(server.url("/feed.xml", host="feeds.example"), settings)
    assert looked_up == [["127.0.0.1"]]
    assert not server.requests


async def test_of_a_mixed_answer_only_what_is_public_is_tried(
    server: FeedServer, settings: FetchSettings, names: Names
):
    names["feeds.example"] = [["127.0.0.1", "203.0.114.1"]]
    settings = changed(settings, allow_hosts=[], connect_timeout=0.2)
    with pytest.raises(NetworkFailure, match="no connection"):
        await read(server.url("/feed.xml", host="feeds.example"), settings)
    assert not server.requests


async def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    server: FeedServer, settings: FetchSettings, names: Names
):
    names["feeds.example"] = [["127.0.0.2", "127.0.0.1"]]
    server.on("/feed.xml", Reply(b"<rss/>"))
    settings = changed(settings, allow_hosts=["feeds.example"])
    assert (await read(server.url("/feed.xml", host="feeds.example"), settings))[1] == b"<rss/>"
    assert server.requests[0].headers["host"] == f"feeds.example:{server.port}"
