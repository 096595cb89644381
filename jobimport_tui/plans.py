"""What a bulk action is about to do, said before it is done: how many, since when, why they are there. Pure."""

from collections.abc import Sequence

import msgspec

from jobimport_tui.display.format import age, counted

SHOWN_IDS = 3
LONGEST_COMMAND = 20
"""Ids that a command line names one by one; more would not fit into a shell's history."""


class Plan(msgspec.Struct, frozen=True):
    """`verb` and `noun` as in "requeue", "dead letter"; `keys` are what it is done to, one by one.

    `kinds` counts them by what they are; `moments` are seconds since the epoch. `command` does the same from a shell.
    `undo` says what can be undone in the ten seconds after; "" where nothing can.
    """

    verb: str
    noun: str
    keys: tuple[str, ...]
    command: str
    kinds: tuple[tuple[str, int], ...] = ()
    moments: tuple[float, ...] = ()
    undo: str = ""

    @property
    def many(self) -> str:
        """How many, in words: "1 dead letter", "12 dead letters"."""
        return counted(len(self.keys), self.noun)

    @property
    def one(self) -> str:
        """The first, by name."""
        return f"{self.noun} {''.join(self.keys[:1])}"

    @property
    def word(self) -> str:
        """What is typed to go on: the number, so that nobody does to a thousand what was meant for one."""
        return str(len(self.keys))

    def lines(self, now: float) -> list[str]:
        """The plan for reading."""
        first = f"{self.verb.upper()} {self.many}"
        if self.moments:
            first += f"; oldest {age(now - min(self.moments))}, newest {age(now - max(self.moments))}"
        lines = [first]
        if self.kinds:
            lines.append("by kind: " + ", ".join(f"{count:,} {name}" for name, count in self.kinds[:6]))
        lines.append(f"same as: {self.command}")
        if self.undo:
            lines.append(self.undo)
        return lines


def command_for(stem: str, keys: Sequence[str], *, otherwise: str) -> str:
    """A command that names each key; for many of them `otherwise`."""
    if len(keys) <= LONGEST_COMMAND:
        return f"{stem} {' '.join(keys)}"
    return otherwise
