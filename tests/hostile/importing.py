"""One import of a hostile feed in a process of its own: fetched, read, normalised, and measured.

The process is forked from one that has loaded what a worker loads, so that what is measured is the feed's doing.
"""

import multiprocessing
import os
import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anyio
import msgspec

from tests.feed_server import FeedServer
from tests.hostile.cases import MIB, Case
from workers.errors import JobImportError
from workers.fetching import connecting
from workers.model import Job, Source
from workers.model.source import Seconds, Size
from workers.preview import Preview
from workers.settings import FetchSettings
from workers.sources import check
from workers.store.batches import pack

JOBS_KEPT = 10
PATIENCE = 110.0


class Outcome(msgspec.Struct):
    """What came of it. `code` and `error` are "" where the feed was read to its end.

    `seconds` went by, for `busy` of them the process had work.
    """

    code: str = ""
    error: str = ""
    listings: int = 0
    rejects: int = 0
    duplicates: int = 0
    jobs: list[Job] = []
    seconds: float = 0.0
    busy: float = 0.0
    mib: float = 0.0


def settings_of(case: Case) -> FetchSettings:
    chosen: dict[str, Any] = {"allow_hosts": ["127.0.0.1"], **case.settings}
    for name in ("connect_timeout", "stall_timeout", "total_timeout"):
        if name in chosen:
            chosen[name] = Seconds(chosen[name])
    if "max_bytes" in chosen:
        chosen["max_bytes"] = Size(chosen["max_bytes"])
    return FetchSettings(**chosen)


async def run(case_names: dict[str, list[list[str]]], source: Source, settings: FetchSettings, told: Outcome) -> None:
    resolve = anyio.getaddrinfo

    async def look_up(host: str, port: int, **more: Any) -> Any:
        if host not in case_names:
            return await resolve(host, port, **more)
        answers = case_names[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [entry for address in addresses for entry in await resolve(address, port, **more)]

    connecting.anyio.getaddrinfo = look_up  # type: ignore[assignment]  # this process is thrown away
    preview = Preview(source, settings)
    try:
        check(source, "source")
        async for found in preview.items():
            if preview.item is not None:
                pack([preview.item])  # what the fetcher commits: it must be able to
            if isinstance(found, Job):
                told.listings += 1
                told.jobs += [found] if len(told.jobs) < JOBS_KEPT else []
            else:
                told.rejects += 1
        broken = preview.broken
    except JobImportError as error:
        broken = error
    told.duplicates = preview.duplicates
    told.code, told.error = (broken.code, str(broken)) if broken else ("", "")
    if preview.degraded and not broken:
        told.code, told.error = "degraded", preview.degraded


def child(pipe: Connection, names: dict[str, list[list[str]]], source: Source, settings: FetchSettings) -> None:
    told = Outcome()
    # Makes the high-water mark start here: what was loaded before is not the feed's.
    Path("/proc/self/clear_refs").write_text("5")
    before, started, busy = memory("VmRSS"), time.monotonic(), time.process_time()
    try:
        anyio.run(run, names, source, settings, told)
    except BaseException as error:  # noqa: BLE001  (whatever it is, the parent is to tell it)
        told.code, told.error = "unexpected", repr(error)
    told.seconds, told.busy = time.monotonic() - started, time.process_time() - busy
    told.mib = (memory("VmHWM") - before) / MIB
    pipe.send_bytes(msgspec.msgpack.encode(told))
    pipe.close()
    os._exit(0)


def memory(name: str) -> int:
    """Resident bytes: "VmRSS" now, "VmHWM" at most."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def faults(case: Case, told: Outcome, requests: int) -> list[str]:
    """Where an outcome is not what its case promises, a sentence each."""
    wrong: list[str] = []
    for name in ("listings", "rejects", "duplicates"):
        wanted, got = getattr(case, name), getattr(told, name)
        if got != wanted if wanted >= 0 else not got:
            wrong.append(f"{got} {name}, not {wanted}")
    said = [text for job in told.jobs for text in texts_of(job)]
    wrong += [f"no listing says {text!r}" for text in case.said if not any(text in each for each in said)]
    wrong += [f"a listing says {text!r}" for text in case.unsaid if any(text in each for each in said)]
    is_told = re.fullmatch(case.code, told.code) and re.search(case.error, told.error)
    if not is_told or bool(told.error) != bool(case.code):
        wrong.append(f"{told.code or 'no error'}: {told.error!r}, not {case.code}: {case.error!r}")
    if case.requests is not None and requests != case.requests:
        wrong.append(f"{requests} requests, not {case.requests}")
    if told.busy >= case.seconds:
        wrong.append(f"{told.busy:.1f} s of the processor, not under {case.seconds}")
    if told.mib >= case.mib:
        wrong.append(f"{told.mib:.0f} MiB, not under {case.mib}")
    return wrong


def texts_of(job: Job) -> list[str]:
    """What a feed can make a listing say."""
    short = (job.external_id, job.title, job.company, *job.locations, *job.applicant_locations, *job.tags)
    return [*short, *job.search_terms, job.url or "", job.description]


CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.hostile.importing"])


@contextmanager
def outcome_of(case: Case) -> Generator[tuple[Outcome, FeedServer]]:
    """Serve a case, import it in a process, and hand over what came of it and what the server saw."""
    with FeedServer() as server:
        url = case.answers(server)
        source = Source(name="hostile", url=url, **case.source)
        receiver, sender = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(target=child, args=(sender, case.names, source, settings_of(case)))
        process.start()
        sender.close()
        try:
            assert receiver.poll(PATIENCE), f"{case.name}: not done after {PATIENCE:.0f} s"
            told = msgspec.msgpack.decode(receiver.recv_bytes(), type=Outcome)
        finally:
            process.kill()
            process.join()
        yield told, server
