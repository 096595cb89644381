"""How things look: text that fits a cell, numbers of a fixed width, one glyph and one word for each state.

    text     cutting and padding by cell width; feeds' text made inert
    format   counts, rates, ages, sizes
    glyphs   state -> glyph, word, tone; a set for terminals without Unicode
    html     a listing's description as plain lines

Pure: nothing here knows Textual.
"""
