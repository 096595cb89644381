"""The path language over XML and JSON, its escapes, conditions, templates; and errors that name their place."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.feeds.reading import URL, read, source
from workers.errors import ConfigError
from workers.feeds.derived import compile_url
from workers.feeds.dialect import Dialect, dialects, read_dialects
from workers.feeds.expression import parse_condition
from workers.feeds.mapping import Mapping, check_fields
from workers.feeds.paths import compile_alternatives, compile_condition, compile_path, split
from workers.feeds.reader import FeedReader
from workers.feeds.where import line_of

XML = b"""<r><item id="7" xmlns:p="u"><title>T</title><p:place kind="main">Oslo</p:place><place>Bergen</place>
<pay from="1"><min>0</min><max>50</max></pay><locations><location><name>HQ</name><country>NO</country></location>
<location><city>Bergen</city><country>NO</country></location></locations><kind>0</kind><kind>2</kind>
<text>a, b (c, d), e</text><html>one <b>two</b></html></item></r>"""
JSON = {
    "id": 7,
    "Title": "T",
    "place": ["Oslo", "Bergen"],
    "pay": {"min": 0, "max": 50},
    "locations": [{"name": "HQ", "country": "NO"}, {"city": "Bergen", "country": "NO"}],
    "kind": [0, 2],
    "text": "a, b (c, d), e",
    "meta": [{"name": "Level", "value": "Senior"}, {"name": "Area", "value": None}],
    "open": True,
}


def xml_item() -> Any:
    found: list[Any] = []
    reader = FeedReader(source(item="item", fields={"title": "title"}), base_url=URL)
    reader._raw = lambda item, _mapping: found.append(item)  # type: ignore[method-assign]
    reader.feed(XML)
    reader.close()
    [item] = found
    return item


def json_item() -> Any:
    found: list[Any] = []
    reader = FeedReader(source(item=".", fields={"title": "title"}), base_url=URL)
    reader._raw = lambda item, _mapping: found.append(item)  # type: ignore[method-assign]
    reader.feed(json.dumps([JSON]).encode())
    reader.close()
    [item] = found
    return item


def compiled_for_its_shape(path: str, item: Any) -> list[str]:
    found = (each.bind(item.shape)(item) for each in compile_alternatives(path, "xml"))
    return next((texts for texts in found if texts), [])


BOTH = [
    ("title", "title", ["T"]),
    ("nothing ?? title", "nothing ?? title", ["T"]),
    ("nothing", "nothing", []),
    ("title + kind", "title + kind", ["T", "0", "2"]),
    ('"fixed"', "'fixed'", ["fixed"]),
    ("pay/max", "pay.max", ["50"]),
    ("pay/min + pay/max | nonzero", "pay.min + pay.max | nonzero", ["50"]),
    ("locations/location{name ?? city, country}", "locations{name ?? city, country}", ["HQ, NO", "Bergen, NO"]),
    ("locations/location{name; country} | first", "locations{name; country} | first", ["HQ\nNO"]),
    ("text | split ','", "text | split ','", ["a", " b (c, d)", " e"]),
    ("kind | join '-'", "kind | join '-'", ["0-2"]),
    ("text | match '\\((.), .\\)'", "text | match '\\((.), .\\)'", ["c"]),
    ("kind | table '0=onsite, 2=hybrid'", "kind | table '0=onsite, 2=hybrid'", ["onsite", "hybrid"]),
    ("kind | table '0=, *=x'", "kind | table '0=, *=x'", ["x"]),
    ("kind | table '2=II'", "kind | table '2=II'", ["0", "II"]),
]


@pytest.mark.parametrize(("in_xml", "in_json", "expected"), BOTH)
def test_one_language_reads_both(in_xml: str, in_json: str, expected: list[str]):
    assert compile_path(in_xml, "xml")(xml_item()) == expected
    assert compiled_for_its_shape(in_xml, xml_item()) == expected
    assert compile_path(in_json, "json")(json_item()) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("@id", ["7"]),
        ("PLACE", ["Bergen"]),
        ("p:place", ["Oslo"]),
        ("p:place/@kind", ["main"]),
        ("p:place[@kind=MAIN]", ["Oslo"]),
        ("p:place[@kind=other]", []),
        ("pay[!max]/min", []),
        ("pay[max]/@from", ["1"]),
        ("html", ["one <b>two</b>"]),
        ("xpath:locations/location[city='Bergen']/country/text()", ["NO"]),
        ("xpath:count(kind)", ["2"]),
        ("xpath://location/name", ["HQ"]),
        ("xpath:@id", ["7"]),
        ("xpath:kind > 1", ["true"]),
        ("xpath:html", ["one two"]),
        ("xpath:nothing", []),
        ("xpath:string-length(title) div 0", ["inf"]),
    ],
)
def test_paths_of_xml(path: str, expected: list[str]):
    assert compile_path(path, "xml")(xml_item()) == expected
    assert compiled_for_its_shape(path, xml_item()) == expected


STEPS = st.sampled_from(["title", "place", "p:place", "x:place", "pay", "kind", "locations", "html", "@id", "none"])
ENDS = st.sampled_from(["", "/min", "/location/city", "/location{name ?? city, country}", "/@kind", "[max]/max", "/b"])
PATHS = st.builds("{}{}".format, STEPS, ENDS)
JOINED = st.lists(PATHS, min_size=1, max_size=3)
EXPRESSIONS = st.one_of(
    JOINED.map(" ?? ".join), JOINED.map(" + ".join), JOINED.map(", ".join).map("{{{}}}".format)
).flatmap(lambda text: st.sampled_from([text, f"{text} | first", f"{text} | nonzero", f"{text} | join '-'"]))


@given(EXPRESSIONS)
def test_a_path_compiled_for_a_shape_finds_what_one_that_looks_for_itself_does(expression: str):
    item = xml_item()
    for each in compile_alternatives(expression, "xml"):
        assert each.bind(item.shape)(item) == each.get(item)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("meta[name=level].value", ["Senior"]),
        ("open", ["true"]),
        ("jmespath:meta[?Name=='Level'].Value", ["Senior"]),
        ("jmespath:length(Locations)", ["2"]),
        ("jmespath:join(', ', place)", ["Oslo, Bergen"]),
        ("jmespath:[title, nothing, [open]]", ["T", "true"]),
        ("jmespath:to_number(pay.max)", ["50"]),
        ("jmespath:sum(place)", []),
        ("jmespath:pay", []),
    ],
)
def test_paths_of_json(path: str, expected: list[str]):
    assert compile_path(path, "json")(json_item()) == expected


@pytest.mark.parametrize(
    ("condition", "is_met"),
    [
        ("title", True),
        ("!title", False),
        ("nothing", False),
        ("!nothing", True),
        ("title=t", True),
        ("title = 'T'", True),
        ("title!=T", False),
        ("nothing!=T", True),
        ("kind=2", True),
        ("meta[name=Level].value=senior", True),
        ("jmespath:title=T", True),
    ],
)
def test_conditions(condition: str, is_met: bool):
    assert compile_condition(condition, "json")(json_item()) is is_met


@pytest.mark.parametrize("text", ["", "=x", "!a=b"])
def test_what_is_no_condition_says_so(text: str):
    with pytest.raises(ValueError, match="is no condition"):
        parse_condition(text)


@pytest.mark.parametrize(
    ("path", "kind", "reason"),
    [
        ("a | nosuch", "xml", "expected one of first, join"),
        ("a | table 'x'", "xml", "is no table"),
        ("xpath:a[", "xml", "is no XPath"),
        ("xpath:a", "json", "reads XML"),
        ("jmespath:a[", "json", "is no JMESPath"),
        ("jmespath:a", "xml", "reads JSON"),
        ("xpath:nosuch(a)", "xml", "is no XPath"),
        ("xpath:document('file:///etc/passwd')", "xml", "is no XPath"),
        ("jmespath:nosuch(a)", "json", "is no JMESPath"),
        ("jmespath:length(a, b)", "json", "is no JMESPath"),
        ("xpath:" + "a" * 2000, "xml", "at most 1000"),
        ("a + ", "json", "a path or"),
        ("a{b", "json", "expected }"),
    ],
)
def test_what_cannot_be_read_says_why(path: str, kind: Any, reason: str):
    with pytest.raises(ValueError, match=reason):
        compile_path(path, kind)


@given(st.text(max_size=30) | st.from_regex(r"[a-c.@{}|+?\[\]=\"', ]{0,20}", fullmatch=True))
def test_any_text_is_a_path_or_a_value_error(text: str):
    for kind in ("xml", "json"):
        try:
            get = compile_path(text, kind)
        except ValueError:
            continue
        assert isinstance(get({"a": "b"} if kind == "json" else xml_item()), list)


def test_an_xpath_is_not_let_loose_on_a_huge_item():
    of = source(item="item", fields={"id": "@n", "title": "xpath:a[count(preceding::*) < 1]"})
    small, huge = read(b"<r><item n='1'><a>x</a></item><item n='2'>" + b"<a>x</a>" * 20_000 + b"</item></r>", of)
    assert small.fields == {"id": ["1"], "title": ["x"]}
    assert huge.fields == {"id": ["2"]}


def test_a_parenthesis_without_end_does_not_make_splitting_slow():
    get = split(lambda _item: ["(" + "a," * 5_000] * 200, ",")
    start = time.process_time()
    assert [len(text) for text in get(None)] == [10_000] * 200
    assert time.process_time() - start < 2


def test_url_templates():
    get = compile_url("https://{pay.max}.x.example/{ id }/{nothing ?? title}", "json").get
    assert get(json_item()) == ["https://50.x.example/7/T"]
    assert get({"id": "a b/../c?d#e", "title": "T", "pay": {"max": "x"}}) == [
        "https://x.x.example/a%20b/../c%3Fd%23e/T"
    ]
    assert get({"id": "7"}) == []
    with pytest.raises(ValueError, match=r"no \{path\}"):
        compile_url("https://x.example/", "json")


def plain(**settings: Any) -> Dialect:
    return Dialect(**{"kind": "json", "item": ["jobs"], "fields": {"id": "id", "title": "title"}, **settings})


def test_skip_and_salary_unless():
    dialect = plain(
        fields={"id": "id", "salary_min": "pay", "salary_unit": "'YEAR'"},
        skip=["listed=false"],
        skip_unless=["id"],
        salary_unless=["guess=1"],
    )
    mapping = Mapping(dialect, source())
    assert not mapping.is_listing({"id": "1", "listed": "false"})
    assert not mapping.is_listing({"listed": "true"})
    assert mapping.is_listing({"id": "1"})
    assert mapping.fields({"id": "1", "pay": "5", "guess": "1"}) == {"id": ["1"]}
    assert mapping.fields({"id": "1", "pay": "5"}) == {"id": ["1"], "salary_min": ["5"], "salary_unit": ["YEAR"]}


def test_dates_in_a_dialects_order_and_zone_unless_the_source_says_its_own():
    dialect = plain(fields={"posted_at": "date"}, date_order="dmy", timezone="America/New_York")

    def posted(text: str, **settings: object) -> list[str]:
        return Mapping(dialect, source(**settings)).fields({"date": text})["posted_at"]

    assert posted("03/04/2026") == ["2026-04-03T04:00:00+00:00"]
    assert posted("03/04/2026", date_order="mdy") == ["2026-03-04T05:00:00+00:00"]
    assert posted("03/04/2026", timezone="Europe/Berlin") == ["2026-04-02T22:00:00+00:00"]
    assert posted("03/04/2026", timezone="Europe/Berlin", date_order="mdy") == ["03/04/2026"]
    assert posted("yesterday") == ["yesterday"]
    assert posted("soon") == ["soon"]


def test_which_path_found_a_field_is_told_on_request_only():
    data = b'{"jobs":[{"id":1,"absolute_url":"https://x.example/1","title":"A","updated_at":"2026-01-01"}]}'
    reader = FeedReader(source(fields={"company": ["nothing", "'Acme'"]}), base_url=URL, explain=True)
    reader.feed(data)
    reader.close()
    assert reader.matched == {
        0: {
            "id": "id",
            "title": "title",
            "company": "'Acme'",
            "posted_at": "updated_at",
            "url": "absolute_url",
        }
    }
    silent = FeedReader(source(), base_url=URL)
    silent.feed(data)
    assert silent.matched == {}


def test_sides_of_an_alternative_are_told_apart():
    reader = FeedReader(
        source(item="rows", fields={"title": 'nothing ?? "a ?? b" ?? title', "url": "x{a ?? b} ?? link"}),
        base_url=URL,
        explain=True,
    )
    reader.feed(b'{"rows":[{"title":"T","link":"https://x.example/"}]}')
    reader.close()
    assert reader.matched[0] == {"title": '"a ?? b"', "url": "link"}


def test_the_documents_company_stands_in_for_the_items():
    data = b'{"name":"Kappa","jobs":[{"shortcode":"1","title":"A"}],"name":"Other"}'
    [item] = read(data)
    assert item.fields["company"] == ["Kappa"]
    assert read(data, size=1) == [item]
    [late] = read(b'{"jobs":[{"shortcode":"1","title":"A"}],"name":"Kappa"}')
    assert "company" not in late.fields
    [own] = read(data, source(fields={"company": "'Mine'"}))
    assert own.fields["company"] == ["Mine"]


FILE = """url = "https://x.example/feed"
fields.tags = "a"

