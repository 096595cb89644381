"""The parser's own: the flags of every verb, the types of arguments, and errors of one sentence."""

import argparse
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from workers.settings import Config

WITH_VALUE = ("--config", "--redis", "--mongo")

Args = argparse.Namespace
Run = Callable[[Args], int]


class Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one sentence and exits with 2."""

    def error(self, message: str) -> NoReturn:
        """End with the sentence and where to read more."""
        self.exit(2, f"jobimport: {message} (see `{self.prog} --help`)\n")


class Verbs:
    """The verbs of a noun, each bound to the function that runs it."""

    def __init__(self, parser: Parser) -> None:
        self._group = parser.add_subparsers(metavar="VERB", parser_class=Parser, required=True, dest="verb")

    def add(self, name: str, run: Run, summary: str) -> Parser:
        """Add a verb; its parser takes the common flags too."""
        verb = self._group.add_parser(name, help=summary, description=summary, parents=[common()], allow_abbrev=False)
        verb.set_defaults(run=run)
        return verb


def common() -> Parser:
    """Flags of every verb. They stand before or after the noun, so none has a default that could overwrite."""
    parser = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    group = parser.add_argument_group("common")
    group.add_argument("--config", metavar="DIR", help="folder with jobimport.toml and sources/")
    group.add_argument("--redis", metavar="URL", help="where the queues are (JOBIMPORT_REDIS_URL)")
    group.add_argument("--mongo", metavar="URL", help="where the listings are (JOBIMPORT_MONGO_URL)")
    group.add_argument("--json", action="store_true", help="one object, or JSON lines, on stdout")
    group.add_argument("--debug", action="store_true", help="show the traceback of an unexpected error")
    return parser


def wants_json(args: Args) -> bool:
    """Whether --json was given, before or after the noun."""
    return getattr(args, "json", False)


def settings(args: Args) -> "Config":
    """Read the settings: flags over variables over the file."""
    from workers.settings import load  # `--help` does without

    return load(getattr(args, "config", None), flags(args))


def flags(args: Args) -> dict[str, str | None]:
    """The settings that were given as flags, by dotted key."""
    return {"redis.url": getattr(args, "redis", None), "mongo.url": getattr(args, "mongo", None)}


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:12]) <= 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


_AGE = re.compile(r"([0-9]{1,6})([mhdw])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_DAY_LETTERS = len("2026-01-31")


def since(text: str) -> datetime:
    """A moment in the past: an age such as 90m, 12h, 7d, 2w, a day, or a time of ISO 8601; UTC where it has no zone."""
    try:
        if age := _AGE.fullmatch(text):
            return datetime.now(UTC) - int(age[1]) * _UNITS[age[2]]
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        message = f"{text!r} is neither an age such as 12h or 7d, nor a day such as 2026-01-31, nor a time of ISO 8601"
        raise argparse.ArgumentTypeError(message) from None


def until(text: str) -> datetime:
    """The same, as an end: a day that is named belongs to what is meant."""
    moment = since(text)
    return moment + timedelta(days=1) if len(text) == _DAY_LETTERS and text[4:5] == "-" else moment


def run_id(text: str) -> int:
    """A run's number, as `runs list` shows it; "#12" is 12."""
    number = text.removeprefix("#")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is not a run's number, such as 12")
    return int(number)
