"""Headers, parameters, user and password by reference."""

import base64
from pathlib import Path

import httpx
import pytest

from workers.errors import ConfigError
from workers.fetching.credentials import credentials_of
from workers.model import Source

URL = "https://feeds.example/jobs"


def look_up(name: str, value: str, url: str = URL) -> tuple[dict[str, str], dict[str, str]]:
    found = credentials_of(Source(name="acme", url=url, headers={name: value}), httpx.URL(url))
    return found.public, found.private


def test_variables_and_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("ACME_TOKEN", "Bearer hunter2\n")
    assert look_up("Authorization", "env:ACME_TOKEN") == ({}, {"authorization": "Bearer hunter2"})
    file = tmp_path / "token"
    file.write_text("hunter2\n")
    assert look_up("X-Api-Key", f"file:{file}") == ({}, {"x-api-key": "hunter2"})


def test_what_says_only_who_asks_may_go_anywhere():
    assert look_up("User-Agent", "Acme/1") == ({"user-agent": "Acme/1"}, {})
    assert look_up("X-Anything", "else") == ({}, {"x-anything": "else"})


def test_user_and_password_of_the_url():
    pair = base64.b64encode(b"me:p@ss").decode()
    _, private = look_up("Accept", "text/xml", "https://me:p%40ss@feeds.example/")
    assert private == {"authorization": f"Basic {pair}"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("env:ACME_UNSET", "acme.toml: headers.X-Key is 'env:ACME_UNSET': expected the variable ACME_UNSET"),
        ("env:", "acme.toml: headers.X-Key is 'env:': expected the variable"),
        ("file:/nowhere/at/all", "headers.X-Key is 'file:/nowhere/at/all': expected a readable file"),
        ("file:~nobody-of-this-name/key", "expected a"),
        ("two\nlines", "headers.X-Key: expected one line of text"),
    ],
)
def test_what_cannot_be_looked_up(value: str, expected: str):
    with pytest.raises(ConfigError) as caught:
        look_up("X-Key", value)
    assert expected in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"hun\nter2", b"hun\x00ter2", b"hunter\xff2", "hunter€".encode()])
def test_a_file_that_is_no_header_value_is_not_shown(content: bytes, tmp_path: Path):
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        look_up("X-Key", f"file:{file}")
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter" not in str(error).replace(str(file), "")
        error = error.__cause__


@pytest.mark.parametrize(
    "name", ["Host", "Accept-Encoding", "Range", "If-None-Match", "Proxy-Authorization", "a b", "", "X:"]
)
def test_headers_that_are_not_the_sources_to_set(name: str):
    with pytest.raises(ConfigError, match="expected a header that the request does not set by itself"):
        look_up(name, "x")


def test_parameters_and_basic_by_reference(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ACME_KEY", "hunter2")
    source = Source(
        name="acme", url=URL, query={"app_key": "env:ACME_KEY", "country": "gb"}, basic={"user": "env:ACME_KEY"}
    )
    found = credentials_of(source, httpx.URL(URL))
    assert found.query == {"app_key": "hunter2", "country": "gb"}
    assert found.private == {"authorization": "Basic " + base64.b64encode(b"hunter2:").decode()}
    assert set(found.secrets) == {"hunter2"}


def test_what_cannot_be_looked_up_for_a_parameter():
    source = Source(name="acme", url=URL, query={"app_key": "env:ACME_UNSET"})
    with pytest.raises(ConfigError, match=r"acme.toml: query.app_key is 'env:ACME_UNSET': expected the variable"):
        credentials_of(source, httpx.URL(URL))
