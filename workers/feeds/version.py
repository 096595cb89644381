"""The normaliser's version: part of every mapping_hash, and stored as `hash_version`.

Raise it with every change that can give another Job for the same RawItem. Listings are then normalised again;
where only their hash moved, they count as unchanged.
"""

VERSION = 3
