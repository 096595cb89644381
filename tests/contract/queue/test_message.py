"""The envelope is taskiq's, though it is built without it."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskiq import InMemoryBroker
from taskiq.formatters.json_formatter import JSONFormatter
from taskiq.formatters.proxy_formatter import ProxyFormatter

from workers.queue.lanes import Lane
from workers.queue.message import Message, Poison


@pytest.fixture(params=["json", "proxy"])
def formatter(request: pytest.FixtureRequest):
    return JSONFormatter() if request.param == "json" else ProxyFormatter(InMemoryBroker())


def test_taskiq_reads_what_we_write(formatter: JSONFormatter) -> None:
    message = Message(stage="upsert", run=1234, source="jobicy", batch="1234:0007", attempt=2, high=True)
    read = formatter.loads(message.encode(timeout=30.0))
    read.parse_labels()
    assert read.task_name == "job-import.upsert"
    assert read.task_id == message.id
    assert read.kwargs == {"run": 1234, "batch": "1234:0007"}
    assert read.args == []
    assert read.labels == {
        "source": "jobicy",
        "run": 1234,
        "attempt": 2,
        "lane": "upsert:high",
        "timeout": 30.0,
    }


def test_we_read_what_taskiq_writes(formatter: JSONFormatter) -> None:
    message = Message(stage="fetch", run=9, source="remotive", attempt=3, high=True)
    assert Message.decode(formatter.dumps(formatter.loads(message.encode())).message) == message


def test_we_read_what_taskiqs_kicker_writes() -> None:
    broker = InMemoryBroker()

    async def fetch(run: int) -> None:
        del run

    task = broker.register_task(fetch, task_name="job-import.fetch")
    kicker = task.kicker().with_labels(source="demo", attempt=2, lane="fetch:high")
    envelope = broker.formatter.dumps(kicker._prepare_message(run=7))  # pyright: ignore[reportPrivateUsage]
    read = Message.decode(envelope.message)
    assert (read.stage, read.run, read.source, read.attempt, read.lane) == ("fetch", 7, "demo", 2, Lane("fetch", True))


def test_closing_has_one_lane() -> None:
    assert Message(stage="close", run=1, source="a", high=True).lane == Lane("close")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a message"),
        (b"{nope", "not a message"),
        (b"\xff\xfe", "not a message"),
        (b"[]", "not a message"),
        (b'{"task_id":"1"}', "not a message"),
        (b'{"task_id":"1","task_name":"os.system"}', "unknown task 'os.system'"),
        (b'{"task_id":"1","task_name":"job-import.fetch"}', "without a run"),
        (b'{"task_id":"1","task_name":"job-import.fetch","kwargs":{"run":true}}', "without a run"),
        (b'{"task_id":"1","task_name":"job-import.fetch","kwargs":{"run":"1"}}', "without a run"),
        (b'{"task_id":"1","task_name":"job-import.upsert","kwargs":{"run":1}}', "without a batch"),
        (b'{"task_id":"1","task_name":"job-import.upsert","kwargs":{"run":1,"batch":2}}', "without a run"),
    ],
)
def test_poison_says_what_is_wrong(data: bytes, why: str) -> None:
    with pytest.raises(Poison, match=why):
        Message.decode(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ENVELOPE = st.fixed_dictionaries(
    {"task_id": st.text() | JSON, "task_name": st.sampled_from(["job-import.upsert", "job-import.fetch"])},
    optional={
        "labels": st.dictionaries(st.sampled_from(["source", "attempt", "lane", "timeout"]), JSON) | JSON,
        "kwargs": st.fixed_dictionaries({"run": st.integers() | JSON, "batch": st.text(max_size=9) | JSON}) | JSON,
        "args": JSON,
        "labels_types": JSON,
    },
)


@given(ENVELOPE.map(json.dumps).map(str.encode) | st.binary())
def test_whatever_comes_is_a_message_or_poison(data: bytes) -> None:
    try:
        message = Message.decode(data)
    except Poison:
        return
    assert Message.decode(message.encode(delivery="upsert/1-0")) == message


def test_deep_nesting_is_poison() -> None:
    with pytest.raises(Poison):
        Message.decode(b'{"task_id":"1","task_name":"job-import.fetch","labels":{"a":' + b"[" * 100_000)


def test_neither_ringing_nor_looking_loads_taskiq() -> None:
    code = (
        "import sys, workers.queue.ring, workers.queue.depth, workers.queue.dead, workers.queue.pause,"
        " workers.queue.registry, workers.queue.rate; sys.exit('taskiq' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
