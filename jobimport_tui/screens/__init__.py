"""One file a section, one a detail.

page        the base: chrome, keys by the registry, prompt, question, paint on every snapshot
section     a page with grids: movement, filter
paged       a section whose rows come from MongoDB a page at a time
columns     the columns of runs and flights
queues runs failed listings workers sources     the six sections
run letter listing help                         the details
picker      choose a source, with a filter
"""
