"""How fast bytes become RawItems and Jobs, on one core: `python -m bench.parse [items]`.

Prints a line a step: the split alone, split + map + raw_hash, and normalising; best of 3 in CPU time, so that a
busy machine does not blur it; and the memory that parsing added.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from workers.feeds.normalise import normalise
from workers.feeds.reader import FeedReader
from workers.feeds.xml import XmlSplitter
from workers.model import Job, RawItem, Source

CHUNK = 1 << 16
URL = "https://board.example/feed"
BODY = (
    "<p>Keep the <b>platform</b> healthy &amp; fast, with people who care.</p><ul><li>Linux</li><li>On-call</li></ul>"
)
DESCRIPTION = BODY * 14

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


def rss(count: int) -> bytes:
    items = (RSS_ITEM.format(n=n, d=DESCRIPTION) for n in range(count))
    return (RSS_HEAD + "".join(items) + "</channel></rss>").encode()


def job_source(count: int) -> bytes:
    items = (JOB_ITEM.format(n=n, d=DESCRIPTION) for n in range(count))
    return ("<source>" + "".join(items) + "</source>").encode()


def greenhouse(count: int) -> bytes:
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
            "content": DESCRIPTION.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        }

    return json.dumps({"jobs": [job(n) for n in range(count)], "meta": {"total": count}}).encode()


def split_only(document: bytes) -> int:
    splitter = XmlSplitter(lambda _root, _attributes: {"item", "job"}, ())
    count = 0
    for start in range(0, len(document), CHUNK):
        splitter.feed(document[start : start + CHUNK])
        count += len(splitter.items)
        splitter.items = []
    splitter.close()
    return count


def read(document: bytes, keep: list[RawItem] | None) -> int:
    reader = FeedReader(Source(name="bench", url=URL), base_url=URL)
    for start in range(0, len(document), CHUNK):
        items = reader.feed(document[start : start + CHUNK])
        if keep is not None:
            keep.extend(items)
    reader.close()
    return reader.position


def timed(run: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def line(name: str, step: str, seconds: float, count: int, size: int) -> None:
    print(f"{name:11} {step:18} {count / seconds:9,.0f} items/s {size / seconds / 1e6:7.1f} MB/s "
          f"{seconds / count * 1e6:7.1f} us/item")  # fmt: skip


def measure(name: str, document: bytes, count: int) -> None:
    if name != "greenhouse":
        line(name, "split", timed(lambda: split_only(document)), count, len(document))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line(name, "split+map+hash", timed(lambda: read(document, None)), count, len(document))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    items: list[RawItem] = []
    read(document, items)
    source, now = Source(name="bench", url=URL), datetime.now(UTC)
    to_job = partial(normalise, source=source, feed_url=URL, source_url=URL, run_date=now)
    line(name, "normalise", timed(lambda: [to_job(item) for item in items]), count, len(document))
    assert len(items) == count and all(isinstance(to_job(item), Job) for item in items[:100])
    print(f"{name:11} {len(document) / count:,.0f} bytes an item; memory while parsing +{grown / 1024:.1f} MB")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    for make in (rss, job_source, greenhouse):
        measure(make.__name__, make(count), count)


if __name__ == "__main__":
    main()
