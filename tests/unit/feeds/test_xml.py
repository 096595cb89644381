"""What is particular to XML: the parser's leniency, its bounds, and a memory that does not grow."""

import gc
import os
from pathlib import Path

import pytest

from tests.unit.feeds.reading import URL, read, read_until, rss, source
from workers.errors import BodyTruncated, JobImportError, MalformedFeed, NotAFeed, TooLarge
from workers.feeds.element import Item
from workers.feeds.reader import FeedReader
from workers.feeds.xml import XmlSplitter

UNDECLARED = "<item><guid>{n}</guid><title>Caf&eacute;&nbsp;{n}</title><jobs:company x:y='1'>C</jobs:company></item>"


def first(data: bytes) -> Item:
    splitter = XmlSplitter(lambda _root, _attributes: {"item"}, ())
    splitter.feed(data)
    return Item(splitter.items[0])


def failure(data: bytes, *, size: int = 1 << 16) -> JobImportError:
    error = read_until(data, size=size)[1]
    assert error is not None
    return error


@pytest.mark.parametrize("count", [1, 60, 300])  # libxml2 tells the first 100 errors
@pytest.mark.parametrize("size", [0, 7, 1000])
def test_an_undeclared_prefix_loses_nothing(count: int, size: int):
    items = "".join(UNDECLARED.format(n=n) for n in range(count))
    found = read(f"<rss><channel>{items}</channel></rss>".encode(), source(format="wpjobmanager"), size=size)
    assert [item.fields["title"] for item in found] == [[f"Café\xa0{n}"] for n in range(count)]
    assert {item.fields["company"][0] for item in found} == {"C"}


def test_behind_undeclared_prefixes_a_real_error_and_a_cut_are_still_told_with_their_place():
    items = "\n".join(UNDECLARED.format(n=n) for n in range(150))
    whole = f"<rss>\n{items}\n".encode()
    found, error = read_until(whole + b"<item></rss>", source(format="wpjobmanager"))
    assert len(found) == 150
    assert isinstance(error, MalformedFeed)
    assert "line 152, column 13" in str(error)
    found, error = read_until(whole, source(format="wpjobmanager"))
    assert len(found) == 150
    assert isinstance(error, BodyTruncated)


def test_names_of_html_are_resolved_in_texts_and_nowhere_else():
    title = "a&nbsp;b &hellip; <![CDATA[&nbsp;]]> &amp;nbsp; <b>x&eacute;</b>&copy;"
    data = rss(f"<title>{title}</title><guid>1</guid><!-- &nosuch; -->&nbsp;")
    for size in (0, 1, 5):
        [item] = read(data, size=size)
        assert item.fields["title"] == ["a\xa0b … &amp;nbsp; &amp;nbsp; <b>xé</b>©"]
    assert "line 1: &nosuch; is an entity that nothing declares" in str(failure(rss("<title>&nosuch;</title>")))


@pytest.mark.parametrize(
    "prologue",
    [
        "",
        "<?xml version='1.0' standalone='yes'?>",
        '<?xml version="1.0"?>\n<!-- > --><?style x?>\n',
        '<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://127.0.0.1:1/rss>.dtd">\n<!-- b -->',
    ],
)
def test_what_stands_before_the_root_changes_nothing_but_the_place(prologue: str):
    data = prologue.encode() + rss("<title>a&nbsp;b</title>")
    for size in (0, 1, 9):
        [item] = read(data, size=size)
        assert item.fields["title"] == ["a\xa0b"]
    broken = failure(prologue.encode() + b"<rss></a>", size=3)
    last = prologue.rpartition("\n")[2]
    assert str(broken).startswith(f"line {prologue.count(chr(10)) + 1}, column {len(last) + 10}:")


def test_a_document_type_is_judged_before_the_parser_meets_it():
    for size in (1, 100):
        declares = failure(b"<?xml version='1.0'?>\n<!-- --><!DOCTYPE rss SYSTEM 'x' [<!ENTITY", size=size)
        assert str(declares) == "line 2: the document declares its own entities: refused as unsafe"
        splitter = XmlSplitter(lambda _root, _attributes: (), ())
        with pytest.raises(NotAFeed, match="HTML page"):
            splitter.feed(b"<?x ?>\n<!doctype HTML public 'x'><html>")
        assert isinstance(failure(b"<?xml version='1.0'?><!DOCTYPE rss SYS", size=size), BodyTruncated)
    assert isinstance(failure(b"<?xml version='1.0'?><!--" + b"-> " * 50_000), TooLarge)


