"""Normalising in eight languages and odd forms: tables by language, and what holds for any number or date."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.feeds.reading import NOW, job
from workers.feeds.normalise.dates import utc
from workers.feeds.normalise.employment import employment_types
from workers.feeds.normalise.places import remote
from workers.feeds.normalise.salary import salary, unit_of

KINDS = {
    "FULL_TIME": "Full-time|Vollzeit|Temps plein|Jornada completa|Tempo pieno|Tempo integral|Voltijd|Pełny etat|Heltid",
    "PART_TIME": "Part time|Teilzeit|Temps partiel|Media jornada|Tempo parziale|Meio período|Deeltijd|Część etatu",
    "CONTRACTOR": "Contractor|Freiberuflich|Indépendant|Autónomo|Partita IVA|Prestação de Serviços|ZZP|Umowa o dzieło",
    "TEMPORARY": "Temporary|Befristet|CDD|Temporal|Tempo determinato|Temporário|Tijdelijk|Umowa na czas określony",
    "INTERN": "Internship|Praktikum|Stage|Prácticas|Tirocinio|Estágio|Stagiair|Staż",
    "VOLUNTEER": "Volunteer|Ehrenamtlich|Bénévolat|Voluntariado|Volontariato|Voluntário|Vrijwilliger|Wolontariat",
}


@pytest.mark.parametrize(("kind", "words"), KINDS.items())
def test_employment_types_in_eight_languages(kind: str, words: str):
    for word in words.split("|"):
        for written in (word, word.upper(), word.replace(" ", "_"), f" {word} "):
            assert employment_types([written]) == [kind], written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Vollzeit oder Teilzeit", ["FULL_TIME", "PART_TIME"]),
        ("Teilzeit oder Vollzeit", ["FULL_TIME", "PART_TIME"]),
        ("full-or-part-time", ["FULL_TIME", "PART_TIME"]),
        ("CDI, temps plein", ["FULL_TIME"]),
        ("Voltijd of deeltijd", ["FULL_TIME", "PART_TIME"]),
        ("Full-time / Contract", ["FULL_TIME", "CONTRACTOR"]),
        ("parttime_permanent", ["PART_TIME"]),
        ("fulltime_fixed_term", ["FULL_TIME", "TEMPORARY"]),
        ("2-Part-Time", ["PART_TIME"]),
        ("Berufserfahren", []),
        ("python", []),
    ],
)
def test_employment_types_that_stand_together(text: str, expected: list[str]):
    assert employment_types([text]) == expected


PLACES = {
    "remote": "Remote|Home-Office|Télétravail|Teletrabajo|Smart working|Teletrabalho|Thuiswerken|Zdalna|100% Remote|"
    "Fully remote|TELECOMMUTE|Remote (EU only)|fully remote within Germany|à distance|Work from home",
    "hybrid": "Hybrid|hybride|Híbrido|Ibrido|Hybrydowa|Hybrid remote|Remote / hybrid|Hybrid in Leeds|Flexible",
    "onsite": "On-site|Vor Ort|Sur site|Presencial|In sede|Op locatie|Stacjonarna|In office|not remote|No remote work|"
    "nicht remote",
}


@pytest.mark.parametrize(("how", "words"), PLACES.items())
def test_where_in_eight_languages(how: str, words: str):
    for word in words.split("|"):
        assert remote([word], ["Berlin"], "") == how, word


def test_a_word_beats_a_boolean_whatever_their_order():
    assert remote(["true", "Hybrid in Leeds"], [], "") == "hybrid"
    assert remote(["Not hybrid", "true"], [], "") == "remote"
    assert remote(["unspecified", "false"], [], "") is None
    assert remote(["Remote control technician needed on site"], [], "onsite") == "onsite"


PAY = [
    ("1.200 € - 1.400 € al mes", 1200, 1400, "EUR", "MONTH"),
    ("2 500 € brut par mois", 2500, 2500, "EUR", "MONTH"),
    ("€ 3.000 per maand", 3000, 3000, "EUR", "MONTH"),
    ("3200 – 3900 EUR monatlich", 3200, 3900, "EUR", "MONTH"),
    ("28.000 € annui", 28000, 28000, "EUR", "YEAR"),
    ("R$ 4.500,00 por mês", 4500, 4500, "BRL", "MONTH"),
    ("8 000 - 12 000 PLN miesięcznie", 8000, 12000, "PLN", "MONTH"),
    ("15,50 €/Stunde", 15.5, 15.5, "EUR", "HOUR"),
    ("£13.50 an hour", 13.5, 13.5, "GBP", "HOUR"),
    ("€55K – €70K • Offers Equity", 55000, 70000, "EUR", "YEAR"),
    ("$80,000.00 to $95,500.50 annually", 80000, 95500.5, "USD", "YEAR"),
    ("bis zu 60.000 € brutto", None, 60000, "EUR", "YEAR"),
    ("ab 18 € pro Stunde", 18, None, "EUR", "HOUR"),
    ("¥300", None, None, None, None),
]


@pytest.mark.parametrize(("text", "low", "high", "currency", "unit"), PAY)
def test_pay_in_words(text: str, low: float | None, high: float | None, currency: str | None, unit: str | None):
    found = salary({"salary": [text]})
    assert found is not None
    assert (found.min, found.max, found.currency, found.unit) == (low, high, currency, unit)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("PER_YEAR", "YEAR"),
        ("per-year-salary", "YEAR"),
        ("per-hour-wage", "HOUR"),
        ("PA", "YEAR"),
        ("PH", "HOUR"),
        ("annual", "YEAR"),
        ("YEARLY", "YEAR"),
        ("monatlich", "MONTH"),
        ("one-time", None),
        ("", None),
    ],
)
def test_units(text: str, unit: str | None):
    assert unit_of(text) == unit


@given(
    low=st.integers(1_000, 400_000),
    wide=st.integers(0, 400_000),
    sign=st.sampled_from(["$", "€", "£"]),
    style=st.sampled_from(["{:,}", "{}"]),
    dash=st.sampled_from([" - ", "-", " – ", " to ", "–"]),
)
def test_a_range_is_read_as_it_was_written(low: int, wide: int, sign: str, style: str, dash: str):
    text = f"{sign}{style.format(low)}{dash}{sign}{style.format(low + wide)} per year"
    found = salary({"salary": [text]})
    assert found is not None
    assert (found.min, found.max, found.unit) == (low, low + wide, "YEAR"), text


@given(low=st.integers(20, 400), wide=st.integers(1, 400))
def test_k_is_a_thousand_on_both_sides(low: int, wide: int):
    assume(low + wide != 401)  # a 401k is a pension
    for text in (f"{low}k-{low + wide}k EUR", f"{low}-{low + wide}k EUR", f"€{low}K – €{low + wide}K"):
        found = salary({"salary": [text]})
        assert found is not None
        assert (found.min, found.max) == (low * 1000, (low + wide) * 1000), text


MOMENTS = st.integers(631_152_000, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(moment=MOMENTS)
def test_a_moment_is_the_same_in_every_form(moment: datetime):
    for form in (
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%d %H:%M:%S UTC",
        "%Y-%m-%d %H:%M:%S:0",
        "%Y%m%d%H%M%S",
        "%a, %d %b %Y %H:%M:%S GMT",
        "%d %B %Y %H:%M:%S +0000",
        "%d.%m.%Y %H:%M:%S",
        "%B %d, %Y %I:%M:%S %p",
        "%a %b %d %H:%M:%S %Y",
    ):
        text = moment.strftime(form)
        assert utc(text, UTC, "", NOW) == moment, text


@given(seconds=st.integers(1_000_000_000, 4_000_000_000))
def test_an_epoch_in_seconds_and_in_milliseconds_is_one_moment(seconds: int):
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert utc(str(seconds), UTC, "", NOW) == expected
    assert utc(f"{seconds}000", UTC, "dmy", NOW) == expected
    assert utc(f"{seconds}.0", UTC, "", NOW) == expected


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("2026-03-02 05:00:00:0", "", "2026-03-02T05:00:00"),
        ("2026-03-02 15:52:34.19", "", "2026-03-02T15:52:34.190000"),
        ("05/03/2026 14:30", "dmy", "2026-03-05T14:30:00"),
        ("Posted Yesterday", "", "2026-03-09T00:00:00"),
        ("Posted 3 Days Ago", "", "2026-03-07T00:00:00"),
        ("Posted 30+ Days Ago", "", "2026-02-08T00:00:00"),
        ("Posted Today", "", "2026-03-10T00:00:00"),
        ("vor 2 Wochen", "", "2026-02-24T00:00:00"),
        ("Wed, 04 Mar 2026 00:00:00 EST", "", "2026-03-04T05:00:00"),
        ("Thu, 05 Mar 2026 08:00:00 BST", "", "2026-03-05T07:00:00"),
        ("5 mars 2026", "", "2026-03-05T00:00:00"),
        ("5 marca 2026", "", "2026-03-05T00:00:00"),
        ("5 maart 2026", "", "2026-03-05T00:00:00"),
        ("5 março 2026", "", "2026-03-05T00:00:00"),
        ("2026-03-04 24:10", "", None),
        ("12345678901234", "", None),
    ],
)
def test_odd_dates(text: str, order: str, expected: str | None):
    found = utc(text, UTC, order, NOW)
    assert (None if found is None else found.replace(tzinfo=None).isoformat()) == expected


def test_yesterday_is_the_run_s():
    assert job({"posted_at": ["Posted Yesterday"]}).posted_at == datetime(2026, 3, 9, tzinfo=UTC)
    assert utc("2026-07-01", ZoneInfo("Europe/London"), "", NOW) == datetime(2026, 6, 30, 23, tzinfo=UTC)
