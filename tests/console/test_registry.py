"""One table of actions: keys, verbs, help, footer and code cannot disagree."""

import argparse
from importlib import import_module
from pathlib import Path

import pytest

from jobimport_tui import registry
from jobimport_tui.actions import ACTIONS
from jobimport_tui.cli.flags import Parser
from jobimport_tui.cli.main import NOUNS
from jobimport_tui.screens.days import DaysPage
from jobimport_tui.screens.edit import EditPage
from jobimport_tui.screens.failed import FailedSection
from jobimport_tui.screens.group import GroupPage
from jobimport_tui.screens.help import HelpPage
from jobimport_tui.screens.letter import LetterPage
from jobimport_tui.screens.listing import ListingPage
from jobimport_tui.screens.listings import ListingsSection
from jobimport_tui.screens.look import LookPage
from jobimport_tui.screens.page import Page
from jobimport_tui.screens.queues import QueuesSection
from jobimport_tui.screens.run import RunPage
from jobimport_tui.screens.runs import RunsSection
from jobimport_tui.screens.source import SourcePage
from jobimport_tui.screens.sources import SourcesSection
from jobimport_tui.screens.workers import WorkersSection
from tests.console.views import with_keys

PAGES: list[type[Page]] = [
    *(QueuesSection, RunsSection, FailedSection, ListingsSection, WorkersSection, SourcesSection),
    *(RunPage, LetterPage, ListingPage, GroupPage, SourcePage, DaysPage, LookPage, EditPage, HelpPage),
]


def test_every_place_has_a_page() -> None:
    assert {page.place for page in PAGES} == registry.EVERYWHERE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.place)
def test_every_action_of_a_place_is_done_there(page: type[Page]) -> None:
    for action in registry.of_place(page.place, read_only=False):
        assert callable(getattr(page, f"do_{action.name}", None)), f"{page.place}: {action.name}"


@pytest.mark.parametrize("place", sorted(registry.EVERYWHERE))
def test_keys_and_verbs_are_not_used_twice(place: str) -> None:
    actions = registry.of_place(place, read_only=False)
    keys = [key for action in actions for key in action.keys]
    verbs = registry.verbs(place, read_only=False)
    assert len(keys) == len(set(keys))
    assert len(verbs) == len(set(verbs))


@pytest.mark.parametrize(
    ("typed", "place", "meant"),
    [
        ("w", "queues", ["watches"]),
        ("w", "listings", ["watches"]),
        ("w", "runs", ["workers"]),
        ("wo", "listings", ["workers"]),
        ("watch", "listings", ["watch"]),
        ("wat", "listings", ["watch", "watches"]),
        ("w", "look", ["workers", "write"]),
        ("bananas", "queues", []),
    ],
)
def test_a_short_verb_means_what_its_letter_does_or_is_asked_about(typed: str, place: str, meant: list[str]) -> None:
    assert [action.verb for action in registry.by_verb(typed, place, read_only=False)] == meant


@pytest.mark.parametrize("place", sorted(registry.EVERYWHERE))
def test_a_letter_that_may_be_several_verbs_never_means_one_that_changes_something_but_i(place: str) -> None:
    for letter in "abcdefghijklmnopqrstuvwxyz":
        may_be = [verb for verb in registry.verbs(place, read_only=False) if verb.startswith(letter)]
        meant = registry.by_verb(letter, place, read_only=False)
        assert len(may_be) < 2 or len(meant) > 1 or not meant[0].changes or meant[0].name == "import"


@pytest.mark.parametrize("place", sorted(registry.EVERYWHERE))
def test_a_read_only_console_has_nothing_that_changes(place: str) -> None:
    assert not [a for a in registry.of_place(place, read_only=True) if a.changes]


def test_what_changes_something_names_its_command() -> None:
    for action in ACTIONS:
        assert action.group in registry.GROUPS
        if action.changes and action.name not in WITHOUT_COMMAND:
            assert action.cli.startswith("jobimport ")
            assert not action.keys or any(key.isupper() for key in action.keys)


WITHOUT_COMMAND = {"undo": "a command is done when it is entered; there is nothing to take back"}

COMMANDS_WITHOUT_PLACE = {
    "console": "is the console",
    "demo": "starts servers and a console over them",
    "up": "starts servers",
    "worker": "starts a process",
    "scheduler": "starts a process",
    "doctor": "looks at the machine on which it runs, also where no console can start",
    "metrics": "is for Prometheus; the sections show the same to people",
    "config show": "the settings are those of the process that reads them",
    "config check": "the settings are those of the process that reads them",
    "migrate": "belongs to an upgrade, as starting the workers does; Events says when it is to be done",
    "audit list": "Events and a run's page show what was done by whom; the whole trail is for a shell",
    "runs upkeep": "the workers do it by themselves; by hand it is for a system that was without workers",
}
"""Commands that no console does, each with the reason."""


def commands_of_the_parser() -> set[str]:
    found: set[str] = set()
    for noun, (module, _) in NOUNS.items():
        parser = Parser(prog=noun)
        import_module(f"jobimport_tui.cli.{module}").describe(parser)
        groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        found |= {f"{noun} {verb}" for group in groups for verb in group.choices} if groups else {noun}
    return found


def commands_of_the_console() -> set[str]:
    lines = [line for action in ACTIONS for line in (action.cli, *action.cli_of.values()) if line]
    return {" ".join(word for word in line.split()[1:3] if word.islower() and word.isalpha()) for line in lines}


def test_every_command_has_a_place_in_the_console_and_the_reverse() -> None:
    assert commands_of_the_parser() == commands_of_the_console() | set(COMMANDS_WITHOUT_PLACE)
    assert not commands_of_the_console() & set(COMMANDS_WITHOUT_PLACE)


@pytest.mark.parametrize("place", sorted(registry.EVERYWHERE))
def test_footer_palette_and_help_know_no_other_action(place: str) -> None:
    bound = {binding.action for page in PAGES if page.place == place for binding in page.BINDINGS}
    meant = registry.of_place(place, read_only=False)
    assert bound == {f"do('{action.name}', '{action.preset}')" for action in meant if action.keys}


@pytest.mark.parametrize("place", sorted(registry.EVERYWHERE))
def test_what_a_letter_means_is_what_it_is_completed_to(place: str) -> None:
    verbs = registry.verbs(place, read_only=False)
    for letter in "abcdefghijklmnopqrstuvwxyz":
        meant = registry.by_verb(letter, place, read_only=False)
        if len(meant) == 1:
            assert next(verb for verb in verbs if verb.startswith(letter)) == meant[0].verb


def test_verbs_may_be_shortened_where_that_is_clear() -> None:
    def name(verb: str) -> str:
        meant = registry.by_verb(verb, "queues", read_only=False)
        return meant[0].name + meant[0].preset if len(meant) == 1 else ""

    assert name("im") == "import"
    assert name("run") == "run"  # exact before prefix
    assert name("runs") == "sectionruns"
    assert name("wo") == "sectionworkers"
    assert name("w") == "watches"  # as the key
    assert name("f") == name("re") == ""  # failed, filter, freeze; refresh, repaint, resume
    assert name("nonsense") == ""


def test_the_manual_has_this_table() -> None:
    text = (Path(__file__).parents[2] / "docs" / "console.md").read_text()
    assert text == with_keys(text), "run `python -m tests.console.views docs`"
