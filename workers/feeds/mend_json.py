"""JSON that a strict parser refuses, made well-formed: the second pass over a feed that broke.

Works between the bytes and the strict splitter, an object at a time, so that memory is bounded by one: what stands
around the list passes as it is, the objects of the list are cut out by their braces. One that is well-formed passes;
one that is not is mended (control characters in texts, NaN and Infinity, commas too many, escapes that are none).
Where braces do not lead out of a broken object, the next one that begins as the first did is gone on with; how often
bytes are looked at again for that is bounded, or a few kilobytes of braces would take hours.
"""

import json
import re
from typing import Any, NoReturn, cast

from workers.feeds.limits import MAX_DEPTH, MAX_KEY, is_crowded

_STRUCTURE = re.compile(rb'"(?:[^"\\]++|\\.)*+"(?P<key>\s*:)?|[{}\[\]]|(?P<open>")', re.DOTALL)
_STRING_OR_FAULT = re.compile(
    r'(?P<text>"(?:[^"\\]++|\\.)*+")|,(?=\s*[}\],])|(?P<none>\b(?:NaN|undefined)\b|-?\bInfinity\b)', re.DOTALL
)
_ESCAPE = re.compile(r"\\(?:(?=u(?![0-9a-fA-F]{4}))|(?![\"\\/bfnrtu]))|\\\\")
_FIRST_KEY = re.compile(rb'\{\s*(?P<name>"(?:[^"\\]|\\.){1,200}")\s*:')
_BETWEEN = re.compile(rb"[\s,]*+")
_LONGEST = 2 << 20  # bytes of an object, or of a text outside the list
_LONG, _TIMES = 1 << 15, 16  # once one was whole: bytes of the next, or so many times the longest
_AGAIN = 4 << 20  # bytes looked at again in one call, and in all beyond four times what came
_MARGIN = 512  # bytes that may hold the beginning of an object, as far as its first key
_CLOSED = {"{": b"}", "[": b"]"}


