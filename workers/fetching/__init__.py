"""Bytes off the network, from servers that may be broken or hostile.

download    fetch_feed: the downloader and its deadline
body        FeedBody: what came, and the bytes as they come
spool       the unlinked file between the downloader and its readers
inflating   gzip under limits
asking      httpx asks; redirects, the network's failures as ours
answers     the head of an answer: status, validators, Retry-After
transport   what carries httpx's requests
connecting  connections that the address guard has seen
addresses   the guard's rule
credentials headers and parameters by reference        urls    origins, and how a URL is shown
slots       connections a host
"""

from workers.fetching.answers import Validators
from workers.fetching.body import FeedBody
from workers.fetching.download import Budget, fetch_feed
from workers.fetching.urls import shown

__all__ = ["Budget", "FeedBody", "Validators", "fetch_feed", "shown"]
