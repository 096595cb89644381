"""What changes something: planned, confirmed, held for ten seconds where it cannot be taken back, then sent.

One thing is confirmed with y. Many, and what ends or deletes, show their plan and are confirmed by typing the number.
"""

from collections.abc import Callable, Sequence

from jobimport_tui import registry
from jobimport_tui.plans import Plan, command_for
from jobimport_tui.screens.page import Page
from jobimport_tui.sending import Send
from jobimport_tui.state import Dead

HELD = "for 10 s after that, U takes it back: nothing is sent before"
INVERSE = "for 10 s after that, U does the opposite"


class Acting(Page):
    """A page on which things are done. Subclasses say to what: `selected_source`, `selected_runs`, `letters_meant`."""

    # --- how

    def propose(
        self, plan: Plan, send: Send, *, is_grave: bool = False, held: bool = False, inverse: Send | None = None
    ) -> None:
        """Ask, then do it. `held` gives ten seconds before it is sent, `inverse` undoes what was sent at once."""
        if refusal := self.session.refusal():
            self.say(refusal, "warn")
        elif not plan.keys:
            self.say(f"no {plan.noun} is selected", "warn")
        elif len(plan.keys) == 1 and not is_grave:
            text = f"{plan.verb.capitalize()} {plan.one}?"
            self.ask(text, same_as=plan.command, then=lambda: self._go(plan, send, held=held, inverse=inverse))
        else:
            self._confirm_typed(plan, lambda: self._go(plan, send, held=held, inverse=inverse))

    def _confirm_typed(self, plan: Plan, then: Callable[[], None]) -> None:
        def typed(text: str) -> None:
            self.plan.show([])
            if text.strip() == plan.word:
                then()
            else:
                self.say(f"left as it was: {plan.word} was not typed")

        def left() -> None:
            self.plan.show([])
            self.say("left as it was")

        self.plan.show(plan.lines(self.session.clock()))
        self.type(f"type {plan.word} to {plan.verb} {plan.many}, escape leaves: ", "", done=typed, left=left)

    def _go(self, plan: Plan, send: Send, *, held: bool, inverse: Send | None) -> None:
        app, holding = self.console_app, self.session.holding
        text = f"{plan.verb} {plan.many if len(plan.keys) > 1 else plan.one}"
        self.done_with_marks()
        if held:
            holding.hold(text, lambda: app.carry_out(plan, send))
            self.session.notice = None
            self.session.say_what_is_held()
            self.paint_chrome()
            return
        if inverse is not None:
            back = Plan(verb=f"undo of {plan.verb}", noun=plan.noun, keys=plan.keys, command="")
            holding.done(text, lambda: app.carry_out(back, inverse))
        app.carry_out(plan, send)

    def done_with_marks(self) -> None:
        """What was marked is being done: a page with marks takes them away."""

    def do_undo(self, _: str) -> None:
        """Take back what is held, or stop what is being sent."""
        if undone := self.session.holding.take_back():
            self.say(f"undone: {undone}", "ok")
        elif self.session.is_sending:
            self.session.stops_sending = True
        else:
            self.say("nothing to undo")

    # --- what

    def do_import(self, argument: str) -> None:
        """Import a source: the one that is named, else one that is picked."""
        if refusal := self.session.refusal():
            self.say(refusal, "warn")
        elif argument:
            self._confirm_import(argument)
        else:
            self.pick("import", self.selected_source(), self._confirm_import)

    def _confirm_import(self, source: str) -> None:
        names = [row.name for row in self.session.snapshot.sources.rows]
        if source not in names:
            self.say(f"no source {source!r}: section 6 lists them", "warn")
            return
        same_as = registry.command_line(registry.by_name("import"), source=source)
        self.ask(f"Import {source} now?", same_as=same_as, then=lambda: self._import(source))

    def _import(self, source: str) -> None:
        plan = Plan(verb="import", noun="source", keys=(source,), command="")
        self.console_app.carry_out(plan, self.session.gateway.import_source)
        self.say(f"asking for an import of {source} ...")

    def do_cancel(self, argument: str) -> None:
        """Cancel runs: the one that is named, else those meant."""
        gateway = self.session.gateway
        runs = [int(argument)] if argument.isascii() and argument.isdigit() else self.selected_runs()
        if not runs:
            self.say("no active run is selected", "warn")
            return
        keys = tuple(map(str, runs))
        flights = {flight.run.id: flight.run for flight in self.session.snapshot.runs.flights}
        known = [flights[run] for run in runs if run in flights]
        command = " && ".join(f"jobimport runs cancel {key}" for key in keys[:5]) + (" ..." if len(keys) > 5 else "")
        plan = Plan(
            verb="cancel",
            noun="run",
            keys=keys,
            command=command,
            kinds=_counted([run.source for run in known]),
            moments=tuple(run.queued_at.timestamp() for run in known),
            undo=f"what is written stays written; {HELD}",
        )
        self.propose(plan, lambda key: gateway.cancel(int(key)), held=True)

    def do_pause(self, argument: str) -> None:
        """Pause lanes or sources: what is named, else those meant; by key, what is all paused goes on."""
        meant = self._named(argument)
        if not argument and meant and all(is_paused for _, is_paused in meant):
            self._switch_pause([what for what, _ in meant], is_pause=False)
        else:
            self._switch_pause([what for what, is_paused in meant if argument or not is_paused], is_pause=True)

    def do_resume(self, argument: str) -> None:
        """Let lanes or sources go on."""
        meant = self._named(argument)
        self._switch_pause([what for what, is_paused in meant if argument or is_paused], is_pause=False)

    def _named(self, argument: str) -> list[tuple[str, bool]]:
        if not argument:
            return self.selected_to_pause()
        lanes = [lane.lane for lane in self.session.snapshot.queues.lanes]
        named = argument if argument in lanes or ":" in argument else f"source:{argument}"
        return [(named, False)]

    def _switch_pause(self, names: list[str], *, is_pause: bool) -> None:
        gateway, verb = self.session.gateway, "pause" if is_pause else "resume"
        if not names:
            self.say("no lane or source is selected: tab goes to the lanes, 6 to the sources", "warn")
            return
        plan = Plan(
            verb=verb,
            noun="lane or source" if len(names) == 1 else "thing",
            keys=tuple(names),
            command=command_for(f"jobimport queues {verb}", names, otherwise=f"jobimport queues {verb} WHAT..."),
            kinds=tuple((name, 1) for name in names[:6]),
            undo=f"what runs is finished, what waits stays; sent at once, {INVERSE}",
        )
        act, inverse = (gateway.pause, gateway.resume) if is_pause else (gateway.resume, gateway.pause)
        self.propose(plan, act, inverse=inverse)

    def selected_to_pause(self) -> list[tuple[str, bool]]:
        """Lanes and sources that the screen speaks of, and whether they are paused."""
        return []

    def retry_runs(self, runs: Sequence[int]) -> None:
        """Try the rejected listings of runs again."""
        gateway = self.session.gateway
        plan = Plan(
            verb="retry",
            noun="run",
            keys=tuple(map(str, runs)),
            command=" && ".join(f"jobimport runs retry {run} --rejects" for run in runs[:3]),
            undo="rejected listings are mapped anew by the source's file of today, and the counts corrected",
        )
        self.propose(plan, lambda key: gateway.retry_rejects(int(key)))

    def do_retry(self, argument: str) -> None:
        """Try a run's rejected listings again: the run that is named, else the selected one."""
        run_id = int(argument) if argument.isascii() and argument.isdigit() else self.run_shown()
        if run_id is None:
            self.say("no run is selected", "warn")
        else:
            self.retry_runs([run_id])

    def do_approve(self, argument: str) -> None:
        """Close what a run held back: the run that is named, else the selected one."""
        run_id = int(argument) if argument.isascii() and argument.isdigit() else self.run_shown()
        if run_id is None:
            self.say("no run is selected", "warn")
            return
        plan = Plan(
            verb="approve",
            noun="run",
            keys=(str(run_id),),
            command=f"jobimport runs approve {run_id}",
            undo=f"the listings that its feed no longer has are closed; {HELD}",
        )
        self.propose(plan, lambda key: self.session.gateway.approve(int(key)), is_grave=True, held=True)

    def do_test(self, argument: str) -> None:
        """Read a source's feed as it is now: the source that is named, else the selected one."""
        from jobimport_tui.screens.look import LookPage

        if name := argument or self.selected_source():
            self.app.push_screen(LookPage(self.session, section=self.section, name=name))

    def do_edit(self, argument: str) -> None:
        """Change the keys of a source's file."""
        from jobimport_tui.screens.edit import EditPage

        if name := argument or self.selected_source():
            self.app.push_screen(EditPage(self.session, section=self.section, name=name))

    def do_requeue(self, argument: str) -> None:
        """Try dead letters again: the one that is named, else those meant."""
        self._with_letters(argument, self._requeue)

    def _requeue(self, letters: Sequence[Dead], command: str) -> None:
        plan = letters_plan("requeue", letters, command)
        self.propose(plan, self.session.gateway.requeue, held=True)

    def do_discard(self, argument: str) -> None:
        """Give dead letters up: the one that is named, else those meant."""
        self._with_letters(argument, self._discard)

    def _discard(self, letters: Sequence[Dead], command: str) -> None:
        plan = letters_plan("discard", letters, command)
        self.propose(plan, self.session.gateway.discard, held=True, is_grave=len(letters) > 1)

    def _with_letters(self, argument: str, then: Callable[[Sequence[Dead], str], None]) -> None:
        known = self.session.snapshot.failed.rows
        if not argument:
            self.letters_meant(then)
            return
        named = [letter for letter in known if letter.id in argument.split()]
        if named:
            then(named, "")
        else:
            self.say(f"no dead letter {argument}: section 3 lists them", "warn")

    def letters_meant(self, then: Callable[[Sequence[Dead], str], None]) -> None:
        """Find the dead letters that the page speaks of; with them goes the command's choice of them, "" for ids."""
        then([], "")

    def selected_source(self) -> str:
        """The source that the screen speaks of; "" for none."""
        return ""

    def selected_runs(self) -> list[int]:
        """The active runs that the screen speaks of."""
        return []

    def do_verify(self, argument: str) -> None:
        """Count a run again: the one that is named, else the selected one."""
        run_id = int(argument) if argument.isascii() and argument.isdigit() else self.run_shown()
        if run_id is None:
            self.say("no run is selected", "warn")
            return
        self.say(f"counting run {run_id} again ...")
        self.call(lambda: self.session.gateway.verify(run_id), self._told)

    def _told(self, text: str) -> None:
        self.say(text, "ok")

    def run_shown(self) -> int | None:
        """The run that the screen speaks of, active or ended."""
        return None


def letters_plan(verb: str, letters: Sequence[Dead], choice: str) -> Plan:
    """A plan for dead letters."""
    keys = tuple(letter.id for letter in letters)
    command = command_for(
        f"jobimport failed {verb}", keys, otherwise=f"jobimport failed {verb} {' '.join(keys[:3])} ..."
    )
    return Plan(
        verb=verb,
        noun="dead letter",
        keys=keys,
        command=f"jobimport failed {verb} {choice}" if choice else command,
        kinds=_counted([letter.kind for letter in letters]),
        moments=tuple(letter.at for letter in letters),
        undo=HELD if verb == "requeue" else f"their batches stay dead; {HELD}",
    )


def _counted(names: Sequence[str]) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
