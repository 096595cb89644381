"""What the console showed, kept: an hour in memory, or a file for later.

tape      snapshots by moment, packed half a minute at a time, bounded
files     a tape in a file: written as the console goes, read whole
"""
