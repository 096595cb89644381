"""Every action once: keys, `:` verb, help, place in the footer, whether it changes anything, the command for it."""

from jobimport_tui.changes import ACTS
from jobimport_tui.registry import DETAILS, GRIDS, LISTS, SECTIONS, Action

READ = DETAILS - {"group", "edit"}


def _section(number: int, name: str, title: str) -> Action:
    cli = {"queues": "queues show", "listings": "jobs search"}.get(name, f"{name} list")
    return Action(
        name="section",
        preset=name,
        keys=(str(number),),
        verb=name,
        help=f"section {title}",
        group="sections",
        cli=f"jobimport {cli}",
    )


MOVES = (
    Action(name="down", keys=("j", "down"), help="one row down"),
    Action(name="up", keys=("k", "up"), help="one row up"),
    Action(name="page_down", keys=("pagedown", "ctrl+d"), help="one page down, at the end the next"),
    Action(name="page_up", keys=("pageup", "ctrl+u"), help="one page up"),
    Action(name="top", keys=("g", "home"), help="first row"),
    Action(name="bottom", keys=("G", "end"), help="last row"),
    Action(name="columns_left", keys=("h", "left"), help="earlier columns", places=GRIDS),
    Action(name="columns_right", keys=("l", "right"), help="later columns", places=GRIDS),
    Action(name="next_panel", keys=("tab",), help="next panel", places=frozenset(("queues",)), hint="panel"),
)

MARKS = (
    Action(name="mark", keys=("space",), help="mark the row, or unmark it", group="mark", places=GRIDS),
    Action(name="range", keys=("v",), help="mark from the last marked row to this one", group="mark", places=GRIDS),
    Action(
        name="mark_all",
        keys=("*",),
        verb="mark",
        help="mark all that fit the filter, also beyond the page",
        group="mark",
        places=GRIDS,
    ),
    Action(name="unmark", keys=("u",), verb="unmark", help="unmark everything", group="mark", places=GRIDS),
    Action(
        name="columns",
        keys=(),
        verb="columns",
        argument="TITLES",
        help="only these columns, in this order; without titles all",
        group="look",
        places=LISTS,
    ),
    Action(name="copy", keys=("y",), verb="copy", help="copy what the row is called", group="mark"),
    Action(name="copy_row", keys=("Y",), help="copy the row as JSON", group="mark"),
    Action(
        name="copy_cli", keys=("c",), verb="cli", help="show and copy the command that shows the same", group="mark"
    ),
    Action(
        name="export",
        keys=("e",),
        verb="export",
        argument="FILE",
        help="write what is shown, or marked, to FILE.csv or FILE.jsonl; in Listings all that is found",
        group="mark",
        places=GRIDS,
        cli_of={"runs": "jobimport runs export", "listings": "jobimport jobs export"},
    ),
)

