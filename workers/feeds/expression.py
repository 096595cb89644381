"""The grammar of mapping expressions: text -> syntax tree. What they do is in paths.py.

expression := sums ("??" sums)* ("|" word "text"?)*
sums       := term ("+" term)*
term       := "text" | path | path? "{" expression ("," expression)* "}"      or ";" for ","
path       := step ("/" step)*        in JSON "." separates
step       := name test*  |  "@" name
test       := "[name=text]" | "[name]" | "[!name]"      name may be "@name"
condition  := "!"? expression | expression ("=" | "!=") text
"""

import re
from typing import Literal, NamedTuple

Kind = Literal["xml", "json"]

_TOKEN = re.compile(
    r"""\s*(?:(?P<op>\?\?|[+|{},;])|"(?P<dq>[^"]*)"|'(?P<sq>[^']*)'|(?P<path>(?:\[[^\]]*\]|[^\s+|?{},;'"\[\]])+))"""
)
_STEP = re.compile(r"([^\[\]]+)((?:\[[^\]]*\])*)$")
_TEST = re.compile(r"\[\s*(!?)\s*([^=\]\s]+)\s*(?:=\s*([^\]]*?)\s*)?\]")
_CONDITION = re.compile(r"\s*(!?)\s*((?:\[[^\]]*\]|[^=!\[])+?)\s*(?:(!?=)\s*(.*?)\s*)?")
_SEPARATOR = {"xml": re.compile(r"/(?![^\[]*\])"), "json": re.compile(r"\.(?![^\[]*\])")}

GLUE = {",": ", ", ";": "\n"}
WITH_ARGUMENT = {"split", "match", "join", "table"}
WITHOUT_ARGUMENT = {"first", "nonzero"}


class Test(NamedTuple):
    """A condition on a node: the child or @attribute `name` equals `value`, exists, or (negated) does not."""

    name: str
    value: str | None
    negated: bool


class Step(NamedTuple):
    """One step of a path; an attribute's name starts with "@"."""

    name: str
    tests: tuple[Test, ...]


class Const(NamedTuple):
    """A text that stands for itself."""

    text: str


class Path(NamedTuple):
    """Steps from the item to nodes; with `template`, each node becomes one text, its parts joined with `glue`."""

    steps: tuple[Step, ...]
    template: "tuple[Expression, ...] | None" = None
    glue: str = ""


class Filter(NamedTuple):
    """What is done to the texts found."""

    word: str
    argument: str


class Expression(NamedTuple):
    """Alternatives, each a sum of terms, then filters; `texts` are the alternatives as they were written."""

    alternatives: tuple[tuple[Const | Path, ...], ...]
    filters: tuple[Filter, ...] = ()
    texts: tuple[str, ...] = ()


class Condition(NamedTuple):
    """What an item must meet: the expression finds something, or finds `value`; or, negated, does not."""

    path: str
    value: str | None
    negated: bool


class Token(NamedTuple):
    """`kind` is "op", "text" or "path"; it stands at `start` to `end` of what was read."""

    kind: str
    text: str
    start: int
    end: int


def parse(source: str, kind: Kind) -> Expression:
    """Read one expression. Raises ValueError with what was expected, and where."""
    reader = _Reader(_tokens(source), kind, source)
    expression = reader.expression()
    reader.expect_end()
    return expression


def parse_condition(source: str) -> Condition:
    """Read `path`, `!path`, `path=text` or `path!=text`. Raises ValueError."""
    match = _CONDITION.fullmatch(source)
    if match is None or (match.group(1) and match.group(3)):
        raise ValueError(f"{source!r} is no condition: expected path, !path, path=text or path!=text")
    negation, path, operator, value = match.groups()
    negated = bool(negation) or operator == "!="
    return Condition(path, None if value is None else value.strip("\"'"), negated)


def pairs(argument: str) -> dict[str, str]:
    """The table that `| table "0=onsite, 1=remote"` writes; keys folded. Raises ValueError."""
    table: dict[str, str] = {}
    for pair in argument.split(","):
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f'{argument!r} is no table: expected "from=to, from=to"')
        table[key.strip().casefold()] = value.strip()
    return table


