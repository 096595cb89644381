"""JobPostings inside an HTML page, as it arrives: cuts out `<script type="application/ld+json">` and reads them.

The page itself is never parsed: comments and scripts are told apart from the rest, and what lies between is
dropped, so that memory is bounded by one script whatever the page's length. Postings are found wherever they
stand (alone, in a list, @graph, ItemList, mainEntity), and come out as `JsonSplitter`'s items do: keys in lower
case, numbers as their exact text, nulls left out. `{"@id": ...}` is replaced by what bears that id in the script.
"""

import html
import json
import re
from typing import Any, Literal, NoReturn, cast

from workers.errors import BodyTruncated, MalformedFeed, NotAFeed, TooLarge
from workers.feeds.limits import MAX_DEPTH, MAX_MARKS, MAX_NODES, MAX_TOKEN, is_crowded

PLACE = "ld+json"  # the `list_path` of what is found

_MAX_SCRIPT = 4 << 20  # bytes of one script

_START = re.compile(rb"<!--|<script(?=[\s/>])|</?html(?=[\s/>])", re.IGNORECASE)
_STARTS = 8  # bytes of the longest beginning, less its last
_SCRIPT_END = re.compile(rb"</script(?=[\s/>])", re.IGNORECASE)
_IS_LD = re.compile(rb"\btype\s*=\s*[\"']?\s*application/ld\+json\b", re.IGNORECASE)
_Mode = Literal["page", "comment", "tag", "script"]


class HtmlSplitter:
    """Push parser of a page: `items` fills up with its JobPostings. `opening` is shown where there are none."""

    def __init__(self, opening: str) -> None:
        self.items: list[dict[str, Any]] = []
        self.facts: dict[str, str] = {}
        self.list_path = ""
        self.keys: list[str] = []
        self.expected = "a JobPosting in a script of type application/ld+json"
        self._opening = opening
        self._mode: _Mode = "page"
        self._held = bytearray()
        self._looked = 0  # bytes of _held that hold no end
        self._is_ld = False
        self._is_open = False  # <html> was met, </html> was not
        self._fed = 0
        self._broken = ""  # why the first unreadable script was that

    def feed(self, chunk: bytes) -> None:
        """Scan UTF-8 bytes. Raises TooLarge; `items` before that stay valid."""
        self._fed += len(chunk)
        self._held += chunk
        while self._step():
            pass

    def close(self) -> None:
        """End of the page. Raises BodyTruncated inside a script, NotAFeed where it holds no posting."""
        if self._mode in ("tag", "script") and (self._is_ld or self._mode == "tag"):
            raise BodyTruncated(f"byte {self._fed}: the page ends inside a script")
        if self.list_path and self._is_open:
            raise BodyTruncated(f"byte {self._fed}: the page ends before its </html>")
        if self._broken:
            raise MalformedFeed(f"a script of JSON-LD in the page cannot be read: {self._broken}")
        if self.list_path:
            return
        raise NotAFeed(
            f"the body is an HTML page ({self._opening!r}) without job postings: expected an XML or JSON feed"
        )

    def _step(self) -> bool:
        """Go on to the next mark in what is held; False when more must come."""
        if self._mode == "page":
            match = _START.search(self._held)
            if match is None:
                del self._held[:-_STARTS]
                return False
            mark = match.group().lower()
            if mark.endswith(b"html"):
                self._is_open = mark == b"<html"
                self._enter("page", match.end())
            else:
                self._enter("comment" if mark == b"<!--" else "tag", match.end())
            return True
        if self._mode == "comment":
            return self._pass(b"-->")
        if self._mode == "tag":
            return self._tag()
        return self._script()

    def _enter(self, mode: _Mode, at: int) -> None:
        self._mode, self._looked = mode, 0
        del self._held[:at]

    def _pass(self, mark: bytes) -> bool:
        at = self._held.find(mark)
        if at < 0:
            del self._held[: 1 - len(mark)]
            return False
        self._enter("page", at + len(mark))
        return True

    def _tag(self) -> bool:
        at = self._held.find(b">", self._looked)
        if at < 0:
            self._looked = len(self._held)
            if self._looked > MAX_TOKEN:
                raise TooLarge(f"byte {self._fed}: one tag is over {MAX_TOKEN} bytes")
            return False
        self._is_ld = _IS_LD.search(self._held[:at]) is not None
        self._enter("script", at + 1)
        return True

    def _script(self) -> bool:
        match = _SCRIPT_END.search(self._held, max(self._looked - _STARTS, 0))
        if match is None:
            if not self._is_ld:
                del self._held[: -_STARTS - 1]
            elif len(self._held) > _MAX_SCRIPT:
                raise TooLarge(f"byte {self._fed}: one script of JSON-LD is over {_MAX_SCRIPT} bytes")
            self._looked = len(self._held)
            return False
        if self._is_ld:
            script = self._held[: match.start()]
            if is_crowded(script):
                raise TooLarge(f"byte {self._fed}: one script of JSON-LD has over {MAX_MARKS} brackets and commas")
            self._read(script.decode("utf-8", "replace"))
        self._enter("page", match.end())
        return True

    def _read(self, script: str) -> None:
        # What stands around it is comment signs, CDATA and semicolons.
        before, mark, inside = script.partition("<![CDATA[")
        if mark and "{" not in before:
            script = inside.rpartition("]]>")[0] or inside
        start = min((at for at in (script.find("{"), script.find("[")) if at >= 0), default=-1)
        end = max(script.rfind("}"), script.rfind("]")) + 1
        text = script[start : end if end > start else None] if start >= 0 else ""
        if not text:
            return
        try:
            try:
                document = _load(text)
            except ValueError:
                document = _load(html.unescape(text))
        except ValueError as error:
            if "jobposting" in text.lower():
                self._broken = self._broken or str(error)[:120]
            return
        except RecursionError as error:
            raise TooLarge(f"byte {self._fed}: JSON-LD nested too deep") from error
        finder = _Finder()
        finder.walk(document, 0)
        for posting in finder.postings:
            self.items.append(finder.folded(posting))
            self.list_path = PLACE


