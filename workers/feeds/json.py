"""JSON as it arrives: cuts a document into the objects of one list and holds one of them at a time.

Works on ijson's basic events (7 us an item of 50 values; its ready-made objects cost 13-22). Keys are folded to
lower case, numbers kept as their exact text, NaN and Infinity refused by the parser, nulls left out.
"""

from collections.abc import Collection
from typing import Any

import ijson

from workers.errors import BodyTruncated, JobImportError, MalformedFeed, TooLarge
from workers.feeds.limits import MAX_DEPTH, MAX_ITEM, MAX_NAMES, MAX_NODES, MAX_STRING, SLICE
from workers.feeds.text import inert

ROOT = "."  # the path of a list that is the document itself

_FACTS = 100


class JsonSplitter:
    """Push parser of JSON: `items` fills up with the objects of the first list found at one of `lists`.

    Paths are keys joined by "." ("jobs", "data.jobs"), ROOT for a top-level array. Scalars outside the items are
    kept in `facts` by their path. `list_path` is the path of the list, "" until one is met; `keys` are the
    top-level keys.
    """

    def __init__(self, lists: Collection[str]) -> None:
        self.items: list[dict[str, Any]] = []
        self.facts: dict[str, str] = {}
        self.list_path = ""
        self.keys: list[str] = []
        self.expected = ", ".join(sorted(lists))
        self._found = False  # the list has an object: no other list will do
        self._lists = frozenset(path.lower() for path in lists)
        self._events: Any = ijson.sendable_list()
        self._parser: Any = ijson.basic_parse_coro(self._events)
        self._folded: dict[str, str] = {}
        self._key = ""
        self._trail: list[tuple[str, bool]] = []  # (path, is an array) of what is open outside items
        self._list_depth = 0  # of the list's array in the trail; 0 outside it
        self._open: list[Any] = []  # what is open inside the item
        self._nodes = 0
        self._quiet = 0  # bytes without an event
        self._item_bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Parse UTF-8 bytes. Raises MalformedFeed or TooLarge; `items` before that stay valid."""
        for start in range(0, len(chunk), SLICE):
            part = chunk[start : start + SLICE]
            self._quiet += len(part)
            self._item_bytes += len(part)
            self._send(part)
            if self._quiet > MAX_STRING:
                raise TooLarge(f"one JSON value is over {MAX_STRING} bytes")
            if not self._open:
                self._item_bytes = 0
            elif self._item_bytes > MAX_ITEM:
                raise TooLarge(f"one JSON item is over {MAX_ITEM} bytes")

    def close(self) -> None:
        """End of input. Raises BodyTruncated if the document is not complete."""
        try:
            self._parser.close()
        except ijson.IncompleteJSONError as error:
            raise _failure(error, final=True) from error
        except ijson.JSONError as error:
            raise _failure(error, final=False) from error

    def _send(self, part: bytes) -> None:
        failure: Exception | None = None
        try:
            self._parser.send(part)
        except (ijson.JSONError, ValueError, ArithmeticError, SystemError) as error:
            failure = error  # SystemError: a number of 4,301 digits or more, inside the parser's C code
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
            raise _failure(failure, final=False) from failure

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
            return
        elif event == "start_map" or event == "start_array":
            kept = {} if event == "start_map" else []
            self._open.append(kept)
            if len(self._open) > MAX_DEPTH:
                raise TooLarge(f"JSON values nested over {MAX_DEPTH} deep")
        else:
            kept = _scalar(event, value)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise TooLarge(f"over {MAX_NODES} values in one JSON item")
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
        elif len(self.facts) < _FACTS and self._trail and not self._trail[-1][1]:
            self.facts[self._child()] = (_scalar(event, value) or "")[:200]

    def _descend(self, *, is_array: bool) -> None:
        path = self._child()
        self._trail.append((path, is_array))
        if len(self._trail) > MAX_DEPTH:
            raise TooLarge(f"JSON values nested over {MAX_DEPTH} deep")
        wanted = path or ROOT
        if is_array and not self._list_depth and wanted in self._lists and not self._found:
            self._list_depth = len(self._trail)
            self.list_path = wanted

    def _child(self) -> str:
        """Path of the value that comes now, outside items; "" for the document."""
        if not self._trail:
            return ""
        path, is_array = self._trail[-1]
        name = "[]" if is_array else self._key
        return f"{path}.{name}" if path else name

    def _fold(self, key: str) -> str:
        if len(self._folded) >= MAX_NAMES:
            self._folded.clear()  # objects keyed by data: legal, but not worth remembering
        folded = self._folded[key] = key.lower()
        return folded


def _scalar(event: str, value: Any) -> str | None:
    """A number's exact text, "true" or "false"; None for null."""
    if event == "string":
        return value
    if event == "boolean":
        return "true" if value else "false"
    return None if value is None else str(value)


def _failure(error: Exception, *, final: bool) -> JobImportError:
    text = inert(str(error), 160)
    if final or "premature EOF" in text:
        return BodyTruncated("the JSON ends before its last bracket is closed")
    return MalformedFeed(f"{text}: expected well-formed JSON")