[headers]
title = "env:X"
[fields]
id = "key"
"title" = [
    "heading",
    "name | nosuch",
]
company = "Acme"
"""


def test_lines_are_found():
    assert line_of(FILE, "", "url") == 1
    assert line_of(FILE, "fields", "tags") == 2
    assert line_of(FILE, "headers", "title") == 5
    assert line_of(FILE, "fields", "title") == 8
    assert line_of(FILE, "fields", "title", "name | nosuch") == 10
    assert line_of(FILE, "fields", "title", "written otherwise") == 8
    assert line_of(FILE, "fields", "salary") is None


def test_errors_name_file_line_field_and_path():
    of = source(fields={"id": "key", "title": ["heading", "name | nosuch"]})
    with pytest.raises(
        ConfigError, match=r"^sources/x\.toml:10: fields\.title is 'name \| nosuch': expected .* nosuch"
    ):
        check_fields(of, file="sources/x.toml", text=FILE)
    with pytest.raises(ConfigError, match=r"^source board: fields\.title is 'name \| nosuch'"):
        check_fields(of)
    with pytest.raises(ConfigError, match=r"fields\.url is 'xpath:a\[': expected a path .* is no XPath"):
        check_fields(source(fields={"url": "xpath:a["}))
    with pytest.raises(ConfigError, match="reads XML, and this feed is JSON"):
        read(b'{"jobs":[{"id":1,"absolute_url":"u","title":"A"}]}', source(fields={"title": "xpath:a"}))


GOOD = 'kind = "xml"\nitem = ["Job"]\n[detect]\nroots = ["Jobs"]\n[fields]\nid = "id"\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kind = ", r"dialects/bad\.toml: expected TOML"),
        (GOOD.replace("xml", "yaml"), r"dialects/bad\.toml:1: kind: expected .*Invalid enum value"),
        (GOOD.replace("id = ", "ident = "), r"dialects/bad\.toml:6: ident: expected one of id, title"),
        (GOOD.replace('"Jobs"]', '"Jobs"]\nsays = { title = "(" }'), r"dialects/bad\.toml:5: detect\.says\.title"),
        (GOOD.replace("[detect]", 'timezone = "Mars/One"\n[detect]'), r"dialects/bad\.toml:3: timezone"),
        ('like = "nosuch"\n', r"dialects/bad\.toml:1: like is 'nosuch'"),
        (GOOD.replace("[detect]", "[detect]\nrank = 'high'"), r"dialects/bad\.toml:4: detect\.rank"),
    ],
)
def test_a_dialect_that_cannot_be_used_names_file_and_line(text: str, sentence: str):
    with pytest.raises(ConfigError, match=sentence):
        read_dialects({"good": GOOD, "bad": text})


def test_like_takes_over_what_is_not_said():
    found = read_dialects(
        {"base": GOOD, "more": 'like = "base"\n[detect]\nhas = ["X"]\nrank = 3\n[fields]\ntitle = "t"\n'}
    )
    more = found["more"]
    assert (more.kind, more.item, more.fields) == ("xml", ["job"], {"id": "id", "title": "t"})
    assert (more.detect.roots, more.detect.has, more.detect.rank) == (["jobs"], ["x"], 3)
    assert list(found) == ["more", "base"]


def test_every_dialect_compiles_and_names_what_a_listing_needs():
    for dialect in dialects().values():
        Mapping(dialect, source())
        assert {"id", "title", "posted_at"} <= set(dialect.fields) or dialect.name == "bamboohr"
        assert "url" in dialect.fields or dialect.url_template
