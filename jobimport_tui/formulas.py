"""The one rule for cells that somebody opens in a spreadsheet: none is a formula."""

FORMULA = ("=", "+", "-", "@", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet run a cell, or fetch for it; the full-width signs do in some."""


def unformulated(text: str) -> str:
    """Text that a spreadsheet would take for a formula gets a ' in front, as OWASP has it."""
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text
