"""Looking at feeds: loads the fetcher and the parsers, so `acts` imports it in a thread when it is first asked."""

from datetime import UTC, datetime

from jobimport_tui.findings import LISTING, headline, is_odd, listing, remark, share_then
from jobimport_tui.gateway.looks import Draft, FieldLine, Look
from workers.model import Run, Source
from workers.probing import Findings, probe, problems
from workers.proposals import propose
from workers.settings import Config
from workers.source_edits import NEVER
from workers.sources import check, create, load_each, load_one, next_due, taken_names
from workers.store.connect import Database
from workers.store.history import recent
from workers.toml import convert, mask

RUNS_ASKED = 50


async def look(config: Config, url: str) -> Look:
    """Look at an address that may become a source."""
    wanted = Source(url=url)
    check(wanted, "add")
    found = await probe(wanted, config.settings.fetch)
    known, _ = load_each(config.sources)
    wrong = [f"the source {other.name} has this address already" for other in known.values() if other.url == url]
    wrong += problems(found, {})
    draft = _draft(config, wanted, found) if found.listings else None
    return _look(found, url, wrong, None, draft)


def _draft(config: Config, wanted: Source, found: Findings) -> Draft:
    taken = taken_names(config.sources)
    is_nameless = not found.fill_rate.get("company")
    source = propose(wanted, found.dialect, is_nameless=is_nameless, taken=taken, said=())
    return Draft(
        url=source.url,
        name=source.name,
        kind=source.kind,
        schedule=source.schedule or NEVER,
        company=source.company,
        format=source.format,
        is_nameless=is_nameless,
    )


async def look_again(config: Config, db: Database | None, name: str) -> Look:
    """Read a source's feed as it is now, and compare it with the last run that read it."""
    source = load_one(config.sources, name)
    found = await probe(source, config.settings.fetch)
    runs = await recent(db, limit=RUNS_ASKED, source=name) if db is not None else []
    before = next((run for run in runs if run.fill_rate), None)
    return _look(found, source.url, problems(found, before.fill_rate if before else {}), before, None)


def _look(found: Findings, url: str, wrong: list[str], before: Run | None, draft: Draft | None) -> Look:
    fields = [
        FieldLine(
            name=each.name,
            filled=each.filled,
            read=each.read,
            then=share_then(each, before),
            remark=remark(each),
            is_odd=is_odd(each),
        )
        for each in found.fields
    ]
    return Look(
        url=mask(url),
        headline=headline(found),
        listings=found.listings,
        titles=LISTING,
        rows=tuple(tuple(listing(job)) for job in found.jobs),
        fields=tuple(fields),
        missing=tuple(found.missing),
        wrong=tuple(wrong),
        compared_with=before.id if before else None,
        draft=draft,
    )


def write(config: Config, draft: Draft) -> str:
    """Write a new source's file; says when it is imported. Blocking."""
    facts = {key: getattr(draft, key) for key in ("name", "url", "kind", "format", "company")}
    schedule = "" if draft.schedule == NEVER else draft.schedule
    source = convert({**facts, "schedule": schedule}, Source, "add")
    file = create(config.sources, source)
    due = next_due(source, config.settings.imports.default_schedule, datetime.now(UTC))
    return f"{file} written; " + (f"imported now, then {due:%H:%M}Z" if due else "imported when you ask for it: i")
