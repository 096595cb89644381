"""The vocabulary: plain frozen structs that know nothing of the network, MongoDB or Redis."""

from workers.model.batch import Batch, BatchState
from workers.model.event import Event, EventKind
from workers.model.listing import Job, JobMetadata, RawItem, Reject, Salary
from workers.model.paging import Page, Paging
from workers.model.quality import QualityWeights, Scores
from workers.model.run import (
    ACTIVE_STATES,
    BatchTotals,
    Counts,
    FetchFacts,
    LogEntry,
    Run,
    RunState,
    Stats,
    Timing,
    Trigger,
)
from workers.model.source import Source, SourceKind

__all__ = [
    "ACTIVE_STATES",
    "Batch",
    "BatchState",
    "BatchTotals",
    "Counts",
    "Event",
    "EventKind",
    "FetchFacts",
    "Job",
    "JobMetadata",
    "LogEntry",
    "Page",
    "Paging",
    "QualityWeights",
    "RawItem",
    "Reject",
    "Run",
    "RunState",
    "Salary",
    "Scores",
    "Source",
    "SourceKind",
    "Stats",
    "Timing",
    "Trigger",
]
