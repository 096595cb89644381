"""Query -> text. What `parse` makes of the text is the query again."""

from workers.query import keys
from workers.query.model import Age, Amount, Clause, Days, Facet, Id, Inside, OfRun, Query, Since, Text
from workers.query.values import UNITS


def write(query: Query) -> str:
    """Write a query in its canonical form: `java` comes out as `java*` where it was read as a beginning."""
    parts = [("-" if clause.is_not else "") + _write(clause) for clause in query.clauses]
    if query.sort != "posted":
        parts.append(f"sort:{query.sort}")
    if parts and _is_open(query):
        parts[-1] = f'"{parts[-1]}"'  # alone, a last word would be read as a beginning
    return " ".join(parts)


def _is_open(query: Query) -> bool:
    last = query.clauses[-1] if query.clauses and query.sort == "posted" else None
    return isinstance(last, Text) and not last.key and len(last.words) == 1 and not (last.is_prefix or last.is_not)


def _write(clause: Clause) -> str:
    match clause:
        case Text():
            return _text(clause)
        case Inside():
            return f'text:"{" ".join(clause.words)}"'
        case Facet():
            names = {stored: word for word, stored in reversed(keys.FACETS[clause.key].items())}
            if clause.key == "type":
                names["CONTRACTOR"] = "contract"
            return f"{clause.key}:{','.join(names.get(value, value) for value in clause.values)}"
        case Amount():
            return f"{clause.key}:{_amount(clause)}"
        case Age():
            return f"{clause.key}:{'<' if clause.is_younger else '>'}{_span(clause.seconds)}"
        case Days():
            return f"{clause.key}:{_days(clause)}"
        case Since():
            return f"{clause.key}:>={clause.at:%Y-%m-%dT%H:%M:%SZ}"
        case OfRun():
            return f"{clause.key}:run:{clause.run}"
        case Id():
            star = "*" if clause.is_prefix else ""
            escaped = clause.id.replace("\\", "\\\\").replace('"', '\\"')
            is_plain = not any(c.isspace() or c in '"\\*' for c in clause.id)
            return f"id:{clause.id}{star}" if is_plain else f'id:"{escaped}"{star}'


def _text(clause: Text) -> str:
    key, star = f"{clause.key}:" if clause.key else "", "*" if clause.is_prefix else ""
    if len(clause.words) == 1:
        return f"{key}{clause.words[0]}{star}"
    return f'{key}"{" ".join(clause.words)}"{star}'


def _amount(clause: Amount) -> str:
    low, high = clause.low, clause.high
    if low is not None and high is not None:
        return f"{low}" if low == high else f"{low}..{high}"
    if low is not None:
        return f"{'>' if clause.low_open else '>='}{low}"
    return f"{'<' if clause.high_open else '<='}{high}"


def _days(clause: Days) -> str:
    first, last = clause.first, clause.last
    if first is not None and first == last:
        return first.isoformat()
    return f"{first.isoformat() if first else ''}..{last.isoformat() if last else ''}"


def _span(seconds: int) -> str:
    unit, size = next((unit, size) for unit, size in UNITS.items() if unit != "w" and seconds % size == 0)
    return f"{seconds // size}{unit}"
