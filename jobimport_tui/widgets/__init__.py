"""What screens are made of.

All paint whole lines by themselves (Textual's line API) and repaint only lines that differ: over SSH bytes count.

    painted   the base: lines of (text, tone), compared before they are painted
    grid      a table: columns, rows, cursor, filter, sort
    lines     a page of text that scrolls
    heading   the line over a paged grid, and why a page could not be read
    chrome    the status row, the trouble banner, the tabs, the key hints
    prompt    one line to type in: filter, command, or a question that takes yes or no
"""
