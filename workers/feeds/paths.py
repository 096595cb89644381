"""The path language of mappings, compiled to closures: item -> list of texts.

A path names children by local name, without regard to case; lists are flattened at every step. `??` takes the
first side that finds something, `+` takes both, `"text"` is itself, `node{a, b}` gives one text a node, its
parts joined with ", " (with ";" between them: a line each). Filters: `| split ","` (not inside parentheses),
`| match "(regex)"` (first group, or the whole; what does not match is dropped), `| join " "`, `| first`,
`| nonzero`, `| table "0=onsite, 1=remote"` (what it does not name stays, or becomes what "*" does). `xpath:` and
`jmespath:` escape into another language.

    "job_listing:location | split ','"    "link[@rel=alternate]/@href ?? link/@href"
    "locations/location{name ?? city, country}"    "{city, state, country}"    "schedule + employmentType"
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from workers.feeds import element as xml
from workers.feeds.escapes import compile_escape
from workers.feeds.expression import Const, Expression, Filter, Kind, Path, Step, Test, pairs, parse, parse_condition

Getter = Callable[[Any], list[str]]
Nodes = Callable[[Any], Iterable[Any]]

_MATCHED = 10_000  # characters a mapping's regular expression looks at


class Alternative(NamedTuple):
    """`get` can find something only in an item that has a part named in `heads` (None: in any).

    `path` is how it was written.
    """

    get: Getter
    heads: frozenset[str] | None
    path: str


def compile_path(source: str, kind: Kind) -> Getter:
    """Compile one expression for XML `Item`s or JSON values. Raises ValueError where it cannot be read."""
    return compile_escape(source, kind) or _expression(parse(source, kind), kind)


def compile_alternatives(source: str, kind: Kind) -> list[Alternative]:
    """Compile one expression, the sides of its outermost `??` apart. Raises ValueError."""
    escape = compile_escape(source, kind)
    if escape is not None:
        return [Alternative(escape, None, source)]
    expression = parse(source, kind)
    if expression.filters:
        return [Alternative(_expression(expression, kind), _heads(expression), source)]
    sides = [
        (Expression((terms,)), text) for terms, text in zip(expression.alternatives, expression.texts, strict=True)
    ]
    return [Alternative(_expression(side, kind), _heads(side), text) for side, text in sides]


def compile_condition(source: str, kind: Kind) -> Callable[[Any], bool]:
    """Compile `path`, `!path`, `path=text` or `path!=text`. Raises ValueError."""
    condition = parse_condition(source)
    get = compile_path(condition.path, kind)
    if condition.value is None:
        return lambda node: bool(get(node)) is not condition.negated
    value = condition.value.casefold()
    return lambda node: (value in (text.strip().casefold() for text in get(node))) is not condition.negated


def _heads(expression: Expression) -> frozenset[str] | None:
    heads: set[str] = set()
    for term in (term for terms in expression.alternatives for term in terms):
        if isinstance(term, Const):
            return None
        if term.steps:
            name = term.steps[0].name
            if name[0] == "@":
                return None
            heads.update((name, name.rpartition(":")[2]))
            continue
        for part in term.template or ():
            inner = _heads(part)
            if inner is None:
                return None
            heads |= inner
    return frozenset(heads)


def _expression(expression: Expression, kind: Kind) -> Getter:
    sums = [_sum([_term(term, kind) for term in terms]) for terms in expression.alternatives]
    getter = sums[0] if len(sums) == 1 else first_of(sums)
    for item in expression.filters:
        getter = _filtered(getter, item)
    return getter


def first_of(getters: list[Getter]) -> Getter:
    """The first that finds anything."""

    def get(node: Any) -> list[str]:
        for getter in getters:
            found = getter(node)
            if found:
                return found
        return []

    return get


def _sum(getters: list[Getter]) -> Getter:
    if len(getters) == 1:
        return getters[0]
    return lambda node: [text for getter in getters for text in getter(node)]


def _term(term: Const | Path, kind: Kind) -> Getter:
    if isinstance(term, Const):
        texts = [term.text]
        return lambda _node: texts
    if term.template is not None:
        return _template(term, kind)
    if kind == "xml" and len(term.steps) == 1 and not term.steps[0].tests and term.steps[0].name[0] != "@":
        return _plain_child(term.steps[0].name)
    nodes, texts_of = _walk(term.steps, kind), _texts[kind]
    return lambda node: texts_of(nodes(node))


def _template(path: Path, kind: Kind) -> Getter:
    nodes = _walk(path.steps, kind)
    parts = [_expression(part, kind) for part in path.template or ()]

    def get(node: Any) -> list[str]:
        out: list[str] = []
        for each in nodes(node):
            seen: dict[str, None] = {}  # "Singapore, Singapore" says no more than "Singapore"
            for part in parts:
                seen.update((text.strip(), None) for text in part(each) if text.strip())
            if seen:
                out.append(path.glue.join(seen))
        return out

    return get


def _plain_child(name: str) -> Getter:
    local = name.rpartition(":")[2]

    def get(node: Any) -> list[str]:
        if node.__class__ is xml.Item:
            found = node.find(name, local)
        elif node.__class__ is list:
            found = xml.children(node, name, local)
        else:
            return []
        return [text for each in found if (text := xml.text(each)) and not text.isspace()]

    return get


def _filtered(getter: Getter, item: Filter) -> Getter:
    argument = item.argument
    if item.word == "split":
        return split(getter, argument)
    if item.word == "join":
        return lambda node: [argument.join(found)] if (found := getter(node)) else []
    if item.word == "first":
        return lambda node: getter(node)[:1]
    if item.word == "nonzero":
        return lambda node: [text for text in getter(node) if text.strip("0. \t\n")]
    if item.word == "table":
        table = pairs(argument)
        other = table.get("*")
        return lambda node: [
            to for text in getter(node) if (to := table.get(text.strip().casefold(), text if other is None else other))
        ]
    pattern = re.compile(argument)

    def match(node: Any) -> list[str]:
        found = (pattern.search(text[:_MATCHED]) for text in getter(node))
        return [(each.group(1) if pattern.groups else each.group()) or "" for each in found if each]

    return match


def split(getter: Getter, separator: str) -> Getter:
    """Each text cut at a separator, but not inside parentheses."""

    def get(node: Any) -> list[str]:
        out: list[str] = []
        for text in getter(node):
            if separator not in text:
                out.append(text)
                continue
            held = ""
            for part in text[:_MATCHED].split(separator):
                held = f"{held}{separator}{part}" if held else part
                if held.count("(") <= held.count(")"):
                    out.append(held)
                    held = ""
            out.append(held)
        return [text for text in out if text and not text.isspace()]

    return get


def _walk(steps: tuple[Step, ...], kind: Kind) -> Nodes:
    """From an item to the nodes (or attribute texts) at the end of a path."""
    if not steps:
        return lambda node: (node,)
    if len(steps) == 1 and not steps[0].tests:
        return _move[kind](steps[0].name)
    moves = [_move[kind](step.name) for step in steps]
    tests = [_tested(step.tests, kind) for step in steps]
    plan = list(zip(moves, tests, strict=True))

    def walk(node: Any) -> Iterable[Any]:
        nodes: Iterable[Any] = (node,)
        for move, test in plan:
            nodes = [found for each in nodes for found in move(each)]
            if not nodes:
                return nodes
            if test is not None:
                nodes = [each for each in nodes if test(each)]
        return nodes

    return walk


def _tested(tests: tuple[Test, ...], kind: Kind) -> Callable[[Any], bool] | None:
    if not tests:
        return None
    checks = [(_walk((Step(test.name, ()),), kind), test) for test in tests]

    def holds(node: Any) -> bool:
        for nodes, test in checks:
            texts = [text.casefold() for text in _texts[kind](nodes(node))]
            met = bool(texts) if test.value is None else test.value.strip("\"'").casefold() in texts
            if met is test.negated:
                return False
        return True

    return holds


def _xml_move(name: str) -> Nodes:
    if name[0] == "@":
        wanted = name[1:]

        def attribute(node: Any) -> Iterable[Any]:
            attributes = node.attributes if node.__class__ is xml.Item else node[1]
            found = xml.attribute(attributes, wanted)
            return (found,) if found else ()

        return attribute
    local = name.rpartition(":")[2]

    def child(node: Any) -> Iterable[Any]:
        if node.__class__ is xml.Item:
            return node.find(name, local)
        return xml.children(node, name, local) if node.__class__ is list else ()

    return child


def _xml_texts(nodes: Iterable[Any]) -> list[str]:
    out: list[str] = []
    for node in nodes:
        if node.__class__ is xml.Item:
            text = xml.text(node.element)
        else:
            text = node if node.__class__ is str else xml.text(node)
        if text and not text.isspace():
            out.append(text)
    return out


def _json_move(name: str) -> Nodes:
    def child(node: Any) -> Iterable[Any]:
        if node.__class__ is dict:
            found = node.get(name)
            if found is None:
                return ()
            return _flat(found) if found.__class__ is list else (found,)
        return ()

    return child


def _flat(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if value.__class__ is list:
            yield from _flat(value)
        elif value is not None:
            yield value


def _json_texts(nodes: Iterable[Any]) -> list[str]:
    return [node for node in nodes if node.__class__ is str and node and not node.isspace()]


_move: dict[Kind, Callable[[str], Nodes]] = {"xml": _xml_move, "json": _json_move}
_texts: dict[Kind, Callable[[Iterable[Any]], list[str]]] = {"xml": _xml_texts, "json": _json_texts}
