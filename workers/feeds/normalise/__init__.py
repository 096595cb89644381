"""RawItem -> Job or Reject. Pure and total: whatever a feed holds, one of the two comes out.

    title         short texts                 description   HTML cleaned, and its text
    dates         a ladder to UTC             employment    schema.org's types
    salary        fields or free text         places        locations; onsite, hybrid, remote
    urls          absolute, canonical         hashing       content_hash
    calendar_words, money_words: tables       (words for searching are in feeds.terms)

Rejects: `no_title`, `no_identity`. A date, salary or address that cannot be read is absent, not a reject.
"""

import functools
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from workers.feeds.normalise import salary as pay
from workers.feeds.normalise.dates import utc
from workers.feeds.normalise.description import clean_html, substance
from workers.feeds.normalise.employment import employment_types
from workers.feeds.normalise.hashing import content_hash
from workers.feeds.normalise.places import places, remote
from workers.feeds.normalise.title import short_text, short_texts
from workers.feeds.normalise.urls import http_url
from workers.feeds.terms import search_terms
from workers.feeds.text import inert
from workers.feeds.version import VERSION
from workers.model import Job, JobMetadata, RawItem, Reject, Source

__all__ = ["VERSION", "normalise"]

_LONGEST_TITLE, _LONGEST_COMPANY, _LONGEST_TAG, _MOST_TAGS = 500, 300, 80, 30
_SHOWN = 300  # characters of a value in a Reject


def normalise(item: RawItem, source: Source, *, feed_url: str, source_url: str, run_date: datetime) -> Job | Reject:
    """Clean one item. `feed_url` is what relative addresses are relative to, `run_date` what "yesterday" is to.

    `source_url` is the feed's address as it may be kept and shown: without secrets.
    """
    fields = item.fields
    title = short_text(_first(fields, "title"), _LONGEST_TITLE)
    if not item.external_id:
        return _reject(item, "no_identity", "id")
    if not title:
        return _reject(item, "no_title", "title")
    company = short_text(_first(fields, "company"), _LONGEST_COMPANY) or source.company
    locations = places(fields.get("locations", []))
    applicants = places(fields.get("applicant_locations", []))
    kinds = employment_types(fields.get("employment_types", []))
    how = remote(fields.get("remote", []), locations or applicants, source.remote)
    money = pay.salary(fields)
    zone = _zone(source.timezone)
    posted = _date(fields, "posted_at", zone, source, run_date)
    valid = _date(fields, "valid_through", zone, source, run_date)
    url = _url(item, source, feed_url)
    description = clean_html(fields["description"]) if "description" in fields else ""
    tags = short_texts(fields.get("tags", []), _LONGEST_TAG, _MOST_TAGS)
    return Job(
        source=source.name,
        external_id=item.external_id,
        title=title,
        company=company,
        locations=locations,
        remote=how,
        applicant_locations=applicants,
        employment_types=kinds,
        salary=money,
        posted_at=posted,
        posted_at_known=posted is not None,
        valid_through=valid,
        url=url,
        description=description,
        tags=tags,
        search_terms=search_terms(title, company, locations, tags, how, kinds),
        pay=pay.yearly(money),
        raw_hash=item.raw_hash,
        content_hash=content_hash(
            title=title,
            company=company,
            locations=locations,
            remote=how,
            employment_types=kinds,
            salary=money,
            valid_through=valid,
            url=url,
            substance=substance(description),
        ),
        hash_version=VERSION,
        metadata=JobMetadata(source=source.name, source_url=source_url, attribution=source.attribution),
    )


def _first(fields: dict[str, list[str]], name: str) -> str:
    found = fields.get(name)
    return found[0] if found else ""


def _date(fields: dict[str, list[str]], name: str, zone: tzinfo, source: Source, run_date: datetime) -> datetime | None:
    text = _first(fields, name)
    return utc(text, zone, source.date_order, run_date) if text else None


@functools.lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    return ZoneInfo(name)


def _url(item: RawItem, source: Source, feed_url: str) -> str | None:
    for text in item.fields.get("url", ()):
        found = http_url(text, feed_url)
        if found is not None:
            return found
    if not source.url_template:
        return None
    return http_url(source.url_template.replace("{id}", item.external_id), feed_url)


def _reject(item: RawItem, reason: str, field: str) -> Reject:
    raw = {name: [inert(text, _SHOWN) for text in texts[:3]] for name, texts in item.fields.items()}
    value = inert(_first(item.fields, field), _SHOWN)
    return Reject(
        external_id=item.external_id,
        position=item.position,
        reason=reason,
        field=field,
        value=value,
        raw=raw,
        original=item.original,
    )