class JsonMender:
    """Filter of UTF-8 bytes. `lost` counts the objects that could not be mended.

    `gave_up` says why nothing more is given of what is broken so often that it is not worth the time, "" until then.
    """

    def __init__(self, list_path: str) -> None:
        """`list_path` is where the list is: keys joined by ".", or "." for the document."""
        self._path = list_path
        self._held = b""
        self._looked = 0  # bytes of _held that were looked at
        self._trail: list[tuple[str, str]] = []  # (bracket, path) of what is open around the list
        self._key = ""
        self._is_in_list = self._has_ended = False
        self._depth = 0  # inside the open object
        self._is_seeking = False  # the next object, after one that was broken
        self._begin: re.Pattern[bytes] | None = None  # how objects begin: as the first did
        self._keys: set[str] = set()  # the first object's
        self._given = 0
        self._limit = _LONGEST
        self._fed = self._again = self._again_now = 0
        self.lost = 0
        self.gave_up = ""

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes, give well-formed ones for the objects that are whole by now."""
        self._fed += len(chunk)
        self._again_now = 0
        out: list[bytes] = []
        self._held += chunk
        while not self._is_done and (self._inside(out) if self._is_in_list else self._around(out)):
            pass
        if self._is_done:
            self._held = b""
        return b"".join(out)

    @property
    def _is_done(self) -> bool:
        return self._has_ended or bool(self.gave_up)

    def close(self) -> bytes:
        """Look behind an object without an end, and close what is open."""
        self._again_now = 0
        out: list[bytes] = []
        while self._is_in_list and self._depth and not self.gave_up:
            self._give_up()
            while not self.gave_up and self._inside(out):
                pass
        out.extend(_CLOSED[bracket] for bracket, _ in reversed(self._trail))
        return b"".join(out)

    def _around(self, out: list[bytes]) -> bool:
        """Pass what is not the list; True where the list begins."""
        for token in _STRUCTURE.finditer(self._held, self._looked):
            text = token.group()
            if token["open"]:
                break
            self._looked = token.end()
            if text[:1] == b'"':
                self._key = _key(text) if token["key"] else ""
            elif text in (b"{", b"["):
                path = self._descend(text.decode())
                if self.gave_up:
                    break
                if text == b"[" and (path or ".") == self._path and not self._given:
                    self._is_in_list = True
                    break
            elif self._trail:
                self._trail.pop()
                if not self._trail:
                    self._has_ended = True  # what follows the document is none of it
                    break
        out.append(self._held[: self._looked])
        self._drop(self._looked)
        if len(self._held) > _LONGEST and not self._is_in_list and not self._has_ended:
            self.gave_up = f"byte {self._fed}: a text of over {_LONGEST} bytes outside the list"
        return self._is_in_list

    def _descend(self, bracket: str) -> str:
        above = self._trail[-1] if self._trail else ("", "")
        name = "[]" if above[0] == "[" else self._key
        path = f"{above[1]}.{name}" if above[1] and name else name or above[1]
        self._trail.append((bracket, path))
        if len(self._trail) > MAX_DEPTH:
            self.gave_up = f"byte {self._fed}: JSON values nested over {MAX_DEPTH} deep"
        self._key = ""
        return path

    def _inside(self, out: list[bytes]) -> bool:
        """One object of the list, or its end; False when more must come."""
        if self._is_seeking and not self._sought():
            return False
        if not self._depth:
            self._drop(cast("re.Match[bytes]", _BETWEEN.match(self._held)).end())
            if not self._held:
                return False
            if self._held.startswith(b"]"):
                self._is_in_list, self._given = False, self._given + 1
                return self._around(out) or bool(self._held)
            if not self._held.startswith(b"{"):
                self._give_up()
                return True
        for token in _STRUCTURE.finditer(self._held, self._looked):
            if token["open"]:
                break
            self._looked = token.end()
            mark = token.group()
            self._depth += (mark in (b"{", b"[")) - (mark in (b"}", b"]"))
            if not self._depth:
                self._take(out)
                return True
        if len(self._held) > self._limit:
            self._give_up()
            return True
        return False

    def _take(self, out: list[bytes]) -> None:
        """The braces say that an object ends here."""
        text = self._held[: self._looked]
        found = _mended(text)
        if found is None or (self._keys and len(self._keys & found[0]) * 2 < len(self._keys)):
            # What can be read and has not the others' keys is a part of the broken one.
            self._give_up(is_part=found is not None)
            return
        if self._begin is None and (match := _FIRST_KEY.match(text)):
            self._begin, self._keys = re.compile(rb"\{\s*" + re.escape(match["name"]) + rb"\s*:"), found[0]
        self._limit = min(_LONGEST, max(_LONG, _TIMES * len(text), self._limit if self._given else 0))
        out.append(b"," + found[1] if self._given else found[1])
        self._given += 1
        self._drop(self._looked)

    def _give_up(self, *, is_part: bool = False) -> None:
        """Leave the object that begins here, for the next that begins as the first did."""
        self.lost += not is_part
        self._again += self._looked
        self._again_now += self._looked
        if max(self._again_now, self._again - 4 * self._fed) > _AGAIN:
            self.gave_up = f"byte {self._fed}: too many objects without an end"
        self._depth, self._is_seeking = 0, True
        self._drop(1)
        self._looked = 0

    def _sought(self) -> bool:
        match = (self._begin or _FIRST_KEY).search(self._held)
        self._drop(match.start() if match else max(len(self._held) - _MARGIN, 0))
        self._is_seeking = match is None
        return match is not None

    def _drop(self, count: int) -> None:
        self._held = self._held[count:]
        self._looked = 0


def _key(token: bytes) -> str:
    """A key as paths have it; what is beyond the length of keys is in none."""
    return token[1 : min(token.rindex(b'"'), MAX_KEY)].decode("utf-8", "replace").lower()


def _mended(text: bytes) -> tuple[set[str], bytes] | None:
    """An object's keys, and the object as JSON; None where it cannot be read."""
    if is_crowded(text):
        return None
    try:
        found: Any = json.loads(text, parse_constant=_refuse)
        return set(found), text
    except ValueError:
        pass
    except RecursionError:
        return None
    try:
        tidy = _STRING_OR_FAULT.sub(_without_fault, text.decode("utf-8", "replace"))
        # Numbers as their text, which is what the splitter makes of them.
        found = json.loads(tidy, strict=False, parse_int=str, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return set(found), json.dumps(found).encode()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _without_fault(match: re.Match[str]) -> str:
    if text := match["text"]:
        return _ESCAPE.sub(lambda escape: escape.group() if len(escape.group()) == 2 else "\\\\", text)
    return "null" if match["none"] else ""
