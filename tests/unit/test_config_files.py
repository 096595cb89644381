"""The files in config/: every setting is there with its default and a comment; every source can be used."""

import json
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from workers.feeds.reader import FeedReader
from workers.settings import Settings, load
from workers.sources import load_all

CONFIG = Path(__file__).parents[2] / "config"
FILE = CONFIG / "jobimport.toml"
SOURCES = load_all(CONFIG / "sources")


def keys_of_settings() -> set[str]:
    keys: set[str] = set()
    for section in msgspec.structs.fields(Settings):
        keys |= {f"{section.encode_name}.{field.encode_name}" for field in msgspec.structs.fields(section.type)}
    return keys


def test_the_file_has_every_setting_and_no_other():
    plain = tomllib.loads(FILE.read_text("utf-8"))
    assert {f"{section}.{key}" for section, table in plain.items() for key in table} == keys_of_settings()


def test_the_file_gives_the_defaults():
    assert load(CONFIG, environ={}).settings == Settings()


def test_every_setting_is_commented():
    lines = FILE.read_text("utf-8").splitlines()
    bare = [line for above, line in pairwise(lines) if " = " in line and not above.startswith("# ")]
    assert [line for line in bare if not line.startswith("#")] == []


def test_sources_are_polite():
    for source in SOURCES.values():
        assert source.attribution and source.terms_url.startswith("https://"), source.name
        assert source.url.startswith("https://") and source.min_interval >= 1800, source.name
        assert source.schedule, source.name
    assert SOURCES["remotive"].min_interval >= 6 * 3600
    assert SOURCES["jobicy"].min_interval >= 3600
    assert len({source.schedule for source in SOURCES.values()}) == len(SOURCES)


# One item as each provider serves it (shapes from their documentation), and what must be read from it.
SAMPLES: dict[str, tuple[Any, dict[str, list[str]]]] = {
    "remotive": (
        {"jobs": [{"id": 501, "title": "Analyst", "company_name": "Contoso", "salary": "$70k - $85k", "job_type": "",
                   "candidate_required_location": "USA, Canada", "publication_date": "2026-03-02T06:25:53",
                   "url": "https://remotive.com/x/501", "description": "<p>x</p>", "tags": ["sql"]}]},
        {"id": ["501"], "applicant_locations": ["USA", "Canada"], "salary": ["$70k - $85k"], "company": ["Contoso"]},
    ),
    "arbeitnow": (
        {"data": [{"slug": "koch-berlin-1", "title": "Koch", "company_name": "Adatum", "location": "Berlin",
                   "remote": False, "job_types": ["Vollzeit"], "created_at": 1772700000, "url": "https://x/y"}]},
        {"id": ["koch-berlin-1"], "remote": ["false"], "posted_at": ["1772700000"], "employment_types": ["Vollzeit"]},
    ),
    "himalayas": (
        {"jobs": [{"guid": "https://himalayas.app/c/j", "title": "T", "companyName": "C", "currency": "EUR",
                   "minSalary": 0, "maxSalary": 90000, "locationRestrictions": [{"alpha2": "DE", "name": "Germany"}],
                   "pubDate": 1772700000, "expiryDate": 1775000000, "categories": ["Ops"],
                   "applicationLink": "https://himalayas.app/apply"}]},
        {"applicant_locations": ["Germany"], "salary_max": ["90000"], "salary_unit": ["YEAR"], "tags": ["Ops"]},
    ),
    "spotify": (
        [{"id": "a-1", "text": "Engineer", "workplaceType": "hybrid", "createdAt": 1772700000000,
          "categories": {"allLocations": ["London", "Stockholm"], "commitment": "Permanent"},
          "hostedUrl": "https://jobs.lever.co/spotify/a-1", "description": "<p>Intro</p>",
          "lists": [{"text": "You", "content": "<li>Code</li>"}], "additional": "<p>Perks</p>"}],
        {"title": ["Engineer"], "locations": ["London", "Stockholm"], "remote": ["hybrid"],
         "description": ["<p>Intro</p> <li>Code</li> <p>Perks</p>"]},
    ),
    "ashby": (
        {"jobs": [{"id": "u", "title": "PM", "location": "Remote - EU", "secondaryLocations": [{"location": "Berlin"}],
                   "employmentType": "FullTime", "isRemote": True, "workplaceType": "Hybrid", "jobUrl": "https://a/u",
                   "publishedAt": "2026-03-02T06:25:53.123+00:00", "descriptionHtml": "<p>x</p>"}]},
        {"locations": ["Remote - EU", "Berlin"], "remote": ["Hybrid"], "employment_types": ["FullTime"]},
    ),
    "usajobs": (
        {"SearchResult": {"SearchResultItems": [{"MatchedObjectId": "9", "MatchedObjectDescriptor": {
            "PositionTitle": "Ranger", "OrganizationName": "NPS", "PositionURI": "https://u/9",
            "PositionLocation": [{"LocationName": "Moab, Utah"}], "UserArea": {"Details": {"JobSummary": "s"}},
            "PositionRemuneration": [{"MinimumRange": "50000", "MaximumRange": "60000", "RateIntervalCode": "PA"}]}}]}},
        {"id": ["9"], "title": ["Ranger"], "locations": ["Moab, Utah"], "salary_min": ["50000"], "description": ["s"]},
    ),
    "remoteok": (
        [{"legal": "link back"},
         {"id": "77", "position": "Dev", "company": "C", "location": "Worldwide", "salary_min": 0, "salary_max": 0,
          "date": "2026-03-02T06:25:53+00:00", "url": "https://remoteok.com/77"}],
        {"id": ["77"], "title": ["Dev"], "applicant_locations": ["Worldwide"], "company": ["C"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_json_source_reads_what_its_provider_serves(name: str):
    sample, expected = SAMPLES[name]
    reader = FeedReader(SOURCES[name], base_url=SOURCES[name].url)
    items = reader.feed(json.dumps(sample).encode()) + reader.close()
    fields = items[-1].fields
    assert {key: fields.get(key) for key in expected} == expected
    assert "salary_min" not in fields or fields["salary_min"] != ["0"]


def test_we_work_remotely_is_split_into_company_and_title():
    source = SOURCES["weworkremotely"]
    feed = (
        "<rss version='2.0'><channel><item><title>Fabrikam: Designer: Web</title><region>Europe Only</region>"
        "<guid>https://weworkremotely.com/x</guid><link>https://weworkremotely.com/x</link></item></channel></rss>"
    )
    reader = FeedReader(source, base_url=source.url)
    fields = (reader.feed(feed.encode()) + reader.close())[0].fields
    assert fields["company"] == ["Fabrikam"]
    assert fields["title"] == ["Designer: Web"]
    assert fields["applicant_locations"] == ["Europe Only"]
    assert "locations" not in fields
