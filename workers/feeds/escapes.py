"""`xpath:` and `jmespath:` in mappings: two full languages for the odd feed that our own path language cannot read.

An XPath sees one item as a document of its own, elements and attributes by their local names, in the feed's case:
`location[@type='office']/city`, `count(perk)`. A JMESPath sees one item; keys are compared without regard to
case, and numbers are texts: `to_number(size) > `5``. Texts, numbers and lists of them are taken; nothing else is.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any, cast

from workers.feeds import element as xml
from workers.feeds.expression import Kind

_LONGEST = 1000  # characters of an expression
_MANY = 1000  # texts taken of an item
_MOST_NODES = 5_000  # of an item an XPath is let loose on: some take the square of it


def compile_escape(source: str, kind: Kind) -> Callable[[Any], list[str]] | None:
    """Compile `xpath:...` or `jmespath:...`; None for what is neither. Raises ValueError."""
    language, colon, expression = source.strip().partition(":")
    if not colon or language not in ("xpath", "jmespath"):
        return None
    if len(expression) > _LONGEST:
        raise ValueError(f"an expression of {len(expression)} characters: expected at most {_LONGEST}")
    if language == "xpath":
        if kind != "xml":
            raise ValueError("xpath: reads XML, and this feed is JSON: expected a path or jmespath:")
        return _xpath(expression.strip())
    if kind != "json":
        raise ValueError("jmespath: reads JSON, and this feed is XML: expected a path or xpath:")
    return _jmespath(expression.strip())


def check_escape(source: str) -> bool:
    """Whether a text is an escape, checked in its own language. Raises ValueError."""
    language = source.strip().partition(":")[0]
    return compile_escape(source, "json" if language == "jmespath" else "xml") is not None


def _xpath(expression: str) -> Callable[[Any], list[str]]:
    etree = _etree()

    try:
        compiled = etree.XPath(expression, smart_strings=False)
        compiled(etree.Element("item"))  # a function that there is not shows only here
    except etree.XPathError as error:
        raise ValueError(f"{expression!r} is no XPath: {error}") from error

    def get(node: Any) -> list[str]:
        if node.__class__ is not xml.Item:
            return []
        try:
            tree = tree_of(node)
        except ValueError:  # a name such as "a:", or a character that XML has not
            return []
        if tree is None:
            return []
        try:
            found: object = compiled(tree)
        except etree.XPathError:  # an answer beyond libxml2's limits
            return []
        if isinstance(found, str | float | bool):
            return list(_scalars(found))
        texts: list[str] = []
        for each in cast("list[Any]", found)[:_MANY]:
            text = each if isinstance(each, str) else "".join(each.itertext()) if hasattr(each, "itertext") else ""
            if text and not text.isspace():
                texts.append(text)
        return texts

    return get


def _etree() -> Any:
    from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # here: only who writes an XPath pays for it

    return etree


@lru_cache(maxsize=1)  # the expressions of one mapping ask for one item after the other
def tree_of(item: xml.Item) -> Any:
    """An item as an lxml element, every name without its prefix; None where it has over 5,000 elements."""
    etree = _etree()
    count = 0

    def build(node: xml.Element, parent: Any) -> Any:
        nonlocal count
        count += 1
        if count > _MOST_NODES:
            return None
        tag = node[0].rpartition(":")[2]
        made = etree.Element(tag) if parent is None else etree.SubElement(parent, tag)
        for name, value in node[1].items():
            if not name.startswith("xmlns"):
                made.set(name.rpartition(":")[2], value)
        last: Any = None
        for part in node[2:]:
            if part.__class__ is list:
                last = build(part, made)
                if last is None:
                    return None
            elif last is None:
                made.text = (made.text or "") + part
            else:
                last.tail = (last.tail or "") + part
        return made

    return build(item.element, None)


def _jmespath(expression: str) -> Callable[[Any], list[str]]:
    from jmespath import exceptions, parser  # here: only who writes a JMESPath pays for it

    try:
        compiled = parser.Parser().parse(expression)
    except exceptions.JMESPathError as error:
        raise ValueError(f"{expression!r} is no JMESPath: {' '.join(str(error).split())}") from error
    _fold(compiled.parsed)
    with suppress(exceptions.JMESPathTypeError):  # of what is not in an empty item
        try:
            compiled.search({})
        except (exceptions.UnknownFunctionError, exceptions.ArityError) as error:
            raise ValueError(f"{expression!r} is no JMESPath: {error}") from error

    def get(node: Any) -> list[str]:
        try:
            found: object = compiled.search(node)
        except exceptions.JMESPathError:  # a function given what it does not take
            return []
        texts: list[str] = []
        for text in _scalars(found):
            if len(texts) >= _MANY:
                break
            if text and not text.isspace():
                texts.append(text)
        return texts

    return get


def _fold(tree: Any) -> None:
    """Field names in lower case, as the splitter hands them on."""
    if tree["type"] == "field":
        tree["value"] = tree["value"].lower()
    for child in tree["children"]:
        if isinstance(child, dict):
            _fold(child)


def _scalars(found: object) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, bool):
        yield "true" if found else "false"
    elif isinstance(found, int | float):
        yield str(int(found) if isinstance(found, float) and found.is_integer() else found)
    elif isinstance(found, list):
        for each in cast("list[object]", found):
            yield from _scalars(each)
