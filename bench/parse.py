"""How fast bytes become RawItems and Jobs, on one core: `python -m bench.parse [--items 1000] [--rounds 5]`.

A document of each kind, made here: items of about 2 KB, with an HTML description of 1.5 KB, and of 6 KB. MB/s are
millions of the document's bytes, as they come inflated, a second of CPU time (this process's alone, so that a busy
machine blurs less); the best of some rounds, each of which takes every step once. The steps:

    lxml alone, ijson alone     the parser below us, its events read and thrown away: what no splitter can beat
    split                       bytes -> items, on our bounds
    split+map+hash              bytes -> RawItems, which is what a fetcher does
    normalise                   RawItems -> Jobs, which is what an upserter does before it writes
    feedparser                  feedparser 6 on the same bytes; "raw": without its cleaning of HTML
    fastfeedparser              the same

feedparser reads dates and cleans HTML, which is our normalising: it is compared with split+map+hash, and with all of
it. fastfeedparser is a compiled core that reads what RSS itself names, and neither <content:encoded> beside a
<description> nor the fields of a job: what it gives is no listing. Both are in the extra `bench`.
"""

import argparse
import importlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import ijson
from lxml import etree

from workers.feeds.json import JsonSplitter
from workers.feeds.normalise import normalise
from workers.feeds.reader import FeedReader
from workers.feeds.xml import XmlSplitter
from workers.model import Job, RawItem, Source

CHUNK = 1 << 16
URL = "https://board.example/feed"
BODY = (
    "<p>You will keep the <strong>payments platform</strong> healthy &amp; fast, with eight engineers who care "
    "about their users, and help other teams to run what they build.</p>"
    "<ul><li>Design and run services on Linux, in Python and Go</li>"
    "<li>Take part in an on-call rota, one week in eight</li>"
    "<li>Write down what was learnt, so that it happens once</li></ul>"
)  # a tag for every 28 characters
DESCRIPTION = BODY * 4
LONG_DESCRIPTION = BODY * 15

RSS_ITEM = """<item><title>Site Reliability Engineer {n} &#8211; Platform</title>
<link>https://board.example/jobs/{n}-site-reliability-engineer</link><pubDate>Tue, 03 Mar 2026 18:30:05 +0000</pubDate>
<dc:creator><![CDATA[Northwind]]></dc:creator><guid isPermaLink="false">https://board.example/?p={n}</guid>
<description><![CDATA[Keep the platform healthy.]]></description><content:encoded><![CDATA[{d}]]></content:encoded>
<job_listing:location><![CDATA[Europe, USA]]></job_listing:location>
<job_listing:job_type><![CDATA[Full Time]]></job_listing:job_type>
<job_listing:salary><![CDATA[$70k - $85k]]></job_listing:salary>
<job_listing:company><![CDATA[Northwind Labs]]></job_listing:company></item>
"""
JOB_ITEM = """<job><title><![CDATA[Night Nurse {n}]]></title><date><![CDATA[2026-03-05T22:00:00Z]]></date>
<referencenumber><![CDATA[NN-{n}]]></referencenumber><url><![CDATA[https://ats.example/j/{n}?src=feed&x=1]]></url>
<company><![CDATA[Mercy Clinic]]></company><city><![CDATA[Phoenix]]></city><state><![CDATA[AZ]]></state>
<country><![CDATA[US]]></country><description><![CDATA[{d}]]></description>
<salary><![CDATA[$38 - $45 per hour]]></salary><jobtype><![CDATA[fulltime]]></jobtype>
<category><![CDATA[Health]]></category><expirationdate><![CDATA[2026-04-05]]></expirationdate></job>
"""
RSS_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:content="c" xmlns:dc="d" '
    'xmlns:job_listing="https://board.example"><channel><title>Board</title>'
)


def rss(count: int, description: str = DESCRIPTION) -> bytes:
    items = (RSS_ITEM.format(n=n, d=description) for n in range(count))
    return (RSS_HEAD + "".join(items) + "</channel></rss>").encode()


def job_source(count: int, description: str = DESCRIPTION) -> bytes:
    items = (JOB_ITEM.format(n=n, d=description) for n in range(count))
    return ("<source>" + "".join(items) + "</source>").encode()


