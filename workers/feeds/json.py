"""JSON as it arrives: cuts a document into the objects of one list and holds one of them at a time.

Works on ijson's basic events (7 us an item of 50 values; its ready-made objects cost 13-22). Keys are folded to
lower case, numbers kept as their exact text, NaN and Infinity refused by the parser, nulls left out.
"""

import re
from collections.abc import Collection
from typing import Any

import ijson

from workers.errors import BodyTruncated, JobImportError, MalformedFeed, TooLarge
from workers.feeds.limits import MAX_DEPTH, MAX_ITEM, MAX_KEY, MAX_NAME_BYTES, MAX_NAMES, MAX_NODES, MAX_STRING, SLICE
from workers.feeds.surrogates import WithoutLoneSurrogates
from workers.feeds.text import inert

# ijson's C code dies of a whole number that Python refuses to convert (over 4,300 digits, 640 where so configured):
# such a number is refused before it gets there. A run of 600 digits has 4 samples in a row, whatever its place.
_LONG_NUMBER = re.compile(rb"[\s:,\[-][0-9]{600}")
_SAMPLE, _SAMPLED = 128, re.compile(rb"[0-9]{4}")
_OVERLAP = 640

ROOT = "."  # the path of a list that is the document itself

_FACTS = 100
_FACT, _WANTED = 200, 8_000  # characters kept of a fact, and of one that is wanted


