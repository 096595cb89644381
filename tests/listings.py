"""Feeds made for tests: what they hold is known, so that counts can be compared."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Listing:
    """One item of a WP Job Manager feed. None leaves its element out."""

    number: int
    title: str | None = "Engineer"
    guid: str | None = ""
    company: str = "Northwind Labs"
    location: str = "Berlin"
    body: str = "Keep the platform healthy. "

    def changed(self, **to: str | None) -> "Listing":
        return replace(self, **to)  # pyright: ignore[reportArgumentType]

    def xml(self) -> str:
        guid = f"https://board.example/?p={self.number}" if self.guid == "" else self.guid
        link = "" if guid is None else f"<link>https://board.example/jobs/{self.number}</link>"
        return (
            "<item>"
            + ("" if self.title is None else f"<title>{escape(self.title)} {self.number}</title>")
            + link
            + ("" if guid is None else f'<guid isPermaLink="false">{escape(guid)}</guid>')
            + "<pubDate>Tue, 03 Mar 2026 18:30:05 +0000</pubDate>"
            + f"<content:encoded><![CDATA[<p>{self.body}</p>]]></content:encoded>"
            + f"<job_listing:location>{escape(self.location)}</job_listing:location>"
            + "<job_listing:job_type>Full Time</job_listing:job_type>"
            + f"<job_listing:company>{escape(self.company)}</job_listing:company>"
            + "</item>"
        )


def listings(count: int, start: int = 1, body: str = "Keep the platform healthy. ") -> list[Listing]:
    """`count` listings, numbered from `start`."""
    return [Listing(number, body=body) for number in range(start, start + count)]


def rss(items: Iterable[Listing], *, end: bool = True) -> bytes:
    """A WP Job Manager feed of these listings; `end=False` leaves its end away."""
    head = (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:job_listing="https://board.example"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Board</title>'
        "<link>https://board.example</link>"
    )
    return (head + "".join(item.xml() for item in items) + ("</channel></rss>" if end else "")).encode()
