"""taskiq's process manager, which respawns every child that died: but for one that an operator stopped."""

from typing import Any, cast

from taskiq.cli.worker.process_manager import ProcessActionBase, ProcessManager, ReloadOneAction, ShutdownAction

DISMISSED_EXIT = 64
"""What a child ends with that was stopped by an operator's order. Any other end is followed by another child."""


class Manager(ProcessManager):
    """The manager. It ends when the last of its children was dismissed."""

    def __init__(self, *args: Any, **facts: Any) -> None:
        super().__init__(*args, **facts)
        self.action_queue = cast("Any", _Actions(self, self.action_queue))


class _Actions:
    """The manager's queue of actions: looks at the respawns it asks of itself, each second, for every dead child."""

    def __init__(self, manager: ProcessManager, queue: Any) -> None:
        self._manager, self._queue = manager, queue

    def empty(self) -> bool:
        return self._queue.empty()

    def get(self) -> ProcessActionBase:
        return self._queue.get()

    def put(self, action: ProcessActionBase) -> None:
        children = self._manager.workers
        if isinstance(action, ReloadOneAction) and children[action.worker_num].exitcode == DISMISSED_EXIT:
            if all(child.exitcode == DISMISSED_EXIT for child in children):
                self._queue.put(ShutdownAction())
            return
        self._queue.put(action)
