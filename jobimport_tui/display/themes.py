"""Three themes: our own colours on a dark ground or on a light one, and the terminal's sixteen on its own ground."""

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="jobimport",
    primary="#7fb4ca",
    secondary="#9cabca",
    accent="#a3d4d5",
    success="#98bb6c",
    warning="#e6c384",
    error="#ff6f69",
    foreground="#d4d4cf",
    background="#14161b",
    surface="#1a1d24",
    panel="#1f232c",
    variables={"text-muted": "#8a8f98", "text-disabled": "#5c6169"},
)

LIGHT = Theme(
    name="jobimport-light",
    dark=False,
    primary="#1f5f86",
    secondary="#48507a",
    accent="#0f6d6f",
    success="#35701b",
    warning="#8a5a00",
    error="#b3261e",
    foreground="#23262b",
    background="#f7f7f4",
    surface="#efefea",
    panel="#e6e7e2",
    variables={"text-muted": "#5d636b", "text-disabled": "#8d929a", "row-cursor": "#cfdfea"},
)

TERMINAL = Theme(
    name="jobimport-terminal",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_blue",
    accent="ansi_cyan",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        # Which of its colours is faint on its ground only the terminal knows: it is asked for faint ink instead.
        "text-muted": "ansi_default",
        "text-disabled": "ansi_default",
        "row-cursor": "ansi_default",
    },
)

THEMES = {"dark": DARK, "light": LIGHT, "terminal": TERMINAL}
"""By the names that operators know."""

EXTRA = {"row-cursor": "#2d3a4d"}
"""Colours of ours that no other theme names."""
