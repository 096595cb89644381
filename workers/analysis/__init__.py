"""What runs and listings say: pure functions over what the store has read, without I/O and without a clock.

    spread          median, spread and percentiles
    daily           the runs of one source and day as one row of import_daily
    health          how a source does, judged by its last runs
    compare         one run beside those before it
    changes         what differs between two states of a listing
    copies          which listings of different sources are one and the same
    quality         how good a listing is, 0 to 100

This module imports nothing.
"""
