"""The middleware that records what became of a message; the receiver's own ack then applies it, in one script."""

import asyncio
import logging
from functools import partial
from typing import Any

from taskiq import TaskiqMessage, TaskiqMiddleware, TaskiqResult

from workers.errors import JobImportError
from workers.queue.connect import Trouble
from workers.queue.delivery import Delivery, Hand, current
from workers.queue.policy import Dead, Done, Later, judge, kind_of
from workers.settings import QueueSettings

log = logging.getLogger(__name__)

LABEL = "delivery"

Foreseen = (JobImportError, *Trouble, TimeoutError, asyncio.CancelledError)
"""Failures that need no traceback: their sentence says it all."""


class RetryMiddleware(TaskiqMiddleware):
    """First in the chain, so that whatever goes wrong after it still finds the delivery."""

    def __init__(self, hand: Hand, settings: QueueSettings) -> None:
        super().__init__()
        self._hand, self._settings = hand, settings

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """The receiver has read the message and found its task."""
        delivery = self._find(message)
        if delivery is not None:
            delivery.verdict = Done()
            current.set(delivery)
            task = asyncio.current_task()
            if task is not None:
                task.add_done_callback(partial(self._abandon, delivery))
        return message

    def on_error(self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException) -> None:
        """The task raised: judge what that means for its message."""
        del result
        delivery = self._find(message)
        if delivery is None or delivery.message is None:
            return
        verdict = delivery.verdict = judge(exception, delivery.message.attempt, self._settings)
        if not isinstance(exception, Foreseen):
            # A fault of ours: the sentence alone would not find it.
            log.error("unforeseen in %s", message.task_name, exc_info=exception)
        about = f"{message.task_name} of run {delivery.message.run} {delivery.message.batch}".rstrip()
        match verdict:
            case Dead():
                log.error("%s is dead (%s): %s", about, verdict.reason, verdict.error)
            case Later() if verdict.attempt > delivery.message.attempt:
                log.warning("%s failed, attempt %d in %.1f s", about, verdict.attempt, verdict.delay)
            case Later():
                log.info("%s is put off for %.1f s (%s)", about, verdict.delay, kind_of(exception))
            case _:
                log.info("%s was interrupted and goes back", about)

    def _find(self, message: TaskiqMessage) -> Delivery | None:
        return self._hand.held.get(str(message.labels.get(LABEL, "")))

    def _abandon(self, delivery: Delivery, task: asyncio.Task[Any]) -> None:
        """The receiver is through with it. Without an ack (a hook raised) it is left to the reclaim."""
        if self._hand.drop(delivery):
            error = None if task.cancelled() else task.exception()
            log.error("%s ended without a word and will be run again: %r", delivery.token, type(error).__name__)
