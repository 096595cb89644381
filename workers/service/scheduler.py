"""The scheduler: opens a run for each slot of each source's cron. Any number of copies, no leader.

taskiq's loop asks once a second which slots are due; the slot is claimed in MongoDB by the partial unique index
{source, slot}, so of any number of copies one opens the run. A slot missed while nothing ran is made good once: only
the newest due slot counts. A slot that meets an active run is taken as done by it.
"""

import logging
import signal
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import anyio
from taskiq import InMemoryBroker, ScheduledTask, ScheduleSource, TaskiqScheduler
from taskiq.cli.common_args import LogLevel
from taskiq.cli.scheduler.args import SchedulerArgs
from taskiq.cli.scheduler.run import run_scheduler

from workers.control import request_import
from workers.errors import JobImportError
from workers.model import Source
from workers.queue.connect import Redis, open_redis
from workers.queue.connect import Trouble as RedisTrouble
from workers.service.logs import configure_logging
from workers.settings import Config, load
from workers.sources import last_due, load_each, load_one
from workers.store import source_state
from workers.store.connect import Database, open_database
from workers.store.connect import Trouble as MongoTrouble
from workers.store.source_state import SourceState

log = logging.getLogger(__name__)


class DueSlots(ScheduleSource):
    """The newest slot of each source that is due and not yet taken."""

    def __init__(self, db: Database, config: Config) -> None:
        self._db, self._config = db, config
        self._complained: dict[str, str] = {}
        self.not_before: dict[str, datetime] = {}

    async def get_schedules(self) -> list[ScheduledTask]:
        """Offer what is due now. The id carries the second, so what could not be sent is offered again."""
        sources, errors = load_each(self._config.sources)
        for error in errors:
            if self._complained.get(error.where) != str(error):
                self._complained[error.where] = str(error)
                log.error("%s", error)
        try:
            states = await source_state.all(self._db)
        except MongoTrouble as trouble:
            log.warning("no slot can be claimed: MongoDB does not answer (%s)", type(trouble).__name__)
            return []
        now = datetime.now(UTC)
        offers: list[ScheduledTask] = []
        for source in sources.values():
            state = states.get(source.name)
            slot = self.due(source, state.last_slot if state else None, now)
            if slot is not None and not self.is_left_alone(state, now):
                offers.append(
                    ScheduledTask(
                        task_name="import",
                        labels={},
                        args=[source.name, slot.isoformat()],
                        kwargs={},
                        time=now,
                        schedule_id=f"{source.name}:{slot.isoformat()}:{now:%H%M%S}",
                    )
                )
        return offers

    def is_left_alone(self, state: SourceState | None, now: datetime) -> bool:
        """Whether the source has failed too often to be asked now; its newest slot is made good afterwards."""
        settings = self._config.settings.imports
        until = state.open_until(settings.circuit_after, settings.circuit_longest) if state else None
        return until is not None and now < until

    def due(self, source: Source, last_slot: datetime | None, now: datetime) -> datetime | None:
        """The slot to open now, None if there is none. Each source has its own fixed delay into the slot."""
        settings = self._config.settings.imports
        if (wait := self.not_before.get(source.name)) and now < wait:
            return None
        slot = last_due(source, settings.default_schedule, now)
        if slot is None or (last_slot is not None and slot <= last_slot):
            return None
        return slot if now >= slot + delay_of(source, settings.schedule_jitter) else None


def delay_of(source: Source, jitter: float) -> timedelta:
    """How far into its slots a source starts, so that all hourly sources do not start in one second."""
    share = int.from_bytes(blake2b(source.name.encode(), digest_size=4).digest()) / 2**32
    return timedelta(seconds=share * jitter)


class SlotScheduler(TaskiqScheduler):
    """taskiq's loop around our own sending: a slot becomes a run in MongoDB, then a ring."""

    def __init__(self, db: Database, redis: Redis, config: Config) -> None:
        # taskiq's loop wants a broker; ours rings through control, as every trigger does.
        super().__init__(InMemoryBroker(), [DueSlots(db, config)])
        self._db, self._redis, self._config = db, redis, config

    async def on_ready(self, source: ScheduleSource, task: ScheduledTask) -> None:
        """Open the slot's run. A failure is logged, and the slot is offered again a second later."""
        name, slot = task.args[0], datetime.fromisoformat(task.args[1])
        try:
            await self._open(source, name, slot)
        except (MongoTrouble, *RedisTrouble) as trouble:
            log.warning("%s: slot %s waits: %s", name, slot, type(trouble).__name__)
        except JobImportError as error:
            log.warning("%s: slot %s waits: %s", name, slot, error)

    async def _open(self, offers: ScheduleSource, name: str, slot: datetime) -> None:
        source = load_one(self._config.sources, name)
        asked = await request_import(self._db, self._redis, source, trigger="schedule", user="scheduler", slot=slot)
        if asked.not_before is not None and isinstance(offers, DueSlots):
            offers.not_before[name] = asked.not_before
            return
        await source_state.note_slot(self._db, name, slot)
        if asked.run is not None:
            verb = "opened" if asked.opened else "is taken into"
            log.info("%s: slot %s %s run %d", name, slot.isoformat(timespec="minutes"), verb, asked.run.id)


async def serve(config: Config) -> None:
    """Schedule until SIGTERM or SIGINT."""
    async with (
        open_database(config.settings.mongo, app_name="jobimport scheduler") as db,
        open_redis(config.settings.redis) as redis,
        anyio.create_task_group() as tasks,
    ):

        async def stop_on_signal() -> None:
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                async for _ in signals:
                    tasks.cancel_scope.cancel()
                    return

        tasks.start_soon(stop_on_signal)
        scheduler = SlotScheduler(db, redis, config)
        args = SchedulerArgs(
            scheduler, modules=[], configure_logging=False, update_interval=1, log_level=LogLevel.WARNING
        )
        await run_scheduler(args)
        tasks.cancel_scope.cancel()


def run(config: Config) -> int:
    """Run the scheduler process; returns its exit code."""
    configure_logging(config.settings.log)
    anyio.run(serve, config)
    return 0


def main() -> int:
    """Run the scheduler as the environment says: what the embedded stack starts."""
    return run(load())


if __name__ == "__main__":
    from workers.service.scheduler import main as entry  # under its own name, which its log lines carry

    raise SystemExit(entry())
