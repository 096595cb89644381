"""What a failure means. No server needed."""

import asyncio

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, ResponseError

from workers.errors import (
    ConfigError,
    Deferred,
    HttpRefused,
    HttpUnavailable,
    StallTimeout,
    TooLarge,
    UnknownSource,
    Unreachable,
)
from workers.queue.connect import Trouble, client, reaching, unreachable
from workers.queue.lanes import Lane, lanes_of
from workers.queue.policy import MAX_WAIT, Dead, Later, Leave, judge, kind_of, sentence
from workers.settings import QueueSettings, Seconds

SETTINGS = QueueSettings(attempts=3, backoff_base=Seconds(2), backoff_max=Seconds(60))


@pytest.mark.parametrize("error", [TooLarge("9 GB"), UnknownSource("no source"), HttpRefused("https://x.example", 404)])
def test_permanent_is_dead_at_once(error: Exception) -> None:
    verdict = judge(error, 1, SETTINGS)
    assert isinstance(verdict, Dead) and verdict.reason == "permanent"


@pytest.mark.parametrize("error", [StallTimeout("silent"), KeyError("unknown"), TimeoutError(), OSError(5, "x")])
def test_all_else_is_tried_again(error: Exception) -> None:
    spans = [judge(error, attempt, SETTINGS) for attempt in (1, 2) for _ in range(200)]
    delays = [verdict.delay for verdict in spans if isinstance(verdict, Later)]
    assert len(delays) == 400
    assert 0.1 <= min(delays) < 0.4 and 1.5 < max(delays[:200]) <= 2 and 3 < max(delays[200:]) <= 4
    last = judge(error, 3, SETTINGS)
    assert isinstance(last, Dead) and last.reason == "attempts"


def test_retry_after_is_the_least_and_no_server_says_never() -> None:
    verdict = judge(HttpUnavailable("https://x.example", 503, retry_after=90), 1, SETTINGS)
    assert isinstance(verdict, Later) and 90 <= verdict.delay <= 92
    verdict = judge(HttpUnavailable("https://x.example", 429, retry_after=1e12), 1, SETTINGS)
    assert isinstance(verdict, Later) and verdict.delay <= MAX_WAIT + 2


def test_deferred_uses_no_attempt_however_often() -> None:
    verdict = judge(Deferred("busy", 10), 3, SETTINGS)
    assert isinstance(verdict, Later) and verdict.attempt == 3 and 10 <= verdict.delay <= 11


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(1)])
def test_the_end_of_the_worker_is_not_the_messages(error: BaseException) -> None:
    assert isinstance(judge(error, 3, SETTINGS), Leave)


def test_what_a_terminal_would_obey_is_not_repeated() -> None:
    assert sentence(ValueError("a\x1b[2J\nb\u202e" + "c" * 900)).startswith("ValueError: a?[2J b?ccc")
    assert len(sentence(ValueError("c" * 900))) < 520
    assert sentence(ValueError()) == "ValueError"
    assert kind_of(ValueError()) == "value_error"
    assert kind_of(HttpRefused("u", 404)) == "http_refused"


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:6379", "", "redis://host:port/0"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match="expected a"):
        client(url)


async def test_who_does_not_answer_is_named_without_the_password() -> None:
    url = "redis://me:secret@127.0.0.1:1/0"
    redis = client(url, timeout=1, connect_timeout=1)
    with pytest.raises(Unreachable, match=r"Redis at redis://me:\*\*\*@127.0.0.1:1/0 is unreachable: "):
        async with reaching(url):
            await redis.ping()
    await redis.aclose()
    assert "no answer in time" in str(unreachable(TimeoutError(), url))
    away = RedisConnectionError("Error 111 connecting to 127.0.0.1:1. Connect call failed ('127.0.0.1', 1).")
    assert str(unreachable(away, url)).endswith("is unreachable: connection refused")
    assert issubclass(TimeoutError, Trouble)


async def test_what_answers_and_is_no_redis_or_has_no_such_database_is_said() -> None:
    url = "redis://127.0.0.1:1/99"
    with pytest.raises(Unreachable, match="what answers there is no Redis"):
        async with reaching(url):
            raise InvalidResponse("Protocol Error: b'HTTP/1.0 400 Bad request'")
    with pytest.raises(ConfigError, match=r"redis.*/99.*a database that the server has"):
        async with reaching(url):
            raise ResponseError("DB index is out of range")
    with pytest.raises(ResponseError, match="wrong kind"):
        async with reaching(url):
            raise ResponseError("WRONGTYPE wrong kind of value")


def test_lanes() -> None:
    assert lanes_of(("upsert",)) == (Lane("upsert", True), Lane("upsert"))
    assert lanes_of(("fetch", "close"), high_only=True) == (Lane("close"), Lane("fetch", True))
    assert Lane("upsert", True).key == "{jobimport:0}:upsert:high"