def greenhouse(count: int, description: str = DESCRIPTION) -> bytes:
    def job(n: int) -> dict[str, object]:
        return {
            "id": 4400000 + n,
            "internal_job_id": n,
            "title": f"Security Engineer {n} ",
            "absolute_url": f"https://boards.example/wingtip/jobs/{n}",
            "company_name": "Wingtip",
            "location": {"name": "Dublin, Ireland"},
            "first_published": "2026-02-20T09:15:00-05:00",
            "metadata": None,
            "departments": [{"id": 1, "name": "Security"}],
            "offices": [{"id": 2, "name": "Dublin", "location": "Dublin, Ireland"}],
            "content": description.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        }

    return json.dumps({"jobs": [job(n) for n in range(count)], "meta": {"total": count}}).encode()


def lxml_alone(document: bytes) -> int:
    parser = etree.XMLPullParser(events=("end",), tag=("item", "job"))
    count = 0
    for start in range(0, len(document), CHUNK):
        parser.feed(document[start : start + CHUNK])
        for _, node in parser.read_events():
            count += 1
            node.clear()
    return count


def ijson_alone(document: bytes) -> int:
    events = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events)
    count = 0
    for start in range(0, len(document), CHUNK):
        parser.send(document[start : start + CHUNK])
        count += len(events)
        del events[:]
    return count


def split_only(document: bytes) -> int:
    splitter: Any = JsonSplitter(["jobs"]) if document[:1] == b"{" else XmlSplitter(lambda *_: {"item", "job"}, ())
    count = 0
    for start in range(0, len(document), CHUNK):
        splitter.feed(document[start : start + CHUNK])
        count += len(splitter.items)
        splitter.items = []
    splitter.close()
    return count


def read(document: bytes, keep: list[RawItem] | None = None) -> int:
    reader = FeedReader(Source(name="bench", url=URL), base_url=URL)
    for start in range(0, len(document), CHUNK):
        items = reader.feed(document[start : start + CHUNK])
        if keep is not None:
            keep.extend(items)
    reader.close()
    return reader.position


def normalised(items: list[RawItem]) -> int:
    source, now = Source(name="bench", url=URL), datetime.now(UTC)
    jobs = (normalise(item, source, feed_url=URL, source_url=URL, run_date=now) for item in items)
    return sum(isinstance(job, Job) for job in jobs)


def others(document: bytes) -> dict[str, Callable[[], int]]:
    """What there is to compare with, as far as it is installed; both know RSS and Atom only."""
    steps: dict[str, Callable[[], int]] = {}
    try:
        feedparser: Any = importlib.import_module("feedparser")
        fast: Any = importlib.import_module("fastfeedparser")
    except ImportError as error:
        print(f"not compared: {error}: pip install -e '.[bench]'")
        return steps
    raw = {"sanitize_html": False, "resolve_relative_uris": False}
    steps[f"feedparser {feedparser.__version__}"] = lambda: len(feedparser.parse(document).entries)
    steps["feedparser, raw"] = lambda: len(feedparser.parse(document, **raw).entries)
    steps["fastfeedparser"] = lambda: len(fast.parse(document).entries)
    return steps


def measure(name: str, document: bytes, count: int, rounds: int) -> None:
    items: list[RawItem] = []
    read(document, items)
    is_json = document[:1] == b"{"
    steps: dict[str, Callable[[], int]] = {
        "ijson alone" if is_json else "lxml alone": lambda: ijson_alone(document) if is_json else lxml_alone(document),
        "split": lambda: split_only(document),
        "split+map+hash": lambda: read(document),
        "normalise": lambda: normalised(items),
    }
    if name.startswith("rss"):
        steps |= others(document)
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(rounds):
        for step, run in steps.items():
            start = time.process_time()
            made = run()
            best[step] = min(best[step], time.process_time() - start)
            assert made == count or step == "ijson alone", f"{step}: {made} of {count} items"
    size = len(document)
    print(f"{name}: {count:,} items of {size / count:,.0f} bytes")
    for step, seconds in best.items():
        print(
            f"  {step:18} {size / seconds / 1e6:8.1f} MB/s {count / seconds:10,.0f} items/s"
            f" {seconds / count * 1e6:9.1f} us an item"
        )
    ours = best["split+map+hash"]
    whole = ours + best["normalise"]
    for step in list(steps)[4:]:
        print(f"  {best[step] / ours:.1f} times {step}; with normalising {best[step] / whole:.1f} times")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    for make in (rss, job_source, greenhouse):
        for size, description in (("2 KB", DESCRIPTION), ("6 KB", LONG_DESCRIPTION)):
            measure(f"{make.__name__} {size}", make(args.items, description), args.items, args.rounds)


if __name__ == "__main__":
    main()
