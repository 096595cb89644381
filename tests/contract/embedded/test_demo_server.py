from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpx

from workers.service.demo_server import Clock, DemoServer

BORN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)


def clock(age: float = 0) -> Clock:
    return Clock(BORN, 100, datetime.now(UTC) - timedelta(seconds=age))


async def ask(path: str, headers: dict[str, str] | None = None, times: int = 1) -> httpx.Response:
    answers: list[httpx.Response] = []
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with anyio.create_task_group() as group, httpx.AsyncClient(trust_env=False) as client:
        group.start_soon(listener.serve, DemoServer(clock()).serve)
        answers += [await client.get(f"http://127.0.0.1:{port}{path}", headers=headers) for _ in range(times)]
        group.cancel_scope.cancel()
    await listener.aclose()
    return answers[-1]


async def test_a_feed_comes_zipped_with_its_validators():
    answer = await ask("/remote-board.rss")
    assert answer.status_code == 200
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["etag"] and answer.headers["last-modified"]
    assert answer.text.count("<item>") == 500
    plain = await ask("/remote-board.rss", {"Accept-Encoding": "identity"})
    assert plain.content == answer.content


async def test_validators_are_honoured():
    first = await ask("/wingtip.json")
    known = await ask("/wingtip.json", {"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert (await ask("/wingtip.json", {"If-Modified-Since": first.headers["last-modified"]})).status_code == 304
    assert (await ask("/wingtip.json", {"If-None-Match": '"other"'})).status_code == 200


async def test_every_fifth_request_for_city_jobs_is_refused_for_now():
    answer = await ask("/city-jobs.xml", times=5)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert (await ask("/city-jobs.xml", times=6)).status_code == 200


async def test_the_rest_is_a_page_or_nothing():
    assert (await ask("/")).text.startswith("<!doctype html>")
    assert (await ask("/nothing")).status_code == 404


def test_the_clock_goes_on_where_it_stopped(tmp_path: Path):
    file = tmp_path / "demo" / "generation"
    running = clock(age=95)
    assert running.now == 103
    running.save(file)
    later = Clock.wound(file)
    assert (later.born, later.now) == (running.born, 103)
    file.write_text("not json")
    assert Clock.wound(file).now == 0
