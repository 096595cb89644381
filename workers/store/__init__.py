"""MongoDB: the truth and the outbox. Only this room speaks to it.

    connect         one client an event loop; what its errors mean in one sentence
    documents       structs <-> BSON documents
    indexes         collections, indexes with their reasons, validator, retention
    jobs            listings: ids, upsert by stamps; closing and recount are in closing
      classify      what one read says about a listing (pure)
      changes       which run changed which field of a listing
      copies        listings of different sources that are one and the same, linked in groups
      writing       inserts and compare-and-set updates of a batch, and what MongoDB refuses
      closing       listings that a complete snapshot no longer has
      expiry        listings closed by their own date, or by age; recorded in `upkeep`, in no run
    batches         rows of import_batches: the outbox, settled by compare-and-set
      ledger        what a run's rows add up to
    runs            rows of import_logs: opened once, moved by compare-and-set
      history       runs as the console and the command list them
      revival       an ended run made active again
      daily         what the runs of a source and day add up to, for charts
    rejects         listings that could not be imported, and why
    audit           what operators did, and who
    source_state    what the last runs of a source left behind
    migrations      what a database of an older version lacks, brought up to date in numbered steps
      backfill      the steps that move data, page by page
    search          listings by a query, in its order
      compiling     a query as MongoDB asks it (pure)
      terms         the dictionary of search terms: beginnings, counts

`Database` is the handle that everything takes; see connect.open_database. This module imports nothing: the
short commands pay for what they use.
"""
