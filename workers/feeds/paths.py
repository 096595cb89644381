"""The path language of mappings, compiled to closures: item -> list of texts.

A path names children by local name, without regard to case; lists are flattened at every step. `??` takes the
first side that finds something, `+` takes both, `"text"` is itself, `node{a, b}` gives one text a node, its
parts joined with ", " (with ";" between them: a line each). Filters: `| split ","` (not inside parentheses),
`| match "(regex)"` (first group, or the whole; what does not match is dropped), `| join " "`, `| first`,
`| nonzero`, `| table "0=onsite, 1=remote"` (what it does not name stays, or becomes what "*" does). `xpath:` and
`jmespath:` escape into another language.

    "job_listing:location | split ','"    "link[@rel=alternate]/@href ?? link/@href"
    "locations/location{name ?? city, country}"    "{city, state, country}"    "schedule + employmentType"

What is compiled for a shape reads XML items of that shape only, and does not look for what they have not.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from workers.feeds import element as xml
from workers.feeds.escapes import compile_escape
from workers.feeds.expression import Const, Expression, Filter, Kind, Path, Step, pairs, parse, parse_condition
from workers.feeds.steps import places, texts_of, walk

Getter = Callable[[Any], list[str]]
Shape = xml.Shape

_MATCHED = 10_000  # characters a mapping's regular expression looks at


def nothing(_node: Any) -> list[str]:
    """What is left of a path whose first step no item of a shape can take."""
    return []


class Alternative(NamedTuple):
    """`get` can find something only in an item that has a part named in `heads` (None: in any).

    `path` is how it was written; `bind` compiles it for XML items of one shape, to `nothing` where they lack it.
    """

    get: Getter
    heads: frozenset[str] | None
    path: str
    bind: Callable[[Shape], Getter]

    def then(self, change: Callable[[Getter], Getter]) -> "Alternative":
        """The same, with its texts changed."""

        def bind(shape: Shape) -> Getter:
            found = self.bind(shape)
            return found if found is nothing else change(found)

        return self._replace(get=change(self.get), bind=bind)


def unbound(get: Getter, path: str) -> Alternative:
    """An alternative that looks for itself in whatever item."""
    return Alternative(get, None, path, lambda _shape: get)


def compile_path(source: str, kind: Kind) -> Getter:
    """Compile one expression for XML `Item`s or JSON values. Raises ValueError where it cannot be read."""
    return compile_escape(source, kind) or _expression(parse(source, kind), kind)


def compile_alternatives(source: str, kind: Kind) -> list[Alternative]:
    """Compile one expression, the sides of its outermost `??` apart. Raises ValueError."""
    escape = compile_escape(source, kind)
    if escape is not None:
        return [unbound(escape, source)]
    expression = parse(source, kind)
    if expression.filters:
        return [_alternative(expression, source, kind)]
    sides = zip(expression.alternatives, expression.texts, strict=True)
    return [_alternative(Expression((terms,)), text, kind) for terms, text in sides]


def _alternative(side: Expression, text: str, kind: Kind) -> Alternative:
    return Alternative(_expression(side, kind), _heads(side), text, lambda shape: _expression(side, kind, shape))


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


def _expression(expression: Expression, kind: Kind, shape: Shape | None = None) -> Getter:
    sums = [_sum([_term(term, kind, shape) for term in terms]) for terms in expression.alternatives]
    able = [each for each in sums if each is not nothing]
    if not able:
        return nothing
    getter = able[0] if len(able) == 1 else first_of(able)
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
    able = [each for each in getters if each is not nothing]
    if len(able) <= 1:
        return able[0] if able else nothing
    return lambda node: [text for getter in able for text in getter(node)]


def _term(term: Const | Path, kind: Kind, shape: Shape | None) -> Getter:
    if isinstance(term, Const):
        texts = [term.text]
        return lambda _node: texts
    steps = term.steps
    if shape is not None and steps and steps[0].name[0] != "@":
        found = places(steps[0], shape)
        if not found:
            return nothing
        if len(found) == 1 and not steps[0].tests and term.template is None:
            return _part(found[0]) if len(steps) == 1 else _inside(found[0], steps[1:])
    if term.template is not None:
        return _template(term, kind, shape)
    nodes, texts = walk(steps, kind, shape), texts_of[kind]
    return lambda node: texts(nodes(node))


def _part(at: int) -> Getter:
    """The text of the child at a place."""

    def get(item: xml.Item) -> list[str]:
        text = xml.text(item.parts[at])
        return [text] if text and not text.isspace() else []

    return get


def _inside(at: int, steps: tuple[Step, ...]) -> Getter:
    """What a path finds in the child at a place: nothing where that is a plain text, as in most feeds."""
    nodes, texts = walk(steps, "xml"), texts_of["xml"]
    if steps[0].name[0] == "@":
        return lambda item: texts(nodes(item.parts[at]))

    def get(item: xml.Item) -> list[str]:
        found = item.parts[at]
        return [] if xml.is_plain(found) else texts(nodes(found))

    return get


def _template(path: Path, kind: Kind, shape: Shape | None) -> Getter:
    nodes = walk(path.steps, kind, shape)
    inside = None if path.steps else shape
    parts = [_expression(part, kind, inside) for part in path.template or ()]

    def get(node: Any) -> list[str]:
        out: list[str] = []
        for each in nodes(node):
            seen: dict[str, None] = {}  # "Singapore, Singapore" says no more than "Singapore"
            for part in parts:
                for text in part(each):
                    seen[text.strip()] = None
            seen.pop("", None)
            if seen:
                out.append(path.glue.join(seen))
        return out

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
            held: list[str] = []
            depth = 0  # of parentheses
            for part in text[:_MATCHED].split(separator):
                held.append(part)
                depth += part.count("(") - part.count(")")
                if depth <= 0:
                    out.append(separator.join(held))
                    held, depth = [], 0
            out.append(separator.join(held))
        return [text for text in out if text and not text.isspace()]

    return get
