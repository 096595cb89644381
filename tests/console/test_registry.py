"""One table of actions: keys, verbs, help, footer and code cannot disagree."""

from pathlib import Path

import pytest

from jobimport_tui import registry
from jobimport_tui.screens.failed import FailedSection
from jobimport_tui.screens.help import HelpPage
from jobimport_tui.screens.letter import LetterPage
from jobimport_tui.screens.listing import ListingPage
from jobimport_tui.screens.listings import ListingsSection
from jobimport_tui.screens.page import Page
from jobimport_tui.screens.queues import QueuesSection
from jobimport_tui.screens.run import RunPage
from jobimport_tui.screens.runs import RunsSection
from jobimport_tui.screens.sources import SourcesSection
from jobimport_tui.screens.workers import WorkersSection
from tests.console.views import with_keys

PAGES: list[type[Page]] = [
    *(QueuesSection, RunsSection, FailedSection, ListingsSection, WorkersSection, SourcesSection),
    *(RunPage, LetterPage, ListingPage, HelpPage),
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


@pytest.mark.parametrize("place", sorted(registry.EVERYWHERE))
def test_a_read_only_console_has_nothing_that_changes(place: str) -> None:
    assert not [a for a in registry.of_place(place, read_only=True) if a.changes]


def test_what_changes_something_names_its_command() -> None:
    for action in registry.ACTIONS:
        assert action.group in registry.GROUPS
        if action.changes:
            assert action.cli.startswith("jobimport ")
            assert any(key.isupper() for key in action.keys)


def test_verbs_may_be_shortened_where_that_is_clear() -> None:
    def name(verb: str) -> str:
        action = registry.by_verb(verb, "queues", read_only=False)
        return action.name + action.preset if action else ""

    assert name("imp") == "import"
    assert name("run") == "run"  # exact before prefix
    assert name("runs") == "sectionruns"
    assert name("w") == "sectionworkers"
    assert name("f") == ""  # failed, filter, freeze
    assert name("nonsense") == ""


def test_the_manual_has_this_table() -> None:
    text = (Path(__file__).parents[2] / "docs" / "console.md").read_text()
    assert text == with_keys(text), "run `python -m tests.console.views docs`"
