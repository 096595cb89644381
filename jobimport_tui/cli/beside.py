"""What `runs show` says beside the run itself: what was usual before it, and who did what to it."""

from collections.abc import Sequence

from jobimport_tui.cli.audit import told
from jobimport_tui.cli.show import size, span
from jobimport_tui.cli.tables import table
from workers.analysis.compare import Comparison, Figure
from workers.store.audit import Act


def print_compared(compared: Comparison) -> None:
    """Print the figures that have moved, and what is odd about the run."""
    moved = [figure for figure in compared.figures if _has_moved(figure)]
    if not moved:
        return
    print()
    usual = f"MEDIAN OF {compared.runs}"
    rows = [
        [figure.name, _told(figure, figure.now), _told(figure, figure.before), _told(figure, figure.usual)]
        for figure in moved
    ]
    titles = ("FIGURE", "NOW", f"RUN {compared.before}", usual)
    table(titles, rows, right=titles[1:])
    for text in compared.odd:
        print(f"unusual: {text}")


def _has_moved(figure: Figure) -> bool:
    """A share that moved by less than a hundredth has not."""
    if figure.name.startswith("fill."):
        known = [share for share in (figure.now, figure.before, figure.usual) if share is not None]
        return max(known) - min(known) >= 0.01 if known else False
    return figure.name == "total" or len({figure.now, figure.before, figure.usual}) > 1


def _told(figure: Figure, value: float | None) -> str:
    if value is None:
        return "-"
    if figure.name == "took":
        return span(value)
    if figure.name == "bytes":
        return size(int(value))
    if figure.name == "quality":
        return f"{value:.1f}"
    return f"{value:.0%}" if figure.name.startswith("fill.") else f"{value:,.0f}"


def print_acts(acts: Sequence[Act]) -> None:
    """Print what operators did to the run, newest first."""
    if acts:
        print()
        table(("AT", "USER", "DID"), [(act.at, act.user, told(act)) for act in acts], wrap=("DID",))
