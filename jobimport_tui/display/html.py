"""A listing's description (nh3-cleaned HTML) as plain lines for a terminal."""

import re
from html.parser import HTMLParser

from jobimport_tui.display.text import safe_up_to

_BLOCKS = frozenset(
    ("p", "div", "br", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "hr")
)
LONGEST = 200_000
LONGEST_LINE = 4_000


class _Lines(HTMLParser):
    """Collects text; a block element begins a new line, a list item a line with a dash."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Break the line before a block."""
        if tag in _BLOCKS:
            self.parts.append("\n- " if tag == "li" else "\n")

    def handle_endtag(self, tag: str) -> None:
        """Break the line after a block."""
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Keep the text; its own line breaks mean nothing in HTML."""
        self.parts.append(re.sub(r"\s+", " ", data))


def to_lines(html: str) -> list[str]:
    """Paragraphs as inert lines, with no empty ones."""
    reader = _Lines()
    reader.feed(html[:LONGEST])
    reader.close()
    lines = (safe_up_to(line, LONGEST_LINE) for line in "".join(reader.parts).split("\n"))
    return [line for line in lines if line.strip(" -")]