LOOKS = (
    Action(
        name="open",
        keys=("enter",),
        help="open what is selected",
        places=GRIDS - {"edit"},
        group="look",
        hint="open",
        cli_of={
            "queues": "jobimport runs show {run}",
            "runs": "jobimport runs show {run}",
            "group": "jobimport failed show {id}",
            "listings": "jobimport jobs show {id}",
            "sources": "jobimport sources show {source}",
        },
    ),
    Action(
        name="open",
        keys=("enter",),
        help="change the value of the selected key",
        places=frozenset(("edit",)),
        group="look",
        hint="change",
    ),
    Action(
        name="filter",
        keys=("/",),
        verb="filter",
        argument="WORDS",
        help="filter: words, !word, source:NAME, state:NAME",
        group="look",
        places=GRIDS,
        hint="filter",
    ),
    Action(name="find", keys=("/",), verb="find", argument="WORDS", help="find words", group="look", places=READ),
    Action(name="next_match", keys=("n",), help="next row with the words last looked for", group="look"),
    Action(name="last_match", keys=("N",), help="the one before", group="look"),
    Action(
        name="errors",
        keys=("z",),
        verb="errors",
        help="only what went wrong, or all again",
        group="look",
        places=LISTS - {"listings", "failed"},
    ),
    Action(
        name="pick_source",
        keys=("f",),
        verb="source",
        argument="NAME",
        help="only one source",
        group="look",
        places=frozenset(("runs", "listings")),
        hint="source",
    ),
    Action(
        name="preview",
        keys=(),
        verb="preview",
        argument="URL",
        help="look at a feed that is no source",
        group="look",
        places=LISTS,
        cli="jobimport preview {url}",
    ),
    Action(
        name="days",
        keys=("d",),
        verb="days",
        argument="SOURCE",
        help="the last weeks and the last hour as charts",
        group="look",
        places=frozenset(("queues", "runs", "sources", "source")),
        hint="days",
        cli="jobimport runs stats",
    ),
    Action(
        name="test",
        keys=("t",),
        verb="test",
        argument="SOURCE",
        help="read a source's feed as it is now, and compare it with the last run",
        group="look",
        places=frozenset(("sources", "source")),
        hint="test",
        cli="jobimport sources test {source}",
    ),
    Action(
        name="watches",
        keys=("w",),
        verb="watches",
        argument="NAME",
        help="your saved searches, and what is new in each since you last looked",
        group="look",
        places=frozenset(("queues", "listings")),
        hint="watches",
        cli_of={"queues": "jobimport watch list", "listings": "jobimport watch show {watch}"},
    ),
    Action(
        name="run",
        keys=(),
        verb="run",
        argument="NUMBER",
        help="open a run by its number",
        group="look",
        cli="jobimport runs show {run}",
    ),
    Action(
        name="brought",
        keys=("v",),
        verb="brought",
        argument="new|changed|closed",
        help="the listings that this run brought, changed or closed",
        group="look",
        places=frozenset(("run",)),
        hint="listings",
        cli="jobimport jobs search new:run:{run}",
    ),
    Action(
        name="verify",
        keys=(),
        verb="verify",
        argument="RUN",
        help="count a run again, from listings, batches and rejects",
        group="look",
        places=frozenset(("queues", "runs", "run")),
        cli="jobimport runs verify {run}",
    ),
    Action(name="sort", keys=("s",), verb="sort", help="sort by the next column", group="look", places=GRIDS),
    Action(name="freeze", keys=("p",), verb="freeze", help="freeze what is shown, or let it go on", group="look"),
    Action(name="earlier", keys=("[",), help="what was shown ten seconds earlier, within the last hour", group="look"),
    Action(name="later", keys=("]",), help="ten seconds later; after the last: live", group="look"),
    Action(
        name="at",
        keys=(),
        verb="at",
        argument="HH:MM[:SS]",
        help="what was shown at a time of day (UTC)",
        group="look",
    ),
    Action(name="faster", keys=("+",), help="look at the servers more often", group="look"),
    Action(name="slower", keys=("-",), help="look at the servers less often", group="look"),
    Action(name="refresh", keys=("r",), verb="refresh", help="read everything again now", group="look"),
    Action(name="repaint", keys=("ctrl+l",), verb="repaint", help="paint the whole screen again", group="look"),
    Action(
        name="theme",
        keys=(),
        verb="theme",
        argument="THEME",
        help="other colours: dark, light, or the terminal's own",
        group="look",
    ),
    Action(
        name="command",
        keys=(":",),
        help="type a command; tab completes it, up brings the last",
        group="look",
        hint="command",
    ),
    Action(
        name="palette", keys=("ctrl+p",), verb="palette", help="choose among everything that can be done", group="look"
    ),
    Action(name="help", keys=("?",), verb="help", help="this page", group="look"),
)

LEAVES = (
    Action(
        name="suspend",
        keys=("ctrl+z",),
        verb="suspend",
        help="back to the shell; `fg` brings the console back",
        group="leave",
    ),
    Action(name="back", keys=("escape",), help="back; an empty filter", group="leave"),
    Action(name="leave", keys=("q",), verb="q", help="back; at a section, quit", group="leave", hint="quit"),
    Action(name="quit", keys=("ctrl+c",), verb="quit", help="quit", group="leave"),
)

ACTIONS: tuple[Action, ...] = (
    *(_section(number, name, title) for number, (name, title) in enumerate(SECTIONS, 1)),
    *MOVES,
    *ACTS,
    *MARKS,
    *LOOKS,
    *LEAVES,
)