def _tokens(source: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    rest = len(source.rstrip())
    while at < rest:
        match = _TOKEN.match(source, at)
        if match is None:
            raise ValueError(f"{source!r} cannot be read at {source[at : at + 20]!r}")
        at = match.end()
        group = str(match.lastgroup)
        kind = {"dq": "text", "sq": "text"}.get(group, group)
        tokens.append(Token(kind, match.group(group), match.start(), match.end()))
    return tokens


class _Reader:
    def __init__(self, tokens: list[Token], kind: Kind, source: str) -> None:
        self._tokens, self._kind, self._source, self._at = tokens, kind, source, 0

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, op: str) -> bool:
        if self._sees(op):
            self._at += 1
            return True
        return False

    def _sees(self, op: str) -> bool:
        token = self._peek()
        return token is not None and token.kind == "op" and token.text == op

    def _fail(self, expected: str) -> ValueError:
        token = self._peek()
        found = "its end" if token is None else repr(token.text)
        return ValueError(f"{self._source!r}: expected {expected} at {found}")

    def expect_end(self) -> None:
        if self._peek() is not None:
            raise self._fail("the end")

    def expression(self) -> Expression:
        starts = [self._at]
        alternatives = [self._sum()]
        ends = [self._at]
        while self._take("??"):
            starts.append(self._at)
            alternatives.append(self._sum())
            ends.append(self._at)
        filters: list[Filter] = []
        while self._take("|"):
            filters.append(self._filter())
        texts = (self._written(start, end) for start, end in zip(starts, ends, strict=True))
        return Expression(tuple(alternatives), tuple(filters), tuple(texts))

    def _written(self, start: int, end: int) -> str:
        return self._source[self._tokens[start].start : self._tokens[end - 1].end].strip()

    def _sum(self) -> tuple[Const | Path, ...]:
        terms = [self._term()]
        while self._take("+"):
            terms.append(self._term())
        return tuple(terms)

    def _filter(self) -> Filter:
        word = self._peek()
        if word is None or word.kind != "path" or word.text not in WITH_ARGUMENT | WITHOUT_ARGUMENT:
            raise self._fail("one of " + ", ".join(sorted(WITH_ARGUMENT | WITHOUT_ARGUMENT)))
        self._at += 1
        if word.text in WITHOUT_ARGUMENT:
            return Filter(word.text, "")
        argument = self._peek()
        if argument is None or argument.kind != "text":
            raise self._fail(f'{word.text} "text"')
        self._at += 1
        if word.text == "match":
            _check_pattern(argument.text)
        elif word.text == "table":
            pairs(argument.text)
        return Filter(word.text, argument.text)

    def _term(self) -> Const | Path:
        token = self._peek()
        if token is None or (token.kind == "op" and token.text != "{"):
            raise self._fail('a path or "text"')
        if token.kind == "text":
            self._at += 1
            return Const(token.text)
        steps: tuple[Step, ...] = ()
        if token.kind == "path":
            self._at += 1
            steps = self._steps(token.text)
        if not self._take("{"):
            return Path(steps)
        parts = [self.expression()]
        mark = ";" if self._sees(";") else ","
        while self._take(mark):
            parts.append(self.expression())
        if not self._take("}"):
            raise self._fail("} or " + mark)
        return Path(steps, tuple(parts), GLUE[mark])

    def _steps(self, text: str) -> tuple[Step, ...]:
        return tuple(self._step(part, text) for part in _SEPARATOR[self._kind].split(text))

    def _step(self, part: str, whole: str) -> Step:
        match = _STEP.match(part)
        if match is None or match.group(1) == "@":
            raise ValueError(f"{self._source!r}: {whole!r} is no path")
        tests: list[Test] = []
        for test in re.findall(r"\[[^\]]*\]", match.group(2)):
            read = _TEST.fullmatch(test)
            if read is None:
                raise ValueError(f"{self._source!r}: expected [name=text], [name] or [!name], not {test}")
            negated, name, value = read.groups()
            tests.append(Test(name.lower(), value, bool(negated)))
        return Step(match.group(1).lower(), tuple(tests))


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