def _load(text: str) -> Any:
    # Not strict: line feeds inside texts are what hand-made pages have.
    return json.loads(text, strict=False, parse_int=str, parse_float=str, parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


class _Finder:
    """The postings of one script, and what its ids stand for."""

    def __init__(self) -> None:
        self.postings: list[dict[str, Any]] = []
        self._by_id: dict[str, dict[str, Any]] = {}
        self._nodes = 0

    def walk(self, value: Any, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise TooLarge(f"JSON-LD nested over {MAX_DEPTH} deep")
        if isinstance(value, dict):
            node = cast("dict[str, Any]", value)
            name = node.get("@id")
            if isinstance(name, str) and len(node) > 1:
                self._by_id.setdefault(name, node)
            if _is_posting(node):
                self.postings.append(node)
            for each in node.values():
                if isinstance(each, dict | list):
                    self.walk(each, depth + 1)
        elif isinstance(value, list):
            for each in cast("list[Any]", value):
                if isinstance(each, dict | list):
                    self.walk(each, depth + 1)

    def folded(self, posting: dict[str, Any]) -> dict[str, Any]:
        return {**self._fold(posting, may_follow=True), "@type": "JobPosting"}

    def _fold(self, value: Any, *, may_follow: bool) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise TooLarge(f"over {MAX_NODES} values in the JobPostings of one script, references followed")
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list):
            parts = (self._fold(each, may_follow=may_follow) for each in cast("list[Any]", value) if each is not None)
            return list(parts)
        if not isinstance(value, dict):
            return value
        node = cast("dict[str, Any]", value)
        if len(node) == 1 and may_follow and node.get("@id") in self._by_id:
            # One reference deep: what is referred to may refer back.
            node, may_follow = self._by_id[node["@id"]], False
        return {key.lower(): self._fold(each, may_follow=may_follow) for key, each in node.items() if each is not None}


def _is_posting(node: dict[str, Any]) -> bool:
    kinds = node.get("@type")
    names = cast("list[Any]", kinds) if isinstance(kinds, list) else [kinds]
    return any(isinstance(name, str) and name.rpartition("/")[2].lower() == "jobposting" for name in names)
