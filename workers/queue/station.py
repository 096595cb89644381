"""What the parts of a broker share."""

from typing import NamedTuple

from workers.queue.connect import Redis
from workers.queue.delivery import Hand
from workers.queue.outage import Outage


class Station(NamedTuple):
    """One worker process at the queue. `lease` is in seconds."""

    redis: Redis
    consumer: str
    lease: float
    hand: Hand
    outage: Outage
