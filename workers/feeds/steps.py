"""From an item to the nodes at the end of a path, and the texts in them: closures over XML elements or JSON values.

Lists are flattened at every step. Where the shape of XML items is known, their children are taken by their places.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from workers.feeds import element as xml
from workers.feeds.expression import Kind, Step, Test

Nodes = Callable[[Any], Iterable[Any]]


def walk(steps: tuple[Step, ...], kind: Kind, shape: xml.Shape | None = None) -> Nodes:
    """From an item, of that shape if one is given, to the nodes (or attribute texts) at the end of a path."""
    if not steps:
        return lambda node: (node,)
    if shape is not None and steps[0].name[0] != "@":
        return _from_places(steps, kind, places(steps[0], shape))
    if len(steps) == 1 and not steps[0].tests:
        return _move[kind](steps[0].name)
    moves = [_move[kind](step.name) for step in steps]
    tests = [_tested(step.tests, kind) for step in steps]
    plan = list(zip(moves, tests, strict=True))

    def from_node(node: Any) -> Iterable[Any]:
        nodes: Iterable[Any] = (node,)
        for move, test in plan:
            nodes = [found for each in nodes for found in move(each)]
            if not nodes:
                return nodes
            if test is not None:
                nodes = [each for each in nodes if test(each)]
        return nodes

    return from_node


def places(step: Step, shape: xml.Shape) -> Sequence[int]:
    """Where a step's nodes are among the children of items of a shape, before its tests."""
    return shape.places(step.name, step.name.rpartition(":")[2])


def _from_places(steps: tuple[Step, ...], kind: Kind, first: Sequence[int]) -> Nodes:
    here, *more = steps
    test = _tested(here.tests, kind)
    rest = walk(tuple(more), kind) if more else None
    is_deep = bool(more) and more[0].name[0] != "@"

    def nodes(item: Any) -> Iterable[Any]:
        found = [item.parts[at] for at in first]
        if is_deep:
            found = [each for each in found if not xml.is_plain(each)]
        if test is not None:
            found = [each for each in found if test(each)]
        return found if rest is None else [node for each in found for node in rest(each)]

    return nodes


def _tested(tests: tuple[Test, ...], kind: Kind) -> Callable[[Any], bool] | None:
    if not tests:
        return None
    checks = [(walk((Step(test.name, ()),), kind), test) for test in tests]
    of_children = kind == "xml" and all(test.name[0] != "@" for test in tests)
    without_any = all(test.negated for test in tests)

    def holds(node: Any) -> bool:
        if of_children and node.__class__ is list and xml.is_plain(node):
            return without_any
        for nodes, test in checks:
            texts = [text.casefold() for text in texts_of[kind](nodes(node))]
            met = bool(texts) if test.value is None else test.value.strip("\"'").casefold() in texts
            if met is test.negated:
                return False
        return True

    return holds


def _xml_move(name: str) -> Nodes:
    if name[0] == "@":
        wanted = name[1:]

        def attribute(node: Any) -> Iterable[Any]:
            if node.__class__ is str:
                return ()
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
texts_of: dict[Kind, Callable[[Iterable[Any]], list[str]]] = {"xml": _xml_texts, "json": _json_texts}
