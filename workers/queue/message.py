"""The envelope: what taskiq's JSON formatter reads, built without importing taskiq (495 ms, 44 MB).

A message names its batch or run; the data lie in MongoDB.
"""

from typing import Any
from uuid import uuid4

import msgspec

from workers.queue.lanes import STAGES, Lane, Stage, lane_for

PREFIX = "job-import."


class Poison(Exception):
    """An entry that no worker can run: no data, no JSON, an unknown task, or arguments that do not fit."""


class Envelope(msgspec.Struct, kw_only=True):
    """taskiq's message, as far as we use it."""

    task_id: str
    task_name: str
    labels: dict[str, Any] = {}
    labels_types: dict[str, int] | None = None
    args: list[Any] = []
    kwargs: dict[str, Any] = {}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Work for one stage of one run; `attempt` counts from 1. `id` stays the same over retries."""

    stage: Stage
    run: int
    source: str
    batch: str = ""
    attempt: int = 1
    high: bool = False
    id: str = msgspec.field(default_factory=lambda: uuid4().hex)

    @property
    def lane(self) -> Lane:
        """Where it belongs."""
        return lane_for(self.stage, self.high)

    def encode(self, **labels: str | int | float) -> bytes:
        """The stream entry's `data`. More labels are for the delivery at hand and are not kept."""
        envelope = Envelope(
            task_id=self.id,
            task_name=PREFIX + self.stage,
            labels={
                "source": self.source,
                "run": self.run,
                "attempt": self.attempt,
                "lane": str(self.lane),
                **labels,
            },
            kwargs={"run": self.run, "batch": self.batch} if self.batch else {"run": self.run},
        )
        return _encoder.encode(envelope)

    @staticmethod
    def decode(data: bytes) -> "Message":
        """Read an envelope, ours or one that taskiq's kicker wrote. Raises Poison, which says what is wrong."""
        return _decode(data)


_BY_TASK: dict[str, Stage] = {PREFIX + stage: stage for stage in STAGES}
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)


def _decode(data: bytes) -> Message:
    try:
        envelope = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Poison(f"not a message: {error}") from error
    stage = _BY_TASK.get(envelope.task_name)
    if stage is None:
        raise Poison(f"unknown task {envelope.task_name[:80]!r}")
    labels, kwargs = envelope.labels, envelope.kwargs
    run, batch = kwargs.get("run"), kwargs.get("batch", "")
    if not isinstance(run, int) or isinstance(run, bool) or not 0 < run < 2**63 or not isinstance(batch, str):
        raise Poison(f"{envelope.task_name} without a run number")
    if stage == "upsert" and not batch:
        raise Poison(f"{envelope.task_name} without a batch")
    return Message(
        stage=stage,
        run=run,
        source=str(labels.get("source", "")),
        batch=batch,
        attempt=_count(labels.get("attempt", 1)),
        high=str(labels.get("lane", "")).endswith(":high"),
        id=envelope.task_id,
    )


def _count(value: Any) -> int:
    """An attempt; after taskiq's own kicker a label is text."""
    try:
        return min(max(1, int(value)), 1000)
    except (TypeError, ValueError, OverflowError):
        return 1
