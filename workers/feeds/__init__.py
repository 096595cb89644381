"""Bytes -> RawItem -> Job. Pure: no network, no store, no queue; the only files read are the dialects beside us.

reader      FeedReader: bytes in, RawItems out; puts the others together
sniff       what the first bytes say: XML or JSON or not a feed, and in which encoding
xml, json   push parsers: cut a document into items as it arrives, with bounds on everything
            (xml's: prologue, scan: nodes into what paths read, cut: a short document or a broken one; element;
            json's: surrogates, what JSON can spell and no text can hold)
mend_xml, mend_json     what a strict parser refuses, made well-formed: the second pass
paging      which page of a feed comes next, and why none does
jsonld      the same for JobPostings inside an HTML page
paths       the path language of mappings, compiled to closures (expression: its grammar; steps: from node to node;
            derived: dates, addresses)
escapes     `xpath:` and `jmespath:` in mappings
dialect     dialects/*.toml: how a family of feeds names its fields, and how it is recognised (where: lines of errors)
original    items kept as the feed had them, where they look like rejects, to be mapped again
mapping     a dialect and a source's own [fields] compiled: item -> our fields, raw_hash, mapping_hash
identity    which listing an item is (identities: those that were met)
text        text that is safe to show
terms       folded words for searching, the same for listings and for queries
normalise/  RawItem -> Job or Reject
"""