class JsonSplitter:
    """Push parser of JSON: `items` fills up with the objects of the first list found at one of `lists`.

    Paths are keys joined by "." ("jobs", "data.jobs"), ROOT for a top-level array. Scalars outside the items are
    kept in `facts` by their path, those `wanted` whatever their number; `heading` are those that came before the
    list. `list_path` is the path of the
    list, "" until one is met; `keys` are the top-level keys.
    """

    def __init__(self, lists: Collection[str], wanted: Collection[str] = ()) -> None:
        self.items: list[dict[str, Any]] = []
        self.facts: dict[str, str] = {}
        self.heading: dict[str, str] = {}
        self.list_path = ""
        self.keys: list[str] = []
        self.expected = ", ".join(sorted(lists))
        self._wanted = frozenset(wanted)
        self._found = False  # the list has an object: no other list will do
        self._lists = frozenset(path.lower() for path in lists)
        self._events: Any = ijson.sendable_list()
        self._parser: Any = ijson.basic_parse_coro(self._events)
        self._surrogates = WithoutLoneSurrogates()
        self._folded: dict[str, str] = {}
        self._folded_size = 0
        self._key = ""
        self._trail: list[tuple[str, bool]] = []  # (path, is an array) of what is open outside items
        self._list_depth = 0  # of the list's array in the trail; 0 outside it
        self._open: list[Any] = []  # what is open inside the item
        self._nodes = 0
        self._count = 0
        self._fed = 0
        self._tail = b""
        self._quiet = 0  # bytes without an event
        self._item_bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Parse UTF-8 bytes. Raises MalformedFeed or TooLarge; `items` before that stay valid."""
        self._feed(self._surrogates.feed(chunk))

    def _feed(self, chunk: bytes) -> None:
        for start in range(0, len(chunk), SLICE):
            part = chunk[start : start + SLICE]
            self._fed += len(part)
            self._quiet += len(part)
            self._item_bytes += len(part)
            self._refuse_long_number(part)
            self._send(part)
            if self._quiet > MAX_STRING:
                raise TooLarge(f"{self._place()}: one JSON value is over {MAX_STRING} bytes")
            if not self._open:
                self._item_bytes = 0
            elif self._item_bytes > MAX_ITEM:
                raise TooLarge(f"{self._place()}: one JSON item is over {MAX_ITEM} bytes")

    def close(self) -> None:
        """End of input. Raises BodyTruncated if the document is not complete."""
        self._feed(self._surrogates.close())
        try:
            self._parser.close()
        except ijson.IncompleteJSONError as error:
            raise _failure(error, self._place(), final=True) from error
        except ijson.JSONError as error:
            raise _failure(error, self._place(), final=False) from error

    def _send(self, part: bytes) -> None:
        failure: Exception | None = None
        try:
            self._parser.send(part)
        except (ijson.JSONError, ValueError, ArithmeticError) as error:
            failure = error
        events = self._events
        if events:
            self._quiet = 0
            try:
                for event, value in events:
                    if self._open:
                        self._inside(event, value)
                    else:
                        self._outside(event, value)
            finally:
                del events[:]
        if failure is not None:
            raise _failure(failure, self._place(), final=False) from failure

    def _refuse_long_number(self, part: bytes) -> None:
        window = self._tail + part
        if _SAMPLED.search(window[::_SAMPLE]) and _LONG_NUMBER.search(window):
            raise MalformedFeed(f"{self._place()}: a number of over 600 digits: expected a shorter one")
        self._tail = window[-_OVERLAP:]

    def _inside(self, event: str, value: Any) -> None:
        if event == "map_key":
            self._key = self._folded.get(value) or self._fold(value)
            return
        top = self._open[-1]
        if event == "string":
            kept: Any = value
        elif event == "end_map" or event == "end_array":
            self._open.pop()
            if not self._open:
                self.items.append(top)
                self._count += 1
            return
        elif event == "start_map" or event == "start_array":
            kept = {} if event == "start_map" else []
            self._open.append(kept)
            if len(self._open) > MAX_DEPTH:
                raise TooLarge(f"{self._place()}: JSON values nested over {MAX_DEPTH} deep")
        else:
            kept = _scalar(event, value)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise TooLarge(f"{self._place()}: over {MAX_NODES} values in one JSON item")
        if kept is None:
            return
        if top.__class__ is dict:
            top[self._key] = kept
        else:
            top.append(kept)

    def _outside(self, event: str, value: Any) -> None:
        if event == "map_key":
            self._key = self._folded.get(value) or self._fold(value)
            if len(self._trail) == 1 and len(self.keys) < _FACTS:
                self.keys.append(self._key)
        elif event == "start_map" and self._list_depth and len(self._trail) == self._list_depth:
            self._open, self._nodes, self._item_bytes = [{}], 0, 0
            self._found = True
        elif event == "start_map" or event == "start_array":
            self._descend(is_array=event == "start_array")
        elif event == "end_map" or event == "end_array":
            self._trail.pop()
            if len(self._trail) < self._list_depth:
                self._list_depth = 0
        elif self._trail and self._trail[-1][1]:
            if len(self._trail) == self._list_depth and not self._found:
                self._list_depth, self.list_path = 0, ""  # a list of texts or numbers is not the one
        elif (path := self._child()) in self._wanted:
            self.facts[path] = (_scalar(event, value) or "")[:_WANTED]
        elif len(self.facts) < _FACTS:
            self.facts[path] = (_scalar(event, value) or "")[:_FACT]

    def _descend(self, *, is_array: bool) -> None:
        path = self._child()
        self._trail.append((path, is_array))
        if len(self._trail) > MAX_DEPTH:
            raise TooLarge(f"{self._place()}: JSON values nested over {MAX_DEPTH} deep")
        wanted = path or ROOT
        if is_array and not self._list_depth and wanted in self._lists and not self._found:
            self._list_depth = len(self._trail)
            self.list_path, self.heading = wanted, dict(self.facts)

    def _child(self) -> str:
        """Path of the value that comes now, outside items; "" for the document."""
        if not self._trail:
            return ""
        path, is_array = self._trail[-1]
        name = "[]" if is_array else self._key
        return f"{path}.{name}" if path else name

    def _place(self) -> str:
        """Where we are, as exactly as the parser tells: events come once a slice."""
        return f"byte {max(self._fed - SLICE, 0)} to {self._fed}, after item {self._count}"

    def _fold(self, key: str) -> str:
        if len(key) > MAX_KEY:
            raise TooLarge(f"{self._place()}: a JSON key of over {MAX_KEY} characters")
        self._folded_size += len(key)
        if len(self._folded) >= MAX_NAMES or self._folded_size > MAX_NAME_BYTES:
            self._folded.clear()  # objects keyed by data: legal, but not worth remembering
            self._folded_size = 0
        folded = self._folded[key] = key.lower()
        return folded


def _scalar(event: str, value: Any) -> str | None:
    """A number's exact text, "true" or "false"; None for null."""
    if event == "string":
        return value
    if event == "boolean":
        return "true" if value else "false"
    return None if value is None else str(value)


def _failure(error: Exception, place: str, *, final: bool) -> JobImportError:
    # ijson puts a piece of the document on further lines, and may wrap the whole in b'...'.
    reason = inert(re.split(r"\n|\\n", str(error))[0].removeprefix("b'").rstrip(". "), 120)
    if final or "premature EOF" in reason:
        return BodyTruncated(f"{place}: the JSON ends before its last bracket is closed")
    return MalformedFeed(f"{place}: {reason or 'unreadable'}: expected well-formed JSON")
