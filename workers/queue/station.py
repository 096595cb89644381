"""What the parts of a broker share."""

from typing import NamedTuple

from workers.queue.connect import Redis
from workers.queue.delivery import Hand
from workers.queue.lanes import Partition
from workers.queue.outage import Outage


class Station(NamedTuple):
    """One worker process at one partition of the queue. `lease` is in seconds; the hand is that of the process."""

    redis: Redis
    consumer: str
    lease: float
    hand: Hand
    outage: Outage
    partition: Partition = Partition()
