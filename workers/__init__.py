"""Everything headless, in the order in which a listing travels.

    settings, sources   what to run and what to read; toml and schedule check what they hold
    source_edits        one key of a source's file changed
    model/, errors      the vocabulary and the tree of failures
    control             start, cancel: MongoDB first, then the doorbell
    fetching/           bytes off the network
    feeds/              bytes -> RawItem -> Job; pure
    reading, preview    a feed from its first page to its last; what an import of it would give
    analysis/           runs -> figures of a day, health of a source; listings -> their changes; pure
    query/              the language of searches; pure
    store/              MongoDB: the truth and the outbox
    queue/              Redis streams: the mailboxes
    events/             progress, the one contract with every watcher
    actors/             fetcher, upserter, closer, reconciler, linker
    service/            the processes: worker, scheduler, embedded servers, demo

This module imports nothing.
"""
