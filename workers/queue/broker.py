"""The broker: taskiq's own Redis stream broker with its delivery made crash-safe.

taskiq's receiver, process manager and scheduler loop are used as they are. What was wrong with the stock broker, and
the experiments that showed it, are rows E1 to E26 of the queue evidence (design, section 5).

    listen        Intake's entries, vetted: poison never reaches the receiver, which would ack it away; and what two
                  workers have died with is run apart
    ack           applies the verdict that the middleware recorded: done, later, dead
    housekeeping  leases renewed every third of a lease, delayed messages pumped and pauses looked at each second
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial
from time import monotonic, time

import anyio
import msgspec
from taskiq import AckableMessage, BrokerMessage
from taskiq.formatters.json_formatter import JSONFormatter
from taskiq_redis import RedisStreamBroker

from workers.queue.connect import client
from workers.queue.dead import DeadLetter, Death, encode_death, letter_of
from workers.queue.delivery import Delivery, Hand
from workers.queue.endings import Endings
from workers.queue.intake import Entry
from workers.queue.lanes import GROUP, STAGES, Stage, lanes_of
from workers.queue.message import PREFIX, Message, Poison
from workers.queue.policy import Dead, Done, Later, kind_of, sentence
from workers.queue.post import Posts
from workers.queue.registry import Doing
from workers.queue.retry import LABEL, RetryMiddleware
from workers.queue.ring import ring
from workers.settings import QueueSettings, RedisSettings

log = logging.getLogger(__name__)

PAUSED_SECONDS = 15.0
"""A message of a paused source is offered again after so long."""

UNTOLD_SECONDS = 10.0
"""A death that MongoDB could not be told of is tried again after so long."""

SUSPECT = 3
"""From this delivery on a message is run apart from what came with it: two workers have died with it in hand."""

ALONE_SECONDS = 10.0
"""A suspect has its process to itself until it ends; so long at most, for it may be one that waits for others."""

STOP_SECONDS = 3.0
"""What the last words to Redis may take; taskiq gives the whole shut-down 5 s."""


_UNUSED_URL = "redis://127.0.0.1"


class JobStreamBroker(RedisStreamBroker):
    """Delivers the messages of some stages to one worker process.

    `consumer` is stable over respawns of the process and never shared. `capacity` is the receiver's max_async_tasks.
    `on_dead` is awaited before a letter is put into :failed (rule 2: MongoDB first); it may come more than once for
    the same message, and if it raises, the message stays. `on_delayed` is told when a message was put off, and until
    when (Redis ms): what `rung_at` should hold (rule 5); it only is a courtesy, and its failure is logged.
    """

    def __init__(
        self,
        redis: str | RedisSettings,
        *,
        consumer: str,
        capacity: int,
        stages: Sequence[Stage] = STAGES,
        high_only: bool = False,
        settings: QueueSettings | None = None,
    ) -> None:
        # Its own pool is never used: ours knows Sentinels and clusters.
        super().__init__(_UNUSED_URL, consumer_group_name=GROUP, consumer_name=consumer, consumer_id="0")
        self.settings = settings or QueueSettings()
        self.lanes = lanes_of(stages, high_only=high_only)
        self.on_dead: Callable[[DeadLetter], Awaitable[None]] | None = None
        self.on_delayed: Callable[[Message, int], Awaitable[None]] | None = None
        # The calls have deadlines of our own: with socket_timeout Python 3.11 swallows cancellation (E3x). No retries
        # inside the client: a reply that is lost may hold messages, and we must know of it.
        self._redis = client(redis, timeout=None, retries=0)
        self._hand = Hand(capacity)
        # Fetchers wait for upserters while a lane is full: where both run in one process they get half of it.
        limits: dict[Stage, int] = {"fetch": max(1, capacity // 2)} if set(stages) != {"fetch"} else {}
        self._posts = Posts(self._redis, consumer, self.settings.lease, self._hand, self.lanes, limits)
        self._graves: asyncio.Queue[tuple[Delivery, Dead]] = asyncio.Queue()
        self._root: asyncio.Task[None] | None = None
        self._stopping = False
        self.formatter = JSONFormatter()
        self.add_middlewares(RetryMiddleware(self._hand, self.settings))

    @property
    def capacity(self) -> int:
        """How many messages this worker may have in hand."""
        return self._hand.capacity

    @property
    def busy(self) -> int:
        """How many it has."""
        return len(self._hand.held)

    def current(self) -> list[Doing]:
        """What it has in hand, oldest first."""
        now = monotonic()
        return [
            Doing(
                stage=message.stage,
                run=message.run,
                source=message.source,
                batch=message.batch,
                attempt=message.attempt,
                seconds=round(now - delivery.begun, 1),
            )
            for delivery in self._hand.held.values()
            if (message := delivery.message) is not None
        ]

    def hold(self, stage: Stage, seconds: float) -> None:
        """Leave a stage's lanes unread for a while: MongoDB is away, and attempts are not to be burned on that."""
        for post in self._posts.all:
            post.intake.hold(stage, seconds)

    def be_quiet(self, is_quiet: bool) -> None:
        """Take nothing new from any lane, or take again; what is in hand is finished either way."""
        for post in self._posts.all:
            post.intake.quiet = is_quiet

    async def startup(self) -> None:
        """Run the start-up handlers. Redis is not waited for here, where nobody could be told to stop waiting."""
        await super(RedisStreamBroker, self).startup()

    async def kick(self, message: BrokerMessage) -> None:
        """Put a message that taskiq's kicker made into its lane."""
        await ring(self._redis, [Message.decode(message.message)])

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Yield what is to be run, for ever: no outage of Redis and no poison ends it."""
        self._root = asyncio.create_task(self._live(), name="broker")
        ready: deque[tuple[Delivery, bytes]] = deque()
        try:
            while True:
                while not ready:
                    ready.extend(await self._apart([*filter(None, map(self._accept, await self._turn()))]))
                delivery, data = ready.popleft()
                yield AckableMessage(data=data, ack=partial(self._ack, delivery))
                if delivery.deliveries >= SUSPECT:
                    await self._hand.wait_dropped(delivery, ALONE_SECONDS)
        finally:
            self._stopping = True
            for delivery, _ in ready:
                self._endings(delivery).put(delivery, "back")

    def _endings(self, delivery: Delivery) -> Endings:
        return self._posts.all[delivery.partition.number].endings

    async def _turn(self) -> list[Entry]:
        """One turn of reading."""
        if self._root is not None and self._root.done():
            await self._root  # without housekeeping no lease is renewed: raises what ended it
        return await self._posts.turn()

    def _accept(self, entry: Entry) -> tuple[Delivery, bytes] | None:
        """Vet an entry. What the receiver would ack away unrun never reaches it."""
        payload = entry.fields.get(b"data", b"")
        delivery = Delivery(entry.partition, entry.lane, entry.id, payload, entry.deliveries + 1)
        self._hand.take(delivery)
        try:
            if b"data" not in entry.fields:
                raise Poison("an entry without data")
            message = delivery.message = Message.decode(payload)
            if self.find_task(PREFIX + message.stage) is None:
                raise Poison(f"no task for stage {message.stage} in this worker")
        except Poison as error:
            self._graves.put_nowait((delivery, Dead("poison", kind_of(error), sentence(error))))
            return None
        if entry.deliveries >= self.settings.max_deliveries:
            text = f"delivered {entry.deliveries} times and never ended: its workers died of it or with it"
            self._graves.put_nowait((delivery, Dead("max_deliveries", "max_deliveries", text)))
            return None
        if self._posts.all[entry.partition.number].intake.is_paused(message.source):
            self._endings(delivery).put(delivery, "later", _delayed(message), delay=PAUSED_SECONDS)
            return None
        if message.stage == "fetch":  # has deadlines of its own
            return delivery, message.encode(**{LABEL: delivery.token})
        return delivery, message.encode(**{LABEL: delivery.token}, timeout=float(self.settings.message_timeout))

    async def _apart(self, accepted: list[tuple[Delivery, bytes]]) -> list[tuple[Delivery, bytes]]:
        """A suspect alone, where there is one: the others go back before it begins, so that they do not die with it."""
        suspect = next((one for one in accepted if one[0].deliveries >= SUSPECT), None)
        if suspect is None or len(accepted) == 1:
            return accepted
        for one in accepted:
            if one is not suspect:
                self._endings(one[0]).put(one[0], "back")
        await self._endings(suspect[0]).drained()
        return [suspect]

    async def _ack(self, delivery: Delivery) -> None:
        """Apply the verdict. The receiver calls this when the task has ended, well or not."""
        message, verdict = delivery.message, delivery.verdict
        if message is None or verdict is None:
            # Acked before it was begun: the receiver could not read it.
            await self._bury(delivery, Dead("poison", "poison", "the receiver could not read the message"))
        elif isinstance(verdict, Done):
            self._endings(delivery).put(delivery, "done")
        elif isinstance(verdict, Later):
            await self._put_off(delivery, msgspec.structs.replace(message, attempt=verdict.attempt), verdict.delay)
        elif isinstance(verdict, Dead):
            await self._bury(delivery, verdict)
        elif self._stopping:
            self._endings(delivery).put(delivery, "back")
        else:
            self._hand.drop(delivery)  # something cancelled it: its lease runs out, and it is delivered again

    async def _put_off(self, delivery: Delivery, message: Message, delay: float) -> None:
        due = await self._endings(delivery).put_off(delivery, _delayed(message), delay)
        if due and self.on_delayed is not None:
            try:
                await self.on_delayed(message, due)
            except Exception as error:  # noqa: BLE001 (whatever the store raises)
                log.info("nobody was told that %s is put off: %s", delivery.token, sentence(error))

    async def _bury(self, delivery: Delivery, dead: Dead) -> None:
        """MongoDB first, then :failed. Where MongoDB cannot be told, the message stays, and dies another time."""
        message = delivery.message
        death = Death(
            reason=dead.reason,
            kind=dead.kind,
            error=dead.error,
            attempts=message.attempt if message else 0,
            deliveries=delivery.deliveries,
            worker=self.consumer_name,
            at_ms=int(time() * 1000),
        )
        try:
            if self.on_dead is not None:
                await self.on_dead(letter_of(str(delivery.lane), delivery.payload, death))
        except Exception as error:  # noqa: BLE001 (whatever the store raises)
            log.warning("the death of %s waits for MongoDB: %s", delivery.token, sentence(error))
            if message is not None and dead.reason in ("permanent", "attempts"):
                await self._put_off(delivery, message, UNTOLD_SECONDS)
            else:
                self._hand.drop(delivery)
            return
        self._endings(delivery).put(delivery, "dead", delivery.payload, meta=encode_death(death))

    async def _live(self) -> None:
        """Everything that runs beside the receiver, from the first turn to the shut-down."""
        async with anyio.create_task_group() as tasks:
            self._posts.start(tasks)
            tasks.start_soon(self._dig)

    async def _dig(self) -> None:
        """Bury what was dead on arrival, beside the reading."""
        while True:
            await self._bury(*await self._graves.get())

    async def shutdown(self) -> None:
        """Hand back what is still in hand, leave the group, stop the housekeeping, then run the handlers."""
        self._stopping = True
        try:
            if self._root is not None:
                await self._leave()
        finally:
            if self._root is not None:
                self._root.cancel()
                await asyncio.gather(self._root, return_exceptions=True)
            await super().shutdown()
            await self._redis.aclose()

    async def _leave(self) -> None:
        for delivery in list(self._hand.held.values()):
            self._endings(delivery).put(delivery, "back")
        for error in await self._posts.leave(self.lanes, STOP_SECONDS):
            log.info("left without a word to Redis (%s): leases will run out", type(error).__name__)


def _delayed(message: Message) -> bytes:
    """A member of :delayed: the lane's name, for the pump, and the message."""
    return str(message.lane).encode() + b" " + message.encode()
