"""Identities that were met: 8 bytes and a bit each, where a set of Python's takes over a hundred.

A feed of a gigabyte has half a million of them, and its fetcher may not grow with it.
"""

from array import array
from bisect import bisect_left

_BUCKETS = 256  # by the first byte: a bucket stays short enough to be moved for each that comes in between


class Identities:
    """A set of 8-byte hashes (`identity.identity_hash`), out of which nothing is ever taken."""

    def __init__(self, packed: bytes = b"") -> None:
        """`packed` are hashes one after another, as a batch's `seen` has them."""
        self._buckets = [array("Q") for _ in range(_BUCKETS)]
        self._count = 0
        for at in range(0, len(packed), 8):
            self.add(packed[at : at + 8])

    def add(self, key: bytes) -> bool:
        """Take one in; False where it was there."""
        bucket, number = self._buckets[key[0]], int.from_bytes(key)
        at = bisect_left(bucket, number)
        if at < len(bucket) and bucket[at] == number:
            return False
        bucket.insert(at, number)
        self._count += 1
        return True

    def __contains__(self, key: bytes) -> bool:
        bucket, number = self._buckets[key[0]], int.from_bytes(key)
        at = bisect_left(bucket, number)
        return at < len(bucket) and bucket[at] == number

    def __len__(self) -> int:
        return self._count
