"""The demo's feeds: invented listings that change a little from generation to generation; pure.

A generation is one step of the demo's clock. Each feed is a window that moves over an endless row of listings: some
appear, as many vanish, a few of the rest change. The same generation always gives the same bytes.

    remote-board   WP Job Manager RSS, 500 listings; three or so lack a title, one lacks all
    city-jobs      <source><job> XML, 2,000 listings; one of them is in it twice
    wingtip        JSON board as Greenhouse serves it, 120 listings
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape
from random import Random
from typing import NamedTuple

STEP = timedelta(seconds=30)

_TITLES = [
    "Site Reliability Engineer",
    "Backend Developer",
    "Frontend Developer",
    "Data Analyst",
    "Product Designer",
    "Technical Writer",
    "Customer Support Specialist",
    "Account Manager",
    "QA Engineer",
    "Security Engineer",
    "Machine Learning Engineer",
    "Payroll Clerk",
    "Night Nurse",
    "Physiotherapist",
    "Warehouse Operator",
    "Forklift Driver",
    "Electrician",
    "Pastry Chef",
    "Primary School Teacher",
    "Translator (French)",
    "Recruiter",
    "Sales Representative",
    "Office Manager",
    "Bookkeeper",
    "Bus Driver",
    "Dental Assistant",
    "Civil Engineer",
    "Research & Development Lead",
    "Gardener",
    "Event Planner",
]
_GRADES = ("", "", "", "Junior ", "Senior ", "Lead ")
_FIRST = [
    "Northwind",
    "Fabrikam",
    "Contoso",
    "Tailspin",
    "Litware",
    "Adatum",
    "Lucerne",
    "Proseware",
    "Trey",
    "Woodgrove",
    "Alpine",
    "Coho",
    "Graphic",
    "Humongous",
    "Margie's",
    "Southridge",
    "VanArsdel",
    "Wide World",
    "Fourth Coffee",
    "Blue Yonder",
]
_SECOND = [
    "Labs",
    "GmbH",
    "& Co",
    "Clinic",
    "Systems",
    "Logistics",
    "Foods",
    "Studio",
    "Group",
    "Partners",
    "Energy",
    "Health",
]
_PLACES = (
    ("Berlin", "", "DE"), ("München", "", "DE"), ("Phoenix", "AZ", "US"), ("Austin", "TX", "US"),
    ("Portland", "OR", "US"), ("Lyon", "", "FR"), ("Malmö", "", "SE"), ("Dublin", "", "IE"), ("Kraków", "", "PL"),
    ("Toronto", "ON", "CA"), ("Leeds", "", "GB"), ("Zürich", "", "CH"), ("Porto", "", "PT"), ("Osaka", "", "JP"),
)  # fmt: skip
_REGIONS = ("Anywhere", "Europe", "USA", "Europe, USA", "LATAM", "APAC", "Canada", "UK, Ireland", "")
_TYPES = ("Full Time", "Full Time", "Full Time", "Part Time", "Contract", "Internship", "Temporary")
_DUTIES = [
    "Keep the platform healthy",
    "Talk to customers every week",
    "Write what others can read",
    "Share the on-call rota",
    "Own a budget",
    "Teach newcomers",
    "Plan two sprints ahead",
    "Check deliveries",
    "Improve what annoys you",
    "Report to the head of the department",
    "Travel twice a year",
    "Look after tools and stock",
]
_GAINS = ["30 days of leave", "A pension that deserves the name", "Paid learning", "A quiet room", "Flexible hours"]


class Listing(NamedTuple):
    """One invented listing as it stands in one generation."""

    number: int
    title: str
    company: str
    place: tuple[str, str, str]
    region: str
    kind: str
    low: int
    high: int
    posted: datetime
    html: str


class Moving(NamedTuple):
    """How a feed moves: `fresh` listings a generation enter and leave a window of `size`; one in `calm` changes."""

    size: int
    fresh: int
    calm: int


MOVING = {
    "remote-board": Moving(500, 3, 100),
    "city-jobs": Moving(2_000, 8, 100),
    "wingtip": Moving(120, 1, 60),
}


def render(name: str, generation: int, born: datetime) -> bytes:
    """The body of a feed in a generation of a demo that began at `born`. KeyError for an unknown name."""
    return _RENDERERS[name](listings(name, generation, born), born + generation * STEP)


def listings(name: str, generation: int, born: datetime) -> list[Listing]:
    """What a feed holds in a generation, newest first."""
    size, fresh, calm = MOVING[name]
    newest = size + generation * fresh
    return [
        _listing(name, number, (number * 7919 + generation) // calm, born + (number - size) // fresh * STEP)
        for number in range(newest, newest - size, -1)
    ]


def _listing(name: str, number: int, revision: int, entered: datetime) -> Listing:
    """A listing by its number; `revision` moves its salary and the end of its text.

    Every twentieth of city-jobs is one that Wingtip has on its own board: a copy.
    """
    if name == "city-jobs" and number % 20 == 0:
        return _listing("wingtip", number // 20, revision, entered)._replace(number=number, company="Wingtip")
    dice = Random(f"{name}:{number}")
    title = dice.choice(_GRADES) + dice.choice(_TITLES)
    company = f"{dice.choice(_FIRST)} {dice.choice(_SECOND)}"
    place, region, kind = dice.choice(_PLACES), dice.choice(_REGIONS), dice.choice(_TYPES)
    duties = "".join(f"<li>{duty}</li>" for duty in dice.sample(_DUTIES, 4))
    low = dice.randrange(28, 90) * 1000 + revision % 5 * 500
    posted = entered - timedelta(minutes=dice.randrange(30 * 24 * 60))
    html = (
        f"<p><strong>{escape(company)}</strong> is looking for a {escape(title.lower())}.</p><ul>{duties}</ul>"
        f"<p>We offer: {dice.choice(_GAINS).lower()}. Reference {number}/{revision % 1000}.</p>"
    )
    return Listing(number, title, company, place, region, kind, low, low + 12_000, posted, html)


def _remote_board(items: list[Listing], built: datetime) -> bytes:
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:job_listing="https://remote-board.example">\n<channel>\n<title>Remote Board</title>'
        "<link>https://remote-board.example</link><description>Latest jobs</description>\n"
        f"<lastBuildDate>{format_datetime(built)}</lastBuildDate>\n"
    )
    body = [_wp_item(job if job.number % 167 else job._replace(title="")) for job in items]
    body[20] = "<item><description><![CDATA[A draft that was published by mistake.]]></description></item>\n"
    return (head + "".join(body) + "</channel>\n</rss>\n").encode()


def _wp_item(job: Listing) -> str:
    site = "https://remote-board.example"
    return (
        f"<item><title>{escape(job.title)}</title><link>{site}/jobs/{job.number}</link>"
        f"<pubDate>{format_datetime(job.posted)}</pubDate>"
        f'<guid isPermaLink="false">{site}/?post_type=job_listing&#038;p={job.number}</guid>'
        f"<content:encoded><![CDATA[{job.html}]]></content:encoded>"
        f"<job_listing:location><![CDATA[{job.region}]]></job_listing:location>"
        f"<job_listing:job_type><![CDATA[{job.kind}]]></job_listing:job_type>"
        f"<job_listing:salary><![CDATA[${job.low:,} - ${job.high:,} per year]]></job_listing:salary>"
        f"<job_listing:company><![CDATA[{escape(job.company)}]]></job_listing:company></item>\n"
    )


def _city_jobs(items: list[Listing], built: datetime) -> bytes:
    head = (
        '<?xml version="1.0" encoding="utf-8"?>\n<source><publisher>City Jobs</publisher>'
        "<publisherurl>https://city-jobs.example</publisherurl>"
        f"<lastBuildDate>{format_datetime(built)}</lastBuildDate>\n"
    )
    body = [_source_job(job) for job in [*items, items[5]]]
    return (head + "".join(body) + "</source>\n").encode()


def _source_job(job: Listing) -> str:
    reference = f"CJ-{job.number}"
    fields = {
        "title": job.title,
        "date": f"{job.posted:%Y-%m-%dT%H:%M:%SZ}",
        "referencenumber": reference,
        "url": f"https://city-jobs.example/j/{reference}?src=feed&x=1",
        "company": job.company,
        "city": job.place[0],
        "state": job.place[1],
        "country": job.place[2],
        "description": job.html,
        "salary": f"${job.low:,} - ${job.high:,} per year",
        "jobtype": job.kind.replace(" ", "").lower(),
        "expirationdate": f"{job.posted + timedelta(days=60):%Y-%m-%d}",
    }
    return f"<job>{''.join(f'<{key}><![CDATA[{text}]]></{key}>' for key, text in fields.items())}</job>\n"


def _wingtip(items: list[Listing], _built: datetime) -> bytes:
    jobs = [
        {
            "id": 4_400_000 + job.number,
            "title": f"{job.title} ",
            "absolute_url": f"https://boards.example/wingtip/jobs/{4_400_000 + job.number}",
            "company_name": "Wingtip",
            "location": {"name": f"{job.place[0]}, {job.place[2]}"},
            "first_published": job.posted.isoformat(timespec="seconds"),
            "updated_at": job.posted.isoformat(timespec="seconds"),
            "application_deadline": None,
            "departments": [{"id": 1, "name": "All"}],
            "content": escape(job.html),
        }
        for job in items
    ]
    return json.dumps({"jobs": jobs, "meta": {"total": len(jobs)}}, ensure_ascii=False).encode()


_RENDERERS: dict[str, Callable[[list[Listing], datetime], bytes]] = {
    "remote-board": _remote_board,
    "city-jobs": _city_jobs,
    "wingtip": _wingtip,
}
