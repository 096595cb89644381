"""How things look: text that fits a cell, numbers of a fixed width, one glyph and one word for each state.

    text     cutting and padding by cell width; feeds' text made inert
    format   counts, rates, ages, sizes
    glyphs   state -> glyph, word, tone; a set for terminals without Unicode
    html     a listing's description as plain lines
    cells    what the terminal shows, and the fewest bytes that make it show something else
    link     how far the terminal is, and how much may be on the way to it
    capabilities   what the terminal can; clipboard: how it is asked to copy

Pure: nothing of these knows Textual. What stands between it and the terminal:

    wired    the app whose frames go over a wire: cells and link; driver: hears the terminal's answers
    keyboard what is typed, waited for without a look ten times a second
    themes   our colours, or the terminal's
    terminal its loss, and signals
"""
