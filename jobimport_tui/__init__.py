"""The face: the command and the console.

    cli/         `jobimport ...`, one file a noun
    app          the console's frame: modes, theme, the clock, the one place where snapshots arrive
    registry     every action once: key, verb, help, footer hint, danger, CLI equivalent
    state        frozen snapshots; reducer: event + snapshot -> snapshot
    gateway/     the only place that touches workers.store, workers.queue and workers.events
    sheets       listings into files
    screens/     one file a section, one a detail
    widgets/     grid, lines, chrome, prompt
    display/     text, numbers and glyphs; pure

This module imports nothing.
"""