def test_names_as_written_attributes_and_the_whole_item():
    item = first(
        b"<r xmlns='d' xmlns:a='u'>\n<item xml:lang='de' a:k='1' u:k='2'>A<x:t>B</x:t>&nbsp;<a:t p='&quot;'><i>C</i>D"
        b"</a:t>E<t/>\n</item></r>"
    )
    assert item.attributes == {"xml:lang": "de", "a:k": "1", "u:k": "2"}
    assert (*item.shape.exact, *item.shape.loose) == ("x:t", "a:t", "t", "t")
    assert [part[0] for part in item.find("m:t", "t")] == ["x:t", "a:t"]
    assert [part[0] for part in item.find("t", "t")] == ["t"]
    nested = ["a:t", {"p": '"'}, ["i", {}, "C"], "D"]
    assert item.element == ["item", item.attributes, "A", ["x:t", {}, "B"], "\xa0", nested, "E", ["t", {}], "\n"]


def test_items_inside_items_and_names_in_any_case():
    splitter = XmlSplitter(lambda _root, _attributes: {"job"}, {"count"})
    splitter.feed(b"<jobs><Count> 3 </Count><Job><job>1</job></Job><x><JOB/></x><q:job/></jobs>")
    splitter.close()
    assert [Item(each).element[0] for each in splitter.items] == ["Job", "JOB", "q:job"]
    assert splitter.facts == {"count": "3"}


def test_texts_are_longer_than_tags_may_be():
    text = b"<![CDATA[" + b"x" * 3_000_000 + b"]]>"
    for size in (1 << 16, 1001):
        [item] = read(b"<rss><item><guid>1</guid><title>t</title><a>" + text + b"</a></item></rss>", size=size)
        assert item.external_id == "1"
    [item] = read(rss("<guid>1</guid><title>t</title><a>" + "x" * 3_000_000 + "</a>"), size=1 << 16)
    assert item.external_id == "1"
    assert read(b"<rss><channel>" + b"x" * 3_000_000 + b"</channel></rss>") == []


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"<rss><item>" + b"<a>" * 60_000, "nested over 256 deep"),
        (b"<rss>" + b"<a>" * 250, "nested over 200 deep"),
        (b"<rss><item " + b" ".join(b'a%d="1"' % n for n in range(12_000)) + b"/></rss>", "over 1000 attributes"),
        (b"<rss><item><a " + b" ".join(b'a%d="1"' % n for n in range(12_000)) + b"/></item></rss>", "over 1000 attri"),
        (b"<rss>" + b"".join(b"<a a%d=''/>" % n for n in range(30_000)), "over 20000 different names"),
        (b"<rss><item>" + b"".join(b"<a xmlns:a%d='u'/>" % n for n in range(30_000)), "over 20000 different names"),
        (b"<rss>" + b"".join(b"<%s%d/>" % (b"a" * 1000, n) for n in range(1000)), "different names of over"),
        (b"<rss><item><t>" + b"y" * 11_000_000 + b"</t>", "Text node too long"),
        (b"<rss><item><t><![CDATA[" + b"y" * 20_000_000, "one item is over"),
        (b"<rss>" + b"y" * 500_000 + b"<b x='" + b"y" * 3_000_000, "one tag is over"),
        (b"<rss><item>" + b"y" * 500_000 + b"<!--" + b"y" * 3_000_000, "one tag is over"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_bounds(data: bytes, sentence: str):
    error = failure(data)
    assert isinstance(error, TooLarge)
    assert sentence in str(error)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<rss><item><t>R&D and more</t></item></rss>", MalformedFeed),
        (b"<rss><item><t>R&", BodyTruncated),
        (b"<rss><item><t>R&nbs", BodyTruncated),
        (b"<rss><item><t>&#x2", BodyTruncated),
        (b"<?xml version='1.0' encoding='utf-8'?><rss><item><t>\xc3", BodyTruncated),
        (b"<?xml version='1.0' encoding='utf-8'?><rss><item><t>\xc3\xa4\xc3\xc3", MalformedFeed),
        (b"<rss><item a='<b>' ", MalformedFeed),
        (b"<rss><item a", BodyTruncated),
        (b"<rss><item><t>a\0b</t></item></rss>", MalformedFeed),
        (b"<rss><item><t>a\x01b</t>", MalformedFeed),
        (b"<rss><item><t>a]]>b", MalformedFeed),
        (b"<rss><item><![CDATA[a]]", BodyTruncated),
        (b"<rss><item><!-- a --", BodyTruncated),
    ],
)
def test_cut_or_broken_whatever_the_chunks(data: bytes, kind: type[JobImportError]):
    for size in (1, 4, 1000):
        assert type(failure(data, size=size)) is kind, failure(data, size=size)


def resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_memory_is_flat_also_in_what_python_does_not_see():
    text = "x" * 2000
    item = (
        f"<item><guid>%d</guid><x:y/><t><b>&nbsp;</b>{text}</t></item>{text}<other><nested a='1'/>{text}</other>{text}"
    )
    reader = FeedReader(source(item="item", fields={"id": "guid"}), base_url=URL)
    reader.feed(b"<rss><channel>")
    size = 0
    before = 0
    for n in range(4000):
        size += len(item)
        reader.feed((item % n).encode())
        if n == 500:
            before = resident()
    assert reader.position == 4000
    assert size > 30_000_000
    assert resident() - before < 4_000_000
