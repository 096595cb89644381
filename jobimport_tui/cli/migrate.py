"""`jobimport migrate`: bring a database of an older version up to date.

Exit 1 with --check where something is to be done.
"""

import os
import socket
import sys
from functools import partial

import anyio

from jobimport_tui.cli import reach
from jobimport_tui.cli.flags import Args, Parser, settings, wants_json
from jobimport_tui.cli.show import line, say, span
from jobimport_tui.cli.tables import table
from workers.settings import Config
from workers.store import audit, leases, migrations
from workers.store.connect import Database
from workers.store.migrations import STEPS, Progress, Step

LEASE, LOOK = 5.0, 0.2
BAR = 24


def describe(parser: Parser) -> None:
    """Look, do, or do again."""
    parser.set_defaults(run=run)
    parser.add_argument("--check", action="store_true", help="only say what is to be done; exit 1 if anything is")
    names = [step.name for step in STEPS]
    parser.add_argument("--again", choices=names, metavar="STEP", help=f"do one anew: {', '.join(names)}")


def run(args: Args) -> int:
    """Do every step that is to be done, in order."""
    return reach.run(partial(_check if args.check else _run, settings(args), args))


async def _check(config: Config, args: Args) -> int:
    async with reach.database(config) as db:
        left = {step.name for step in await migrations.pending(db)}
        known = await migrations.recorded(db)
    rows = [(step, _state(step, left, known.get(step.name)), known.get(step.name)) for step in STEPS]
    if wants_json(args):
        for step, state, row in rows:
            at = row.finished_at if row and state == "done" else None
            line({"number": step.number, "step": step.name, "state": state, "text": step.text, "finished_at": at})
    else:
        titles = ("NO", "STEP", "STATE", "DONE", "WHAT")
        shown = [
            (step.number, step.name, state, row.finished_at if row and state == "done" else None, step.text)
            for step, state, row in rows
        ]
        table(titles, shown, right=("NO",), wrap=("WHAT",))
    return int(bool(left))


def _state(step: Step, left: set[str], row: Progress | None) -> str:
    if step.name not in left:
        return "done"
    if row is not None and row.finished_at is None and row.total:
        return f"broken off at {row.read / max(row.read, row.total):.0%}"
    return "to do"


async def _run(config: Config, args: Args) -> int:
    async with reach.database(config) as db:
        holder = f"{reach.user()} {socket.gethostname()}:{os.getpid()}"
        await _take_turn(db, holder)
        left = await migrations.pending(db)
        chosen = [step for step in STEPS if step.name == args.again] if args.again else left
        for step in chosen:
            await _apply(db, config, step, args, holder)
        if chosen:
            names = ", ".join(step.name for step in chosen)
            await audit.record(db, reach.user(), f"brought the database up to date: {names}")
        await leases.acquire(db, "migrate", holder, seconds=0)
    if not chosen:
        say("nothing to do: the database is this version's")
    return 0


async def _take_turn(db: Database, holder: str) -> None:
    """Wait while another is at it, or until one that died is known to be dead."""
    told = False
    while not await leases.acquire(db, "migrate", holder, seconds=LEASE):
        if not told:
            say(f"another `jobimport migrate` is at work, or has died within {LEASE:.0f} s: waiting for it")
        told = True
        await anyio.sleep(LOOK)


async def _apply(db: Database, config: Config, step: Step, args: Args, holder: str) -> None:
    is_live = sys.stderr.isatty() and not wants_json(args)
    began = anyio.current_time()
    row: Progress | None = None
    async for row in migrations.apply(db, config.settings, step, again=bool(args.again)):
        await leases.acquire(db, "migrate", holder, seconds=LEASE)
        if is_live:
            print(f"\r{_bar(step, row)}\x1b[K", end="", file=sys.stderr, flush=True)
    if is_live:
        print("\r\x1b[K", end="", file=sys.stderr)
    took = anyio.current_time() - began
    if row is None:
        return
    if wants_json(args):
        facts = {"number": step.number, "step": step.name, "state": "done"}
        line({**facts, "read": row.read, "changed": row.changed, "took_ms": int(took * 1000)})
    else:
        print(f"{step.number} {step.name}: {row.read:,} read, {row.changed:,} changed, in {span(took)}")


def _bar(step: Step, row: Progress) -> str:
    share = 1.0 if row.finished_at else min(0.99, row.read / row.total) if row.total else 0.0
    filled = int(share * BAR)
    return f"{step.number} {step.name:<8} [{'#' * filled}{'.' * (BAR - filled)}] {share:>4.0%}  {row.read:,} read"
